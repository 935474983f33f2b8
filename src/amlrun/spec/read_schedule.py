"""Reads an Azure ML v2 schedule YAML, with file and line in every error, also for what azure-ai-ml lets pass."""

from __future__ import annotations

import json
import re
from datetime import datetime
from pathlib import Path
from typing import Any

from amlrun.errors import AmlError
from amlrun.spec import node as yaml_node
from amlrun.spec import time_zones
from amlrun.spec.node import Node
from amlrun.spec.pipeline import Source
from amlrun.spec.read_pipeline_components import lines_of
from amlrun.spec.read_sections import Sections
from amlrun.spec.schedule import WEEK_DAYS, Cron, Frequency, Recurrence, Schedule, Trigger

_KEYS = ("$schema", "name", "display_name", "description", "tags", "properties", "trigger", "create_job", "is_enabled",
         "id", "creation_context", "provisioning_state")  # fmt: skip
_TRIGGER = ("type", "expression", "frequency", "interval", "schedule", "start_time", "end_time", "time_zone")
_PATTERN = ("hours", "minutes", "week_days", "month_days")
_JOB = ("type", "job", "inputs", "outputs", "settings", "experiment_name", "tags", "compute", "display_name",
        "description", "name")  # fmt: skip
_FREQUENCIES: tuple[Frequency, ...] = ("minute", "hour", "day", "week", "month")
_OFFSET = re.compile(r"(?:Z|[+-]\d\d:?\d\d)$")
# What the reference page of Azure ML says and its client refuses.
_MISNAMED = {"pattern": "schedule", "timezone": "time_zone", "weekdays": "week_days", "monthdays": "month_days"}


def is_schedule(root: Node) -> bool:
    """Whether a file's tree is a v2 schedule."""
    return root.kind == "map" and (root.get("create_job") is not None or root.get("trigger") is not None)


def inspect(
    file: Path, tree: tuple[Node, list[tuple[int, str]]] | None = None
) -> tuple[Schedule | None, list[AmlError]]:
    """The schedule in `file` as far as it can be read, and every mistake. Raises AmlError only for what is no YAML."""
    file = file.absolute()
    root, _ = tree or yaml_node.read(file)
    if root.kind != "map":
        raise AmlError("expected the keys of a schedule", file=file, line=root.line)
    return _Reader(file, root).schedule()


