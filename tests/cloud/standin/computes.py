"""Compute targets, and the long operations that make them."""

from __future__ import annotations

import uuid
from typing import Any

from standin import schema, shapes
from standin.exchange import Reply
from standin.plane import _HERE, Plane, Query, Refusal, Workspace, _json, check_members


def put_compute(plane: Plane, ws: Workspace, query: Query, body: Any, name: str) -> Reply:
    said = check_members(body, schema.COMPUTE, "Compute")
    ws.computes[name] = said
    return _json(201, shapes.compute(ws.root, name, said, "Creating"), _operation(ws))


def _operation(ws: Workspace) -> dict[str, str]:
    guid = str(uuid.uuid4())
    ws.operations[guid] = 0
    scope = f"{ws.root.split('/resourceGroups')[0]}/providers/Microsoft.MachineLearningServices"
    where = f"{scope}/locations/{shapes.REGION}/computeOperationsStatus/{ws.name}.{guid}"
    return {"Azure-AsyncOperation": f"https://management.azure.com{where}?api-version=2023-08-01-preview&service=new"}


def operation(plane: Plane, ws: None, query: Query, body: Any, name: str, guid: str) -> Reply:
    """Seen in progress once, then done."""
    owner = plane.workspaces[name]
    owner.operations[guid] += 1
    return _json(200, {"status": "InProgress" if owner.operations[guid] == 1 else "Succeeded"})


def get_compute(plane: Plane, ws: Workspace, query: Query, body: Any, name: str) -> Reply:
    if name not in ws.computes:
        raise Refusal(404, "ComputeNotFound", f"The compute {name} was not found.")
    return _json(200, shapes.compute(ws.root, name, ws.computes[name], "Succeeded"))


def list_computes(plane: Plane, ws: Workspace, query: Query, body: Any) -> Reply:
    found = [shapes.compute(ws.root, name, said, "Succeeded") for name, said in ws.computes.items()]
    return _json(200, {"value": found})


def delete_compute(plane: Plane, ws: Workspace, query: Query, body: Any, name: str) -> Reply:
    get_compute(plane, ws, query, body, name)
    del ws.computes[name]
    return Reply(202, b"", _operation(ws))


def power(plane: Plane, ws: Workspace, query: Query, body: Any, name: str, verb: str) -> Reply:
    get_compute(plane, ws, query, body, name)
    ws.computes[name].setdefault("properties", {})["state"] = "Running" if verb == "start" else "Stopped"
    return Reply(202, b"", _operation(ws))


ROUTES: list[Any] = [
    ("arm", "PUT", "/computes/([^/]+)", "computes", put_compute),
    ("arm", "GET", f"{_HERE}/locations/[^/]+/computeOperationsStatus/([^/.]+)\\.([^/]+)", "computes", operation),
    ("arm", "GET", "/computes/([^/]+)", "computes", get_compute),
    ("arm", "GET", "/computes", "computes", list_computes),
    ("arm", "DELETE", "/computes/([^/]+)", "computes", delete_compute),
    ("arm", "POST", "/computes/([^/]+)/(start|stop)", "computes", power),
]
