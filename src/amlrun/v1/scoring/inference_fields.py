"""The keys of v1's inference and deployment configurations, and what becomes of each: one table.

The keys are those of azure-docs' machine-learning-service-{inference,aci-deploy,aks-deploy,local-deploy}-config.md;
the counterparts those of azure-ai-docs' migrate-to-v2-managed-online-endpoints.md.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Field:
    """One key: its dotted path, the type it has, and what becomes of it (`status` as `aml explain` says it)."""

    key: str
    kind: type
    status: str
    becomes: str


_ENVIRONMENT = "an environment by name alone is the workspace's: give condaFile for a service on this machine"
INFERENCE = [
    Field("entryScript", str, "mapped", "code_configuration.scoring_script"),
    Field("sourceDirectory", str, "mapped", "code_configuration.code"),
    Field("condaFile", str, "mapped", "environment.conda_file"),
    Field("runtime", str, "ignored", "python is the only runtime that managed endpoints have"),
    Field("description", str, "mapped", "description of the deployment"),
    Field("baseImage", str, "mapped", "environment.image"),
    Field("baseImageRegistry.address", str, "mapped", "the first part of environment.image"),
    Field("baseImageRegistry.username", str, "unsupported", "attach the registry to the workspace"),
    Field("baseImageRegistry.password", str, "unsupported", "never copied: attach the registry to the workspace"),
    Field("enableGpu", bool, "mapped", "an instance_type with a GPU"),
    Field("cudaVersion", str, "ignored", "the base image brings its CUDA"),
    Field("extraDockerfileSteps", str, "unsupported", "write a Dockerfile and name it as environment.build"),
    Field("schemaFile", str, "ignored", "score.py describes its input with inference-schema"),
    Field("dependencies", list, "unsupported", "put the files into sourceDirectory"),
    Field("environment.name", str, "ignored", _ENVIRONMENT),
    Field("environment.version", str, "ignored", _ENVIRONMENT),
    Field("environment.environmentVariables", dict, "mapped", "environment_variables"),
    Field("environment.python.userManagedDependencies", bool, "local", "the interpreter named; no conda_file"),
    Field("environment.python.interpreterPath", str, "local", "the interpreter of a user-managed environment"),
    Field("environment.python.condaDependenciesFile", str, "mapped", "environment.conda_file"),
    Field("environment.python.condaDependencies", dict, "mapped", "environment.conda_file"),
    Field("environment.python.baseCondaEnvironment", str, "unsupported", "list its packages in the conda file"),
    Field("environment.docker.baseImage", str, "mapped", "environment.image"),
    Field("environment.docker.baseDockerfile", str, "unsupported", "name the Dockerfile as environment.build"),
    Field("environment.docker.baseImageRegistry", dict, "unsupported", "attach the registry to the workspace"),
    Field("environment.docker.enabled", bool, "ignored", "here without a container; always with one in Azure"),
    Field("environment.docker.arguments", list, "ignored", "managed endpoints take no Docker arguments"),
    Field("environment.docker.sharedVolumes", bool, "ignored", "services share no volumes"),
    Field("environment.docker.shmSize", str, "ignored", "managed endpoints set their own"),
    Field("environment.docker.platform", dict, "ignored", "Linux on amd64"),
    Field("environment.inferencingStackVersion", str, "ignored", "the conda file names the inference server"),
    Field("environment.spark", dict, "ignored", "scoring is plain Python"),
    Field("environment.databricks", dict, "ignored", "scoring is plain Python"),
    Field("environment.r", dict, "unsupported", "R has no managed endpoint: use a custom container"),
]

_PROBE = "livenessProbeRequirements."
_SCALER = "autoScaler."
_AZURE_MONITOR = "no field of the deployment: a rule of Azure Monitor (az monitor autoscale create)"
_TLS = "every managed endpoint has TLS and a name of Azure's own"
DEPLOYMENT = [
    Field("computeType", str, "mapped", "local: this machine; ACI and AKS: a managed online endpoint"),
    Field("port", int, "local", "the port on this machine"),
    Field("containerResourceRequirements.cpu", float, "mapped", "instance_type"),
    Field("containerResourceRequirements.memoryInGB", float, "mapped", "instance_type"),
    Field("containerResourceRequirements.gpu", int, "mapped", "an instance_type with a GPU"),
    Field("containerResourceRequirements.cpuLimit", float, "ignored", "an instance is not shared"),
    Field("containerResourceRequirements.memoryInGBLimit", float, "ignored", "an instance is not shared"),
    Field("gpuCores", int, "mapped", "an instance_type with a GPU"),
    Field("authEnabled", bool, "mapped", "auth_mode: key; managed endpoints have no mode without authentication"),
    Field("tokenAuthEnabled", bool, "mapped", "auth_mode: aml_token"),
    Field("keys.primaryKey", str, "unsupported", "never copied: aml service get-keys shows the endpoint's own"),
    Field("keys.secondaryKey", str, "unsupported", "never copied: aml service get-keys shows the endpoint's own"),
    Field("appInsightsEnabled", bool, "mapped", "app_insights_enabled"),
    Field("scoringTimeoutMs", int, "mapped", "request_settings.request_timeout_ms; honoured here too"),
    Field("maxConcurrentRequestsPerContainer", int, "mapped", "request_settings.max_concurrent_requests_per_instance"),
    Field("maxQueueWaitMs", int, "mapped", "request_settings.max_queue_wait_ms"),
    Field("numReplicas", int, "mapped", "instance_count; here the number of worker processes"),
    Field(_SCALER + "autoscaleEnabled", bool, "ignored", _AZURE_MONITOR),
    Field(_SCALER + "minReplicas", int, "mapped", "instance_count, where numReplicas is not given"),
    Field(_SCALER + "maxReplicas", int, "unsupported", _AZURE_MONITOR),
    Field(_SCALER + "refreshPeriodInSeconds", int, "ignored", _AZURE_MONITOR),
    Field(_SCALER + "targetUtilization", int, "unsupported", _AZURE_MONITOR),
    Field(_PROBE + "periodSeconds", int, "mapped", "liveness_probe.period"),
    Field(_PROBE + "initialDelaySeconds", int, "mapped", "liveness_probe.initial_delay"),
    Field(_PROBE + "timeoutSeconds", int, "mapped", "liveness_probe.timeout"),
    Field(_PROBE + "successThreshold", int, "mapped", "liveness_probe.success_threshold"),
    Field(_PROBE + "failureThreshold", int, "mapped", "liveness_probe.failure_threshold"),
    Field("dataCollection.storageEnabled", bool, "local", "the request log here; in Azure add a data_collector"),
    Field("dataCollection.eventHubEnabled", bool, "unsupported", "add a data_collector to the deployment"),
    Field("description", str, "mapped", "description of the endpoint"),
    Field("tags", dict, "mapped", "tags"),
    Field("properties", dict, "mapped", "properties of the deployment"),
    Field("location", str, "ignored", "an endpoint is where its workspace is"),
    Field("sslEnabled", bool, "ignored", _TLS),
    Field("sslCertificate", str, "ignored", _TLS),
    Field("sslKey", str, "ignored", _TLS),
    Field("cname", str, "unsupported", _TLS),
    Field("dnsNameLabel", str, "unsupported", _TLS),
    Field("vnetName", str, "unsupported", "use a workspace with a managed network"),
    Field("subnetName", str, "unsupported", "use a workspace with a managed network"),
    Field("cmkVaultBaseUrl", str, "unsupported", "managed endpoints take the workspace's encryption"),
    Field("cmkKeyName", str, "unsupported", "managed endpoints take the workspace's encryption"),
    Field("cmkKeyVersion", str, "unsupported", "managed endpoints take the workspace's encryption"),
    Field("namespace", str, "unsupported", "AKS only"),
    Field("computeTarget", str, "unsupported", "AKS only: a managed endpoint needs no cluster"),
    Field("computeTargetName", str, "unsupported", "AKS only: a managed endpoint needs no cluster"),
    Field("isDefault", bool, "unsupported", "AKS only: set the endpoint's traffic"),
    Field("trafficPercentile", int, "unsupported", "set the endpoint's traffic"),
    Field("type", str, "unsupported", "AKS only: name the deployments and set the endpoint's traffic"),
]

# What SDK v1's `deploy_configuration(…)` and the flags of `az ml model deploy` call the keys of the file: people write
# these into the file, too.
SYNONYMS = {
    "cpuCores": "containerResourceRequirements.cpu",
    "memoryGb": "containerResourceRequirements.memoryInGB",
    "cpuCoresLimit": "containerResourceRequirements.cpuLimit",
    "memoryGbLimit": "containerResourceRequirements.memoryInGBLimit",
    "enableAppInsights": "appInsightsEnabled",
    "collectModelData": "dataCollection.storageEnabled",
    "replicaMaxConcurrentRequests": "maxConcurrentRequestsPerContainer",
    "maxRequestWaitTime": "maxQueueWaitMs",
    "autoscaleEnabled": "autoScaler.autoscaleEnabled",
    "autoscaleMinReplicas": "autoScaler.minReplicas",
    "autoscaleMaxReplicas": "autoScaler.maxReplicas",
    "autoscaleRefreshSeconds": "autoScaler.refreshPeriodInSeconds",
    "autoscaleTargetUtilization": "autoScaler.targetUtilization",
    "periodSeconds": "livenessProbeRequirements.periodSeconds",
    "initialDelaySeconds": "livenessProbeRequirements.initialDelaySeconds",
    "timeoutSeconds": "livenessProbeRequirements.timeoutSeconds",
    "successThreshold": "livenessProbeRequirements.successThreshold",
    "failureThreshold": "livenessProbeRequirements.failureThreshold",
    "primaryKey": "keys.primaryKey",
    "secondaryKey": "keys.secondaryKey",
    "sslCname": "cname",
    "sslCertPemFile": "sslCertificate",
    "sslKeyPemFile": "sslKey",
    "environmentVariables": "environment.environmentVariables",
    "interpreterPath": "environment.python.interpreterPath",
}


_BATCH = "the batch deployment's "
PARALLEL = [
    Field("entry_script", str, "mapped", "code_configuration.scoring_script"),
    Field("source_directory", str, "mapped", "code_configuration.code"),
    Field("conda_file", str, "mapped", "environment.conda_file"),
    Field("environment.name", str, "ignored", _ENVIRONMENT),
    Field("environment.version", str, "ignored", _ENVIRONMENT),
    *[one for one in INFERENCE if one.key.startswith("environment.") and one.key.count(".") > 1],
    Field("environment.environmentVariables", dict, "mapped", "environment_variables"),
    Field("mini_batch_size", str, "mapped", _BATCH + "mini_batch_size, in files"),
    Field("error_threshold", int, "mapped", _BATCH + "error_threshold"),
    Field("output_action", str, "mapped", _BATCH + "output_action"),
    Field("append_row_file_name", str, "mapped", _BATCH + "output_file_name"),
    Field("process_count_per_node", int, "mapped", _BATCH + "max_concurrency_per_instance"),
    Field("run_invocation_timeout", int, "mapped", _BATCH + "retry_settings.timeout"),
    Field("run_max_try", int, "mapped", _BATCH + "retry_settings.max_retries"),
    Field("node_count", int, "mapped", _BATCH + "resources.instance_count; one machine here"),
    Field("compute_target", str, "mapped", _BATCH + "compute; this machine here"),
    Field("compute_target_name", str, "mapped", _BATCH + "compute; this machine here"),
    Field("logging_level", str, "mapped", _BATCH + "logging_level"),
    Field("description", str, "mapped", "description"),
    Field("allowed_failed_count", int, "unsupported", "error_threshold counts the files that failed"),
    Field("allowed_failed_percent", int, "unsupported", "error_threshold counts the files that failed"),
    Field("partition_keys", list, "unsupported", "only for tables in Azure: files come as mini-batches"),
    Field("input_format", str, "ignored", "v1 had retired it"),
    Field("version", str, "ignored", "the version of v1's own back end"),
]
