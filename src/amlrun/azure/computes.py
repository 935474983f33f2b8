"""Compute of a workspace: clusters and compute instances, made with azure-ai-ml, read with plain calls."""

from __future__ import annotations

from typing import Any

from amlrun.azure.client import Client
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
    }
    return {key: value for key, value in record.items() if value is not None}


def create_cluster(
    client: Client,
    name: str,
    *,
    size: str,
    min_nodes: int,
    max_nodes: int,
    idle_seconds: int,
    low_priority: bool,
    description: str | None,
    tags: dict[str, str],
    wait: bool,
) -> dict[str, Any]:
    """Make (or change) a cluster; with `wait` until the service says that it is there. Raises AmlError."""
    with client.transport.call("import azure-ai-ml"):
        from azure.ai.ml.entities import AmlCompute
    cluster = AmlCompute(
        name=name,
        size=size,
        min_instances=min_nodes,
        max_instances=max_nodes,
        idle_time_before_scale_down=idle_seconds,
        tier="low_priority" if low_priority else "dedicated",
        description=description,
        tags=tags or None,
    )
    return _create(client, cluster, wait)


def create_instance(
    client: Client, name: str, *, size: str, description: str | None, tags: dict[str, str], wait: bool
) -> dict[str, Any]:
    """Make a compute instance; with `wait` until it runs. Raises AmlError."""
    with client.transport.call("import azure-ai-ml"):
        from azure.ai.ml.entities import ComputeInstance
    return _create(client, ComputeInstance(name=name, size=size, description=description, tags=tags or None), wait)


def _create(client: Client, compute: Any, wait: bool) -> dict[str, Any]:
    doing = f"create the compute target {compute.name}"
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


def power(client: Client, name: str, verb: str, *, wait: bool = True) -> dict[str, Any]:
    """`start`, `stop` or `restart` a compute instance. Raises AmlError."""
    _long(client, f"{verb} the compute instance {name}", f"begin_{verb}", name, wait)
    return show(client, name)


def _long(client: Client, doing: str, method: str, name: str, wait: bool) -> None:
    with client.transport.call(doing, _PATIENCE if wait else None):
        poller = getattr(client.ml.compute, method)(name)
    _finish(client, poller, doing, wait)
