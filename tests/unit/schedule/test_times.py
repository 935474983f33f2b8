"""When a schedule fires: clock changes, short months, intervals, a machine that slept."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from amlrun.errors import AmlError
from amlrun.schedule import due, times
from amlrun.spec.schedule import Cron, OnChange, Recurrence, Schedule

pytestmark = pytest.mark.unit
BERLIN = "W. Europe Standard Time"


def fires(trigger: Any, after: str, count: int = 3, **more: Any) -> list[str]:
    found = times.fires(Schedule("s", trigger, **more), datetime.fromisoformat(f"{after}+00:00"))
    return [one.strftime("%m-%d %H:%M %z") for _, one in zip(range(count), found)]


@pytest.mark.parametrize("trigger", [Cron("30 2 * * *"), Recurrence("day", hours=[2], minutes=[30])])
def test_clock_changes(trigger: Any) -> None:
    """In 2026 Berlin's clocks go on at 2:00 on 29 March, and back at 3:00 on 25 October."""
    spring = fires(trigger, "2026-03-27T12:00", time_zone=BERLIN)
    assert [one.split()[0] for one in spring] == ["03-28", "03-29", "03-30"], "once a day, also when 2:30 is left out"
    assert spring[1] in ("03-29 03:00 +0200", "03-29 03:30 +0200")
    autumn = fires(trigger, "2026-10-23T12:00", 3, time_zone=BERLIN)
    assert [one.split()[0] for one in autumn] == ["10-24", "10-25", "10-26"], "once, though 2:30 comes twice"


def test_an_hourly_recurrence_counts_hours_and_not_the_clock() -> None:
    start = datetime(2026, 10, 25, 0, 0)
    found = fires(Recurrence("hour", 2), "2026-10-24T21:00", 3, time_zone=BERLIN, start=start)
    assert found == ["10-25 00:00 +0200", "10-25 02:00 +0200", "10-25 03:00 +0100"]


def test_months_without_the_day_are_left_out() -> None:
    trigger = Recurrence("month", hours=[3], minutes=[0], month_days=[31])
    assert fires(trigger, "2026-01-01T00:00") == ["01-31 03:00 +0000", "03-31 03:00 +0000", "05-31 03:00 +0000"]
    last = Recurrence("month", hours=[3], minutes=[0], month_days=[-1])
    assert fires(last, "2026-01-31T04:00") == ["02-28 03:00 +0000", "03-31 03:00 +0000", "04-30 03:00 +0000"]


def test_intervals_are_counted_from_the_start() -> None:
    trigger = Recurrence("week", 2, hours=[6], minutes=[0], week_days=["monday", "thursday"])
    start = datetime(2026, 1, 7)  # a Wednesday: its own week is the first
    assert fires(trigger, "2026-01-01T00:00", 4, start=start) == [
        "01-08 06:00 +0000", "01-19 06:00 +0000", "01-22 06:00 +0000", "02-02 06:00 +0000",
    ]  # fmt: skip
    assert fires(Recurrence("day", 3), "2026-01-01T00:00", 2, start=datetime(2026, 1, 2, 8)) == [
        "01-02 08:00 +0000", "01-05 08:00 +0000",
    ]  # fmt: skip


def test_an_end_and_a_start() -> None:
    more = {"start": datetime(2026, 1, 3), "end": datetime(2026, 1, 5)}
    assert fires(Cron("0 4 * * *"), "2026-01-01T00:00", 9, **more) == ["01-03 04:00 +0000", "01-04 04:00 +0000"]


def test_a_machine_that_slept_runs_once(tmp_path: Path) -> None:
    schedule = Schedule("s", Cron("0 * * * *"))
    now = datetime(2026, 1, 1, 12, 5, tzinfo=timezone.utc)
    memory = due.Memory(tmp_path / "s.json")
    assert due.fire_time(schedule, memory, now) == datetime(2026, 1, 1, 12, 0, tzinfo=timezone.utc), "just missed"
    memory.save()
    assert due.fire_time(schedule, memory, now + timedelta(minutes=1)) is None
    later = now + timedelta(hours=30)
    assert due.fire_time(schedule, memory, later) == datetime(2026, 1, 2, 18, 0, tzinfo=timezone.utc), "the newest"
    assert due.fire_time(schedule, memory, later) is None
    fresh = due.Memory(tmp_path / "t.json")
    assert due.fire_time(schedule, fresh, now + timedelta(minutes=30)) is None, "no time came near the first call"


def test_an_interval_needs_a_start_to_be_due() -> None:
    schedule = Schedule("s", Recurrence("week", 2))
    memory = due.Memory(Path("x"), checked=datetime(2026, 1, 1, tzinfo=timezone.utc))
    with pytest.raises(AmlError, match="no start_time"):
        due.fire_time(schedule, memory, datetime(2026, 1, 2, tzinfo=timezone.utc))


def test_what_azure_does_otherwise() -> None:
    assert "0 3 * * *" in times.differences(Schedule("s", Cron("0 3 1 * *")))[0]
    assert times.differences(Schedule("s", Cron("0 3 * * 1"))) == []
    assert "no data-change trigger" in times.differences(Schedule("s", OnChange("store")))[0]
