"""Which members and api-versions the stand-in takes; all else is refused as the service refuses it.

A schema is a dict of members; `ANY` takes anything, `{"*": schema}` is a map of free names.
"""

from __future__ import annotations

from typing import Any

ANY: Any = None
Schema = dict[str, Any]

_ASSET: Schema = {
    "description": ANY,
    "tags": ANY,
    "properties": ANY,
    "isArchived": ANY,
    "isAnonymous": ANY,
    "stage": ANY,
}
_INPUTS: Schema = {"*": {"description": ANY, "jobInputType": ANY, "uri": ANY, "mode": ANY, "value": ANY}}
# The recorded 400: `assetVersion` is no member of a command job's output.
_OUTPUTS: Schema = {"*": {"description": ANY, "jobOutputType": ANY, "uri": ANY, "mode": ANY, "assetName": ANY}}
_RESOURCES: Schema = {
    "instanceCount": ANY,
    "instanceType": ANY,
    "properties": ANY,
    "shmSize": ANY,
    "dockerArgs": ANY,
    "dockerArgsList": ANY,
    "locations": ANY,
    "maxInstanceCount": ANY,
}
_IDENTITY: Schema = {"identityType": ANY, "clientId": ANY, "objectId": ANY, "resourceId": ANY}
_DISTRIBUTION: Schema = {
    "distributionType": ANY,
    "processCountPerInstance": ANY,
    "workerCount": ANY,
    "parameterServerCount": ANY,
}
_JOB: Schema = {
    "description": ANY,
    "tags": ANY,
    "properties": ANY,
    "computeId": ANY,
    "componentId": ANY,
    "displayName": ANY,
    "experimentName": ANY,
    "identity": _IDENTITY,
    "isArchived": ANY,
    "jobType": ANY,
    "services": {
        "*": {"jobServiceType": ANY, "endpoint": ANY, "port": ANY, "properties": ANY, "nodes": ANY, "status": ANY}
    },
    "notificationSetting": ANY,
    "queueSettings": {"jobTier": ANY, "priority": ANY},
    "resources": _RESOURCES,
    "inputs": _INPUTS,
    "outputs": _OUTPUTS,
}
_RUNS_SOMETHING: Schema = {
    "codeId": ANY,
    "command": ANY,
    "environmentId": ANY,
    "environmentVariables": ANY,
    "distribution": _DISTRIBUTION,
}
JOBS: dict[str, Schema] = {
    "Command": {**_JOB, **_RUNS_SOMETHING, "limits": {"jobLimitsType": ANY, "timeout": ANY}, "parentJobName": ANY},
    "Sweep": {
        **_JOB,
        "trial": {**_RUNS_SOMETHING, "resources": _RESOURCES},
        "limits": {
            "jobLimitsType": ANY,
            "timeout": ANY,
            "trialTimeout": ANY,
            "maxTotalTrials": ANY,
            "maxConcurrentTrials": ANY,
        },
        "objective": {"goal": ANY, "primaryMetric": ANY},
        "samplingAlgorithm": {"samplingAlgorithmType": ANY, "seed": ANY, "rule": ANY, "logbase": ANY},
        "searchSpace": ANY,
        "earlyTermination": {
            "policyType": ANY,
            "evaluationInterval": ANY,
            "delayEvaluation": ANY,
            "slackAmount": ANY,
            "slackFactor": ANY,
            "truncationPercentage": ANY,
        },
    },
    "Spark": {
        **{name: shape for name, shape in _JOB.items() if name != "resources"},
        "codeId": ANY,
        "environmentId": ANY,
        "environmentVariables": ANY,
        "entry": {"sparkJobEntryType": ANY, "file": ANY, "className": ANY},
        "args": ANY,
        "conf": ANY,
        "pyFiles": ANY,
        "jars": ANY,
        "files": ANY,
        "archives": ANY,
        "resources": {"instanceType": ANY, "runtimeVersion": ANY},
    },
    "AutoML": {
        **{name: shape for name, shape in _JOB.items() if name != "inputs"},
        "environmentId": ANY,
        "environmentVariables": ANY,
        "taskDetails": {
            **dict.fromkeys(
                (
                    "taskType",
                    "targetColumnName",
                    "primaryMetric",
                    "positiveLabel",
                    "logVerbosity",
                    "weightColumnName",
                    "validationDataSize",
                    "testDataSize",
                    "cvSplitColumnNames",
                )
            ),
            "nCrossValidations": {"mode": ANY, "value": ANY},
            "trainingData": {"jobInputType": ANY, "uri": ANY, "mode": ANY, "description": ANY},
            "validationData": {"jobInputType": ANY, "uri": ANY, "mode": ANY, "description": ANY},
            "testData": {"jobInputType": ANY, "uri": ANY, "mode": ANY, "description": ANY},
            "limitSettings": ANY,
            "featurizationSettings": ANY,
            "trainingSettings": ANY,
        },
    },
    "Pipeline": {**_JOB, "jobs": ANY, "settings": ANY, "sourceJobId": ANY},
}
ENVIRONMENT: Schema = {**_ASSET, "condaFile": ANY, "image": ANY, "build": ANY, "osType": ANY, "inferenceConfig": ANY}
CODE: Schema = {**_ASSET, "codeUri": ANY}
MODEL: Schema = {**_ASSET, "flavors": ANY, "modelType": ANY, "modelUri": ANY, "jobName": ANY}
DATA: Schema = {**_ASSET, "dataUri": ANY, "dataType": ANY}
COMPUTE: Schema = {
    "computeType": ANY,
    "description": ANY,
    "disableLocalAuth": ANY,
    "resourceId": ANY,
    "computeLocation": ANY,
    "properties": {
        "osType": ANY,
        "vmSize": ANY,
        "vmPriority": ANY,
        "scaleSettings": {"maxNodeCount": ANY, "minNodeCount": ANY, "nodeIdleTimeBeforeScaleDown": ANY},
        "remoteLoginPortPublicAccess": ANY,
        "enableNodePublicIp": ANY,
        "userAccountCredentials": ANY,
        "subnet": ANY,
        # A Kubernetes cluster's, a virtual machine's.
        "namespace": ANY,
        "sshPort": ANY,
        "administratorAccount": ANY,
        # A compute instance's own.
        "applicationSharingPolicy": ANY,
        "computeInstanceAuthorizationType": ANY,
        "sshSettings": ANY,
        "personalComputeInstanceSettings": ANY,
        "idleTimeBeforeShutdown": ANY,
        "enableOSPatching": ANY,
        "enableRootAccess": ANY,
        "enableSSO": ANY,
        "releaseQuotaOnStop": ANY,
        "schedules": ANY,
        "customServices": ANY,
        "setupScripts": ANY,
    },
}

