"""What a machine's own timer has to be told: systemd, cron, Windows' Task Scheduler, GitHub Actions.

systemd, cron and the Task Scheduler call `aml schedule run FILE --due` at least as often as the schedule fires, and the
command decides: clock changes, time zones and intervals are counted in one place, and nothing is missed or run twice.
"""

from __future__ import annotations

import shlex
from datetime import datetime, timedelta, timezone
from pathlib import Path
from xml.sax.saxutils import escape

from amlrun.dataclass import dataclass, field
from amlrun.errors import AmlError
from amlrun.schedule import times
from amlrun.spec import time_zones
from amlrun.spec.schedule import WEEK_DAYS, Cron, OnChange, Recurrence, Schedule

# By commit, as the template's own workflows have them.
_CHECKOUT = "actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1"
_UV = "astral-sh/setup-uv@20cfd1bf945f4377ade1205e4dbc17946fc9a30d # v10.0.1"


@dataclass
class Exported:
    """Texts by the name of the file to put each into; `notes` say how, and what it does not do."""

    files: dict[str, str]
    notes: list[str] = field(default_factory=list)


def export(schedule: Schedule, kind: str, words: list[str], folder: Path, *, now: datetime) -> Exported:
    """A schedule for a timer. `words` is the command, run in `folder`. Raises AmlError for what it cannot say."""
    makers = {"systemd": _systemd, "cron": _cron, "taskscheduler": _task_scheduler, "github": _github}
    return makers[kind](schedule, words, folder, now)


def minutes(schedule: Schedule) -> list[int]:
    """The minutes of an hour at which to ask whether the schedule is due."""
    trigger = schedule.trigger
    if isinstance(trigger, OnChange):
        step = min(max(trigger.polling_minutes, 1), 60)
        return list(range(0, 60, step))
    if isinstance(trigger, Recurrence) and trigger.frequency == "minute":
        return list(range(0, 60, trigger.interval if 60 % trigger.interval == 0 else 1))
    start = 0 if schedule.start is None else schedule.start.minute
    wanted = _expanded(trigger.expression)[0] if isinstance(trigger, Cron) else trigger.minutes or [start]
    # Zones differ from each other by quarters of an hour, the schedule's and the one that the timer counts in.
    zone = time_zones.zone(schedule.time_zone)
    offsets = {datetime(2024, month, 1, tzinfo=zone).utcoffset() for month in range(1, 13)}
    offsets.add(datetime.now(timezone.utc).astimezone().utcoffset())
    whole = all(offset is not None and offset % timedelta(hours=1) == timedelta(0) for offset in offsets)
    if whole:
        return sorted(set(wanted))
    return sorted({(minute + quarter) % 60 for minute in wanted for quarter in (0, 15, 30, 45)})


def _expanded(expression: str) -> list[list[int]]:
    """The numbers that each field of a cron expression stands for."""
    from cronsim.cronsim import Field

    parts = zip((Field.MINUTE, Field.HOUR, Field.DAY, Field.MONTH, Field.DOW), expression.upper().split())
    return [sorted(one for one in part.parse(text) if isinstance(one, int)) for part, text in parts]


def _systemd(schedule: Schedule, words: list[str], folder: Path, now: datetime) -> Exported:
    name = f"aml-{schedule.name}"
    listed = ",".join(f"{minute:02}" for minute in minutes(schedule))
    service = (
        f"[Unit]\nDescription=aml schedule {schedule.name}\n\n[Service]\nType=oneshot\n"
        f"WorkingDirectory={_percent(str(folder))}\nExecStart={' '.join(_quoted(word) for word in words)}\n"
    )
    timer = (
        f"[Unit]\nDescription=Check whether the schedule {schedule.name} is due\n\n[Timer]\nOnCalendar=*:{listed}\n"
        "AccuracySec=1s\nPersistent=true\n\n[Install]\nWantedBy=timers.target\n"
    )
    notes = [
        f"Put both into ~/.config/systemd/user/, then: systemctl --user enable --now {name}.timer",
        "To run while nobody is logged in: loginctl enable-linger",
    ]
    return Exported({f"{name}.service": service, f"{name}.timer": timer}, notes)


def _percent(text: str) -> str:
    return text.replace("%", "%%")


def _quoted(word: str) -> str:
    """A word of ExecStart: systemd has quotes of its own, and reads % and $."""
    text = _percent(word).replace("\\", "\\\\").replace('"', '\\"').replace("$", "$$")
    return f'"{text}"' if any(one in text for one in " \t'\"\\;") else text


def _cron(schedule: Schedule, words: list[str], folder: Path, now: datetime) -> Exported:
    listed = ",".join(str(minute) for minute in minutes(schedule))
    # In a crontab % ends the command.
    command = f"cd {shlex.quote(str(folder))} && {shlex.join(words)}".replace("%", "\\%")
    return Exported({"crontab": f"{listed} * * * * {command}\n"}, ["Add the line with: crontab -e"])


