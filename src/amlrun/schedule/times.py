"""When a schedule fires.

A wall-clock time that a clock change leaves out comes when it would have been, one that it repeats comes once; a month
without the day is left out, as in Azure ML (how-to-schedule-pipeline-job.md).
"""

from __future__ import annotations

import calendar
import itertools
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta, timezone, tzinfo

from amlrun.spec import time_zones
from amlrun.spec.schedule import LAST_DAY, WEEK_DAYS, Cron, OnChange, Recurrence, Schedule

_MOST_DAYS = 366 * 5


def fires(schedule: Schedule, after: datetime) -> Iterator[datetime]:
    """The times after `after` (with a zone), in the schedule's zone, until its end; none for one that data triggers.

    A recurrence without a start is counted from `after`.
    """
    zone = time_zones.zone(schedule.time_zone)
    end = None if schedule.end is None else schedule.end.replace(tzinfo=zone)
    start = None if schedule.start is None else schedule.start.replace(tzinfo=zone)
    first = after.astimezone(zone)
    if start is not None and start > first:
        first = start - timedelta(microseconds=1)
    if isinstance(schedule.trigger, OnChange):
        return
    found = _cron(schedule.trigger, first) if isinstance(schedule.trigger, Cron) else _recurrence(
        schedule.trigger, start or first.replace(second=0, microsecond=0), first, zone
    )  # fmt: skip
    for one in found:
        if end is not None and one > end:
            return
        yield one


def _cron(trigger: Cron, after: datetime) -> Iterator[datetime]:
    from cronsim import CronSim

    # cronsim asks for the zone's rules itself, and passes each clock change as Debian's cron does.
    return iter(CronSim(trigger.expression.upper(), after))


def _recurrence(trigger: Recurrence, start: datetime, after: datetime, zone: tzinfo) -> Iterator[datetime]:
    if trigger.frequency in ("minute", "hour"):
        step = timedelta(minutes=trigger.interval * (60 if trigger.frequency == "hour" else 1))
        begun, past = start.astimezone(timezone.utc), after.astimezone(timezone.utc)
        count = max(0, (past - begun) // step)
        for number in itertools.count(count):
            one = begun + number * step
            if one > past:
                yield one.astimezone(zone)
    clock = [time(hour, minute) for hour in trigger.hours for minute in trigger.minutes] or [start.time()]
    at = after.date()
    for day in (at + timedelta(days=number) for number in range(_MOST_DAYS)):
        if day < start.date() or not _fits(trigger, start.date(), day):
            continue
        for moment in sorted(clock):
            one = datetime.combine(day, moment, zone)
            # Through UTC, so that an hour that is left out becomes the one after it.
            one = one.astimezone(timezone.utc).astimezone(zone)
            if one > after and one >= start:
                yield one


def _fits(trigger: Recurrence, start: date, day: date) -> bool:
    if trigger.frequency == "day":
        return (day - start).days % trigger.interval == 0
    if trigger.frequency == "week":
        weeks = (day - timedelta(days=day.weekday()) - (start - timedelta(days=start.weekday()))).days // 7
        days = trigger.week_days or [WEEK_DAYS[start.weekday()]]
        return weeks % trigger.interval == 0 and WEEK_DAYS[day.weekday()] in days
    months = (day.year - start.year) * 12 + day.month - start.month
    last = calendar.monthrange(day.year, day.month)[1]
    days_of_month = [last if one == LAST_DAY else one for one in trigger.month_days or [start.day]]
    return months % trigger.interval == 0 and day.day in days_of_month


def last_due(schedule: Schedule, since: datetime, until: datetime) -> datetime | None:
    """The newest time after `since` and not after `until`; None when there is none."""
    found = None
    for one in fires(schedule, since):
        if one > until:
            break
        found = one
    return found


def differences(schedule: Schedule) -> list[str]:
    """What Azure ML would do otherwise than the file seems to say, and than happens here."""
    found = []
    if isinstance(schedule.trigger, Cron):
        fields = schedule.trigger.expression.split()
        if fields[2] != "*" or fields[3] != "*":
            found.append(
                "Azure ML ignores the day of month and the month of a cron expression: there it fires as "
                f"{' '.join([*fields[:2], '* *', fields[4]])!r}. Write a recurrence with frequency: month."
            )
    if isinstance(schedule.trigger, OnChange):
        found.append("v2 has no data-change trigger: it runs here, with `aml schedule run FILE --due` from a timer.")
    elif schedule.start is None and isinstance(schedule.trigger, Recurrence):
        found.append("without start_time Azure ML runs it immediately and counts from then.")
    return found
