"""Managed online endpoints: kept, and scored for real with the deployment's own code and model.

The environment is not built: score.py runs with the interpreter of the tests, through the runner's own harness. One
whose `init()` raises makes a deployment that failed, as a container that crashes does.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import uuid
from pathlib import Path
from typing import Any

from standin import schema, shapes
from standin.endpoint_kinds import Kind, check_model, fetch, operation_of
from standin.executor import Job
from standin.handlers import _HERE, ROUTES
from standin.network import Reply, Request
from standin.plane import Plane, Refusal, Workspace, _json, check_members

DOMAIN = f".{shapes.REGION}.inference.ml.azure.com"
KEY = "standin-endpoint-key"
TOKEN = "standin-endpoint-token"  # noqa: S105 - it opens nothing
HARNESS = Path(__file__).resolve().parents[3] / "src" / "amlrun" / "workers" / "score_once.py"
ANY = schema.ANY
ENDPOINT = dict.fromkeys(("authMode", "description", "keys", "properties", "traffic", "mirrorTraffic", "compute"), ANY)
ENDPOINT["publicNetworkAccess"] = ANY
PROBE = dict.fromkeys(("failureThreshold", "initialDelay", "period", "successThreshold", "timeout"), ANY)
DEPLOYMENT: schema.Schema = {
    **dict.fromkeys(("description", "environmentId", "environmentVariables", "properties", "appInsightsEnabled"), ANY),
    **dict.fromkeys(("endpointComputeType", "instanceType", "model", "modelMountPath", "dataCollector"), ANY),
    **dict.fromkeys(("egressPublicNetworkAccess", "privateNetworkConnection", "readinessProbe"), ANY),
    "codeConfiguration": {"codeId": ANY, "scoringScript": ANY},
    "livenessProbe": PROBE,
    "requestSettings": dict.fromkeys(("maxConcurrentRequestsPerInstance", "maxQueueWait", "requestTimeout"), ANY),
    "scaleSettings": {"scaleType": ANY},
}
schema.VERSIONS |= {
    "endpoints": {"2022-02-01-preview", "2023-04-01-preview", "2024-01-01-preview", "2022-05-01"},
    "deployments": {"2023-04-01-preview", "2024-01-01-preview", "2022-02-01-preview"},
}


def _shape(ws: Workspace, name: str) -> dict[str, Any]:
    held = KIND.held(ws)[name]
    address = f"https://{name}{DOMAIN}"
    return {
        "id": f"{ws.root}/onlineEndpoints/{name}", "name": name, "location": shapes.REGION, "kind": "Managed",
        "type": "Microsoft.MachineLearningServices/workspaces/onlineEndpoints", "systemData": shapes.system_data(),
        "tags": held["tags"], "identity": {"type": "SystemAssigned", "principalId": "0", "tenantId": "0"},
        "properties": {
            "properties": {}, "traffic": {}, **held["said"], "provisioningState": "Succeeded",
            "scoringUri": f"{address}/score", "swaggerUri": f"{address}/swagger.json",
        },
    }  # fmt: skip


KIND = Kind("endpoints", _shape)


def put_endpoint(plane: Plane, ws: Workspace, query: Any, body: Any, name: str) -> Reply:
    said = check_members(body, ENDPOINT, "OnlineEndpoint")
    traffic = said.get("traffic") or {}
    keys = {"Primary": KEY, "Secondary": f"{KEY}-2"}
    there = KIND.held(ws).setdefault(name, {"deployments": {}, "log": [], "keys": keys})
    able = [one for one, held in there["deployments"].items() if held["state"] == "Succeeded"]
    strangers = [one for one in traffic if one not in able]
    if strangers:
        raise Refusal(400, "UserError", f"traffic names deployments that can't take it: {strangers}")
    there |= {"said": said, "tags": body.get("tags") or {}}
    return _json(201, _shape(ws, name), operation_of(ws, name))


def _takes(ws: Workspace, name: str, mode: str) -> dict[str, Any]:
    there = KIND.endpoint(ws, name)
    if there["said"]["authMode"] != mode:
        raise Refusal(400, "UserError", f"The endpoint's auth mode is {there['said']['authMode']}.")
    return there


def list_keys(plane: Plane, ws: Workspace, query: Any, body: Any, name: str) -> Reply:
    keys = _takes(ws, name, "Key")["keys"]
    return _json(200, {"primaryKey": keys["Primary"], "secondaryKey": keys["Secondary"]})


def regenerate(plane: Plane, ws: Workspace, query: Any, body: Any, name: str) -> Reply:
    assert set(body) <= {"keyType", "keyValue"}, body
    _takes(ws, name, "Key")["keys"][body["keyType"]] = body.get("keyValue") or f"{KEY}-{uuid.uuid4()}"
    return Reply(202, b"", operation_of(ws, name))


def token(plane: Plane, ws: Workspace, query: Any, body: Any, name: str) -> Reply:
    _takes(ws, name, "AMLToken")
    return _json(200, {"accessToken": TOKEN, "expiryTimeUtc": 1, "refreshAfterTimeUtc": 1, "tokenType": "Bearer"})


def put_deployment(plane: Plane, ws: Workspace, query: Any, body: Any, name: str, deployment: str) -> Reply:
    there = KIND.endpoint(ws, name)
    said = check_members(body, DEPLOYMENT, "ManagedOnlineDeployment")
    check_model(ws, str(said["model"]), said["model"])
    with tempfile.TemporaryDirectory(prefix="standin-endpoint-") as folder:
        result, log = _run(plane, ws, said, Path(folder), b"")
    failed = result.get("stage") in ("import", "init()")
    there["log"] += [*log.splitlines(), *([result["error"]] if failed else [])]
    held = {"said": said, "sku": body.get("sku"), "tags": body.get("tags") or {}}
    there["deployments"][deployment] = {**held, "state": "Failed" if failed else "Succeeded"}
    return _json(201, _deployment(ws, name, deployment), operation_of(ws, name, deployment))


def operation(plane: Plane, _: None, query: Any, body: Any, workspace: str, name: str, deployment: str) -> Reply:
    """How it went: with a deployment as its state says, else well."""
    held = KIND.held(plane.workspaces[workspace]).get(name, {"deployments": {}})["deployments"].get(deployment)
    if held is None or held["state"] == "Succeeded":
        return _json(200, {"status": "Succeeded"})
    crashed = "User container has crashed or terminated. Please see troubleshooting guide."
    return _json(200, {"status": "Failed", "error": {"code": "ResourceNotReady", "message": crashed}})


def _deployment(ws: Workspace, name: str, deployment: str) -> dict[str, Any]:
    held = KIND.deployment(ws, name, deployment)
    return {
        "id": f"{ws.root}/onlineEndpoints/{name}/deployments/{deployment}", "name": deployment, "kind": "Managed",
        "type": "Microsoft.MachineLearningServices/workspaces/onlineEndpoints/deployments",
        "location": shapes.REGION, "systemData": shapes.system_data(), "tags": held["tags"], "sku": held["sku"],
        "properties": {**held["said"], "provisioningState": held["state"]},
    }  # fmt: skip


def get_deployment(plane: Plane, ws: Workspace, query: Any, body: Any, name: str, deployment: str) -> Reply:
    return _json(200, _deployment(ws, name, deployment))


def list_deployments(plane: Plane, ws: Workspace, query: Any, body: Any, name: str) -> Reply:
    return _json(200, {"value": [_deployment(ws, name, one) for one in KIND.endpoint(ws, name)["deployments"]]})


def get_logs(plane: Plane, ws: Workspace, query: Any, body: Any, name: str, deployment: str) -> Reply:
    _deployment(ws, name, deployment)
    lines = KIND.endpoint(ws, name)["log"][-int(body.get("tail") or 500) :]
    return _json(200, {"content": "\n".join([f"Instance status: SystemSetup: Succeeded ({deployment})", *lines])})


def score(plane: Plane, request: Request) -> Reply:
    """One request at an endpoint's own host."""
    from standin import batch

    batched = batch.invoke(plane, request)
    if batched is not None:
        return batched
    name = request.host.removesuffix(DOMAIN)
    ws = next((one for one in plane.workspaces.values() if name in KIND.held(one)), None)
    if ws is None:
        return _json(404, {"message": "no such endpoint"})
    there = KIND.held(ws)[name]
    good = [TOKEN] if there["said"]["authMode"] == "AMLToken" else there["keys"].values()
    if request.headers.get("Authorization") not in [f"Bearer {one}" for one in good]:
        return _json(401, {"message": "key_auth_access_denied"})
    traffic = there["said"].get("traffic") or {}
    if not traffic:
        return _json(404, {"message": "no deployment has traffic"})
    said = there["deployments"][max(traffic, key=lambda one: int(traffic[one]))]["said"]
    with tempfile.TemporaryDirectory(prefix="standin-endpoint-") as folder:
        result, log = _run(plane, ws, said, Path(folder), request.body)
    answer = _answer(result)
    there["log"] += [*log.splitlines(), result.get("error", ""), f"POST /score {answer.status}"]
    return answer


