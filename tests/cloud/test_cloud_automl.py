"""AutoML in the workspace, with the command as a subprocess: the stand-in trains its children for real."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import joblib
import pandas as pd
import pytest
from standin import automl as played
from standin.project import Cloud
from standin.world import Ended, World
from support import automl

JOB = """\
type: automl
task: classification
compute: azureml:cpu-cluster
training_data: {data}
target_column_name: kind
n_cross_validations: 3
limits:
  timeout_minutes: 15
  max_trials: 5
"""


def project(world: World, path: Path, data: str = "table.csv") -> Cloud:
    played.play()
    cloud = Cloud(world, path)
    rows = [{"x": row["y"], "amount": row["amount"], "kind": int(row["kind"] == "yes")} for row in automl.rows(60)]
    automl.write(path / "table.csv", rows)
    (path / "automl.yml").write_text(JOB.format(data=data))
    return cloud


@pytest.fixture(scope="module")
def searched(world: World, tmp_path_factory: pytest.TempPathFactory) -> tuple[Cloud, Ended, Path]:
    cloud = project(world, tmp_path_factory.mktemp("automl") / "project")
    done = cloud.aml("automl", "submit", "automl.yml", "-e", "exp", "-t", "run.json")
    assert done.code == 0, done.text
    return cloud, done, cloud.path / "runs" / cloud.run()["run_id"]


def test_the_file_is_sent_as_the_services_own_automl_job(searched: tuple[Cloud, Ended, Path]) -> None:
    cloud, done, folder = searched
    said = cloud.workspace.jobs[folder.name].said
    details = said["taskDetails"]
    assert said["jobType"] == "AutoML" and details["taskType"] == "Classification"
    assert details["targetColumnName"] == "kind" and details["nCrossValidations"] == {"mode": "Custom", "value": 3}
    assert details["limitSettings"]["maxTrials"] == 5 and details["limitSettings"]["timeout"] == "PT15M"
    assert said["outputs"].keys() == {"best_model"}
    assert "training_data: uploaded as an MLTable" in done.out
    assert cloud.workspace.creates == [folder.name]


def test_its_children_are_told_and_kept_as_trials(searched: tuple[Cloud, Ended, Path]) -> None:
    cloud, done, folder = searched
    lines = [line for line in done.out.splitlines() if line.startswith("trial ")]
    assert len(lines) == 3 and all("Completed; AUC_weighted" in line for line in lines)
    with (folder / "outputs" / "trials.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["algorithm"] for row in rows] == [
        "StandardScaler, DecisionTreeClassifier", "StandardScaler, LogisticRegression", "StandardScaler, BernoulliNB",
    ]  # fmt: skip
    best = max(rows, key=lambda row: float(row["best"]))
    assert f"Best trial: {best['trial']} ({best['run_id']})" in done.out
    assert json.loads((folder / "outputs" / "best.json").read_text())["run_id"] == best["run_id"]
    shown = json.loads(cloud.aml("run", "list", "--parent-run-id", "run.json", "-o", "json").out)
    assert {one["run_id"] for one in shown} == {row["run_id"] for row in rows}


def test_the_best_model_is_fetched_and_registered(searched: tuple[Cloud, Ended, Path]) -> None:
    cloud, _, folder = searched
    done = cloud.aml("model", "register", "-n", "m", "--asset-path", "outputs/mlflow-model", "-f", "run.json")
    assert done.code == 0, done.text
    done = cloud.aml("run", "download-logs", "-r", "run.json", "-d", "logs-here")
    assert done.code == 0, done.text
    assert joblib.load(folder / "outputs" / "model.pkl").predict(
        pd.DataFrame({"x": [0.1], "amount": [3.0]})
    ).tolist() == [1]
    assert (folder / "outputs" / "mlflow-model" / "MLmodel").is_file()


REFUSED: list[tuple[str, str, str]] = [
    ("limits:", "training:\n  stack_ensemble_settings:\n    stack_meta_learner_type: LightGBMClassifier\nlimits:",
     "8: training.stack_ensemble_settings: azure-ai-ml can't send it"),
    ("compute: azureml:cpu-cluster\n", "", "compute: is missing"),
    ("training_data: table.csv", "training_data: aml_config", "4: training_data.path: there is no MLTable in"),
    ("n_cross_validations: 3", "n_cross_validations: 1", "6: n_cross_validations: expected auto, or 2 or more folds"),
    ("timeout_minutes: 15", "timeout_minutes: 0.5", "8: limits.timeout_minutes: expected whole minutes"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "sentence"), REFUSED)
def test_what_the_client_would_spoil_is_refused_with_its_line(
    world: World, tmp_path: Path, old: str, new: str, sentence: str
) -> None:
    cloud = project(world, tmp_path / "project")
    text = (cloud.path / "automl.yml").read_text()
    assert old in text
    (cloud.path / "automl.yml").write_text(text.replace(old, new))
    done: Any = cloud.aml("automl", "submit", "automl.yml")
    assert done.code == 2 and sentence in done.text, done.text
    assert cloud.workspace.creates == []


def test_a_dry_run_shows_the_job_and_sends_nothing(world: World, tmp_path: Path) -> None:
    cloud = project(world, tmp_path / "project")
    done = cloud.aml("automl", "submit", "automl.yml", "--dry-run", "-o", "json")
    assert done.code == 0, done.text
    said = json.loads(done.out)
    assert said["calls"] == ["PUT each file of training_data (an MLTable's folder)", "PUT jobs/RUN-ID"]
    assert cloud.workspace.creates == []
