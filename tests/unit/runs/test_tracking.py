"""A run's own MLflow store and the project's database, with the real MLflow on both sides."""

from __future__ import annotations

import json
import math
import os
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.workplace import Workplace

from amlrun.project import Project
from amlrun.runs import mlflow_db, tracking
from amlrun.runs import store as runs

pytestmark = pytest.mark.slow

LOGS = """\
import os
import mlflow
mlflow.log_param("rate", 0.1)
for step in range(3):
    mlflow.log_metric("loss", 1 / (step + 1), step=step)
mlflow.log_metric("odd", float("nan"))
mlflow.log_metric("big", float("inf"))
mlflow.log_metric("a/b", 2)
with mlflow.start_run(nested=True, run_name="fold"):
    mlflow.log_metric("loss", 99)
mlflow.log_text("hello", "notes/note.txt")
with open("outputs/model.pkl", "w") as file:
    file.write("model")
assert mlflow.active_run().info.run_id == os.environ["AZUREML_RUN_ID"]
print(mlflow.get_run(os.environ["AZUREML_RUN_ID"]).data.params)
"""


def rows(place: Workplace, sql: str) -> list[tuple]:
    with closing(sqlite3.connect(place.root / "mlflow.db")) as database:
        return database.execute(sql).fetchall()


