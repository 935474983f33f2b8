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
    text = PIPELINE.replace("  train:\n    command: python", "  train:\n    compute: azureml:box\n    command: python3")
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
    there = json.loads((place.runs / steps["train"]["run_id"] / ".run" / "submit.json").read_text())
    assert there["_target_type"] == "ssh" and there["target"] == "box"
    again = json.loads(place.aml(*words, cwd=place.root, code=0, env=own).stdout)
    assert all(step["reused"] for step in again["steps"])
