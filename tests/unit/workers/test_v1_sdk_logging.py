"""What `run.log` and its relatives leave in MLflow."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.v1_project import V1Project

pytestmark = pytest.mark.slow


@pytest.fixture
def project(tmp_path: Path) -> V1Project:
    return V1Project(tmp_path)


def test_values_become_metrics_series_and_texts(project: V1Project) -> None:
    done = project.passes("""
import decimal
import numpy as np
from azureml.core import Run
run = Run.get_context()
run.log("accuracy", 0.5)
run.log("flag", True)
run.log("numpy", np.float32(0.25))
run.log("array of one", np.array([7]))
run.log("decimal", decimal.Decimal("1.5"))
run.log(name="nothing", value=float("nan"), description="dropped")
for loss in (3, 2, 1):
    run.log("loss", loss)
run.log("late", 1.0, step=7)
run.log("late", 2.0)
run.log_list("scores", [0.7, 0.7, 0.9])
run.log("kernel", "rbf")
run.log("kernel", "linear")
run.log("settings", {"depth": 3})
run.log("prec@1 (%)", 0.9)
run.log("../a//b", 1)
""")
    (logged,) = project.runs()
    assert {key: [value for value, _ in points] for key, points in logged.metrics.items() if key != "nothing"} == {
        "accuracy": [0.5], "flag": [1], "numpy": [0.25], "array of one": [7], "decimal": [1.5], "loss": [3, 2, 1],
        "late": [1, 2], "scores": [0.7, 0.7, 0.9], "prec_1 ___": [0.9], "a/b": [1],
    }  # fmt: skip
    assert [step for _, step in logged.metrics["loss"]] == [0, 1, 2]
    assert [step for _, step in logged.metrics["late"]] == [7, 8]
    assert logged.params == {"kernel": "rbf", "settings": "{'depth': 3}"}
    assert logged.tags["kernel"] == "linear"
    assert done.stderr.count("'prec@1 (%)' is logged as 'prec_1 ___'") == 1


@pytest.mark.parametrize("value", ["[1, 2]", "(x for x in (1, 2))", "__import__('numpy').zeros(3)"])
def test_a_list_is_refused_as_in_v1(project: V1Project, value: str) -> None:
    done = project.start(f"from azureml.core import Run\nRun.get_context().log('scores', {value})\n")
    assert done.returncode == 1
    assert "Use run.log_list" in done.stderr.splitlines()[-1]


def test_tables_pictures_and_charts_become_artifacts(project: V1Project) -> None:
    project.passes("""
import json
import matplotlib.pyplot as plt
import numpy as np
from azureml.core import Run
run = Run.get_context()
for city, people in (("Ghent", 265), ("Liège", np.int64(195))):
    run.log_row("Cities", description="by size", city=city, people=people)
run.log_row("Cities", city="Bruges")
run.log_table("squares", {"x": [1, 2], "y": [1.0, float("nan")], "unit": "m"})
run.log_list("words", ["a", "b"])
plt.plot([1, 2])
run.log_image("plot", plot=plt)
figure, axes = plt.subplots()
run.log_image("plot", plot=figure)
figure.savefig("saved.png")
run.log_image("a/saved", path="saved.png")
matrix = {"schema_type": "confusion_matrix", "data": {"matrix": np.eye(2)}}
run.log_confusion_matrix("matrix", matrix)
run.log_residuals("as text", json.dumps({"schema_type": "residuals"}))
run.complete()
""")
    (logged,) = project.runs()
    cities = json.loads(logged.artifact("Cities.json").read_text())
    assert (cities["columns"], cities["data"]) == (
        ["city", "people"], [["Ghent", 265], ["Liège", 195], ["Bruges", None]],
    )  # fmt: skip
    assert json.loads(logged.artifact("squares.json").read_text())["data"] == [[1, 1.0, "m"], [2, None, None]]
    assert json.loads(logged.artifact("words.json").read_text())["data"] == [["a"], ["b"]]
    assert {"path": "Cities.json", "type": "table"} in json.loads(logged.tags["mlflow.loggedArtifacts"])
    for picture in ("plot.png", "plot_1.png", "a/saved.png"):
        assert logged.artifact(picture).read_bytes().startswith(b"\x89PNG")
    assert json.loads(logged.artifact("matrix.json").read_text())["data"]["matrix"] == [[1, 0], [0, 1]]
    assert json.loads(logged.artifact("as text.json").read_text()) == {"schema_type": "residuals"}


def test_tags_metrics_and_the_run_itself_can_be_read_back(project: V1Project) -> None:
    done = project.passes("""