# What each kind of call may say in `api-version`: the versions recorded, and those azure-ai-ml 1.30 to 1.35 sends.
VERSIONS: dict[str, set[str]] = {
    "workspace": {"2023-08-01-preview", "2024-07-01-preview", "2024-10-01-preview", "2025-01-01-preview"},
    "datastores": {"2023-04-01-preview", "2024-01-01-preview", "2024-07-01-preview", "2024-10-01-preview"},
    "codes": {"2023-04-01", "2023-04-01-preview"},
    "environments": {"2023-04-01-preview", "2025-01-01-preview"},
    "jobs PUT": {"2023-04-01-preview", "2024-01-01-preview", "2025-01-01-preview"},
    "jobs": {"2024-01-01-preview"},
    "cancel": {"2023-04-01-preview"},
    "computes": {"2023-08-01-preview"},
    "computes read": {"2023-08-01-preview", "2025-12-01"},
    "models": {"2023-08-01-preview", "2023-04-01-preview"},
    "data": {"2023-04-01-preview"},
}


def unknown(value: Any, schema: Schema, path: str = "") -> list[str]:
    """Paths of the members of `value` that `schema` does not have."""
    if schema is ANY or not isinstance(value, dict):
        return []
    found = []
    for name, item in value.items():
        place = f"{path}.{name}" if path else name
        if "*" in schema:
            found += unknown(item, schema["*"], place)
        elif name not in schema:
            found.append(place)
        else:
            found += unknown(item, schema[name], place)
    return found
