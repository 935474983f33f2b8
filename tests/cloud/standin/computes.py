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
    ws.compute_identities[name] = _identity(body.get("identity"))
    return _json(201, shapes.compute(ws.root, name, said, "Creating"), _operation(ws))


def _identity(asked: Any) -> Any:
    """What the service says of an identity: it adds the ids by which Microsoft Entra knows it."""
    if not asked or str(asked.get("type")).lower() == "none":
        return None
    given = {key: {"principalId": "p", "clientId": "c"} for key in asked.get("userAssignedIdentities") or {}}
    return {"type": asked["type"], "principalId": "p", "tenantId": "t", "userAssignedIdentities": given or None}


def _shape(ws: Workspace, name: str) -> dict[str, Any]:
    shape = shapes.compute(ws.root, name, ws.computes[name], "Succeeded")
    shape["properties"]["properties"] |= ws.capacity.get(name, {})
    identity = ws.compute_identities.get(name)
    return {**shape, "identity": identity} if identity else shape


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
    return _json(200, _shape(ws, name))


def list_computes(plane: Plane, ws: Workspace, query: Query, body: Any) -> Reply:
    return _json(200, {"value": [_shape(ws, name) for name in ws.computes]})


def delete_compute(plane: Plane, ws: Workspace, query: Query, body: Any, name: str) -> Reply:
    get_compute(plane, ws, query, body, name)
    action = query.get("underlyingResourceAction")
    own = ws.computes[name].get("computeType") in ("AmlCompute", "ComputeInstance")
    if action != ("Delete" if own else "Detach"):
        raise Refusal(400, "BadRequest", f"The compute {name} does not support the action {action}.")
    del ws.computes[name]
    return Reply(202, b"", _operation(ws))


def power(plane: Plane, ws: Workspace, query: Query, body: Any, name: str, verb: str) -> Reply:
    get_compute(plane, ws, query, body, name)
    ws.computes[name].setdefault("properties", {})["state"] = "Running" if verb == "start" else "Stopped"
    return Reply(202, b"", _operation(ws))


def nodes(plane: Plane, ws: Workspace, query: Query, body: Any, name: str) -> Reply:
    get_compute(plane, ws, query, body, name)
    found = [
        {"nodeId": f"tvmps_{number}_d", "privateIpAddress": f"10.0.0.{number + 4}", "port": 50000 + number,
         "nodeState": "running" if run else "idle", "runId": run, "publicIpAddress": None}
        for number, run in enumerate(ws.nodes.get(name, []))
    ]  # fmt: skip
    return _json(200, {"nodes": found})


def sizes(plane: Plane, ws: None, query: Query, body: Any) -> Reply:
    shared = {"osVhdSizeMB": 1047552, "maxResourceVolumeMB": 14336, "premiumIO": True, "lowPriorityCapable": True}
    both = {"supportedComputeTypes": ["AmlCompute", "ComputeInstance"]}
    found = [
        {"name": "Standard_DS3_v2", "family": "standardDSv2Family", "vCPUs": 4, "gpus": 0, "memoryGB": 14.0, **both},
        {"name": "Standard_NC6s_v3", "family": "standardNCSv3Family", "vCPUs": 6, "gpus": 1, "memoryGB": 112.0,
         "supportedComputeTypes": ["AmlCompute"]},
    ]  # fmt: skip
    return _json(200, {"value": [{**shared, **one} for one in found]})


def usages(plane: Plane, ws: None, query: Query, body: Any) -> Reply:
    name = {"value": "standardDSv2Family", "localizedValue": "Standard DSv2 Family Cluster Dedicated vCPUs"}
    one = {"id": "u", "type": "u", "unit": "Count", "currentValue": 24, "limit": 24, "name": name}
    return _json(200, {"value": [one]})


_LOCATION = r"/subscriptions/[^/]+/providers/Microsoft\.MachineLearningServices/locations/[^/]+"

ROUTES: list[Any] = [
    ("arm", "PUT", "/computes/([^/]+)", "computes", put_compute),
    ("arm", "GET", f"{_HERE}/locations/[^/]+/computeOperationsStatus/([^/.]+)\\.([^/]+)", "computes", operation),
    ("arm", "GET", "/computes/([^/]+)", "computes", get_compute),
    ("arm", "GET", "/computes", "computes", list_computes),
    ("arm", "DELETE", "/computes/([^/]+)", "computes", delete_compute),
    ("arm", "POST", "/computes/([^/]+)/(start|stop)", "computes", power),
    ("arm", "POST", "/computes/([^/]+)/listNodes", "computes read", nodes),
    ("arm", "GET", f"{_LOCATION}/vmSizes", "computes read", sizes),
    ("arm", "GET", f"{_LOCATION}/usages", "computes read", usages),
]
