"""Schedules' files, v2's and v1's: every mistake with its line, also those that azure-ai-ml lets pass."""

from __future__ import annotations

from pathlib import Path

import pytest

from amlrun.schedule import load
from amlrun.spec.schedule import OnChange, Recurrence

pytestmark = pytest.mark.unit
HEAD = "name: nightly\ncreate_job: pipeline.yml\ntrigger:\n"
CRON = f'{HEAD}  type: cron\n  expression: "30 2 * * 1-5"\n'
WEEK = f"{HEAD}  type: recurrence\n  frequency: week\n  interval: 1\n"


def wrong(tmp_path: Path, text: str) -> list[str]:
    """Each mistake as `line: field: message`."""
    (tmp_path / "pipeline.yml").write_text("jobs: {}\n", encoding="utf-8")
    file = tmp_path / "schedule.yml"
    file.write_text(text, encoding="utf-8")
    return [f"{one.line}: {one.field}: {one.message}" for one in load.inspect(file)[1]]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"{HEAD}  type: cron\n  expression: hello\n", "5: trigger.expression: expected five fields"),
        (f'{HEAD}  type: cron\n  expression: "@daily"\n', "5: trigger.expression: expected five fields"),
        (f'{HEAD}  type: cron\n  expression: "0 0 3 * * *"\n', "5: trigger.expression: expected five fields"),
        (f'{HEAD}  type: cron\n  expression: "0 3 L * *"\n', "5: trigger.expression: L, W, # and ?"),
        (f'{HEAD}  type: cron\n  expression: "0 25 * * *"\n', "5: trigger.expression: Bad hour"),
        (
            f'{HEAD}  type: cron\n  expression: "0 3 30 2 *"\n',
            "5: trigger.expression: Bad day-of-month",
        ),
        (f"{CRON}  interval: 2\n", "6: trigger.interval: belongs to type: recurrence"),
        (f"{CRON}  timezone: UTC\n", "6: trigger.timezone: unknown key: Azure ML's client calls it time_zone"),
        (f"{WEEK}  pattern: {{hours: 1, minutes: 0}}\n", "7: trigger.pattern: unknown key: Azure ML's client calls it"),
        (f"{CRON}  time_zone: Europe/Berlin\n", "6: trigger.time_zone: 'Europe/Berlin' is not a time zone of Azure ML"),
        (f"{CRON}  start_time: 2026-01-05T00:00:00\n", "6: trigger.start_time: is not in quotes"),
        (f'{CRON}  start_time: "2026-01-05"\n', "6: trigger.start_time: is a date without a time"),
        (f'{CRON}  start_time: "2026-01-05T00:00:00+02:00"\n', "6: trigger.start_time: has an offset"),
        (
            f'{CRON}  start_time: "2026-02-05T00:00:00"\n  end_time: "2026-01-05T00:00:00"\n',
            "7: trigger.end_time: is not after start_time",
        ),
        (f"{WEEK}  schedule: {{hours: 99, minutes: 0}}\n", "7: trigger.schedule.hours: expected 0 to 23, got 99"),
        (f"{WEEK}  schedule: {{hours: 9}}\n", "7: trigger.schedule.minutes: is missing"),
        (f"{WEEK.replace('interval: 1', 'interval: 0')}", "6: trigger.interval: must be at least 1"),
        (f"{WEEK.replace('week', 'fortnight')}", "5: trigger.frequency: expected minute"),
        (
            f"{WEEK.replace('week', 'day')}  schedule: {{hours: 1, minutes: 0, week_days: monday}}\n",
            "7: trigger.schedule.week_days: has no effect with frequency: day",
        ),
        (f"{WEEK}  schedule: {{hours: 1, minutes: 0, week_days: mon}}\n", "7: trigger.schedule.week_days: 'mon' is no"),
        (f"{CRON}more: 1\n", "6: more: unknown key"),
        (CRON.replace("pipeline.yml", "none.yml"), "2: create_job: no such file or folder"),
        (
            CRON.replace("pipeline.yml", "{type: command, job: pipeline.yml}"),
            "2: create_job.type: expected pipeline, got 'command'",
        ),
        (CRON.replace("pipeline.yml", "{type: pipeline, jobs: {}}"), "2: create_job.jobs: steps are not allowed here"),
        (CRON.replace("name: nightly", 'name: "a b"'), "1: name: 'a b' is not a valid schedule name"),
    ],
)
def test_mistakes_have_their_line(tmp_path: Path, text: str, expected: str) -> None:
    found = wrong(tmp_path, text)
    assert any(one.startswith(expected) for one in found), found


