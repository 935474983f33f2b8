"""The bodies of the stand-in's answers, with the keys that the recorded exchanges of the real service have."""

from __future__ import annotations

import json
import uuid
from datetime import datetime, timezone
from typing import Any

REGION = "westeurope"
API = f"https://{REGION}.api.azureml.ms"


def now() -> str:
    return datetime.now(timezone.utc).isoformat()


def system_data(modified: bool = True) -> dict[str, Any]:
    who = {"createdAt": now(), "createdBy": "a test", "createdByType": "User"}
    if modified:
        who |= {"lastModifiedAt": now(), "lastModifiedBy": "a test", "lastModifiedByType": "User"}
    return who


def error(code: str, message: str, details: list[tuple[str, str]] = [], inner: bool = False) -> dict[str, Any]:  # noqa: B006
    more = [
        ("ComponentName", "managementfrontend"),
        ("Correlation", {"operation": uuid.uuid4().hex, "request": uuid.uuid4().hex[:16]}),
        ("Environment", REGION),
        ("Location", REGION),
        ("Time", now()),
    ]
    if inner:
        more += [("InnerError", {"code": "RequestInvalid", "innerError": None}), ("MessageFormat", message)]
    return {
        "error": {
            "code": code,
            "message": message,
            "details": [{"code": c, "message": m, "details": [], "additionalInfo": []} for c, m in details],
            "additionalInfo": [{"type": kind, "info": {"value": value}} for kind, value in more],
        }
    }


def workspace(root: str, name: str) -> dict[str, Any]:
    return {
        "id": root,
        "name": name,
        "type": "Microsoft.MachineLearningServices/workspaces",
        "location": REGION,
        "tags": {},
        "etag": None,
        "kind": "Default",
        "sku": {"name": "Basic", "tier": "Basic"},
        "identity": {"type": "SystemAssigned", "principalId": "0", "tenantId": "0"},
        "systemData": system_data(),
        "properties": {
            "friendlyName": name,
            "description": "",
            "storageAccount": f"{root.split('/providers/')[0]}/providers/Microsoft.Storage/storageAccounts/standin",
            "keyVault": "/subscriptions/x",
            "applicationInsights": "/subscriptions/x",
            "hbiWorkspace": False,
            "tenantId": "0",
            "imageBuildCompute": None,
            "provisioningState": "Succeeded",
            "managedNetwork": {"isolationMode": "Disabled"},
            "allowRoleAssignmentOnRG": True,
            "v1LegacyMode": False,
            "softDeleteEnabled": False,
            "containerRegistry": "/subscriptions/x",
            "creationTime": now(),
            "notebookInfo": {
                "resourceId": "x",
                "fqdn": "x",
                "isPrivateLinkEnabled": False,
                "notebookPreparationError": None,
            },
            "storageHnsEnabled": False,
            "workspaceId": str(uuid.uuid5(uuid.NAMESPACE_URL, root)),
            "linkedModelInventoryArmId": None,
            "privateLinkCount": 0,
            "publicNetworkAccess": "Enabled",
            "ipAllowlist": [],
            "networkAcls": {"defaultAction": "Allow"},
            "discoveryUrl": f"{API}/discovery",
            "mlFlowTrackingUri": f"azureml://{REGION}.api.azureml.ms/mlflow/v1.0{root}",
            "serverlessComputeSettings": None,
            "EnableSoftwareBillOfMaterials": False,
            "sdkTelemetryAppInsightsKey": "",
            "sasGetterUri": "",
            "enableDataIsolation": False,
            "systemDatastoresAuthMode": "accesskey",
            "enableServiceSideCMKEncryption": False,
        },
    }


def discovery() -> dict[str, str]:
    experiments = f"https://{REGION}.experiments.azureml.net"
    return {
        "api": API,
        "catalog": "x",
        "experimentation": experiments,
        "history": experiments,
        "hyperdrive": experiments,
        "labeling": experiments,
        "modelmanagement": f"https://{REGION}.modelmanagement.azureml.net",
        "pipelines": f"https://{REGION}.aether.ms",
        "studio": "https://ml.azure.com",
    }


