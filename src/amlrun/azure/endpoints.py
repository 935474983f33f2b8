"""Managed online endpoints: what `aml model deploy` and `aml service` do in a workspace."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from amlrun.azure.client import Client
from amlrun.errors import SERVICE, AmlError

# A deployment builds an image and waits for machines: up to an hour, in seconds.
PATIENCE = 3600.0
VERSION = "2023-04-01-preview"
# What Azure ML lets a request take at most, in seconds.
_SCORING = 180.0


def deploy(client: Client, endpoint_file: Path, deployment_file: Path, *, wait: bool, report: Any) -> dict[str, Any]:
    """Create or change the endpoint and its deployment, and send all traffic to it. Raises AmlError.

    Without `wait` it returns once the service has taken the deployment; `update` sends the traffic then.
    """
    with client.transport.call("read the endpoint's files"):
        from azure.ai.ml import load_online_deployment, load_online_endpoint

        endpoint, deployment = load_online_endpoint(endpoint_file), load_online_deployment(deployment_file)
    name = str(endpoint.name)
    report(f"Creating the endpoint {name} in {client.workspace.name} …")
    with client.transport.call(f"create the endpoint {name}", PATIENCE):
        if exists(client, name):
            # Without it the requests would reach no deployment until the new one is there.
            endpoint.traffic = client.ml.online_endpoints.get(name).traffic
        finish(client.ml.online_endpoints.begin_create_or_update(endpoint))
    _put(client, deployment, "Creating", wait=wait, report=report)
    if wait:
        _send_traffic(client, name, str(deployment.name))
    return show(client, name)


def update(
    client: Client, name: str, endpoint: dict[str, Any], deployment: dict[str, Any], *, wait: bool, report: Any
) -> dict[str, Any]:
    """Change what is said of an endpoint and of the deployment that answers for it, in v2's vocabulary.

    A deployment that has no traffic yet gets it, if no other has. Raises AmlError when there is none.
    """
    which = _answering(client, name)
    if deployment:
        changed = _merged(client, name, which, deployment)
        _put(client, changed, "Changing", wait=wait, report=report)
    if endpoint:
        with client.transport.call(f"change the endpoint {name}", PATIENCE):
            held = client.ml.online_endpoints.get(name)
            held.tags = {**(held.tags or {}), **endpoint.get("tags", {})}
            held.description = endpoint.get("description", held.description)
            held.auth_mode = endpoint.get("auth_mode", held.auth_mode)
            finish(client.ml.online_endpoints.begin_create_or_update(held))
    shown = show(client, name)
    if shown["traffic"] or not wait:
        return shown
    _send_traffic(client, name, which)
    return show(client, name)


def _put(client: Client, deployment: Any, doing: str, *, wait: bool, report: Any) -> None:
    name, endpoint = deployment.name, deployment.endpoint_name
    report(f"{doing} the deployment {name} of {endpoint} on {deployment.instance_type} (this takes minutes) …")
    try:
        with client.transport.call(f"deploy {name} of {endpoint}", PATIENCE):
            poller = client.ml.online_deployments.begin_create_or_update(deployment, skip_script_validation=True)
            if wait:
                finish(poller)
    except AmlError as error:
        hint = f"{error.hint}\nWhat score.py wrote: aml service get-logs -n {endpoint}".strip()
        raise AmlError(error.message, hint=hint, exit_code=error.exit_code) from error


def _send_traffic(client: Client, name: str, deployment: str) -> None:
    with client.transport.call(f"send traffic to {deployment} of {name}", PATIENCE):
        endpoint = client.ml.online_endpoints.get(name)
        endpoint.traffic = {deployment: 100}
        finish(client.ml.online_endpoints.begin_create_or_update(endpoint))


def finish(poller: Any) -> None:
    """Wait for an operation's end. Raises AmlError with the service's words when it failed."""
    from azure.core.exceptions import HttpResponseError

    try:
        poller.result()
    except HttpResponseError as error:
        # The answer that tells of a failure is itself a good one: status 200.
        told = getattr(error.error, "message", None)
        if told and (error.status_code or 0) < 400:
            raise AmlError(f"{error.error.code}: {told}", exit_code=SERVICE) from error
        raise


def _merged(client: Client, name: str, which: str, resource: dict[str, Any]) -> Any:
    """The deployment as it is, with what is said in place of what was; local paths in `said` are absolute."""
    import tempfile

    from ruamel.yaml import YAML

    yaml = YAML(typ="safe")
    with (
        tempfile.TemporaryDirectory(prefix="aml-endpoint-") as folder,
        client.transport.call(f"read {which} of {name}"),
    ):
        from azure.ai.ml import load_online_deployment

        file = Path(folder) / "deployment.yml"
        client.ml.online_deployments.get(which, name).dump(file)
        held = yaml.load(file.read_text(encoding="utf-8"))
        whole = ("code_configuration", "environment", "model")  # what is new is not mixed with what was
        for key, value in resource.items():
            held[key] = {**held[key], **value} if isinstance(held.get(key), dict) and key not in whole else value
        with file.open("w", encoding="utf-8") as stream:
            yaml.dump(held, stream)
        return load_online_deployment(file)


def show(client: Client, name: str) -> dict[str, Any]:
    """An endpoint in the words that v1 showed a service in. Raises AmlError when there is none."""
    return _with_deployments(client, _read(client, name))


def exists(client: Client, name: str) -> bool:
    """Whether the workspace has an endpoint of that name."""
    below = f"/onlineEndpoints/{name}"
    return client.arm(f"look for the endpoint {name}", "GET", below, VERSION, accept=(404,)) is not None


def _read(client: Client, name: str) -> dict[str, Any]:
    resource = client.arm(f"read the endpoint {name}", "GET", f"/onlineEndpoints/{name}", VERSION, accept=(404,))
    if resource is None:
        if client.arm(f"read the endpoint {name}", "GET", f"/batchEndpoints/{name}", VERSION, accept=(404,)):
            raise AmlError(f"-n: {name} is a batch endpoint", hint="It scores files: aml run submit-batch --ct …")
        where = client.workspace.name
        raise AmlError(f"-n: there is no service {name!r} here or in {where}", hint=f"aml service list -w {where}")
    return _shown(resource)


def list_endpoints(client: Client, *, models: bool = False) -> list[dict[str, Any]]:
    """All endpoints of the workspace; with `models` the online ones' deployments too, a request for each."""
    found = [_shown(one) for one in client.pages("list the endpoints", "/onlineEndpoints", VERSION)]
    if models:
        return [_with_deployments(client, one) for one in found]
    batch = client.pages("list the batch endpoints", "/batchEndpoints", VERSION)
    return [*found, *(_shown({"kind": "Batch", **one}) for one in batch)]


