"""Writes a schedule as Azure ML v2's own YAML."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from amlrun.errors import AmlError
from amlrun.spec import node
from amlrun.spec.schedule import Cron, OnChange, Recurrence, Schedule

_SCHEMA = "https://azuremlschemas.azureedge.net/latest/schedule.schema.json"


def tree(schedule: Schedule, folder: Path) -> dict[str, Any]:
    """The schedule as the YAML's plain data, paths relative to `folder`.

    Raises AmlError for what v2 does not have: a trigger by data, a schedule without a pipeline.
    """
    if isinstance(schedule.trigger, OnChange):
        hint = "Run it here: aml schedule run FILE --due, or submit the pipeline from what writes the data."
        raise AmlError("v2 has no data-change trigger", file=schedule.source.file, line=1, hint=hint)
    if schedule.job is None:
        raise AmlError("names no pipeline", file=schedule.source.file, line=1, hint="Name it with --job FILE.")
    found: dict[str, Any] = {"$schema": _SCHEMA, "name": schedule.name}
    found |= {key: getattr(schedule, key) for key in ("display_name", "description", "tags") if getattr(schedule, key)}
    found["trigger"] = _trigger(schedule.trigger)
    if schedule.time_zone != "UTC":
        found["trigger"]["time_zone"] = schedule.time_zone
    for key, moment in (("start_time", schedule.start), ("end_time", schedule.end)):
        if moment is not None:
            found["trigger"][key] = moment.isoformat(timespec="seconds")
    job = schedule.job
    named = job if isinstance(job, str) else Path(os.path.relpath(job, folder)).as_posix()
    found["create_job"] = named if not schedule.settings and not schedule.experiment_name else _job(schedule, named)
    return found


def _trigger(trigger: Cron | Recurrence) -> dict[str, Any]:
    if isinstance(trigger, Cron):
        return {"type": "cron", "expression": trigger.expression}
    found: dict[str, Any] = {"type": "recurrence", "frequency": trigger.frequency, "interval": trigger.interval}
    at = {key: getattr(trigger, key) for key in ("hours", "minutes", "week_days", "month_days")}
    if any(at.values()):
        found["schedule"] = {key: value for key, value in at.items() if value}
    return found


def _job(schedule: Schedule, named: str) -> dict[str, Any]:
    found: dict[str, Any] = {"type": "pipeline", "job": named}
    if schedule.experiment_name:
        found["experiment_name"] = schedule.experiment_name
    for key, text in schedule.settings:
        place = found
        *above, last = key.split(".")
        for part in above:
            place = place.setdefault(part, {})
        place[last] = node.parse(text, schedule.source.file).plain() if text.strip() else text
    return found
