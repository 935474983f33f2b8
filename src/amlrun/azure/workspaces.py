"""The workspaces of a subscription, as Azure describes them."""

from __future__ import annotations

from typing import Any

from amlrun.azure.client import Client

VERSION = "2024-10-01-preview"


def show(client: Client) -> dict[str, Any]:
    """The workspace as Azure has it. Raises AmlError when it is not there or not ours to see."""
    doing = f"read the workspace {client.workspace.name}"
    return _record(client.arm(doing, "GET", "", VERSION))


def find(client: Client) -> dict[str, Any] | None:
    """The workspace as Azure has it; None when there is none that this account sees."""
    doing = f"read the workspace {client.workspace.name}"
    resource = client.arm(doing, "GET", "", VERSION, accept=(404,))
    return None if resource is None else _record(resource)


def list_workspaces(client: Client, group: str | None) -> list[dict[str, Any]]:
    """The workspaces of a resource group, else of the whole subscription."""
    scope = f"/subscriptions/{client.workspace.subscription_id}" + (f"/resourceGroups/{group}" if group else "")
    below = "/providers/Microsoft.MachineLearningServices/workspaces"
    return [_record(one) for one in client.pages("list the workspaces", below, VERSION, scope)]


def _record(resource: dict[str, Any]) -> dict[str, Any]:
    properties = resource.get("properties") or {}
    parts = str(resource.get("id") or "").split("/")
    record = {
        "name": resource.get("name"),
        "resourceGroup": parts[4] if len(parts) > 4 else None,
        "subscriptionId": parts[2] if len(parts) > 2 else None,
        "location": resource.get("location"),
        "friendlyName": properties.get("friendlyName"),
        "description": properties.get("description") or None,
        "storageAccount": str(properties.get("storageAccount") or "").rsplit("/", 1)[-1] or None,
        "mlFlowTrackingUri": properties.get("mlFlowTrackingUri"),
        "v1LegacyMode": properties.get("v1LegacyMode"),
    }
    return {key: value for key, value in record.items() if value is not None}
