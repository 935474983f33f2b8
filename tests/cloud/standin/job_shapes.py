"""The bodies of the answers about jobs and their run history, with the keys of the recorded exchanges."""

from __future__ import annotations

import uuid
from typing import Any

from standin.shapes import REGION, now, system_data


def _services(root: str, name: str) -> dict[str, Any]:
    rest = {"port": None, "status": None, "errorMessage": None, "properties": None, "nodes": None}
    tracking = f"azureml://{REGION}.api.azureml.ms/mlflow/v1.0{root}?"
    parts = root.split("/")
    wsid = f"/subscriptions/{parts[2]}/resourcegroups/{parts[4]}/workspaces/{parts[8]}"
    return {
        "Tracking": {"jobServiceType": "Tracking", "endpoint": tracking, **rest},
        "Studio": {"jobServiceType": "Studio", "endpoint": f"https://ml.azure.com/runs/{name}?wsid={wsid}", **rest},
    }


def job(root: str, name: str, said: dict[str, Any], status: str, created: bool) -> dict[str, Any]:
    """A job as PUT answers it (`created`) or as GET does: their keys differ, and so do the recordings'."""
    kind = said.get("jobType")
    late = {} if created else {"pathOnCompute": None}
    inputs = {
        key: {"description": None, **({} if item.get("jobInputType") == "literal" else late), **item}
        for key, item in (said.get("inputs") or {}).items()
    }
    outputs = dict(said.get("outputs") or {})
    if kind != "Pipeline":
        place = f"azureml://datastores/workspaceartifactstore/ExperimentRun/dcid.{name}"
        outputs["default"] = {"uri": place, "mode": "ReadWriteMount", "jobOutputType": "uri_folder"}
    more = {} if created else {"assetVersion": None, "pathOnCompute": None, "autoDeleteSetting": None}
    blank = {"description": None, "uri": None, "assetName": None, "mode": "ReadWriteMount", **more}
    shape: dict[str, Any] = {
        "description": None,
        "tags": {},
        "properties": {},
        "displayName": name,
        "experimentName": "Default",
        "services": _services(root, name),
        "computeId": None,
        "isArchived": False,
        "identity": None,
        "componentId": None,
        "notificationSetting": None,
        "status": status,
    }
    if not created:
        shape["secretsConfiguration"] = None
    if kind == "Command":
        shape |= {"codeId": None, "command": "", "environmentId": None, "distribution": None, "limits": None}
        shape |= {"environmentVariables": {}, "parameters": {}, "queueSettings": None, "resources": None}
        shape |= {"parentJobName": None} if created else {"autologgerSettings": None}
    if kind == "Pipeline":
        shape["sourceJobId"] = None
    shape |= {key: value for key, value in said.items() if key not in ("inputs", "outputs")}
    if kind == "Command":
        clustered = str(shape["computeId"] or "").rsplit("/", 1)[-1]
        shape["properties"] = {
            **shape["properties"],
            "_azureml.ComputeTargetType": "amlctrain",
            "_azureml.ClusterName": clustered,
        }
        asked = said.get("resources") or {}
        shape["resources"] = {"instanceCount": 1, "instanceType": None, "properties": None, "shmSize": "2g"} | asked
        shape["resources"].setdefault("dockerArgs", None)
        late = {"dockerArgsList": None} if created else {"maxInstanceCount": None, "locations": None}
        shape["resources"] = {**late, **shape["resources"]}
        if not created:
            shape["resources"].pop("dockerArgsList", None)
        tier = {"jobTier": "Null"} if created else {"jobTier": "Null", "priority": None}
        shape["queueSettings"] = tier | (said.get("queueSettings") or {})
    shape["inputs"] = inputs or (None if kind == "Pipeline" else {})
    shape["outputs"] = {key: {**blank, **item} for key, item in outputs.items()}
    return {
        "id": f"{root}/jobs/{name}",
        "name": name,
        "type": "Microsoft.MachineLearningServices/workspaces/jobs",
        "systemData": system_data(modified=False),
        "properties": shape,
    }


def child(parent: str, node: str, status: str) -> dict[str, Any]:
    """A pipeline's step as run history lists it."""
    name = str(uuid.uuid5(uuid.NAMESPACE_OID, f"{parent}/{node}"))
    problem = dict.fromkeys(("severity", "messageFormat", "referenceCode", "detailsUri", "target", "innerError"))
    problem |= {"debugInfo": None, "additionalInfo": None, "messageParameters": {}, "details": []}
    where = dict.fromkeys(("correlation", "environment", "location"))
    return {
        "runNumber": 1,
        "rootRunId": parent,
        "createdUtc": now(),
        "error": {
            "error": {"code": "UserError", "message": "the step failed", **problem},
            **where,
            "time": now(),
            "componentName": "CommonRuntime",
        },
        "warnings": [{"source": "stand-in", "message": "the step failed"}],
        "runUuid": name,
        "runId": name,
        "parentRunId": parent,
        "experimentId": str(uuid.uuid5(uuid.NAMESPACE_OID, parent)),
        "status": status,
        "startTimeUtc": now(),
        "endTimeUtc": now(),
        "displayName": node,
        "name": "azureml_anonymous",
        "dataContainerId": f"dcid.{name}",
        "description": None,
        "hidden": False,
        "runType": "azureml.StepRun",
        "runTypeV2": {
            "orchestrator": "Execution",
            "traits": ["azureml.StepRun", "scriptRun", "remote"],
            "attribution": "Aether",
            "computeType": "AmlcTrain",
        },
        "properties": {"azureml.pipelinerunid": parent, "azureml.nodeid": name[:8]},
        "parameters": {},
        "target": "cpu-cluster",
        "tags": {"azureml.pipeline": parent},
        "settings": {},
        "services": {},
        "inputDatasets": [],
        "outputDatasets": [],
        "runDefinition": None,
        "jobSpecification": None,
        "compute": {"target": "cpu-cluster", "targetType": "amlcompute", "instanceCount": 1},
        "inputs": None,
        "outputs": None,
    }
