"""What timers are told, read back as each of them reads it."""

from __future__ import annotations

import shlex
import xml.etree.ElementTree as ElementTree
from datetime import datetime, timezone
from pathlib import Path

import pytest
import yaml

from amlrun.errors import AmlError
from amlrun.schedule.export import export, minutes
from amlrun.spec.schedule import Cron, OnChange, Recurrence, Schedule

pytestmark = pytest.mark.unit
NOW = datetime(2026, 1, 15, 12, 0, tzinfo=timezone.utc)
WORDS = ["/opt/my python/bin/python", "-m", "amlrun", "schedule", "run", "a%b $c.yml", "--due"]
FOLDER = Path("/home/me/my project")


def made(schedule: Schedule, kind: str) -> dict[str, str]:
    return export(schedule, kind, list(WORDS), FOLDER, now=NOW).files


def test_minutes_at_which_to_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    assert minutes(Schedule("s", Cron("*/20 3 * * *"))) == [0, 20, 40]
    assert minutes(Schedule("s", Recurrence("day", hours=[3], minutes=[5]), start=None)) == [5]
    assert minutes(Schedule("s", Recurrence("hour"), start=datetime(2026, 1, 1, 0, 7))) == [7]
    assert minutes(Schedule("s", Recurrence("minute", 15))) == [0, 15, 30, 45]
    assert minutes(Schedule("s", OnChange("x", polling_minutes=20))) == [0, 20, 40]
    # In India a full hour is half past of everywhere else.
    assert minutes(Schedule("s", Cron("0 3 * * *"), time_zone="India Standard Time")) == [0, 15, 30, 45]


def test_cron_reads_the_command_back() -> None:
    line = made(Schedule("s", Cron("5 3 * * *")), "cron")["crontab"]
    fields, command = line.split(" cd ", 1)
    assert fields == "5 * * * *"
    # cron: an unescaped % ends the command.
    assert "%" not in command.replace("\\%", "")
    folder, _, words = command.replace("\\%", "%").partition(" && ")
    assert shlex.split(folder) == [str(FOLDER)] and shlex.split(words) == WORDS


def test_systemd_units() -> None:
    files = made(Schedule("s", Cron("5,35 3 * * *")), "systemd")
    assert "OnCalendar=*:05,35\n" in files["aml-s.timer"] and "Persistent=true" in files["aml-s.timer"]
    line = next(one for one in files["aml-s.service"].splitlines() if one.startswith("ExecStart="))
    assert line == 'ExecStart="/opt/my python/bin/python" -m amlrun schedule run "a%%b $$c.yml" --due'


def test_the_task_is_xml() -> None:
    text = made(Schedule("s", Cron("5,35 3 * * *")), "taskscheduler")["aml-s.xml"]
    root = ElementTree.fromstring(text.partition("?>")[2])  # noqa: S314 - our own
    names = {"t": "http://schemas.microsoft.com/windows/2004/02/mit/task"}
    starts = [one.text for one in root.findall(".//t:StartBoundary", names)]
    assert starts == ["2026-01-15T00:05:00", "2026-01-15T00:35:00"]
    assert root.findtext(".//t:Command", namespaces=names) == WORDS[0]
    assert root.findtext(".//t:Arguments", namespaces=names) == '-m amlrun schedule run "a%b $c.yml" --due'


def crons(schedule: Schedule) -> list[str]:
    text = next(iter(made(schedule, "github").values()))
    workflow = yaml.safe_load(text)
    assert workflow["jobs"]["run"]["steps"][-1]["run"].startswith("uv run aml ")
    return [one["cron"] for one in workflow[True]["schedule"]]


def test_github_has_utc_times() -> None:
    assert crons(Schedule("s", Cron("30 2 * * 1-5"))) == ["30 2 * * 1-5"]
    berlin = "W. Europe Standard Time"
    assert crons(Schedule("s", Cron("30 2 * * 1-5"), time_zone=berlin)) == ["30 1 * * 1,2,3,4,5"]
    # In Berlin's winter 0:30 on Monday is 23:30 on Sunday.
    assert crons(Schedule("s", Cron("30 0 * * 1"), time_zone=berlin)) == ["30 23 * * 0"]
    assert crons(Schedule("s", Recurrence("day", hours=[6, 18], minutes=[0]))) == ["0 6 * * *", "0 18 * * *"]
    assert crons(Schedule("s", Recurrence("month", hours=[3], minutes=[0], month_days=[1, 15]))) == ["0 3 1,15 * *"]
    assert crons(Schedule("s", Recurrence("hour", 6))) == ["0 */6 * * *"]


@pytest.mark.parametrize(
    "trigger",
    [OnChange("store"), Recurrence("week", 2), Recurrence("month", hours=[1], minutes=[0], month_days=[31])],
)
def test_what_github_cannot_say(trigger: OnChange | Recurrence) -> None:
    with pytest.raises(AmlError, match="--to github"):
        made(Schedule("s", trigger), "github")


def test_every_kind_has_a_maker() -> None:
    for kind in ("systemd", "cron", "taskscheduler", "github"):
        assert made(Schedule("s", Cron("5 3 * * *")), kind)
