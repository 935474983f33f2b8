"""Reads v1's schedule YAML (`az ml pipeline create-schedule -y`, SDK v1's `Schedule.load_yaml`) into v2's terms."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from amlrun.errors import AmlError
from amlrun.spec import node as yaml_node
from amlrun.spec import time_zones
from amlrun.spec.node import Node
from amlrun.spec.schedule import WEEK_DAYS, OnChange, Recurrence, Schedule, Trigger
from amlrun.v1.pipeline.file import PipelineFile

_KEYS = ("description", "recurrence", "pipeline_parameters", "wait_for_provisioning", "wait_timeout",
         "continue_on_step_failure", "datastore_name", "path_on_datastore", "polling_interval",
         "data_path_parameter_name")  # fmt: skip
_RECURRENCE = ("frequency", "interval", "start_time", "time_zone", "hours", "minutes", "week_days", "time_of_day")
_FREQUENCIES = ("Minute", "Hour", "Day", "Week", "Month")


def is_v1(root: Node) -> bool:
    """Whether a file's tree is a v1 schedule: everything lies below `Schedule:`."""
    return root.kind == "map" and root.get("Schedule") is not None


# What may be said of the time, its highest number, and with which frequency.
_AT: tuple[tuple[str, int, tuple[str, ...]], ...] = (
    ("hours", 23, ("Day", "Week")),
    ("minutes", 59, ("Day", "Week")),
    ("week_days", 0, ("Week",)),
    ("time_of_day", 0, ("Day", "Week", "Month")),
)


