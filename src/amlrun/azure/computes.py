"""Compute of a workspace: made, changed and attached with azure-ai-ml, read with plain calls."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from amlrun.azure.client import Client
from amlrun.azure.compute_trees import changed_identities
from amlrun.errors import SERVICE, AmlError

VERSION = "2023-08-01-preview"
# Seconds that a creation, a start or a stop may take before the command says "still running" and returns.
_PATIENCE = 1800.0


def list_computes(client: Client) -> list[dict[str, Any]]:
    """Every compute target of the workspace."""
    return [_record(one) for one in client.pages("list the compute targets", "/computes", VERSION)]


def show(client: Client, name: str) -> dict[str, Any]:
    """One compute target. Raises AmlError when there is none."""
    return _record(client.arm(f"read the compute target {name}", "GET", f"/computes/{name}", VERSION))


def _record(resource: dict[str, Any]) -> dict[str, Any]:
    properties = resource.get("properties") or {}
    inner = properties.get("properties") or {}
    scale = inner.get("scaleSettings") or {}
    record = {
        "name": resource.get("name"),
        "type": properties.get("computeType"),
        "state": inner.get("state") or properties.get("provisioningState"),
        "vmSize": inner.get("vmSize"),
        "vmPriority": inner.get("vmPriority"),
        "minNodes": scale.get("minNodeCount"),
        "maxNodes": scale.get("maxNodeCount"),
        "nodes": inner.get("currentNodeCount"),
        "description": properties.get("description"),
        "resourceId": properties.get("resourceId"),
        "namespace": inner.get("namespace"),
        "identity": (resource.get("identity") or {}).get("type"),
        "schedules": (inner.get("schedules") or {}).get("computeStartStop"),
    }
    return {key: value for key, value in record.items() if value is not None}


def create(client: Client, tree: dict[str, Any], *, wait: bool) -> dict[str, Any]:
    """Make (or change, or attach) the compute that `tree`, v2's YAML, describes. Raises AmlError."""
    import io
    import json

    with client.transport.call("import azure-ai-ml"):
        from azure.ai.ml import load_compute

        compute = load_compute(io.StringIO(json.dumps(tree)))
    return _put(client, compute, f"create the compute target {compute.name}", wait)


def update_cluster(client: Client, name: str, changes: dict[str, Any], *, wait: bool) -> dict[str, Any]:
    """Change some settings of a cluster (azure-ai-ml's names); the others stay. Raises AmlError."""
    return _put(client, _with(_cluster(client, name), changes), f"update the compute target {name}", wait)


def set_identities(
    client: Client, name: str, add: Sequence[str], remove: Sequence[str], *, system: bool | None, wait: bool
) -> dict[str, Any]:
    """Change the identities of a cluster: `system` gives it (True) or takes (False) its own. Raises AmlError."""
    with client.transport.call("import azure-ai-ml"):
        from azure.ai.ml.entities import IdentityConfiguration, ManagedIdentityConfiguration
    cluster = _cluster(client, name)
    before = [str(one.resource_id) for one in getattr(cluster.identity, "user_assigned_identities", None) or []]
    ids = [] if system else changed_identities(before, add, remove)
    if system:
        cluster.identity = IdentityConfiguration(type="system_assigned")
    elif ids:
        named = [ManagedIdentityConfiguration(resource_id=one) for one in ids]
        cluster.identity = IdentityConfiguration(type="user_assigned", user_assigned_identities=named)
    else:
        cluster.identity = IdentityConfiguration(type="none")
    return _put(client, cluster, f"update the identities of {name}", wait)


def identities(client: Client, name: str) -> dict[str, Any]:
    """The identities of a compute target as Azure has them; `type` is None without one."""
    resource = client.arm(f"read the compute target {name}", "GET", f"/computes/{name}", VERSION)
    found = resource.get("identity") or {}
    kept = {key: found.get(key) for key in ("principalId", "tenantId", "userAssignedIdentities") if found.get(key)}
    return {"type": found.get("type") or "None", **kept}


def _cluster(client: Client, name: str) -> Any:
    with client.transport.call(f"read the compute target {name}"):
        found = client.ml.compute.get(name)
    if str(found.type).lower() != "amlcompute":
        raise AmlError(f"{name} is a {found.type}: only a cluster (amlcompute) has these settings")
    return found


def _with(compute: Any, changes: dict[str, Any]) -> Any:
    for key, value in changes.items():
        setattr(compute, key, value)
    if compute.min_instances > compute.max_instances:
        raise AmlError(f"--min-nodes: {compute.min_instances} is more than --max-nodes {compute.max_instances}")
    return compute


def _put(client: Client, compute: Any, doing: str, wait: bool) -> dict[str, Any]:
    # Not begin_update: that sends the subnet's id only after a call that fills it in.
    with client.transport.call(doing, _PATIENCE if wait else None):
        poller = client.ml.compute.begin_create_or_update(compute)
    _finish(client, poller, doing, wait)
    return show(client, str(compute.name))


def _finish(client: Client, poller: Any, doing: str, wait: bool) -> None:
    """Wait for a long operation; each poll is bounded by the transport, the whole by `_PATIENCE`."""
    if not wait:
        return
    with client.transport.call(doing, _PATIENCE):
        poller.wait(_PATIENCE)
        if not poller.done():
            raise AmlError(
                f"could not {doing} within {_PATIENCE / 60:.0f} minutes: still running in Azure",
                hint="Check again with: aml computetarget show -n NAME",
                exit_code=SERVICE,
            )
        poller.result()


def delete(client: Client, name: str, *, wait: bool = True) -> None:
    """Delete a compute target. Raises AmlError."""
    _long(client, f"delete the compute target {name}", "begin_delete", name, wait)


def detach(client: Client, name: str, *, wait: bool = True) -> None:
    """Take an attached compute out of the workspace; the machine itself stays. Raises AmlError."""
    _long(client, f"detach {name}", "begin_delete", name, wait, action="Detach")


def power(client: Client, name: str, verb: str, *, wait: bool = True) -> dict[str, Any]:
    """`start`, `stop` or `restart` a compute instance. Raises AmlError."""
    _long(client, f"{verb} the compute instance {name}", f"begin_{verb}", name, wait)
    return show(client, name)


def _long(client: Client, doing: str, method: str, name: str, wait: bool, **more: str) -> None:
    with client.transport.call(doing, _PATIENCE if wait else None):
        poller = getattr(client.ml.compute, method)(name, **more)
    _finish(client, poller, doing, wait)
