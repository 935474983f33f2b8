"""`aml explain` and `aml export`: every key named, and the official v2 job that loads unchanged."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from support.v1_files import CORPUS, corpus, corpus_file, model
from support.workplace import Workplace

from amlrun.spec import read, write
from amlrun.spec.job import CommandJob
from amlrun.v1.runconfig import exporting, to_job

FILE = """\
script: train.py  # the one script
arguments: [--in, /data, --note, "it's; $HOME"]
target: local
nodeCount: 1
node_cuont: 4
environment:
  environmentVariables:
    EXAMPLE_ENV_VAR: EXAMPLE_VALUE
    MY_flag: no
  python:
    interpreterPath: PYTHON
    userManagedDependencies: true
  docker:
    enabled: true
    sharedVolumes: false
    baseImage: registry/image:1
    baseImageRegistry:
      username: me
data:
  my_data:
    dataLocation:
      dataset: {name: sample}
    mechanism: mount
    pathOnCompute: /data
hdi:
  yarnDeployMode: client
"""


@pytest.fixture
def place(workplace: Workplace) -> Workplace:
    file = workplace.model / "aml_config" / "train.runconfig"
    file.write_text(FILE.replace("PYTHON", json.dumps(sys.executable)), encoding="utf-8")
    (workplace.root / "data" / "sample").mkdir(parents=True)
    (workplace.root / "data" / "datasets.yml").write_text("sample:\n  path: data/sample\n", encoding="utf-8")
    return workplace


def explained(place: Workplace, *words: str) -> dict[str, dict[str, Any]]:
    rows = json.loads(place.aml("explain", *words, "-o", "json").stdout)
    assert isinstance(rows, list)
    for row in rows:
        assert set(row) == {"key", "value", "line", "status", "becomes"}
    return {row["key"]: row for row in rows}


def test_explain_names_every_key(place: Workplace) -> None:
    rows = explained(place, "-c", "train")
    assert rows["nodeCount"] == {
        "key": "nodeCount", "value": 1, "line": 4, "status": "mapped",
        "becomes": "resources.instance_count (1 is v2's default)",
    }  # fmt: skip
    assert rows["data.my_data.dataLocation.dataset.name"]["becomes"] == "inputs.my_data.path"
    assert rows["data.my_data.pathOnCompute"]["line"] == 24
    statuses = {key: row["status"] for key, row in rows.items()}
    assert statuses["script"] == "mapped"
    assert statuses["node_cuont"] == "unknown"
    assert "nodeCount" in rows["node_cuont"]["becomes"]
    assert statuses["environment.python.interpreterPath"] == "local"
    assert statuses["environment.docker.sharedVolumes"] == "ignored"
    assert statuses["environment.docker.baseImageRegistry.username"] == "unsupported"
    assert statuses["environment.environmentVariables.EXAMPLE_ENV_VAR"] == "ignored"
    assert rows["environment.environmentVariables.MY_flag"]["value"] == "no"
    assert rows["environment.docker.enabled"]["value"] is True
    assert statuses["hdi.yarnDeployMode"] == "unsupported"
    assert [row["line"] for row in rows.values()] == sorted(row["line"] for row in rows.values())


def test_explain_takes_a_path_and_prints_a_table(place: Workplace) -> None:
    file = place.model / "aml_config" / "train.runconfig"
    assert explained(place, "-c", str(file)) == explained(place, "-c", "train")
    text = place.aml("explain", "-c", str(file), cwd=place.root).stdout
    assert text.splitlines()[0].split() == ["key", "value", "line", "status", "becomes"]
    assert len(text.splitlines()) == len(explained(place, "-c", "train")) + 1


def test_explain_hides_a_password(place: Workplace) -> None:
    file = place.model / "aml_config" / "train.runconfig"
    file.write_text(file.read_text().replace("username: me", "username: me\n      password: hunter22"))
    done = place.aml("explain", "-c", "train", "-o", "json")
    row = next(row for row in json.loads(done.stdout) if row["key"].endswith("password"))
    assert (row["value"], row["status"], row["line"]) == ("***", "unsupported", 19)
    for words in (("explain", "-c", "train"), ("export", "-c", "train"), ("run", "submit-script", "-c", "train")):
        done = place.aml(*words, code=0 if words[0] == "explain" else 2)
        assert "hunter22" not in done.stdout + done.stderr
    assert not list(place.root.rglob("run.json"))


def test_explain_a_workbench_file(place: Workplace) -> None:
    file = place.model / "aml_config" / "old.runconfig"
    file.write_text('{"ArgumentVector": ["train.py"],\n"Target": "local",\n"TrackedRun": true,\n"CondaFile": null}')
    rows = explained(place, "-c", "old")
    assert {key: (row["line"], row["status"]) for key, row in rows.items()} == {
        "argumentVector": (1, "mapped"), "target": (2, "mapped"), "trackedRun": (3, "ignored"),
        "condaFile": (4, "ignored"),
    }  # fmt: skip


def test_export_says_where_each_line_came_from(place: Workplace) -> None:
    text = place.aml("export", "-c", "train").stdout
    assert "# from script, line 1 (the one script); arguments, line 2" in text
    assert "registry/image:1 # from environment.docker.baseImage, line 16" in text
    assert 'MY_flag: "no" # from environment.environmentVariables.MY_flag, line 9' in text
    assert "hdi.yarnDeployMode: is not supported" in text
    assert "node_cuont: unknown key" in text


def test_export_to_a_file_and_as_json(place: Workplace) -> None:
    done = place.aml("export", "-c", "train", "-o", "out/job.yml")
    assert "Wrote out/job.yml" in done.stdout
    assert (place.model / "out" / "job.yml").is_file()
    for words in (("--output", "json"), ("-o", "json")):
        made = json.loads(place.aml("export", "-c", "train", *words).stdout)
        assert made["job"]["type"] == "command"
        assert made["files"] == []
    assert not (place.model / "json").exists()


SECRETS = """\
script: train.py
target: local
arguments: [--api-key, Plant1Aq, --epochs, 3, --pad_token, <pad>, "--store=AccountName=a;AccountKey=Plant2Bq=="]
environment:
  environmentVariables: {WANDB_API_KEY: Plant3Cq, EPOCHS: 3, FEED: "https://me:Plant4Dq@feed.invalid/simple"}
  python: {userManagedDependencies: true}
