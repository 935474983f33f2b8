"""What a workspace can give now: nodes of a cluster, sizes, quota; and so why a job waits.

Plain calls: the nodes, sizes and quotas of azure-ai-ml 1.35 have fields that are all None.
"""

from __future__ import annotations

from typing import Any

from amlrun.azure.client import Client
from amlrun.azure.computes import VERSION
from amlrun.errors import AmlError

_WORKSPACE = "2023-08-01-preview"


def nodes(client: Client, name: str) -> list[dict[str, Any]]:
    """The nodes of a cluster: their state, and the run that each works on. Raises AmlError."""
    answer = client.arm(f"list the nodes of {name}", "POST", f"/computes/{name}/listNodes", VERSION)
    keys = {"node": "nodeId", "state": "nodeState", "run": "runId", "ip": "privateIpAddress", "port": "port"}
    return [{key: one.get(said) for key, said in keys.items()} for one in answer.get("nodes") or []]


def sizes(client: Client, location: str | None, kind: str | None) -> list[dict[str, Any]]:
    """The sizes of machines in a region, by default the workspace's; `kind` is a compute type. Raises AmlError."""
    keys = {"name": "name", "family": "family", "cores": "vCPUs", "memoryGB": "memoryGB", "gpus": "gpus",
            "lowPriority": "lowPriorityCapable"}  # fmt: skip
    return [
        {key: one.get(said) for key, said in keys.items()}
        for one in _of_region(client, "list the sizes of machines", location, "vmSizes")
        if kind is None or kind.lower() in [str(word).lower() for word in one.get("supportedComputeTypes") or []]
    ]


def usage(client: Client, location: str | None = None) -> list[dict[str, Any]]:
    """What is used of each quota of the subscription in a region, by default the workspace's. Raises AmlError."""
    return [
        {"name": (one.get("name") or {}).get("localizedValue"), "used": one.get("currentValue"),
         "limit": one.get("limit"), "unit": one.get("unit")}
        for one in _of_region(client, "list the use of quota", location, "usages")
    ]  # fmt: skip


def _of_region(client: Client, doing: str, location: str | None, what: str) -> list[dict[str, Any]]:
    place = location or str(client.arm(doing, "GET", "", _WORKSPACE).get("location"))
    scope = f"/subscriptions/{client.workspace.subscription_id}/providers/Microsoft.MachineLearningServices"
    answer = client.ask(doing, "GET", f"{scope}/locations/{place}/{what}", VERSION)
    found: list[dict[str, Any]] = answer.get("value") or []
    return found


def why_waiting(client: Client, name: str, wanted: int = 1) -> str:
    """Why a job that wants so many nodes of a compute target waits, as far as the target says; else empty."""
    try:
        resource = client.arm(f"read the compute target {name}", "GET", f"/computes/{name}", VERSION)
    except AmlError:
        return ""
    properties = resource.get("properties") or {}
    inner = properties.get("properties") or {}
    state = str(properties.get("provisioningState") or "")
    if state.lower() not in ("succeeded", ""):
        return f"{name} is {state}"
    if properties.get("computeType") != "AmlCompute":
        state = str(inner.get("state") or "")
        return f"{name} is {state}: start it with aml computetarget computeinstance start -n {name}" if (
            state.lower() == "stopped"
        ) else ""  # fmt: skip
    errors = [str((one.get("error") or one).get("message") or "") for one in inner.get("errors") or []]
    if any(errors):
        return f"{name} cannot get nodes: {' '.join(error for error in errors if error)}"
    return _counts(name, inner, wanted)


def _counts(name: str, inner: dict[str, Any], wanted: int) -> str:
    scale, counts = inner.get("scaleSettings") or {}, inner.get("nodeStateCounts") or {}
    most, now = int(scale.get("maxNodeCount") or 0), int(inner.get("currentNodeCount") or 0)
    busy, target = int(counts.get("runningNodeCount") or 0), int(inner.get("targetNodeCount") or 0)
    if most < wanted:
        more = f"aml computetarget update amlcompute -n {name} --max-nodes {wanted}"
        return f"{name} has a maximum of {most} nodes, and the run needs {wanted}: {more}"
    if str(inner.get("allocationState") or "").lower() == "resizing" or target > now:
        return f"{name} is being resized: {now} of {max(target, wanted)} nodes are ready; this takes some minutes"
    if busy + wanted > most:
        return f"{busy} of at most {most} nodes of {name} are busy with other runs"
    if int(counts.get("unusableNodeCount") or 0):
        return f"{counts['unusableNodeCount']} nodes of {name} are unusable: look at the cluster in the studio"
    return f"{name} has {now} nodes, {busy} of them busy; it adds nodes when it schedules the run"