_STATES = {"Succeeded": "Healthy", "Failed": "Failed", "Canceled": "Failed"}


def _shown(resource: dict[str, Any]) -> dict[str, Any]:
    properties = resource.get("properties") or {}
    return {
        "name": resource.get("name"),
        "computeType": str(resource.get("kind") or "Managed").upper(),
        "state": _STATES.get(str(properties.get("provisioningState")), "Transitioning"),
        "scoringUri": properties.get("scoringUri"),
        "swaggerUri": properties.get("swaggerUri"),
        "authMode": properties.get("authMode"),
        "traffic": {key: value for key, value in (properties.get("traffic") or {}).items() if int(value)},
        "tags": resource.get("tags") or {},
        "description": properties.get("description") or "",
        "models": [],
    }


def _with_deployments(client: Client, shown: dict[str, Any]) -> dict[str, Any]:
    """With the deployments; the endpoint is as well as those that get traffic, and Unhealthy when none does."""
    below = f"/onlineEndpoints/{shown['name']}/deployments"
    deployments = {}
    for one in client.pages(f"list the deployments of {shown['name']}", below, VERSION):
        resource = one.get("properties") or {}
        model = "/".join(str(resource.get("model") or "").split("/")[-3::2])
        deployments[str(one.get("name"))] = {
            "state": _STATES.get(str(resource.get("provisioningState")), "Transitioning"),
            "model": model.replace("/", ":"),
            "instanceType": resource.get("instanceType"),
            "instanceCount": (one.get("sku") or {}).get("capacity"),
        }
    answering = [deployments[name]["state"] for name in shown["traffic"] if name in deployments]
    states = answering or [one["state"] for one in deployments.values() if one["state"] != "Healthy"] or ["Unhealthy"]
    if shown["state"] == "Healthy":
        shown["state"] = next((one for one in states if one != "Healthy"), "Healthy")
    models = list(dict.fromkeys(str(one["model"]) for one in deployments.values() if one["model"]))
    return {**shown, "models": models, "deployments": deployments}