class ScheduleFile(PipelineFile):
    """A v1 schedule while it is read; `schedule` is None for one that cannot be."""

    def __init__(self, file: Path, root: Node) -> None:
        super().__init__(file, root, file.parent, None, exporting=False)
        self.schedule: Schedule | None = None
        with self.gather():
            self.schedule = self._read()

    def _read(self) -> Schedule:
        self.say("Schedule.recurrence", "trigger")
        found = self.section("Schedule", self.root.get("Schedule"), _KEYS)
        made = Schedule(self.file.stem.replace(" ", "_"), self._trigger(found), source=self.source)
        made.description = self.word("Schedule.description", found.get("description"))
        self.say("Schedule.description", "description")
        if "recurrence" in found:
            self._times(made, found["recurrence"])
        for name, value in self.named("Schedule.pipeline_parameters", found.get("pipeline_parameters")).items():
            self.say(f"Schedule.pipeline_parameters.{name}", f"create_job.inputs.{name}")
            made.settings.append((f"inputs.{name}", value.text))
        if "continue_on_step_failure" in found:
            goes_on = self.truth("Schedule.continue_on_step_failure", found["continue_on_step_failure"], False)
            self.say("Schedule.continue_on_step_failure", "create_job.settings.continue_on_step_failure")
            made.settings.append(("settings.continue_on_step_failure", str(goes_on).lower()))
        for key in ("wait_for_provisioning", "wait_timeout"):
            self.say(f"Schedule.{key}", "aml waits until the schedule exists", "ignored")
        return made

    def _trigger(self, found: dict[str, Node]) -> Trigger:
        if "recurrence" in found and "datastore_name" in found:
            raise self.error(
                "Schedule.datastore_name", "cannot be combined with a recurrence: a schedule has one trigger"
            )
        if "recurrence" in found:
            return self._recurrence(found["recurrence"])
        datastore = self.word("Schedule.datastore_name", found.get("datastore_name"))
        if datastore is None:
            hint = "Write recurrence:, or datastore_name: and path_on_datastore: for a run at each change of data."
            raise self.error("Schedule", "has no trigger", hint)
        made = OnChange(datastore, self.word("Schedule.path_on_datastore", found.get("path_on_datastore")) or "")
        made.parameter = self.word("Schedule.data_path_parameter_name", found.get("data_path_parameter_name"))
        if "polling_interval" in found:
            made.polling_minutes = self._number("Schedule.polling_interval", found["polling_interval"], 1)
        for key in ("datastore_name", "path_on_datastore", "polling_interval", "data_path_parameter_name"):
            self.say(f"Schedule.{key}", "v2 has no data-change trigger; here: aml schedule run FILE --due", "local")
        return made

    def _recurrence(self, node: Node) -> Recurrence:
        place = "Schedule.recurrence"
        missing = [key for key in _RECURRENCE if node.kind == "map" and node.get(key) is None]
        if missing:
            self.refused.append(
                self.error(
                    place,
                    f"has no {', '.join(missing)}: v1 requires all eight keys",
                    "Write null for those that are not used.",
                )
            )
        found = self.section(place, node, _RECURRENCE)
        frequency = self.word(f"{place}.frequency", found.get("frequency"))
        if frequency not in _FREQUENCIES:
            raise self.error(f"{place}.frequency", f"expected {', '.join(_FREQUENCIES)}; got {frequency!r}")
        made = Recurrence(frequency.lower())  # type: ignore[arg-type]
        self.say(f"{place}.frequency", f"trigger.frequency: {made.frequency}")
        if "interval" in found:
            made.interval = self._number(f"{place}.interval", found["interval"], 1)
            self.say(f"{place}.interval", "trigger.interval")
        for key, most, allowed in _AT:
            if key not in found:
                continue
            if frequency not in allowed:
                raise self.error(f"{place}.{key}", f"is for {' and '.join(allowed)} only, not for {frequency}")
            self.say(f"{place}.{key}", f"trigger.schedule.{'hours' if key == 'time_of_day' else key}")
            if most:
                setattr(made, key, self._within(f"{place}.{key}", found[key], most))
        made.week_days = self._days(f"{place}.week_days", found.get("week_days"))
        clock = self.word(f"{place}.time_of_day", found.get("time_of_day"))
        if clock is not None:
            if made.hours or made.minutes:
                raise self.error(
                    f"{place}.time_of_day", "cannot be combined with hours or minutes", "Delete one of them."
                )
            made.hours, made.minutes = self._clock(f"{place}.time_of_day", clock)
        if made.hours and not made.minutes:
            made.minutes = [0]
        return made

    def _times(self, made: Schedule, node: Node) -> None:
        place = "Schedule.recurrence"
        zone = self.word(f"{place}.time_zone", node.get("time_zone"))
        if zone is not None:
            if time_zones.iana(zone) is None:
                raise self.error(
                    f"{place}.time_zone", f"{zone!r} is not a time zone of Azure ML", time_zones.suggest(zone)
                )
            made.time_zone = zone
            self.say(f"{place}.time_zone", "trigger.time_zone")
        start = self.word(f"{place}.start_time", node.get("start_time"))
        if start is not None:
            try:
                made.start = datetime.fromisoformat(start)
            except ValueError:
                raise self.error(
                    f"{place}.start_time", f"{start!r} is not a valid time", "2026-01-31T08:00:00"
                ) from None
            if made.start.tzinfo is not None:
                raise self.error(f"{place}.start_time", "has an offset", "Write the local time, and time_zone.")
            self.say(f"{place}.start_time", "trigger.start_time")

    def _number(self, place: str, node: Node, least: int) -> int:
        if isinstance(node.value, bool) or not isinstance(node.value, int) or node.value < least:
            raise self.error(place, f"expected a whole number from {least}, got {node.text!r}")
        return node.value

    def _within(self, place: str, node: Node, most: int) -> list[int]:
        values: Any = node.plain()
        values = values if isinstance(values, list) else [values]
        for value in values:
            if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
                raise self.error(place, f"expected 0 to {most}, got {value!r}")
        return sorted(set(values))

    def _days(self, place: str, node: Node | None) -> list[str]:
        values: Any = [] if node is None else node.plain() or []
        values = values if isinstance(values, list) else [values]
        for value in values:
            if str(value) not in [day.capitalize() for day in WEEK_DAYS]:
                raise self.error(place, f"{value!r} is not a day of the week", "Monday, Tuesday, …")
        return [str(value).lower() for value in values]

    def _clock(self, place: str, text: str) -> tuple[list[int], list[int]]:
        hour, colon, minute = text.partition(":")
        if not (colon and hour.isdigit() and minute.isdigit() and int(hour) < 24 and int(minute) < 60):
            raise self.error(place, f'expected "hh:mm", got {text!r}')
        return [int(hour)], [int(minute)]


def inspect(file: Path, root: Node | None = None) -> ScheduleFile:
    """The v1 schedule in `file` with every mistake. Raises AmlError only for a file that is no YAML."""
    file = file.absolute()
    found = ScheduleFile(file, root or yaml_node.read(file)[0])
    if found.schedule is None and not found.refused:
        found.refused.append(AmlError("is not a v1 schedule", file=file, line=1))
    return found
