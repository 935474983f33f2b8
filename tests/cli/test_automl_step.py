"""An AutoML step of a pipeline on this machine: read, run, cached, and its best model passed on and registered."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from support import automl
from support.workplace import Workplace

from amlrun.errors import AmlError
from amlrun.pipeline import load
from amlrun.spec import node, write_pipeline
from amlrun.spec.automl import AutoMLJob

PIPELINE = """\
type: pipeline
settings: {default_compute: local}
inputs:
  table: {type: mltable, path: table.csv}
outputs:
  model: {type: mlflow_model, name: searched}
jobs:
  search:
    type: automl
    task: classification
    target_column_name: kind
    training_data: ${{parent.inputs.table}}
    limits: {max_trials: 2}
    training:
      allowed_training_algorithms: [logistic_regression, decision_tree]
      enable_vote_ensemble: false
    outputs:
      best_model: ${{parent.outputs.model}}
  report:
    command: ls ${{inputs.model}}
    environment: azureml:sklearn:1
    code: src
    inputs:
      model: {type: mlflow_model, path: "${{parent.jobs.search.outputs.best_model}}"}
"""


@pytest.fixture
def place(tmp_path: Path) -> Workplace:
    (tmp_path / "src").mkdir()
    (tmp_path / "pyproject.toml").touch()
    automl.write(tmp_path / "table.csv", automl.rows())
    (tmp_path / "pipeline.yml").write_text(PIPELINE, encoding="utf-8")
    return Workplace(tmp_path)


@pytest.mark.slow
def test_a_search_is_a_step_whose_best_model_goes_on(place: Workplace) -> None:
    words = ("run", "submit-pipeline", "-n", "exp", "-y", "pipeline.yml", "-o", "json")
    first = json.loads(place.aml(*words, cwd=place.root).stdout)
    steps = {step["name"]: step for step in first["steps"]}
    assert first["status"] == "Completed"
    log = place.runs / steps["report"]["run_id"] / "user_logs" / "std_log.txt"
    assert "MLmodel" in log.read_text(encoding="utf-8")
    assert (Path(first["outputs"]["model"]) / "MLmodel").is_file()
    models = json.loads(place.aml("model", "list", "-o", "json", cwd=place.root).stdout)
    assert [model["name"] for model in models] == ["searched"]

    again = json.loads(place.aml(*words, cwd=place.root).stdout)
    assert [step["reused"] for step in again["steps"]] == [True, True]
    text = PIPELINE.replace("max_trials: 2", "max_trials: 3")
    (place.root / "pipeline.yml").write_text(text, encoding="utf-8")
    third = {step["name"]: step for step in json.loads(place.aml(*words, cwd=place.root).stdout)["steps"]}
    assert third["search"]["reason"] == "AutoML's settings changed"


@pytest.mark.slow
def test_a_cancelled_pipeline_ends_its_search_and_the_trials(place: Workplace) -> None:
    text = PIPELINE.replace("max_trials: 2", "max_trials: 1000")
    (place.root / "pipeline.yml").write_text(text, encoding="utf-8")
    process = place.start("run", "submit-pipeline", "-n", "exp", "-y", "pipeline.yml", cwd=place.root)
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and not list(place.runs.glob("*_search_*/.run/exit.json")):
        time.sleep(0.05)
    place.aml("run", "cancel", "-r", "latest", cwd=place.root)
    process.communicate(timeout=60)
    assert process.returncode == 130
    (name,) = [folder.name for folder in place.runs.glob("*_search")]
    search = json.loads(place.aml("run", "show", "-r", name, "-o", "json", cwd=place.root).stdout)
    assert search["status"] == "Canceled"
    words = ("run", "list", "--last", "2000", "--parent-run-id", search["run_id"], "-o", "json")
    trials = json.loads(place.aml(*words, cwd=place.root).stdout)
    assert trials and {run["status"] for run in trials} <= {"Completed", "Canceled"}


@pytest.mark.slow
def test_rows_for_validation_come_from_another_step_or_the_pipeline(place: Workplace) -> None:
    split = """\
  split:
    command: python split.py ${{inputs.rows}} ${{outputs.rest}}
    environment: azureml:sklearn:1
    code: src
    inputs:
      rows: {type: uri_file, path: table.csv}
    outputs:
      rest: {type: uri_folder}
"""
    (place.root / "src" / "split.py").write_text("import shutil, sys; shutil.copy(sys.argv[1], sys.argv[2])\n")
    text = PIPELINE.replace("jobs:\n", f"jobs:\n{split}").replace(
        "    limits:", "    validation_data: ${{parent.jobs.split.outputs.rest}}/table.csv\n    limits:"
    )
    (place.root / "pipeline.yml").write_text(text, encoding="utf-8")
    (mistake,) = load.mistakes(load.inspect(place.root / "pipeline.yml", place.root))
    assert mistake.field == "jobs.search.validation_data", mistake
    for bound in ("${{parent.jobs.split.outputs.rest}}", "${{parent.inputs.table}}"):
        fixed = text.replace("${{parent.jobs.split.outputs.rest}}/table.csv", bound)
        (place.root / "pipeline.yml").write_text(fixed, encoding="utf-8")
        words = ("run", "submit-pipeline", "-n", "exp", "-y", "pipeline.yml", "-o", "json")
        done = place.aml(*words, cwd=place.root)
        assert "Validation: Done: on validation_data" in done.stderr, done.stderr


@pytest.mark.parametrize(
    ("old", "new", "where", "words"),
    [
        ("max_trials", "max_trial", "jobs.search.limits.max_trial", "did you mean 'max_trials'"),
        ("task: classification", "task: classify", "jobs.search.task", "there is no task"),
        ("    target_column_name: kind\n", "", "jobs.search.target_column_name", "is missing"),
        ("parent.inputs.table", "parent.inputs.tabel", "jobs.search.training_data", "names no input"),
        ("best_model: ${{", "model: ${{", "jobs.search.outputs.model", "writes no such output"),
        ("logistic_regression,", "logistic,", "jobs.search.training.allowed_training_algorithms", "unknown name"),
    ],
)
def test_a_mistake_is_named_with_its_line(place: Workplace, old: str, new: str, where: str, words: str) -> None:
    file = place.root / "pipeline.yml"
    text = PIPELINE.replace(old, new)
    file.write_text(text, encoding="utf-8")
    found = load.mistakes(load.inspect(file, place.root))
    error = next(one for one in found if one.field == where)
    assert words in error.message and error.file == file
    assert error.line is not None and error.line >= 9


def test_it_is_written_as_azure_ml_has_it(place: Workplace) -> None:
    job = load.load(place.root / "pipeline.yml", place.root, target="cluster")
    assert isinstance(job.jobs["search"].job, AutoMLJob)
    writers = write_pipeline.Writers(lambda one: {"command": one.command}, lambda one: {}, lambda one: None, str)
    found = write_pipeline.tree(job, writers)["jobs"]["search"]
    said = node.read(place.root / "pipeline.yml")[0].get("jobs").get("search").plain()  # type: ignore[union-attr]
    assert {key: found[key] for key in said if key != "outputs"} == {k: v for k, v in said.items() if k != "outputs"}
    assert found["outputs"]["best_model"]["path"] == "${{parent.outputs.model}}" and "inputs" not in found


def test_a_container_is_refused(place: Workplace) -> None:
    with pytest.raises(AmlError, match="can't run in a container"):
        load.load(place.root / "pipeline.yml", place.root, container=True)