def _answering(client: Client, name: str) -> str:
    """The deployment that has the most traffic, else the only one. Raises AmlError when there is none."""
    shown = show(client, name)
    traffic, deployments = shown["traffic"], shown["deployments"]
    if not traffic and len(deployments) != 1:
        what = "several deployments and none with traffic" if deployments else "no deployment"
        raise AmlError(f"{name} has {what}", hint="Deploy it again: aml model deploy … --overwrite")
    return str(max(traffic or deployments, key=lambda one: int(traffic.get(one, 0))))


def logs(client: Client, name: str, lines: int, init: bool) -> str:
    """The newest lines of the deployment that answers; `init` asks for what its preparation wrote."""
    body = {"containerType": "StorageInitializer" if init else "InferenceServer", "tail": lines}
    below = f"/onlineEndpoints/{name}/deployments/{_answering(client, name)}/getLogs"
    return str((client.arm(f"read the log of {name}", "POST", below, VERSION, body=body) or {}).get("content") or "")


def keys(client: Client, name: str) -> dict[str, Any]:
    """The endpoint's two keys. Raises AmlError for an endpoint that takes tokens."""
    mode = _read(client, name)["authMode"]
    if mode not in ("Key", None):
        raise AmlError(f"{name} uses tokens, not keys ({mode})", hint=f"aml service get-access-token -n {name}")
    return _credentials(client, name, "listKeys")


def token(client: Client, name: str) -> dict[str, Any]:
    """A token for the endpoint, with when it ends. Raises AmlError for an endpoint that takes keys."""
    mode = _read(client, name)["authMode"]
    if mode == "Key":
        raise AmlError(f"{name} uses keys, not tokens", hint=f"aml service get-keys -n {name}")
    return _token(client, name, mode)


def _token(client: Client, name: str, mode: str) -> dict[str, Any]:
    if mode == "AADToken":  # the caller's own, as for the workspace
        own = client.credential.get_token("https://ml.azure.com/.default")
        return {"accessToken": own.token, "expiryTimeUtc": own.expires_on, "tokenType": "Bearer"}
    return _credentials(client, name, "token")


def _credentials(client: Client, name: str, verb: str) -> dict[str, Any]:
    below = f"/onlineEndpoints/{name}/{verb}"
    return client.arm(f"read the credentials of {name}", "POST", below, VERSION) or {}


def regenerate(client: Client, name: str, which: str, value: str | None) -> None:
    """Ask for a new key, `Primary` or `Secondary`; `value` is what it is to be. Raises AmlError."""
    keys(client, name)
    body = {"keyType": which, **({"keyValue": value} if value else {})}
    client.arm(f"make a new key for {name}", "POST", f"/onlineEndpoints/{name}/regenerateKeys", VERSION, body=body)


def invoke(client: Client, name: str, body: bytes, content_type: str) -> tuple[int, bytes]:
    """Send one request. Returns the status and the answer's content. Raises AmlError when there was none."""
    from azure.core.rest import HttpRequest

    shown = _read(client, name)
    mode = shown["authMode"]
    held = _credentials(client, name, "listKeys") if mode == "Key" else _token(client, name, mode)
    secret = held.get("accessToken") or held.get("primaryKey")
    headers = {"Authorization": f"Bearer {secret}", "Content-Type": content_type}
    # Once: a scoring script may do more than answer.
    with client.transport.call(f"send the request to {name}", read_timeout=_SCORING):
        answer = client.transport.send(HttpRequest("POST", shown["scoringUri"], headers=headers, content=body))
        return answer.status_code, answer.content


def delete(client: Client, name: str) -> None:
    """Delete an endpoint, online or batch, with all its deployments. Raises AmlError when there is none."""
    batch = client.arm(f"look for {name}", "GET", f"/batchEndpoints/{name}", VERSION, accept=(404,)) is not None
    if not batch:
        _read(client, name)
    with client.transport.call(f"delete the endpoint {name}", PATIENCE):
        finish((client.ml.batch_endpoints if batch else client.ml.online_endpoints).begin_delete(name))
