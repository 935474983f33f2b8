"""A schedule in Azure ML v2's vocabulary: a trigger, and the pipeline that it submits (reference-yaml-schedule.md)."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Literal, Union

from amlrun.dataclass import dataclass, field
from amlrun.spec.pipeline import Source

Frequency = Literal["minute", "hour", "day", "week", "month"]
WEEK_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
LAST_DAY = -1


@dataclass
class Cron:
    """`type: cron`: five fields."""

    expression: str
    type: Literal["cron"] = "cron"


@dataclass
class Recurrence:
    """`type: recurrence`: every `interval` of `frequency`, at `hours` and `minutes` where they are given."""

    frequency: Frequency
    interval: int = 1
    hours: list[int] = field(default_factory=list)
    minutes: list[int] = field(default_factory=list)
    week_days: list[str] = field(default_factory=list)
    month_days: list[int] = field(default_factory=list)
    type: Literal["recurrence"] = "recurrence"


@dataclass
class OnChange:
    """v1's trigger by data: `path` of `datastore` is looked at every `polling_minutes`; `parameter` gets its path."""

    datastore: str
    path: str = ""
    polling_minutes: int = 5
    parameter: str | None = None
    type: Literal["on_change"] = "on_change"


Trigger = Union[Cron, Recurrence, OnChange]


@dataclass
class Schedule:
    """A schedule. `job` is a pipeline's file, or the name of a job that the workspace has (`azureml:NAME`).

    `start` and `end` are wall-clock times in `time_zone`, a Windows name as Azure ML has it. `settings` is laid over
    the pipeline, as pairs of `--set`: key and YAML text. A v1 file names no pipeline: `job` is None.
    """

    name: str
    trigger: Trigger
    job: Path | str | None = None
    time_zone: str = "UTC"
    start: datetime | None = None
    end: datetime | None = None
    display_name: str | None = None
    description: str | None = None
    tags: dict[str, str] = field(default_factory=dict)
    settings: list[tuple[str, str]] = field(default_factory=list)
    experiment_name: str | None = None
    source: Source = field(default_factory=lambda: Source(Path()), compare=False, repr=False)
