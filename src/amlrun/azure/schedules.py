"""Schedules of a workspace, by azure-ai-ml's operations where they make something and plain ARM where they read."""

from __future__ import annotations

import io
import json
from typing import Any

from amlrun.azure.client import Client
from amlrun.errors import AmlError
from amlrun.spec.schedule import Cron, OnChange, Schedule

VERSION = "2023-06-01-preview"


def create(client: Client, schedule: Schedule, job: dict[str, Any] | str) -> dict[str, Any]:
    """Create a schedule, or change the one of that name; `job` is the pipeline's YAML tree or `azureml:NAME`.

    Raises AmlError, also for a trigger by data, which a workspace does not have.
    """
    if isinstance(schedule.trigger, OnChange):
        hint = "Run it here: aml schedule run FILE --due"
        raise AmlError("v2 has no data-change trigger", file=schedule.source.file, line=1, hint=hint)
    with client.transport.call("import azure-ai-ml"):
        from azure.ai.ml import load_job
        from azure.ai.ml.entities import CronTrigger, JobSchedule, RecurrencePattern, RecurrenceTrigger

        schedules = client.ml.schedules  # from here on the package says nothing of its own
    with client.transport.call(f"create the schedule {schedule.name}"):
        trigger, times = schedule.trigger, {"time_zone": schedule.time_zone}
        for key, moment in (("start_time", schedule.start), ("end_time", schedule.end)):
            if moment is not None:
                times[key] = moment.isoformat(timespec="seconds")
        if isinstance(trigger, Cron):
            made: Any = CronTrigger(expression=trigger.expression, **times)
        else:
            at = {key: getattr(trigger, key) for key in ("hours", "minutes", "week_days", "month_days")}
            pattern = (
                RecurrencePattern(**{key: value or None for key, value in at.items()}) if any(at.values()) else None
            )
            made = RecurrenceTrigger(frequency=trigger.frequency, interval=trigger.interval, schedule=pattern, **times)
        entity = JobSchedule(
            name=schedule.name,
            trigger=made,
            create_job=job if isinstance(job, str) else load_job(io.StringIO(json.dumps(job))),
            display_name=schedule.display_name,
            description=schedule.description,
            tags=schedule.tags or None,
        )
        schedules.begin_create_or_update(entity).result()
    return show(client, schedule.name)


def list_schedules(client: Client) -> list[dict[str, Any]]:
    """Every schedule of the workspace as a record. Raises AmlError."""
    found = client.pages("list the schedules", "/schedules", VERSION, params={"listViewType": "All"})
    return [_record(one) for one in found]


def show(client: Client, name: str) -> dict[str, Any]:
    """One schedule. Raises AmlError when there is none of that name."""
    return _record(client.arm(f"read the schedule {name}", "GET", f"/schedules/{name}", VERSION))


def switch(client: Client, name: str, *, on: bool) -> dict[str, Any]:
    """Enable or disable a schedule; its record after that. Raises AmlError."""
    doing = f"{'enable' if on else 'disable'} the schedule {name}"
    found = client.arm(doing, "GET", f"/schedules/{name}", VERSION)
    properties = {**(found.get("properties") or {}), "isEnabled": on}
    properties.pop("provisioningState", None)
    client.arm(doing, "PUT", f"/schedules/{name}", VERSION, body={"properties": properties})
    return show(client, name)


def delete(client: Client, name: str) -> None:
    """Delete a schedule; the service wants it disabled before. Raises AmlError."""
    if show(client, name)["enabled"]:
        switch(client, name, on=False)
    client.arm(f"delete the schedule {name}", "DELETE", f"/schedules/{name}", VERSION)


def trigger(client: Client, name: str) -> str:
    """Run a schedule's job once, now; the job's name. Raises AmlError."""
    from datetime import datetime, timezone

    body = {"scheduleTime": datetime.now(timezone.utc).isoformat()}
    doing, below = f"trigger the schedule {name}", f"/schedules/{name}/trigger"
    reply = client.arm(doing, "POST", below, "2024-01-01-preview", body=body)
    return str((reply or {}).get("submissionId") or (reply or {}).get("jobName") or "")


def _record(found: dict[str, Any]) -> dict[str, Any]:
    properties = found.get("properties") or {}
    trigger, action = properties.get("trigger") or {}, properties.get("action") or {}
    every = f"every {trigger.get('interval')} {str(trigger.get('frequency') or '').lower()}"
    return {
        "name": found.get("name"),
        "enabled": bool(properties.get("isEnabled")),
        "trigger": trigger.get("expression") or every,
        "time_zone": trigger.get("timeZone") or "UTC",
        "start_time": trigger.get("startTime"),
        "end_time": trigger.get("endTime"),
        "state": properties.get("provisioningState"),
        "display_name": properties.get("displayName"),
        "description": properties.get("description"),
        "experiment": (action.get("jobDefinition") or {}).get("experimentName"),
    }