def _answer(result: dict[str, Any]) -> Reply:
    if "error" not in result:
        return _json(result["status"], result["answer"])
    # What the real server's AMLResponse says, where the script refuses by raising.
    refused = "BadRequest: " in result["error"]
    message = result["error"].partition(": ")[2] if refused else "An unexpected error occurred in scoring script."
    return _json(400 if refused else 500, {"message": message})


def _run(plane: Plane, ws: Workspace, said: dict[str, Any], folder: Path, body: bytes) -> tuple[dict[str, Any], str]:
    """What the harness says of one request, and what the script printed."""
    fetch(Job(plane, ws, "endpoint", said), said, str(said["model"]), folder / "code", folder / "model")
    variables = {**os.environ, **(said.get("environmentVariables") or {}), "AZUREML_MODEL_DIR": str(folder / "model")}
    script = folder / "code" / said["codeConfiguration"]["scoringScript"]
    done = subprocess.run(
        [sys.executable, str(HARNESS), str(script)], input=body, cwd=folder / "code", env=variables, capture_output=True
    )
    return json.loads(done.stdout), done.stderr.decode()


_ONE = "/onlineEndpoints/([^/]+)"
ROUTES += [
    ("arm", "PUT", _ONE, "endpoints", put_endpoint),
    ("arm", "GET", _ONE, "endpoints", KIND.get),
    ("arm", "GET", "/onlineEndpoints", "endpoints", KIND.list),
    ("arm", "DELETE", _ONE, "endpoints", KIND.delete),
    ("arm", "POST", f"{_ONE}/listKeys", "endpoints", list_keys),
    ("arm", "POST", f"{_ONE}/regenerateKeys", "endpoints", regenerate),
    ("arm", "POST", f"{_ONE}/token", "endpoints", token),
    ("arm", "GET", f"{_HERE}/locations/[^/]+/mfeOperationsStatus/od:([^:]+):([^:]+):([^:]*)", "deployments", operation),
    ("arm", "GET", f"{_ONE}/deployments", "deployments", list_deployments),
    ("arm", "PUT", f"{_ONE}/deployments/([^/]+)", "deployments", put_deployment),
    ("arm", "GET", f"{_ONE}/deployments/([^/]+)", "deployments", get_deployment),
    ("arm", "POST", f"{_ONE}/deployments/([^/]+)/getLogs", "deployments", get_logs),
]