def test_a_good_file_says_what_it_says(tmp_path: Path) -> None:
    text = (
        "name: weekly\ntrigger: {type: recurrence, frequency: week, interval: 2, schedule: {hours: [6, 18], minutes: 0,"
        ' week_days: monday}, time_zone: "w. europe standard time", start_time: "2026-01-05T00:00:00"}\n'
        "create_job:\n  job: pipeline.yml\n  experiment_name: again\n  inputs: {rate: 0.1, raw: {path: x.csv}}\n"
        "  settings: {force_rerun: true}\n"
    )
    assert wrong(tmp_path, text) == []
    made = load.load(tmp_path / "schedule.yml")
    assert made.trigger == Recurrence("week", 2, [6, 18], [0], ["monday"])
    assert made.settings == [("inputs.rate", "0.1"), ("inputs.raw.path", "x.csv"), ("settings.force_rerun", "true")]
    assert made.job == tmp_path / "pipeline.yml" and made.experiment_name == "again"


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    text = f"{WEEK.replace('interval: 1', 'interval: 0')}  schedule: {{hours: 99, minutes: 0}}\n  time_zone: Mars\n"
    assert len(wrong(tmp_path, text)) == 3


V1 = """\
Schedule:
  description: Monthly
  recurrence:
    frequency: Week
    interval: 1
    start_time: 2026-01-05T08:00:00
    time_zone: W. Europe Standard Time
    hours: ~
    minutes: ~
    week_days: [Monday]
    time_of_day: "07:30"
  pipeline_parameters: {rate: 0.1}
"""


def test_a_v1_schedule(tmp_path: Path) -> None:
    assert wrong(tmp_path, V1) == []
    made, _, rows = load.inspect(tmp_path / "schedule.yml")
    assert made is not None and made.trigger == Recurrence("week", 1, [7], [30], ["monday"])
    assert made.settings == [("inputs.rate", "0.1")]
    assert {row.key: row.becomes for row in rows}["Schedule.recurrence.time_of_day"] == "trigger.schedule.hours"


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("    hours: ~\n", "", "3: Schedule.recurrence: has no hours: v1 requires all eight keys"),
        ("frequency: Week", "frequency: Weekly", "4: Schedule.recurrence.frequency: expected Minute"),
        ("frequency: Week", "frequency: Day", "10: Schedule.recurrence.week_days: is for Week only"),
        ("hours: ~", "hours: [8]", "11: Schedule.recurrence.time_of_day: cannot be combined with hours or minutes"),
        ("[Monday]", "[monday]", "10: Schedule.recurrence.week_days: 'monday' is not a day"),
        ('"07:30"', '"7.30"', "11: Schedule.recurrence.time_of_day: expected"),
        ("08:00:00", "08:00:00+01:00", "6: Schedule.recurrence.start_time: has an offset"),
    ],
)
def test_mistakes_of_a_v1_schedule(tmp_path: Path, old: str, new: str, expected: str) -> None:
    assert old in V1
    found = wrong(tmp_path, V1.replace(old, new))
    assert any(one.startswith(expected) for one in found), found


def test_a_v1_schedule_by_data(tmp_path: Path) -> None:
    text = "Schedule: {recurrence: ~, datastore_name: store, path_on_datastore: in, polling_interval: 7}\n"
    assert wrong(tmp_path, text) == []
    assert load.load(tmp_path / "schedule.yml").trigger == OnChange("store", "in", 7)
    assert wrong(tmp_path, "Schedule: {description: x}\n")[0].endswith("has no trigger")
