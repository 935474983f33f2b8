"""An AutoML step of a pipeline on this machine: read, run, cached, and its best model passed on and registered."""

from __future__ import annotations

import json
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