@pytest.fixture(scope="module")
def logged(tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    place = Workplace(tmp_path_factory.mktemp("tracking") / "project")
    (place.model / "aml_config").mkdir(parents=True)
    (place.root / "pyproject.toml").touch()
    from support.workplace import RUNCONFIG

    config = RUNCONFIG.format(python=json.dumps(sys.executable))
    (place.model / "aml_config" / "local.runconfig").write_text(config, encoding="utf-8")
    place.script(LOGS)
    assert "{'rate': '0.1'}" in place.submit().stdout
    return place


def test_the_run_is_joined_and_nested_runs_are_their_own(logged: Workplace) -> None:
    metrics = logged.record()["metrics"]
    assert metrics["loss"] == pytest.approx(1 / 3) and metrics["a/b"] == 2
    assert math.isnan(metrics["odd"]) and math.isinf(metrics["big"])


def test_mlflow_itself_reads_the_projects_database(logged: Workplace) -> None:
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{(logged.root / 'mlflow.db').as_posix()}")
    run = client.get_run(logged.latest().name)
    assert run.info.status == "FINISHED" and run.data.params == {"rate": "0.1"}
    assert run.data.metrics["loss"] == pytest.approx(1 / 3) and math.isnan(run.data.metrics["odd"])
    assert [point.step for point in client.get_metric_history(run.info.run_id, "loss")] == [0, 1, 2]
    experiment = client.get_experiment(run.info.experiment_id)
    assert experiment.name == "exp" and experiment.tags["mlflow.experimentKind"] == "custom_model_development"
    (nested,) = (r for r in client.search_runs([run.info.experiment_id]) if r.info.run_id != run.info.run_id)
    assert nested.data.tags["mlflow.parentRunId"] == run.info.run_id and nested.data.metrics == {"loss": 99}
    files = {file.path for file in client.list_artifacts(run.info.run_id)}
    assert files == {"notes", "outputs", "user_logs"}, "what it wrote and what it logged"
    assert [file.path for file in client.list_artifacts(run.info.run_id, "outputs")] == ["outputs/model.pkl"]


def test_what_was_logged_can_be_registered(logged: Workplace) -> None:
    for path, name in (("notes/note.txt", "note.txt"), ("outputs/model.pkl", "model.pkl"), ("notes", "notes")):
        words = ("model", "register", "-n", "m", "-r", "latest", "--asset-path", path, "-o", "json")
        assert Path(json.loads(logged.aml(*words).stdout)["path"]).name == name
    assert "notes/note.txt" in logged.aml("model", "register", "-n", "m", "-r", "latest", code=2).stderr


def test_publishing_again_changes_nothing(logged: Workplace) -> None:
    tables = ("runs", "metrics", "latest_metrics", "params", "tags")
    before = [rows(logged, f"SELECT * FROM {table} ORDER BY 1, 2, 3") for table in tables]  # noqa: S608
    run = runs.find(logged.runs, "latest")
    project = Project(logged.root)
    mlflow_db.changed(run)
    assert mlflow_db.pending(project, [run]) == [run]
    mlflow_db.publish(project, [run])
    assert mlflow_db.pending(project, [run]) == []
    assert [rows(logged, f"SELECT * FROM {table} ORDER BY 1, 2, 3") for table in tables] == before  # noqa: S608


def test_a_database_that_was_deleted_is_filled_again(logged: Workplace) -> None:
    run = runs.find(logged.runs, "latest")
    (logged.root / "mlflow.db").unlink()
    logged.aml("run", "list")
    assert (run.id,) in rows(logged, "SELECT run_uuid FROM runs")


@pytest.mark.parametrize("experiments", [("new", "new", "new"), ("a", "b"), ("a", "a", "b", "b")])
def test_two_first_submits_at_once(workplace: Workplace, tmp_path: Path, experiments: tuple[str, ...]) -> None:
    workplace.script("import mlflow\nmlflow.log_metric('x', 1)\n")
    env = {"AML_CACHE_DIR": str(tmp_path / "cache")}
    words = ("run", "submit-script", "-c", "local", "-o", "json", "-e")
    with ThreadPoolExecutor(len(experiments)) as pool:
        done = list(pool.map(lambda name: workplace.aml(*words, name, env=env), experiments))
    records = [json.loads(one.stdout) for one in done]
    assert [record["metrics"] for record in records] == [{"x": 1}] * len(experiments)
    made = [row[0] for row in rows(workplace, "SELECT name FROM experiments WHERE name != 'Default'")]
    assert sorted(made) == sorted(set(experiments))
    assert {row[0] for row in rows(workplace, "SELECT run_uuid FROM runs")} == {r["run_id"] for r in records}


@pytest.mark.parametrize("version", ["2.14.3", "1.30.1", "3.1.4"])
def test_another_version_of_mlflow_does_no_harm(workplace: Workplace, tmp_path: Path, version: str) -> None:
    """An environment with an older MLflow, before and after `aml`'s own has written the registry."""
    old = tmp_path / "old"
    subprocess.run(["uv", "venv", "-q", "--python", sys.executable, str(old)], check=True)
    python = old / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    wanted = [f"mlflow-skinny=={version}", "setuptools<80"]
    subprocess.run(["uv", "pip", "install", "-q", "--python", str(python), *wanted], check=True)
    config = workplace.model / "aml_config" / "local.runconfig"
    new = config.read_text()
    (workplace.model / "aml_config" / "old.runconfig").write_text(new.replace(json.dumps(sys.executable), str(python)))
    workplace.script(
        "import mlflow\nmlflow.log_metric('x', 1)\nprint('version', mlflow.__version__)\nopen('outputs/m', 'w')\n"
    )
    for name in ("local", "old", "local", "old"):
        done = workplace.aml("run", "submit-script", "-c", name, "-e", "exp")
        assert (f"version {version}" in done.stdout) == (name == "old") and "x: 1" in done.stdout
        workplace.aml("model", "register", "-n", "m", "-r", "latest", "--asset-path", "outputs/m")
    assert len(rows(workplace, "SELECT 1 FROM latest_metrics")) == 4


def test_a_damaged_database_costs_no_run(workplace: Workplace) -> None:
    workplace.script("import mlflow\nmlflow.log_metric('x', 1)\n")
    (workplace.root / "mlflow.db").write_bytes(b"this is no database" * 100)
    done = workplace.submit()
    assert "x: 1" in done.stdout and "mlflow.db: MLflow's database cannot be written" in done.stderr + done.stdout
    (workplace.root / "mlflow.db").unlink()
    workplace.aml("run", "list")
    assert len(rows(workplace, "SELECT 1 FROM latest_metrics")) == 1, "the next command brings it in"


def test_an_experiment_in_the_bin_comes_back(workplace: Workplace) -> None:
    workplace.script("import mlflow\nmlflow.log_metric('x', 1)\n")
    workplace.submit()
    with closing(sqlite3.connect(workplace.root / "mlflow.db")) as database, database:
        database.execute("UPDATE experiments SET lifecycle_stage = 'deleted' WHERE name = 'exp'")
    workplace.submit()
    assert rows(workplace, "SELECT lifecycle_stage FROM experiments WHERE name = 'exp'") == [("active",)]


def test_a_tracking_uri_of_ones_own_is_where_metrics_are_read(workplace: Workplace, tmp_path: Path) -> None:
    workplace.script(
        "import mlflow\nmlflow.log_metric('x', 7)\nwith mlflow.start_run(nested=True): mlflow.log_metric('x', 8)\n"
    )
    own = {"MLFLOW_TRACKING_URI": f"sqlite:///{(tmp_path / 'own.db').as_posix()}"}
    done = workplace.aml("run", "submit-script", "-c", "local", "-e", "exp", env=own)
    assert "x: 7" in done.stdout
    assert not (workplace.root / "mlflow.db").exists()
    best = workplace.aml("run", "best", "-e", "exp", "--metric", "x", "-o", "json", env=own)
    assert json.loads(best.stdout)["metrics"] == {"x": 7}


@given(st.binary(max_size=60))
def test_any_line_is_a_point_or_none(line: bytes) -> None:
    point = tracking.parse(line)
    assert point is None or isinstance(point.value, float)


@given(st.lists(st.tuples(st.floats(), st.integers(0, 2**40), st.integers(0, 2**40)), max_size=20), st.integers(0, 30))
def test_a_torn_file_gives_its_whole_lines(points: list[tuple[float, int, int]], cut: int) -> None:
    import tempfile

    text = "".join(f"{at} {value!r} {step}\n" for value, step, at in points).encode()
    with tempfile.TemporaryDirectory() as place:
        file = Path(place, "m")
        file.write_bytes(text[: max(len(text) - cut, 0)])
        found = tracking.history(file)
    assert len(found) == text[: max(len(text) - cut, 0)].count(b"\n")
    for point, (value, step, at) in zip(found, points, strict=False):
        assert (point.step, point.timestamp) == (step, at)
        assert point.value == value or (math.isnan(point.value) and math.isnan(value))


def test_what_a_run_leaves_is_ignored_by_git(logged: Workplace) -> None:
    logged.aml("model", "register", "-n", "ignored", "-r", "latest", "--asset-path", "outputs/model.pkl")
    subprocess.run(["git", "init", "-q"], cwd=logged.root, check=True)
    words = ["git", "status", "--porcelain", "--untracked-files=all"]
    listed = subprocess.run(words, cwd=logged.root, capture_output=True, text=True, check=True).stdout
    assert "runs/" not in listed and "mlruns/" not in listed


REGISTERS = """\
import os
from pathlib import Path
import mlflow
from mlflow.pyfunc import PythonModel

class Doubler(PythonModel):
    def predict(self, context, model_input, params=None):
        return [2 * value for value in model_input]

made = mlflow.pyfunc.log_model(name="double", python_model=Doubler(), registered_model_name="doubler")
mlflow.register_model(made.model_uri, "doubler", tags={"stage": "second"})
mlflow.log_text("x", "note.txt")
mlflow.register_model(mlflow.get_artifact_uri("note.txt"), "a note of mine")
client = mlflow.MlflowClient()
client.set_registered_model_alias("doubler", "champion", "2")
client.update_model_version("doubler", "2", "It doubles: always")
"""


def test_what_the_script_registers_is_in_the_projects_registry(workplace: Workplace) -> None:
    workplace.script(REGISTERS)
    first = workplace.submit()
    assert "Registered doubler:1" in first.stdout and "Registered doubler:2" in first.stdout
    shown = json.loads(workplace.aml("model", "show", "--model-id", "doubler:2", "-o", "json").stdout)
    run_id = workplace.latest().name
    assert (shown["runId"], shown["description"]) == (run_id, "It doubles: always")
    assert shown["tags"]["stage"] == "second" and Path(shown["path"]).name == "double"
    assert (Path(shown["path"]) / "MLmodel").is_file() and len(shown["sha256"]) == 64
    # Azure ML takes no such name; it is told, and what to type.
    assert "a note of mine" in first.stderr and f"aml model register -n NAME -r {run_id}" in first.stderr
    assert rows(workplace, "SELECT alias, version FROM registered_model_aliases") == [("champion", 2)]
    # The run's own store is one that MLflow finds its models in, whatever order the file system lists it in.
    store = tracking.folder(runs.find(workplace.runs, "latest"))
    assert sorted(folder.name for folder in store.iterdir() if folder.name[0] != ".") == ["1", "models"]

    workplace.aml("run", "update", "-r", "latest", "--add-tag", "seen=yes")
    workplace.aml("run", "list")
    assert len(rows(workplace, "SELECT 1 FROM model_versions WHERE name = 'doubler'")) == 2, "each is taken over once"
    again = workplace.submit()
    assert "Registered doubler:3" in again.stdout and "Registered doubler:4" in again.stdout
    assert (
        workplace.aml("model", "register", "-n", "d", "-r", "latest", "--asset-path", "double/MLmodel").returncode == 0
    )