class _Reader(Sections):
    def __init__(self, file: Path, root: Node) -> None:
        super().__init__(file, root)
        self.wrong: list[AmlError] = []

    def schedule(self) -> tuple[Schedule | None, list[AmlError]]:
        try:
            found = self.section("", self.root, _KEYS)
            trigger, times = self._trigger(found)
            made = Schedule(self._needed("name", found), trigger, source=Source(self.file, lines_of(self.root)))
            for key in ("display_name", "description"):
                setattr(made, key, self.word(key, found))
            made.tags = self.words("tags", found)
            self._times(made, times)
            self._job(made, found)
        except AmlError as error:
            return None, [*self.wrong, error]
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,254}", made.name):
            hint = "Start with a letter or digit; then letters, digits, '-' and '_'."
            self._fault("name", f"{made.name!r} is not a valid schedule name", hint)
        return made, self.wrong

    def _fault(self, place: str, message: str, hint: str = "") -> None:
        above = place
        while above and above not in self.lines:
            above = above.rpartition(".")[0]
        self.wrong.append(self.error(place, message, self.lines.get(above, 1), hint))

    def _needed(self, key: str, found: dict[str, Node], place: str = "") -> str:
        value = self.word(key, found, place)
        if not value:
            where = (place or key).rpartition(".")[0]
            raise self.error(place or key, "is missing", self.lines.get(where, self.root.line))
        return value

    def _trigger(self, found: dict[str, Node]) -> tuple[Trigger, dict[str, Node]]:
        if "trigger" not in found:
            hint = 'Write:\ntrigger:\n  type: cron\n  expression: "30 2 * * 1-5"'
            raise self.error("trigger", "is missing", self.root.line, hint)
        parts = self._known("trigger", found["trigger"], _TRIGGER)
        kind = self._needed("type", parts, "trigger.type")
        if kind == "cron":
            for key in ("frequency", "interval", "schedule"):
                if key in parts:
                    raise self.error(f"trigger.{key}", "belongs to type: recurrence", parts[key].line)
            expression = self._needed("expression", parts, "trigger.expression")
            wrong = cron_mistake(expression)
            if wrong:
                hint = "Five fields: minute, hour, day of month, month, day of week (0 is Sunday)."
                self._fault("trigger.expression", wrong, hint)
                expression = "0 0 * * *"
            return Cron(expression), parts
        if kind != "recurrence":
            raise self.error("trigger.type", f"expected cron or recurrence, got {kind!r}", parts["type"].line)
        if "expression" in parts:
            raise self.error("trigger.expression", "belongs to type: cron", parts["expression"].line)
        return self._recurrence(parts), parts

    def _recurrence(self, parts: dict[str, Node]) -> Recurrence:
        frequency = self._needed("frequency", parts, "trigger.frequency").lower()
        if frequency not in _FREQUENCIES:
            message = f"expected {', '.join(_FREQUENCIES)}; got {frequency!r}"
            raise self.error("trigger.frequency", message, parts["frequency"].line)
        made = Recurrence(frequency)
        if "interval" not in parts:
            self._fault("trigger.interval", "is missing", "Write interval: 1 for every one.")
        else:
            made.interval = self.number("interval", parts, "trigger.interval") or 0
            if made.interval < 1:
                self._fault("trigger.interval", "must be at least 1", "Write interval: 1 for every one.")
                made.interval = 1
        if "schedule" not in parts:
            return made
        at = self._known("trigger.schedule", parts["schedule"], _PATTERN)
        for key in ("hours", "minutes"):
            if key not in at:
                self._fault(f"trigger.schedule.{key}", "is missing: hours and minutes are needed both")
        made.hours = self._numbers(at, "hours", 0, 23)
        made.minutes = self._numbers(at, "minutes", 0, 59)
        made.month_days = self._numbers(at, "month_days", 1, 31, more=(-1,))
        made.week_days = [str(word).lower() for word in self._list(at, "week_days")]
        for word in made.week_days:
            if word not in WEEK_DAYS:
                self._fault(
                    "trigger.schedule.week_days", f"{word!r} is not a day of the week", f"{', '.join(WEEK_DAYS)}."
                )
        made.week_days = [word for word in made.week_days if word in WEEK_DAYS]
        for key, wanted in (("week_days", "week"), ("month_days", "month")):
            if key in at and frequency != wanted:
                self._fault(f"trigger.schedule.{key}", f"has no effect with frequency: {frequency}",
                            f"Write frequency: {wanted}.")  # fmt: skip
        if frequency in ("minute", "hour"):
            self._fault("trigger.schedule", f"has no effect with frequency: {frequency}", "Delete it.")
        return made

    def _known(self, key: str, node: Node, known: tuple[str, ...]) -> dict[str, Node]:
        for name, line, _ in node.pairs if node.kind == "map" else ():
            if name in _MISNAMED and _MISNAMED[name] in known:
                raise self.error(f"{key}.{name}", f"unknown key: Azure ML's client calls it {_MISNAMED[name]}", line)
        return self.section(key, node, known)

    def _list(self, found: dict[str, Node], key: str) -> list[Any]:
        node = found.get(key)
        if node is None:
            return []
        value = node.plain()
        return value if isinstance(value, list) else [value]

    def _numbers(
        self, found: dict[str, Node], key: str, least: int, most: int, more: tuple[int, ...] = ()
    ) -> list[int]:
        good = []
        for value in self._list(found, key):
            if isinstance(value, bool) or not isinstance(value, int) or not (least <= value <= most or value in more):
                self._fault(f"trigger.schedule.{key}", f"expected {least} to {most}, got {value!r}")
            else:
                good.append(value)
        return sorted(set(good))

    def _times(self, made: Schedule, parts: dict[str, Node]) -> None:
        name = self.word("time_zone", parts, "trigger.time_zone")
        if name and time_zones.iana(name) is None:
            self._fault("trigger.time_zone", f"{name!r} is not a time zone of Azure ML", time_zones.suggest(name))
        elif name:
            made.time_zone = name
        made.start, made.end = self._time("start_time", parts), self._time("end_time", parts)
        if made.start and made.end and made.end <= made.start:
            self._fault("trigger.end_time", "is not after start_time")

    def _time(self, key: str, parts: dict[str, Node]) -> datetime | None:
        node, place = parts.get(key), f"trigger.{key}"
        if node is None:
            return None
        text = node.text.strip()
        shown = 'Write it in quotes: "2026-01-31T08:00:00"'
        if _OFFSET.search(text) and "T" in text.upper().replace(" ", "T"):
            hint = "Write the local time without an offset, and time_zone."
            self._fault(place, "has an offset, which Azure ML silently drops", hint)
            return None
        try:
            found = datetime.fromisoformat(text)
        except ValueError:
            self._fault(place, f"{text!r} is not a valid time", shown)
            return None
        if len(text) <= 10 or not node.quoted:
            what = "is a date without a time" if len(text) <= 10 else "is not in quotes"
            self._fault(place, f"{what}, which Azure ML's client refuses", shown)
        return found

    def _job(self, made: Schedule, found: dict[str, Node]) -> None:
        if "create_job" not in found:
            raise self.error("create_job", "is missing", self.root.line, "Write create_job: ./pipeline.yml")
        node = found["create_job"]
        if node.kind == "scalar":
            made.job = self._named_job("create_job", node)
            return
        for name, line, _ in node.pairs:
            if name == "jobs":
                hint = "Put the pipeline into a file and name it with job:."
                raise self.error("create_job.jobs", "steps are not allowed here", line, hint)
        parts = self.section("create_job", node, _JOB)
        kind = self.word("type", parts, "create_job.type")
        if kind not in (None, "pipeline"):
            message = f"expected pipeline, got {kind!r}: a schedule runs pipelines only"
            raise self.error("create_job.type", message, parts["type"].line, "Make the job a pipeline with one step.")
        if "job" not in parts:
            raise self.error("create_job.job", "is missing", node.line, "Name the pipeline's file.")
        made.job = self._named_job("create_job.job", parts["job"])
        if isinstance(made.job, str) and kind is None:
            self._fault("create_job.type", "is missing: changes to an existing job need it", "type: pipeline")
        made.experiment_name = self.word("experiment_name", parts, "create_job.experiment_name")
        for key in ("inputs", "settings", "tags"):
            for name, value in self.named(key, parts):
                place = f"{key}.{name}"
                if value.kind == "map" and key == "inputs":
                    made.settings += [(f"{place}.{part}", one.text) for part, _, one in value.pairs]
                elif value.kind == "scalar":
                    text = json.dumps(value.value) if isinstance(value.value, bool) else value.text
                    made.settings.append((place, text))
                else:
                    self._fault(f"create_job.{place}", f"expected a value, got a {value.kind}")

    def _named_job(self, place: str, node: Node) -> Path | str:
        if node.kind != "scalar" or not node.text.strip():
            raise self.error(place, "expected a pipeline's file, or azureml:JOB", node.line)
        text = node.text.strip()
        if text.startswith("azureml:"):
            return text
        file = self.path(place, text, node.line)
        if file.is_dir():
            raise self.error(place, f"{text} is a folder", node.line, "Name the pipeline's YAML file.")
        return file


def cron_mistake(expression: str) -> str:
    """What is wrong with a cron expression for Azure ML; empty when it is right."""
    from cronsim import CronSim, CronSimError

    fields = expression.split()
    if len(fields) != 5:
        return f"expected five fields, got {expression!r}"
    if any(re.search(r"[LW#?]", re.sub(r"(?i)\b(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|sun|mon|tue|wed|"
                                       r"thu|fri|sat)\b", "", one).upper()) for one in fields):  # fmt: skip
        return f"L, W, # and ? are not supported by Azure ML: {expression!r}"
    try:
        CronSim(expression.upper(), datetime(2024, 1, 1))
    except CronSimError as error:
        return f"{error} in {expression!r}"
    return ""