import azureml.core
from azureml.core.run import Run, _OfflineRun
run = Run.get_context(allow_offline=False)
with run:
    run.tag("stage", "train")
    run.tag("reviewed")
    run.set_tags({"team": "north"})
    run.add_properties({"commit": "abc"})
    run.log("mse", 3.5)
    run.log("loss", 2)
    run.log("loss", 1)
    run.log("kernel", "rbf")
print(run.tags["stage"], repr(run.get_tags()["reviewed"]), run.properties["commit"])
print(run.get_metrics("mse"), run.get_metrics()["loss"], run.get_metrics()["kernel"])
print(run.id, run.experiment.name, run.number, run.get_status(), isinstance(run, _OfflineRun))
run.parent.log("shared", 1)
same = azureml.core.Run.get_context()
same.log("loss", 0)
print(run.get_metrics("loss"), run.get_details()["runId"], len(run.input_datasets))
""")
    lines = done.stdout.splitlines()
    assert lines[0] == "train '' abc"
    assert lines[1] == "{'mse': 3.5} [2.0, 1.0] rbf"
    assert lines[2] == f"{project.run_id} exp 1700000000 Running False"
    assert lines[3] == f"{{'loss': [2.0, 1.0, 0.0]}} {project.run_id} 0"
    assert "run.parent is the run itself" in done.stderr
    assert len(project.runs()) == 1


def test_mlflow_s_own_calls_log_to_the_same_run(project: V1Project) -> None:
    project.passes("""
import subprocess, sys
import mlflow
from azureml.core import Run
Run.get_context().log("first", 1)
subprocess.run([sys.executable, "-c", "import mlflow; mlflow.log_metric('process', 1)"], check=True)
with mlflow.start_run():
    mlflow.log_metric("fluent", 1)
    Run.get_context().log("inside", 1)
Run.get_context().log("after", 1)
""")
    (logged,) = project.runs()
    assert set(logged.metrics) == {"first", "process", "fluent", "inside", "after"}


def test_a_run_that_mlflow_has_is_joined_and_its_series_goes_on(project: V1Project) -> None:
    script = "from azureml.core import Run\nrun = Run.get_context()\nrun.log('loss', 1)\nrun.log('loss', 2)\n"
    project.passes(script)
    (logged,) = project.runs()
    project.passes(script, MLFLOW_RUN_ID=logged.folder.name)
    (logged,) = project.runs()
    assert logged.metrics["loss"] == [(1, 0), (2, 1), (1, 2), (2, 3)]


def test_children_are_nested_runs_with_files_of_their_own(project: V1Project) -> None:
    project.passes("""
from azureml.core import Run
run = Run.get_context()
for fold in range(2):
    with run.child_run(name="fold %d" % fold) as child:
        child.log("accuracy", fold)
        open("model.txt", "w").write(str(fold))
        child.upload_file("outputs/model.txt", "model.txt")
assert [child.status for child in run.get_children()] == ["Completed"] * 2
""")
    _, *children = project.runs()
    assert sorted(child.metrics["accuracy"][0][0] for child in children) == [0, 1]
    assert sorted(child.artifact("outputs/model.txt").read_text() for child in children) == ["0", "1"]
    assert sorted(child.tags["mlflow.runName"] for child in children) == ["fold 0", "fold 1"]


def test_the_workbench_logger_and_interactive_runs_log_to_the_job_s_run(project: V1Project) -> None:
    project.passes("""
from azureml.core import Experiment, Workspace
from azureml.logging import get_azureml_logger
logger = get_azureml_logger()
logger.log("Accuracy", 0.97)
logger.log("steps", [1, 2])
logger.log("name", "text")
experiment = Experiment(workspace=Workspace.from_config(), name="explore")
with experiment.start_logging(snapshot_directory=None) as run:
    run.log("alpha", 0.1)
with experiment.start_logging() as run:
    run.log("alpha", 0.2)
""")
    own, child = project.runs()
    assert set(own.metrics) == {"Accuracy", "steps", "alpha"}
    assert child.metrics["alpha"] == [(0.2, 0)]


def test_outside_a_run_nothing_is_kept_and_allow_offline_false_raises(project: V1Project) -> None:
    done = project.passes(
        "from azureml.core import Run\nrun = Run.get_context()\nprint(run.id)\nrun.log('a', 1)\nrun.tag('b')\n",
        AZUREML_RUN_ID=None,
    )
    assert done.stdout.startswith("OfflineRun_")
    assert "a: 1" in done.stdout
    assert not project.store.exists()
    done = project.start("from azureml.core import Run\nRun.get_context(allow_offline=False)\n", AZUREML_RUN_ID=None)
    assert "RunEnvironmentException: This script was not started as a run" in done.stderr