"""


def test_no_secret_is_exported_and_each_is_named(place: Workplace) -> None:
    (place.model / "aml_config" / "keys.runconfig").write_text(SECRETS)
    for words in (("-c", "keys"), ("-c", "keys", "-o", "job.yml"), ("-c", "keys", "--output", "json")):
        done = place.aml("export", *words)
        text = done.stdout + done.stderr + (place.model / "job.yml").read_text() if "job.yml" in words else done.stdout
        assert "Plant" not in text + done.stderr
        for name in ("command", "environment_variables.WANDB_API_KEY", "environment_variables.FEED"):
            assert f"Note: {name}: *** stands for a secret" in done.stderr
    written = (place.model / "job.yml").read_text()
    assert "--epochs 3 --pad_token '<pad>' " in written and 'EPOCHS: "3"' in written
    place.script("import sys\nprint(sys.argv[2])\n")
    assert "Plant1Aq" in place.aml("run", "submit-script", "-c", "keys", "-e", "exp").stdout, "the script has it"


def test_what_was_exported_runs_here(place: Workplace) -> None:
    place.script("import os, sys\nprint(sys.argv[1:], os.environ['MY_flag'])\n")
    place.aml("export", "-c", "train", "-o", "out/job.yml")
    place.aml("job", "create", "--file", "out/job.yml", "-e", "exp", "--ct", "local")
    log = (place.latest() / "user_logs" / "std_log.txt").read_text()
    assert "--note" in log
    assert "it's; $HOME" in log
    assert "sample" in log.split("--note")[0]
    assert log.rstrip().endswith("no")


# azure-ai-ml's own imports warn of marshmallow 4, some hundred times.
pytestmark = pytest.mark.filterwarnings("ignore:.*:Warning:azure", "ignore:.*:Warning:marshmallow")


def test_a_spark_export_says_what_v2_adds(tmp_path: Path) -> None:
    folder = model(tmp_path, "script: train.py\nframework: PySpark\ntarget: local\n")
    made = exporting.export("train", folder, folder)
    text = write.text(made.job, folder, made.comments, made.head)
    assert "spark.executor.instances: 2 # required in v2" in text
    assert "instance_type: standard_e4s_v3 # serverless Spark" in text


def load(file: Path) -> Any:
    from azure.ai.ml import load_job

    return load_job(file)


def exported(folder: Path, name: str = "train") -> Any:
    """Export, load with azure-ai-ml, and read it ourselves: what we read must be what we wrote."""
    out = folder / "out"
    out.mkdir(exist_ok=True)
    made = exporting.export(name, folder, out)
    (out / "job.yml").write_text(write.text(made.job, out, made.comments, made.head), encoding="utf-8")
    for file, text in write.side_files(made.job, out).items():
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8")
    if isinstance(made.job, CommandJob) and made.job.environment and made.job.environment.dockerfile is None:
        again = read.read(out / "job.yml")
        assert write.tree(again, out) == write.tree(made.job, out)
    return load(out / "job.yml")


@pytest.mark.parametrize(
    "text",
    [
        "script: train.py\n",
        "script: train.py\nenvironment: {name: e, version: 1}\ntarget: c\n",
        'script: train.py\nenvironment: {docker: {baseDockerfile: "FROM x"}}\n',
        "script: train.py\ntarget: amlcompute\namlcompute: {vmSize: s, vmPriority: lowpriority}\nnodeCount: 2\n",
        "script: train.py\nframework: PyTorch\npytorch: {processCount: 4}\nnodeCount: 2\ntarget: c\n",
        "script: train.py\ncommunicator: ParameterServer\ntarget: c\n",
        "script: train.py\nframework: PySpark\ntarget: c\nenvironment: {python: {condaDependenciesFile: conda.yml}}\n",
        "script: train.py\ndata: {a-b: {dataLocation: {dataset: {id: x}}}, c: {mechanism: upload}}\n",
        "script: train.py\noutputData: {o: {mechanism: upload, outputLocation: {dataset: {name: n, version: 1}}}}\n",
        "script: train.py\napplicationEndpoints: {a: {type: VSCode}, b: {type: SSH, properties: {sshPublicKeys: k}}}\n",
        "script: train.py\npriority: 1\nmaxRunDurationSeconds: 60\ncredentialPassthrough: true\n",
        "target: <a placeholder>\n",
        'script: train.py\nenvironmentVariables: {a: yes, b: 1:30, c: 010, "on": "~", d: "x: #y", e: "\\t"}\n',
    ],
)
def test_exports_load_with_azure_ai_ml(tmp_path: Path, text: str) -> None:
    assert exported(model(tmp_path, text)) is not None


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the public files are not beside the repository")
@pytest.mark.parametrize("identity", corpus("v1", "v1-early-2019", "v1-preview-2018", "workbench-2017"))
def test_public_files_load_with_azure_ai_ml(tmp_path: Path, identity: str) -> None:
    folder = model(tmp_path, corpus_file(identity).read_bytes(), identity)
    config = to_job.read(to_job.find(folder, identity), folder)
    environment = to_job.translate(config, folder).job.environment
    if environment is not None and isinstance(environment.conda_file, Path):
        environment.conda_file.parent.mkdir(parents=True, exist_ok=True)
        environment.conda_file.write_text("dependencies: [python=3.8]\n")
    job = exported(folder, identity)
    assert job.type in ("command", "spark")
    made = exporting.export(identity, folder, folder / "out").job
    if isinstance(made, CommandJob):
        assert job.command == write.tree(made, folder)["command"]
        assert (job.compute or "").removeprefix("azureml:") == (made.compute or "").removeprefix("azureml:")
