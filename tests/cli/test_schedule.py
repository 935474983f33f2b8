"""`aml schedule` as a person and a timer call it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from support.pipelines import project
from support.workplace import Workplace

EVERY = """\
name: every
trigger: {type: cron, expression: "* * * * *"}
create_job:
  job: pipeline.yml
  experiment_name: again
  inputs: {word: "${{creation_context.trigger_time}}"}
"""


@pytest.fixture
def place(tmp_path: Path) -> Workplace:
    file = project(tmp_path / "project")
    (file.parent / "every.yml").write_text(EVERY, encoding="utf-8")
    return Workplace(tmp_path / "project")


def schedule(place: Workplace, *words: str, code: int = 0) -> Any:
    done = place.aml("schedule", *words, "-o", "json", cwd=place.root, code=code)
    return json.loads(done.stdout) if code == 0 else done.stderr


def test_a_timer_calls_it_and_it_runs_once(place: Workplace) -> None:
    first = schedule(place, "run", "every.yml", "--due")
    assert first["status"] == "Completed" and first["tags"]["schedule"] == "every"
    assert first["_experiment_name"] == "again"
    steps = {step["name"]: step for step in first["steps"]}
    made = place.runs / steps["prep"]["run_id"] / "outputs" / "tables" / "made.txt"
    assert made.read_text().splitlines()[-1].startswith("20") and made.read_text().endswith("00Z"), "its fire time"
    # A yearly one is not due, and says when it will be.
    (place.root / "every.yml").write_text(EVERY.replace("* * * * *", "0 0 1 1 *"), encoding="utf-8")
    assert schedule(place, "run", "every.yml", "--due") == {"due": False, "reason": ""}
    told = place.aml("schedule", "run", "every.yml", "--due", cwd=place.root).stdout
    assert "every: not due; next " in told and "-01-01 00:00, UTC" in told
    assert schedule(place, "run", "every.yml")["status"] == "Completed", "by hand"


def test_a_run_for_each_change_of_the_data(place: Workplace) -> None:
    words = ("run", "every.yml", "--on-change", "raw")
    assert schedule(place, *words)["status"] == "Completed"
    assert schedule(place, *words)["due"] is False
    for number in range(3):
        (place.root / "raw.csv").write_text(f"a,b\n{number},2\n", encoding="utf-8")
    assert schedule(place, *words, "--dry-run")
    assert schedule(place, *words)["status"] == "Completed", "three writes, one change; a dry run takes nothing"
    assert schedule(place, *words)["due"] is False
    assert "Available: raw." in schedule(place, "run", "every.yml", "--on-change", "rwa", code=2)


def test_a_v1_schedule_by_data(place: Workplace) -> None:
    text = "Schedule: {datastore_name: store, path_on_datastore: in, data_path_parameter_name: raw}\n"
    (place.root / "v1.yml").write_text(text, encoding="utf-8")
    assert "--job" in schedule(place, "run", "v1.yml", "--due", code=2)
    words = ("run", "v1.yml", "--due", "--job", "pipeline.yml")
    assert schedule(place, *words)["status"] == "Completed"
    assert schedule(place, *words)["due"] is False
    rows = schedule(place, "explain", "v1.yml")
    assert {"Schedule.datastore_name", "Schedule.path_on_datastore"} <= {row["key"] for row in rows}
    assert "no data-change trigger" in schedule(place, "export", "v1.yml", "--to", "v2", code=2)


def test_it_is_checked_shown_and_handed_to_a_timer(place: Workplace) -> None:
    assert schedule(place, "check", "every.yml")["mistakes"] == []
    found = schedule(place, "show", "every.yml", "-n", "3")
    assert len(found["next"]) == 3 and found["time_zone"] == "UTC"
    (place.root / "bad.yml").write_text(EVERY.replace("* * * * *", "hello"), encoding="utf-8")
    told = place.aml("schedule", "check", "bad.yml", cwd=place.root, code=2).stdout
    assert "bad.yml:2: trigger.expression: expected five fields, got 'hello'" in told and "1 mistake\n" in told
    files = schedule(place, "export", "every.yml", "--to", "systemd", "--ct", "local", "-d", "units")["files"]
    assert set(files) == {"aml-every.service", "aml-every.timer"}
    command = (place.root / "units" / "aml-every.service").read_text().split("ExecStart=")[1].split()
    assert command[-5:] == ["run", "every.yml", "--ct", "local", "--due"]
    # What the unit says is a command that works.
    done = subprocess.run(command, cwd=place.root, env=place.environment(), capture_output=True, text=True)
    assert done.returncode == 0 and "every: due since" in done.stdout
