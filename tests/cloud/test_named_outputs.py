"""A job's named outputs: shown, fetched into the folders that a local run has, and registered where they lie."""

from __future__ import annotations

import json

from standin.project import Cloud

JOB = """\
type: command
code: src
command: python w.py ${{outputs.model_dir}} ${{outputs.report}} ${{outputs.model}}
outputs:
  model_dir: {type: uri_folder}
  report: {type: uri_folder, path: azureml://datastores/workspaceblobstore/paths/reports/first/}
  model: {type: mlflow_model}
environment: {image: "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04"}
compute: azureml:cpu-cluster
"""
SCRIPT = """\
import pathlib, sys
folder, report, model = map(pathlib.Path, sys.argv[1:])
(folder / "sub").mkdir()
(folder / "model.txt").write_text("a model")
(folder / "sub" / "more.txt").write_text("more")
(report / "table.csv").write_text("1,2")
(model / "MLmodel").write_text("flavors: {}")
open("outputs/own.txt", "w").write("own")
"""


def test_named_outputs_are_shown_fetched_and_registered(cloud: Cloud) -> None:
    (cloud.path / "src").mkdir()
    (cloud.path / "src" / "w.py").write_text(SCRIPT, encoding="utf-8")
    (cloud.path / "job.yml").write_text(JOB, encoding="utf-8")
    done = cloud.aml("job", "create", "-f", "job.yml", "-t", "run.json")
    assert done.code == 0, done.text
    run_id = cloud.run()["run_id"]
    shown = json.loads(cloud.aml("run", "show", "-r", "run.json", "-o", "json").out)
    assert shown["named_outputs"]["model_dir"] == f"azureml://jobs/{run_id}/outputs/model_dir"

    words = ("model", "register", "-n", "m", "-f", "run.json", "-o", "json", "--asset-path")
    for path, tail in (("outputs/model_dir", ""), ("outputs/model_dir/sub/more.txt", "/paths/sub/more.txt")):
        made = cloud.aml(*words, path)
        assert made.code == 0, made.text
        assert json.loads(made.out)["path"].endswith(f"/jobs/{run_id}/outputs/model_dir{tail}")
    logged = cloud.aml(*words, "outputs/model")
    assert logged.code == 0, logged.text
    kinds = [one["modelType"] for one in cloud.workspace.assets["models"]["m"].values()]
    assert kinds == ["custom_model", "custom_model", "mlflow_model"]
    wrong = cloud.aml(*words, "outputs/model_dir/none.txt")
    assert wrong.code == 2 and "It has: outputs/model_dir/model.txt, outputs/model_dir/sub/more.txt" in wrong.err
    for version, file in (("1", "down/model_dir/model.txt"), ("2", "down/more.txt")):
        got = cloud.aml("model", "download", "-i", f"m:{version}", "-t", "down", "-w", cloud.workspace.name)
        assert got.code == 0, got.text
        assert (cloud.path / file).is_file(), sorted((cloud.path / "down").rglob("*"))

    fetched = cloud.aml("run", "download-logs", "-r", "run.json", "-d", "got")
    assert fetched.code == 0, fetched.text
    outputs = cloud.path / "runs" / run_id / "outputs"
    found = {file.relative_to(outputs).as_posix() for file in outputs.rglob("*") if file.is_file()}
    named = {"model_dir/model.txt", "model_dir/sub/more.txt", "report/table.csv", "model/MLmodel"}
    assert found == {"own.txt"} | named
    again = len(cloud.world.network.seen)
    assert cloud.aml("run", "download-logs", "-r", "run.json", "-d", "got").code == 0
    assert not [line for line in cloud.world.network.seen[again:] if "more.txt" in line], "what is there stays"


def test_the_registries_are_asked_as_azure_ai_ml_does(cloud: Cloud) -> None:
    (cloud.path / "src").mkdir()
    (cloud.path / "src" / "w.py").write_text(SCRIPT, encoding="utf-8")
    (cloud.path / "job.yml").write_text(JOB, encoding="utf-8")
    assert cloud.aml("job", "create", "-f", "job.yml", "-t", "run.json").code == 0
    asked = cloud.seen("rundata|batchGetResolvedUris")
    assert asked == [], "nothing is asked before it is needed"
    assert cloud.aml("run", "download-logs", "-r", "run.json", "-d", "got").code == 0
    lines = "\n".join(cloud.seen("rundata|batchGetResolvedUris"))
    assert "/history/v1.0" in lines and "/data/v1.0" in lines and "/modelregistry/v1.0" in lines
