"""A pipeline of this machine with a step on another one: its inputs go there, its outputs come back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support import machines
from support.pipelines import PIPELINE, project
from support.workplace import Workplace

pytestmark = pytest.mark.slow


def test_a_step_on_a_machine(tmp_path: Path, machine: machines.Machine) -> None:
    # What MLflow, which that machine lacks, would write for a metric of the pipeline's run.
    log = 'echo "1 2.5 0" > "${MLFLOW_TRACKING_URI#file://}/1/$AZUREML_ROOT_RUN_ID/metrics/rows" && python3'
    text = PIPELINE.replace("  train:\n    command: python", f"  train:\n    compute: azureml:box\n    command: {log}")
    file = project(tmp_path / "project", text)
    place = Workplace(file.parent)
    own = {"AML_CACHE_DIR": str(tmp_path / "cache"), **machine.environment}
    place.aml(*machine.words(), cwd=place.root, env=own)
    words = ("run", "submit-pipeline", "-n", "exp", "-y", "pipeline.yml", "-o", "json")
    done = place.aml(*words, cwd=place.root, code=0, env=own)
    record = json.loads(done.stdout)
    steps = {step["name"]: step for step in record["steps"]}
    assert record["status"] == "Completed"
    made = place.runs / steps["train"]["run_id"] / "outputs" / "model" / "made.txt"
    assert made.read_text() == "a,b\n1,2\nfirst"
    shown = json.loads(place.aml("run", "show", "-r", record["run_id"], "-o", "json", cwd=place.root, env=own).stdout)
    assert shown["metrics"] == {"rows": 2.5} and shown["outputs"] == [str(made)]
    there = json.loads((place.runs / steps["train"]["run_id"] / ".run" / "submit.json").read_text())
    assert there["_target_type"] == "ssh" and there["target"] == "box"
    again = json.loads(place.aml(*words, cwd=place.root, code=0, env=own).stdout)
    assert all(step["reused"] for step in again["steps"])
