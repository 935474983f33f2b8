"""Compute targets as v2's own YAML (reference-yaml-compute-aml.md, -instance.md, -vm.md, …), from v1's options."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from amlrun.dataclass import dataclass
from amlrun.errors import AmlError
from amlrun.spec.yaml_data import without_empty

_SCHEDULE_ACTIONS = ("start", "stop")
_RESOURCE = re.compile(r"/subscriptions/[^/]+/resourcegroups/[^/]+/providers/[^/]+/[^/]+/[^/]+.*", re.IGNORECASE)
_PROVIDERS = {
    "kubernetes": ("Microsoft.ContainerService/managedClusters or Microsoft.Kubernetes/connectedClusters",
                   r"microsoft\.(containerservice/managedclusters|kubernetes/connectedclusters)/"),
    "synapsespark": ("Microsoft.Synapse/workspaces/NAME/bigDataPools",
                     r"microsoft\.synapse/workspaces/[^/]+/bigdatapools/"),
    "virtualmachine": ("Microsoft.Compute/virtualMachines", r"microsoft\.compute/virtualmachines/"),
}  # fmt: skip


@dataclass(frozen=True)
class Network:
    """A virtual network and its subnet; `group` is its resource group, by default the workspace's."""

    vnet: str | None = None
    subnet: str | None = None
    group: str | None = None

    def tree(self, subscription: str) -> dict[str, str]:
        """v2's `network_settings`. Raises AmlError when only one of the two is named."""
        if not self.vnet and not self.subnet:
            return {}
        if not self.subnet or not (self.vnet or self.subnet.startswith("/")):
            raise AmlError("--vnet-name and --subnet-name are only valid together", hint="Name both.")
        if self.subnet.startswith("/"):
            return {"subnet": self.subnet}
        if not self.group:
            return {"vnet_name": str(self.vnet), "subnet": self.subnet}
        there = f"/subscriptions/{subscription}/resourceGroups/{self.group}/providers/Microsoft.Network"
        return {"subnet": f"{there}/virtualNetworks/{self.vnet}/subnets/{self.subnet}"}


def identity(words: Sequence[str]) -> dict[str, Any]:
    """v2's `identity`: the cluster's own (`[system]`, as v1 wrote it), or user-assigned ones by resource id.

    Raises AmlError for both at once, which v2's clusters refuse, and for what is not a resource id.
    """
    if not words:
        return {}
    named = [word for word in words if word.strip("[]").lower() != "system"]
    if named and len(named) != len(words):
        raise AmlError(
            "identities: [system] and user-assigned identities cannot be combined", hint="Give only one kind."
        )
    if not named:
        return {"type": "system_assigned"}
    for word in named:
        if not _RESOURCE.fullmatch(word):
            raise AmlError(
                f"identities: {word!r} is not a resource id",
                hint="Write [system], or an id: az identity show -g GROUP -n NAME --query id",
            )
    return {"type": "user_assigned", "user_assigned_identities": [{"resource_id": word} for word in named]}


def schedules(start: Sequence[str], stop: Sequence[str], zone: str) -> dict[str, Any]:
    """v2's `schedules` of a compute instance: cron expressions of five fields, each for a start or a stop."""
    found = []
    for action, expressions in zip(_SCHEDULE_ACTIONS, (start, stop)):
        for expression in expressions:
            if len(expression.split()) != 5:
                raise AmlError(
                    f"--{action}-at: {expression!r} is not a cron expression",
                    hint=f"Five fields: minute, hour, day, month, weekday, for instance --{action}-at '0 18 * * 1-5'",
                )
            found.append({"action": action, "trigger": {"type": "cron", "expression": expression, "time_zone": zone}})
    return {"compute_start_stop": found} if found else {}


def attached(kind: str, name: str, resource_id: str, **more: Any) -> dict[str, Any]:
    """An existing compute. Raises AmlError for a resource id of another kind."""
    what, pattern = _PROVIDERS[kind]
    if not _RESOURCE.fullmatch(resource_id) or not re.search(pattern, resource_id, re.IGNORECASE):
        raise AmlError(
            f"--compute-resource-id: {resource_id!r} is not the resource ID of such a compute",
            hint=f"/subscriptions/…/resourceGroups/…/providers/{what}/NAME (the portal shows it under Properties)",
        )
    return without_empty({"type": kind, "name": name, "resource_id": resource_id, **more})


def changed_identities(before: Sequence[str], add: Sequence[str], remove: Sequence[str]) -> list[str]:
    """The user-assigned identities after a change; resource ids are compared without case. Raises AmlError."""
    known = {one.lower(): one for one in before}
    for word in remove:
        if word.lower() not in known:
            there = ", ".join(before) or "none"
            raise AmlError(f"--identities: {word} is not assigned", hint=f"Assigned: {there}.")
        del known[word.lower()]
    return list((known | {word.lower(): word for word in add}).values())