def datastore(root: str, name: str, account: str, container: str) -> dict[str, Any]:
    return {
        "id": f"{root}/datastores/{name}",
        "name": name,
        "type": "Microsoft.MachineLearningServices/workspaces/datastores",
        "properties": {
            "description": None,
            "tags": None,
            "properties": None,
            "isDefault": name == "workspaceblobstore",
            "credentials": {"credentialsType": "AccountKey"},
            "subscriptionId": root.split("/")[2],
            "resourceGroup": root.split("/")[4],
            "datastoreType": "AzureBlob",
            "accountName": account,
            "containerName": container,
            "endpoint": "core.windows.net",
            "protocol": "https",
            "serviceDataAccessAuthIdentity": "WorkspaceSystemAssignedIdentity",
        },
        "systemData": {
            "createdAt": now(),
            "lastModifiedAt": now(),
            "lastModifiedBy": "a test",
            "lastModifiedByType": "Application",
        },
    }


def asset(root: str, kind: str, name: str, version: str, properties: dict[str, Any]) -> dict[str, Any]:
    """A version of a code, environment, model or data asset as it was put, with what the service adds."""
    said = dict(properties)
    shape = {"description": None, "tags": {}, "properties": {}, "isArchived": False, "isAnonymous": False} | said
    if kind == "environments":
        shape |= {"environmentType": "UserCreated", "osType": "Linux", "autoRebuild": "Disabled"}
        shape |= {"autoDeleteSetting": None, "stage": "Development", "intellectualProperty": None}
        shape["properties"] = {"azureml.labels": "latest", **(said.get("properties") or {})}
        if isinstance(said.get("condaFile"), str):
            import yaml

            shape["condaFile"] = json.dumps(yaml.safe_load(said["condaFile"]), indent=2)
    if kind == "models":
        shape["modelUri"] = _absolute(root, said.get("modelUri"))
        shape |= {"autoDeleteSetting": None, "stage": "Development", "intellectualProperty": None}
        shape = {"jobName": None, "flavors": {}} | shape
    shape["provisioningState"] = "Succeeded"
    return {
        "id": f"{root}/{kind}/{name}/versions/{version}",
        "name": version,
        "type": f"Microsoft.MachineLearningServices/workspaces/{kind}/versions",
        "systemData": system_data(),
        "properties": shape,
    }


def _absolute(root: str, uri: Any) -> Any:
    if not isinstance(uri, str):
        return uri
    parts = root.split("/")
    place = f"azureml://subscriptions/{parts[2]}/resourceGroups/{parts[4]}/workspaces/{parts[8]}"
    if uri.startswith(("azureml://datastores/", "azureml://jobs/")):
        return uri.replace("azureml:/", place, 1)
    return uri.replace("/resourcegroups/", "/resourceGroups/", 1)


def compute(root: str, name: str, properties: dict[str, Any], state: str) -> dict[str, Any]:
    inner = dict(properties.get("properties") or {})
    if properties.get("computeType") == "AmlCompute":
        inner["vmSize"] = str(inner.get("vmSize", "")).upper()
        for key in ("subnet", "currentNodeCount", "targetNodeCount", "nodeStateCounts", "allocationState", "errors"):
            inner[key] = None
        inner |= {"virtualMachineImage": None, "isolatedNetwork": False, "enableBatchPrivateLink": False}
        if state == "Succeeded":
            inner.pop("enableNodePublicIp", None)
            counts = ("preparing", "running", "idle", "unusable", "leaving", "preempted")
            inner |= {"currentNodeCount": 0, "targetNodeCount": 0, "allocationState": "Steady"}
            inner |= {"nodeStateCounts": {f"{count}NodeCount": 0 for count in counts}}
            inner |= {"allocationStateTransitionTime": now(), "propertyBag": {}}
    elif properties.get("computeType") == "ComputeInstance":
        inner = {"state": "Running", **inner, "applications": [], "errors": None}
    shape = {
        "createdOn": now(),
        "modifiedOn": now(),
        "disableLocalAuth": properties.get("disableLocalAuth", False),
        "description": properties.get("description"),
        "resourceId": None,
        "computeType": properties.get("computeType"),
        "provisioningState": state,
        "provisioningErrors": None,
        "provisioningWarnings": {} if state == "Succeeded" else None,
        "isAttachedCompute": False,
        "properties": inner,
    }
    if state == "Succeeded":
        shape["computeLocation"] = REGION
    return {
        "id": f"{root}/computes/{name}",
        "name": name,
        "type": "Microsoft.MachineLearningServices/workspaces/computes",
        "location": REGION,
        "tags": {} if state == "Succeeded" else None,
        "properties": shape,
    }
