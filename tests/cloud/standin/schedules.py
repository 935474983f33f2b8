"""Schedules of a workspace: kept as they are sent, and run when a test triggers them."""

from __future__ import annotations

import uuid
from typing import Any

from standin import shapes
from standin.exchange import Reply
from standin.executor import KINDS
from standin.plane import Plane, Query, Refusal, Workspace, _json, check_members
from standin.schema import ANY, JOBS, Schema, unknown

TRIGGER: Schema = dict.fromkeys(
    ("triggerType", "expression", "frequency", "interval", "startTime", "endTime", "timeZone")
)
SCHEDULE: Schema = {
    **dict.fromkeys(("displayName", "description", "tags", "properties", "isEnabled", "action"), ANY),
    "trigger": {**TRIGGER, "schedule": dict.fromkeys(("hours", "minutes", "weekDays", "monthDays"), ANY)},
}


def _held(ws: Workspace) -> dict[str, dict[str, Any]]:
    held: dict[str, dict[str, Any]] = ws.__dict__.setdefault("schedules", {})
    return held


def _one(ws: Workspace, name: str) -> dict[str, Any]:
    if name not in _held(ws):
        raise Refusal(404, "UserError", "not found", [("ScheduleNotFound", f"Schedule {name} not found.")])
    return _held(ws)[name]


def _shape(ws: Workspace, name: str) -> dict[str, Any]:
    return {
        "id": f"{ws.root}/schedules/{name}", "name": name, "systemData": shapes.system_data(),
        "type": "Microsoft.MachineLearningServices/workspaces/schedules",
        "properties": {**_one(ws, name), "provisioningState": "Succeeded"},
    }  # fmt: skip


def put(plane: Plane, ws: Workspace, query: Query, body: Any, name: str) -> Reply:
    said = check_members(body, SCHEDULE, "Schedule")
    action = said.get("action") or {}
    if action.get("actionType") != "CreateJob":
        raise Refusal(400, "UserError", f"no such action: {action.get('actionType')}")
    job = action["jobDefinition"]
    strangers = unknown(job, JOBS["Pipeline"])
    if job.get("jobType") != "Pipeline" or strangers:
        raise Refusal(400, "UserError", f"jobDefinition: {job.get('jobType')} {strangers}")
    created = name not in _held(ws)
    _held(ws)[name] = {"isEnabled": True, **{key: value for key, value in said.items() if value is not None}}
    return _json(201 if created else 200, _shape(ws, name))


def get(plane: Plane, ws: Workspace, query: Query, body: Any, name: str) -> Reply:
    return _json(200, _shape(ws, name))


def list_all(plane: Plane, ws: Workspace, query: Query, body: Any) -> Reply:
    return _json(200, {"value": [_shape(ws, name) for name in _held(ws)]})


def delete(plane: Plane, ws: Workspace, query: Query, body: Any, name: str) -> Reply:
    if _one(ws, name)["isEnabled"]:
        raise Refusal(400, "UserError", f"Schedule {name} is enabled: disable it before it is deleted.")
    del _held(ws)[name]
    return Reply(200)


def trigger(plane: Plane, ws: Workspace, query: Query, body: Any, name: str) -> Reply:
    job = _one(ws, name)["action"]["jobDefinition"]
    made = f"{name}-{uuid.uuid4().hex[:8]}"
    ws.jobs[made] = KINDS["Pipeline"](plane, ws, made, {key: value for key, value in job.items() if value is not None})
    ws.jobs[made].start()
    return _json(200, {"scheduleActionType": "CreateJob", "submissionId": made})


ROUTES: list[Any] = [
    ("arm", "PUT", "/schedules/([^/]+)", "", put),
    ("arm", "GET", "/schedules/([^/]+)", "", get),
    ("arm", "GET", "/schedules", "", list_all),
    ("arm", "DELETE", "/schedules/([^/]+)", "", delete),
    ("arm", "POST", "/schedules/([^/]+)/trigger", "", trigger),
]
