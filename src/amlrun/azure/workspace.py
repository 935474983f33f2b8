"""Which workspace a command means (V1_CLI §1): flags, then config.json, then az's defaults and the environment."""

from __future__ import annotations

import configparser
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amlrun import workspace as workspace_config
from amlrun.errors import AmlError

if TYPE_CHECKING:
    from amlrun.azure.client import Client

VERSION = "2024-10-01-preview"


@dataclass(frozen=True)
class Workspace:
    """A workspace by name; nothing here says that it exists."""

    subscription_id: str
    resource_group: str
    name: str

    @property
    def arm(self) -> str:
        """Its ARM path."""
        return (
            f"/subscriptions/{self.subscription_id}/resourceGroups/{self.resource_group}"
            f"/providers/Microsoft.MachineLearningServices/workspaces/{self.name}"
        )


def resolve(
    path: Path, *, name: str | None = None, resource_group: str | None = None, subscription_id: str | None = None
) -> Workspace:
    """The workspace that the flags and `path` mean.

    Both -g and -w given: that one, in the subscription of the flag, else of config.json, else of az. Otherwise the
    attached one (its parts replaced by single flags), otherwise az's defaults or a compute instance's variables.
    Raises AmlError telling `folder attach` when there is none.
    """
    attached = workspace_config.discover(path)
    if name and resource_group:
        subscription = subscription_id or (attached and attached.subscription_id) or _subscription()
    elif attached:
        name, resource_group = name or attached.workspace_name, resource_group or attached.resource_group
        subscription = subscription_id or attached.subscription_id
    else:
        defaults = _defaults()
        name = name or defaults.get("workspace") or os.environ.get("AZUREML_ARM_WORKSPACE_NAME")
        resource_group = resource_group or defaults.get("group") or os.environ.get("AZUREML_ARM_RESOURCEGROUP")
        subscription = subscription_id or _subscription()
    if not (name and resource_group and subscription):
        parts = {"workspace": name, "resource group": resource_group, "subscription": subscription}
        missing = ", ".join(part for part, value in parts.items() if not value)
        raise AmlError(
            f"which workspace? No {missing} is known for {path}",
            hint="Attach the folder once: aml folder attach -g GROUP -w WORKSPACE --subscription-id ID",
        )
    return Workspace(subscription, resource_group, name)


def _azure_folder() -> Path:
    return Path(os.environ.get("AZURE_CONFIG_DIR") or Path.home() / ".azure")


def _defaults() -> dict[str, str]:
    """`az configure --defaults group=… workspace=…`, or the variables that az reads for them."""
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read(_azure_folder() / "config", encoding="utf-8-sig")
    except (configparser.Error, OSError, UnicodeDecodeError):
        parser = configparser.ConfigParser()
    said = dict(parser["defaults"]) if parser.has_section("defaults") else {}
    workspace = said.get("workspace") or said.get("workspace_name")
    found = {"group": said.get("group"), "workspace": workspace}
    found["group"] = os.environ.get("AZURE_DEFAULTS_GROUP") or found["group"]
    found["workspace"] = os.environ.get("AZURE_DEFAULTS_WORKSPACE") or found["workspace"]
    return {key: value for key, value in found.items() if value}


def _subscription() -> str | None:
    """The subscription of the environment, else the one that `az account set` chose."""
    for variable in ("AZURE_SUBSCRIPTION_ID", "AZUREML_ARM_SUBSCRIPTION"):
        if os.environ.get(variable):
            return os.environ[variable]
    try:
        profile = json.loads((_azure_folder() / "azureProfile.json").read_text(encoding="utf-8-sig"))
        return next(str(one["id"]) for one in profile["subscriptions"] if one.get("isDefault"))
    except (OSError, ValueError, KeyError, TypeError, StopIteration):
        return None


def show(client: Client) -> dict[str, Any]:
    """The workspace as Azure has it. Raises AmlError when it is not there or not ours to see."""
    doing = f"read the workspace {client.workspace.name}"
    return _record(client.arm(doing, "GET", "", VERSION))


def find(client: Client) -> dict[str, Any] | None:
    """The workspace as Azure has it; None when there is none that this account sees."""
    doing = f"read the workspace {client.workspace.name}"
    said = client.arm(doing, "GET", "", VERSION, accept=(404,))
    return None if said is None else _record(said)


def listing(client: Client, group: str | None) -> list[dict[str, Any]]:
    """The workspaces of a resource group, else of the whole subscription."""
    scope = f"/subscriptions/{client.workspace.subscription_id}" + (f"/resourceGroups/{group}" if group else "")
    path = f"{scope}/providers/Microsoft.MachineLearningServices/workspaces"
    found, link = [], ""
    while True:
        page = client.ask("list the workspaces", "GET", link or path, None if link else VERSION) or {}
        found += [_record(one) for one in page.get("value") or []]
        link = str(page.get("nextLink") or "").removeprefix("https://management.azure.com")
        if not link.startswith("/"):
            return found


def _record(said: dict[str, Any]) -> dict[str, Any]:
    properties = said.get("properties") or {}
    parts = str(said.get("id") or "").split("/")
    record = {
        "name": said.get("name"),
        "resourceGroup": parts[4] if len(parts) > 4 else None,
        "subscriptionId": parts[2] if len(parts) > 2 else None,
        "location": said.get("location"),
        "friendlyName": properties.get("friendlyName"),
        "description": properties.get("description") or None,
        "storageAccount": str(properties.get("storageAccount") or "").rsplit("/", 1)[-1] or None,
        "mlFlowTrackingUri": properties.get("mlFlowTrackingUri"),
        "v1LegacyMode": properties.get("v1LegacyMode"),
    }
    return {key: value for key, value in record.items() if value is not None}