def _task_scheduler(schedule: Schedule, words: list[str], folder: Path, now: datetime) -> Exported:
    import subprocess

    day = now.date().isoformat()
    triggers = "".join(
        f"    <TimeTrigger>\n      <Repetition><Interval>PT1H</Interval></Repetition>\n"
        f"      <StartBoundary>{day}T00:{minute:02}:00</StartBoundary>\n      <Enabled>true</Enabled>\n"
        "    </TimeTrigger>\n"
        for minute in minutes(schedule)
    )
    text = (
        '<?xml version="1.0" encoding="UTF-16"?>\n'
        '<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">\n'
        f"  <RegistrationInfo><Description>aml schedule {escape(schedule.name)}</Description></RegistrationInfo>\n"
        f"  <Triggers>\n{triggers}  </Triggers>\n"
        "  <Settings>\n    <MultipleInstancesPolicy>IgnoreNew</MultipleInstancesPolicy>\n"
        "    <StartWhenAvailable>true</StartWhenAvailable>\n    <ExecutionTimeLimit>PT0S</ExecutionTimeLimit>\n"
        "  </Settings>\n"
        f"  <Actions>\n    <Exec>\n      <Command>{escape(words[0])}</Command>\n"
        f"      <Arguments>{escape(subprocess.list2cmdline(words[1:]))}</Arguments>\n"
        f"      <WorkingDirectory>{escape(str(folder))}</WorkingDirectory>\n    </Exec>\n  </Actions>\n</Task>\n"
    )
    file = f"aml-{schedule.name}.xml"
    return Exported({file: text}, [f"Save it as UTF-16, then: schtasks /Create /TN aml-{schedule.name} /XML {file}"])


def _github(schedule: Schedule, words: list[str], folder: Path, now: datetime) -> Exported:
    """GitHub has no memory of the last run, so the times themselves go into the workflow, in UTC."""
    lines, notes = _utc(schedule, now)
    crons = "".join(f'    - cron: "{line}"\n' for line in lines)
    text = (
        f"name: {schedule.name}\non:\n  schedule:\n{crons}  workflow_dispatch:\npermissions:\n  contents: read\n"
        f"jobs:\n  run:\n    runs-on: ubuntu-latest\n    steps:\n      - uses: {_CHECKOUT}\n"
        f"        with:\n          persist-credentials: false\n      - uses: {_UV}\n"
        f"      - run: {shlex.join(['uv', 'run', 'aml', *words[1:]])}\n"
    )
    notes.append("GitHub starts it some minutes late, and stops after 60 days without a commit.")
    return Exported({f".github/workflows/{schedule.name}.yml": text}, notes)


def _utc(schedule: Schedule, now: datetime) -> tuple[list[str], list[str]]:
    trigger = schedule.trigger
    if isinstance(trigger, OnChange):
        raise AmlError("--to github: GitHub cannot watch the data", hint="Use systemd, cron or taskscheduler.")
    if isinstance(trigger, Recurrence) and trigger.interval > 1 and trigger.frequency not in ("minute", "hour"):
        message = f"--to github: cron cannot express every {trigger.interval} {trigger.frequency}s"
        raise AmlError(message, file=schedule.source.file, field="trigger.interval", hint="Write interval: 1.")
    if isinstance(trigger, Recurrence) and trigger.frequency == "minute":
        return [f"*/{trigger.interval} * * * *"], []
    if isinstance(trigger, Recurrence) and trigger.frequency == "hour":
        minute = 0 if schedule.start is None else schedule.start.minute
        return [f"{minute} */{trigger.interval} * * *"], []
    if isinstance(trigger, Cron) and schedule.time_zone.upper() == "UTC":
        return [trigger.expression], []
    year = list(zip(range(2000), times.fires(schedule, now)))
    offset = now.astimezone(time_zones.zone(schedule.time_zone)).utcoffset() or timedelta(0)
    # The offset of now for the whole year: cron has one time for summer and winter.
    moments = [one.replace(tzinfo=None) - offset for _, one in year]
    if not moments:
        raise AmlError("--to github: the schedule no longer fires", file=schedule.source.file)
    clocks = sorted({(one.hour, one.minute) for one in moments})
    if isinstance(trigger, Recurrence) and trigger.frequency == "month":
        if any(day in (-1, 29, 30, 31) for day in trigger.month_days):
            raise AmlError("--to github: cron cannot express the last days of a month", file=schedule.source.file)
        days = ",".join(str(day) for day in sorted({one.day for one in moments}))
        rest = f"{days} * *"
    else:
        week = sorted({(one.weekday() + 1) % 7 for one in moments})
        rest = "* * *" if len(week) == len(WEEK_DAYS) else f"* * {','.join(str(day) for day in week)}"
        if isinstance(trigger, Cron) and trigger.expression.split()[2:4] != ["*", "*"]:
            raise AmlError("--to github: days of a month in another zone than UTC", hint="Write time_zone: UTC.")
    zone = time_zones.zone(schedule.time_zone)
    shifts = {datetime(now.year, month, 1, tzinfo=timezone.utc).astimezone(zone).utcoffset() for month in (1, 7)}
    notes = (
        ["GitHub's times are UTC: after the next daylight saving change it runs an hour off."]
        if len(shifts) > 1
        else []
    )
    return [f"{minute} {hour} {rest}" for hour, minute in clocks], notes
