"""`aml run submit-batch --ct`: a batch endpoint of the stand-in, from its deployment to its rows and its end."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from standin.project import Cloud
from standin.world import Ended, World
from support.rendering import template_file

TEMPLATE = Path(__file__).resolve().parents[2] / "template"
CONFIG = TEMPLATE / "models" / "model1" / "aml_config" / "batch-score.yml"


class Patient(Cloud):
    """Azurite and the jobs share a machine that may be busy."""

    def aml(self, *words: str, **variables: str) -> Ended:
        patient = {"AML_AZURE_POLL": "0.2", "AML_AZURE_DEADLINE": "600", **variables}
        patient["AML_CACHE_DIR"] = str(self.path.parent / "cache")
        return self.world.aml(*words, cwd=self.path, timeout=900, **patient)


@pytest.fixture
def batch(world: World, tmp_path: Path) -> Cloud:
    """A project with the template's batch script, a model in the workspace, and three files to score."""
    import joblib
    import pandas
    from sklearn.linear_model import LogisticRegression

    cloud = Patient(world, tmp_path / "project")
    for name in ("score.py", "score_batch.py"):
        (cloud.path / name).write_text(template_file(f"models/model1/{name}"), encoding="utf-8")
    text = CONFIG.read_text(encoding="utf-8").replace("inference-conda.yml", "conda.yml")
    (cloud.path / "aml_config" / "batch-score.yml").write_text(text, encoding="utf-8")
    table = pandas.DataFrame([[1.0, 2.0], [2.0, 1.0], [9.0, 8.0], [8.0, 9.0]], columns=["a", "b"])
    joblib.dump(LogisticRegression().fit(table, [0, 0, 1, 1]), cloud.path / "model.pkl")
    (cloud.path / "files").mkdir()
    for number in range(3):
        table.to_csv(cloud.path / "files" / f"part{number}.csv", index=False)
    made = cloud.aml("model", "register", "-n", "demo", "-p", "model.pkl", "-w", cloud.workspace.name)
    assert made.code == 0, made.text
    world.network.names.add("demo-batch.westeurope.inference.ml.azure.com")
    return cloud


def test_files_are_scored_by_a_batch_deployment_and_the_rows_come_back(world: World, batch: Cloud) -> None:
    (batch.path / ".env").write_text("TOKEN=do-not-send\n")
    where = ("-d", "files", "--ct", "cpu-cluster", "-e", "scored", "-t", "run.json")
    words = ("run", "submit-batch", "-m", "demo:1", *where)
    done = batch.aml(*words)
    assert done.code == 0, done.text
    assert "3 of 3 files, 12 rows" in done.out, "its log is followed"
    run = batch.run()
    assert (run["status"], run["target"]) == ("Completed", "cpu-cluster")
    assert run["tags"] == {"batch": "true", "endpoint": "demo-batch"}
    said = batch.workspace.__dict__["batch_endpoints"]["demo-batch"]["deployments"]["blue"]["said"]
    assert (said["miniBatchSize"], said["errorThreshold"], said["maxConcurrencyPerInstance"]) == (10, 10, 2)
    assert said["retrySettings"]["maxRetries"] == 3
    _, _, _, container, prefix = world.plane.code_uri(said["codeConfiguration"]["codeId"]).split("/", 4)
    sent = [blob.name for blob in world.azurite.container(container).list_blobs(name_starts_with=prefix)]
    assert any(one.endswith("/score_batch.py") for one in sent)
    assert not any(one.endswith(".env") for one in sent), "what looks like a secret never travels"
    rows = batch.path / "runs" / run["run_id"] / "outputs" / "parallel_run_step.txt"
    assert f"Rows: {rows}" in done.out
    scored = [line.split() for line in rows.read_text(encoding="utf-8").splitlines()]
    assert sorted({line[0] for line in scored}) == ["part0.csv", "part1.csv", "part2.csv"]
    assert len(scored) == 12
    rows.unlink()
    fetched = batch.aml("run", "download-logs", "-r", run["run_id"], "-d", "fetched")
    assert fetched.code == 0, fetched.text
    assert rows.is_file()

    listed = batch.aml("service", "list", "-w", batch.workspace.name, "-o", "json")
    assert [(one["name"], one["computeType"]) for one in json.loads(listed.out)] == [("demo-batch", "BATCH")]
    assert batch.aml("service", "delete", "-n", "demo-batch").code == 0
    assert batch.workspace.__dict__["batch_endpoints"] == {}


def test_what_cannot_be_scored_there_is_refused(batch: Cloud) -> None:
    words = ("run", "submit-batch", "--ct", "cpu-cluster", "-d")
    for more, code, said in (
        (("files", "-p", "model.pkl"), 2, "-p: cannot be combined with --ct: the model comes from the workspace"),
        (("files",), 2, "name one model"),
        (("files", "-m", "nosuch:1"), 3, "nosuch"),
        (("nosuch", "-m", "demo:1"), 3, "nosuch"),
    ):
        done = batch.aml(*words, *more)
        assert done.code == code, done.text
        assert said in done.err
        assert "Traceback" not in done.err
    gone = batch.aml("service", "run", "-n", "demo-batch", "-d", "{}")
    assert gone.code == 2
    assert "aml run submit-batch" in gone.err
