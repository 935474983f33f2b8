"""Schedules that a workspace keeps."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from standin import pipeline_project
from standin.exchange import Fault
from standin.project import Cloud
from standin.world import World

TEXT = """\
name: nightly
display_name: Nightly training
trigger: {type: recurrence, frequency: week, interval: 2, time_zone: W. Europe Standard Time,
          start_time: "2026-01-05T00:00:00", schedule: {hours: [6], minutes: [30], week_days: [monday]}}
create_job: {job: pipeline.yml, experiment_name: retraining, settings: {force_rerun: true}}
"""


@pytest.fixture
def cloud(world: World, tmp_path: Path) -> Cloud:
    cloud = pipeline_project.project(world, tmp_path / "project")
    (cloud.path / "nightly.yml").write_text(TEXT, encoding="utf-8")
    return cloud


def schedule(cloud: Cloud, *words: str) -> Any:
    done = cloud.aml("schedule", *words, "-o", "json")
    assert done.code == 0, done.text
    return json.loads(done.out)


def test_its_whole_life(cloud: Cloud) -> None:
    made = schedule(cloud, "create", "-f", "nightly.yml")
    assert (made["name"], made["enabled"], made["trigger"]) == ("nightly", True, "every 2 week")
    held = cloud.workspace.__dict__["schedules"]["nightly"]
    trigger, job = held["trigger"], held["action"]["jobDefinition"]
    assert trigger["timeZone"] == "W. Europe Standard Time" and trigger["schedule"]["hours"] == [6]
    assert trigger["startTime"].replace("T", " ") == "2026-01-05 00:00:00"
    assert job["experimentName"] == "retraining" and job["settings"]["force_rerun"] is True
    assert list(job["jobs"]) == ["prep", "train", "evaluate", "register"]
    assert [one["name"] for one in schedule(cloud, "list")] == ["nightly"]
    assert schedule(cloud, "disable", "-n", "nightly")["enabled"] is False
    assert schedule(cloud, "show", "--name", "nightly")["enabled"] is False
    assert schedule(cloud, "enable", "-n", "nightly")["enabled"] is True
    run = schedule(cloud, "trigger", "-n", "nightly")["job"]
    followed = cloud.aml("run", "monitor-logs", "-r", run)
    assert followed.code == 0 and "register: completed" in followed.out, followed.text
    # The service deletes a disabled one only.
    assert schedule(cloud, "delete", "-n", "nightly") == {"name": "nightly"}
    assert schedule(cloud, "list") == []
    gone = cloud.aml("schedule", "show", "--name", "nightly")
    assert gone.code == 3 and "404" in gone.err


def test_what_the_service_would_take_otherwise_is_refused(cloud: Cloud) -> None:
    text = 'name: monthly\ntrigger: {type: cron, expression: "0 3 1 * *"}\ncreate_job: pipeline.yml\n'
    (cloud.path / "nightly.yml").write_text(text, encoding="utf-8")
    before = len(cloud.world.network.seen)
    done = cloud.aml("schedule", "create", "-f", "nightly.yml")
    assert done.code == 2 and "ignores the day of month" in done.err and len(cloud.world.network.seen) == before


@pytest.mark.parametrize("kind", ["500", "403", "black-hole", "not-json"])
def test_a_fault_is_told_and_the_command_repeated(cloud: Cloud, kind: str) -> None:
    fault = cloud.world.network.add(Fault(f"PUT management.*/{cloud.workspace.name}/schedules/", kind))
    try:
        done = cloud.aml("schedule", "create", "-f", "nightly.yml", AML_AZURE_DEADLINE="6")
    finally:
        cloud.world.network.remove(fault)
    assert done.code == 3 and "could not create the schedule nightly" in done.err and fault.hits, done.text
    assert cloud.aml("schedule", "create", "-f", "nightly.yml").code == 0
    assert list(cloud.workspace.__dict__["schedules"]) == ["nightly"]
