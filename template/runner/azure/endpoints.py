"""Managed online endpoints: what `aml model deploy` and `aml service` do in a workspace."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from runner.azure.client import Client
from runner.errors import RunnerError

# A deployment builds an image and waits for machines: up to an hour, in seconds.
PATIENCE = 3600.0
VERSION = "2023-04-01-preview"


def deploy(client: Client, endpoint_file: Path, deployment_file: Path, *, wait: bool, report: Any) -> dict[str, Any]:
    """Create or change the endpoint and its deployment, and send all traffic to it. Raises RunnerError.

    Without `wait` it returns once the service has taken the deployment; the traffic is set at its next update then.
    """
    with client.wire.call("read the endpoint's files"):
        from azure.ai.ml import load_online_deployment, load_online_endpoint

        endpoint, deployment = load_online_endpoint(endpoint_file), load_online_deployment(deployment_file)
    name = str(endpoint.name)
    report(f"Creating the endpoint {name} in {client.workspace.name} …")
    with client.wire.call(f"create the endpoint {name}", PATIENCE):
        client.ml.online_endpoints.begin_create_or_update(endpoint).result()
    report(f"Creating its deployment {deployment.name} on {deployment.instance_type} (this takes minutes) …")
    with client.wire.call(f"create the deployment {deployment.name} of {name}", PATIENCE):
        poller = client.ml.online_deployments.begin_create_or_update(deployment, skip_script_validation=True)
        if wait:
            poller.result()
            endpoint.traffic = {deployment.name: 100}
            client.ml.online_endpoints.begin_create_or_update(endpoint).result()
    return show(client, name)


def show(client: Client, name: str) -> dict[str, Any]:
    """An endpoint in the words that v1 showed a service in. Raises RunnerError when there is none."""
    return _shown(client.arm(f"read the endpoint {name}", "GET", f"/onlineEndpoints/{name}", VERSION))


def listing(client: Client) -> list[dict[str, Any]]:
    """All online endpoints of the workspace."""
    return [_shown(one) for one in client.pages("list the endpoints", "/onlineEndpoints", VERSION)]


def _shown(said: dict[str, Any]) -> dict[str, Any]:
    properties = said.get("properties") or {}
    states = {"Succeeded": "Healthy", "Failed": "Failed"}
    return {
        "name": said.get("name"),
        "computeType": str(said.get("kind") or "Managed").upper(),
        "state": states.get(str(properties.get("provisioningState")), "Transitioning"),
        "scoringUri": properties.get("scoringUri"),
        "swaggerUri": properties.get("swaggerUri"),
        "authMode": properties.get("authMode"),
        "traffic": properties.get("traffic") or {},
        "tags": said.get("tags") or {},
        "description": properties.get("description") or "",
        "models": [],
    }


def logs(client: Client, name: str, lines: int, init: bool) -> str:
    """The newest lines of the deployment that has the most traffic; `init` asks for what its preparation wrote."""
    traffic = show(client, name)["traffic"]
    if not traffic:
        raise RunnerError(f"{name} has no deployment with traffic", hint="Deploy it again: aml model deploy …")
    deployment = max(traffic, key=lambda one: int(traffic[one]))
    body = {"containerType": "StorageInitializer" if init else "InferenceServer", "tail": lines}
    below = f"/onlineEndpoints/{name}/deployments/{deployment}/getLogs"
    return str((client.arm(f"read the log of {name}", "POST", below, VERSION, body=body) or {}).get("content") or "")


def keys(client: Client, name: str) -> dict[str, Any]:
    """The endpoint's keys; with `aml_token` as its way to sign in a token instead."""
    verb = "listKeys" if show(client, name)["authMode"] in ("Key", None) else "token"
    return client.arm(f"read the keys of {name}", "POST", f"/onlineEndpoints/{name}/{verb}", VERSION) or {}


def invoke(client: Client, name: str, body: str) -> tuple[int | None, Any]:
    """Send one request. Returns the status and the answer, or None and why there was none."""
    import requests

    held = keys(client, name)
    secret = held.get("accessToken") or held.get("primaryKey")
    headers = {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"}
    url = show(client, name)["scoringUri"]
    try:
        answer = requests.post(url, data=body.encode(), headers=headers, timeout=100)
    except requests.RequestException as error:
        return None, error
    try:
        return answer.status_code, json.loads(answer.content)
    except ValueError:
        return answer.status_code, answer.text


def delete(client: Client, name: str) -> None:
    """Delete an endpoint with all its deployments. Raises RunnerError when there is none."""
    show(client, name)
    with client.wire.call(f"delete the endpoint {name}", PATIENCE):
        client.ml.online_endpoints.begin_delete(name).result()
