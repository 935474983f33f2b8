"""What the steps of a pipeline on this machine log to the pipeline's own run: SDK v1's `run.parent`."""

from __future__ import annotations

import json
import platform
import sqlite3
from pathlib import Path

import pytest
from support.workplace import Workplace

PIPELINE = """\
type: pipeline
settings: {default_compute: local}
jobs:
  prepare:
    command: python prepare.py
    environment: {image: python, conda_file: conda.yml}
    code: src
    outputs:
      done: {type: uri_folder}
  train:
    command: python train.py
    environment: {image: python, conda_file: conda.yml}
    code: src
    inputs:
      ready: ${{parent.jobs.prepare.outputs.done}}
"""
CONDA = f"""\
dependencies:
  - python={platform.python_version()}
  - pip: [mlflow-skinny, sqlalchemy, alembic]
"""
PREPARE = """\
from azureml.core import Run
run = Run.get_context()
run.log("own", 1)
run.parent.log("rows", 150)
run.parent.tag("table", "iris")
print("another run:", run.parent.id != run.id)
"""
TRAIN = """\
import os
import mlflow
root = os.environ["AZUREML_ROOT_RUN_ID"]
client = mlflow.MlflowClient()
known = client.get_run(root).data
assert known.metrics == {"rows": 150} and known.tags["table"] == "iris", known
client.log_metric(root, "rows", 120, step=1)
client.log_metric(root, "model/accuracy", 0.9)
client.set_tag(root, "stage", "trained")
mlflow.log_metric("own", 2)
"""


@pytest.mark.slow
def test_steps_log_to_the_pipeline_s_run(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "src" / "prepare.py").write_text(PREPARE, encoding="utf-8")
    (tmp_path / "src" / "train.py").write_text(TRAIN, encoding="utf-8")
    (tmp_path / "conda.yml").write_text(CONDA, encoding="utf-8")
    (tmp_path / "pipeline.yml").write_text(PIPELINE, encoding="utf-8")
    place = Workplace(tmp_path)
    words = ("run", "submit-pipeline", "-n", "exp", "-y", "pipeline.yml", "-o", "json")
    done = json.loads(place.aml(*words, cwd=tmp_path).stdout)
    steps = {step["name"]: step["run_id"] for step in done["steps"]}

    said = (place.runs / steps["prepare"] / "user_logs" / "std_log.txt").read_text()
    assert "another run: True" in said and "run.parent is the run itself" not in said, said
    shown = json.loads(place.aml("run", "show", "-r", done["run_id"], "-o", "json", cwd=tmp_path).stdout)
    assert shown["metrics"] == {"rows": 120, "model/accuracy": 0.9}, shown
    with sqlite3.connect(tmp_path / "mlflow.db") as database:
        names = dict(database.execute("SELECT run_uuid, status FROM runs"))
        assert names == dict.fromkeys([done["run_id"], *steps.values()], "FINISHED")
        metrics = sorted(database.execute("SELECT run_uuid, key, value FROM latest_metrics"))
        tags = dict(database.execute("SELECT key, value FROM tags WHERE run_uuid = ?", (done["run_id"],)))
        parents = database.execute("SELECT value FROM tags WHERE key = 'mlflow.parentRunId'").fetchall()
    assert metrics == sorted(
        [
            (steps["prepare"], "own", 1),
            (steps["train"], "own", 2),
            (done["run_id"], "rows", 120),
            (done["run_id"], "model/accuracy", 0.9),
        ]
    )
    assert (tags["table"], tags["stage"]) == ("iris", "trained")
    assert parents == [(done["run_id"],)] * 2
