"""Every key of v1's inference, deployment and parallel-run configurations; `v1/table.py` explains the columns.

The keys are those of azure-docs' machine-learning-service-{inference,aci-deploy,aks-deploy,local-deploy}-config.md;
the counterparts those of azure-ai-docs' migrate-to-v2-managed-online-endpoints.md. The synonyms are what SDK v1's
`deploy_configuration(…)` and the flags of `az ml model deploy` call the keys of the file: people write these, too.
"""

from __future__ import annotations

from amlrun.v1.table import Table

_BY_NAME = "an environment by name alone is the workspace's: give condaFile for a service on this machine"
_ENVIRONMENT = f"""\
environment | section | ignored | {_BY_NAME}
  name | text | ignored | {_BY_NAME}
  version | text | ignored | {_BY_NAME}
  environmentVariables | map | mapped | environment_variables
  python | section
    userManagedDependencies | bool | local | the interpreter named; no conda_file
    interpreterPath | text | local | the interpreter of a user-managed environment
    condaDependenciesFile | text | mapped | environment.conda_file
    condaDependencies | conda | mapped | environment.conda_file
    baseCondaEnvironment | text | unsupported | list its packages in the conda file
  docker | section
    baseImage | text | mapped | environment.image
    baseDockerfile | text | unsupported | name the Dockerfile as environment.build
    baseImageRegistry | any | unsupported | attach the registry to the workspace
    enabled | bool | ignored | here without a container; always with one in Azure
    arguments | words | ignored | managed endpoints take no Docker arguments
    sharedVolumes | bool | ignored | services share no volumes
    shmSize | text | ignored | managed endpoints set their own
    platform | any | ignored | Linux on amd64
  inferencingStackVersion | text | ignored | the conda file names the inference server
  spark | any | ignored | scoring is plain Python
  databricks | any | ignored | scoring is plain Python
  r | any | unsupported | R has no managed endpoint: use a custom container
"""

_INFERENCE = """
entryScript | text | mapped | code_configuration.scoring_script
sourceDirectory | text | mapped | code_configuration.code
condaFile | text | mapped | environment.conda_file
runtime | text | ignored | python is the only runtime that managed endpoints have
description | text | mapped | description of the deployment
baseImage | text | mapped | environment.image
baseImageRegistry | section
  address | text | mapped | the first part of environment.image
  username | text | unsupported | attach the registry to the workspace
  password | text | unsupported | never copied: attach the registry to the workspace
enableGpu | bool | mapped | an instance_type with a GPU
cudaVersion | text | ignored | the base image brings its CUDA
extraDockerfileSteps | text | unsupported | write a Dockerfile and name it as environment.build
schemaFile | text | ignored | score.py describes its input with inference-schema
dependencies | words | unsupported | put the files into sourceDirectory
"""
INFERENCE = Table(
    "an inference configuration", _INFERENCE + _ENVIRONMENT, any_case=True,
    synonyms={"environmentVariables": "environment.environmentVariables",
              "interpreterPath": "environment.python.interpreterPath"},
)  # fmt: skip

_AZURE_MONITOR = "no field of the deployment: a rule of Azure Monitor (az monitor autoscale create)"
_TLS = "every managed endpoint has TLS and a name of Azure's own"
_SCALER = {
    "autoscaleEnabled": "autoScaler.autoscaleEnabled",
    "autoscaleMinReplicas": "autoScaler.minReplicas",
    "autoscaleMaxReplicas": "autoScaler.maxReplicas",
    "autoscaleRefreshSeconds": "autoScaler.refreshPeriodInSeconds",
    "autoscaleTargetUtilization": "autoScaler.targetUtilization",
}
_PROBE = ("periodSeconds", "initialDelaySeconds", "timeoutSeconds", "successThreshold", "failureThreshold")
DEPLOYMENT = Table(
    "a deployment configuration",
    f"""
computeType | text | mapped | local: this machine; ACI and AKS: a managed online endpoint
port | int | local | the port on this machine
containerResourceRequirements | section
  cpu | number | mapped | instance_type
  memoryInGB | number | mapped | instance_type
  gpu | int | mapped | an instance_type with a GPU
  cpuLimit | number | ignored | an instance is not shared
  memoryInGBLimit | number | ignored | an instance is not shared
gpuCores | int | mapped | an instance_type with a GPU
authEnabled | bool | mapped | auth_mode: key; managed endpoints have no mode without authentication
tokenAuthEnabled | bool | mapped | auth_mode: aml_token
keys | section
  primaryKey | text | unsupported | never copied: aml service get-keys shows the endpoint's own
  secondaryKey | text | unsupported | never copied: aml service get-keys shows the endpoint's own
appInsightsEnabled | bool | mapped | app_insights_enabled
scoringTimeoutMs | int | mapped | request_settings.request_timeout_ms; honoured here too
maxConcurrentRequestsPerContainer | int | mapped | request_settings.max_concurrent_requests_per_instance
maxQueueWaitMs | int | mapped | request_settings.max_queue_wait_ms
numReplicas | int | mapped | instance_count; here the number of worker processes
autoScaler | section
  autoscaleEnabled | bool | ignored | {_AZURE_MONITOR}
  minReplicas | int | mapped | instance_count, where numReplicas is not given
  maxReplicas | int | unsupported | {_AZURE_MONITOR}
  refreshPeriodInSeconds | int | ignored | {_AZURE_MONITOR}
  targetUtilization | int | unsupported | {_AZURE_MONITOR}
livenessProbeRequirements | section
  periodSeconds | int | mapped | liveness_probe.period
  initialDelaySeconds | int | mapped | liveness_probe.initial_delay
  timeoutSeconds | int | mapped | liveness_probe.timeout
  successThreshold | int | mapped | liveness_probe.success_threshold
  failureThreshold | int | mapped | liveness_probe.failure_threshold
dataCollection | section
  storageEnabled | bool | local | the request log here; in Azure add a data_collector
  eventHubEnabled | bool | unsupported | add a data_collector to the deployment
description | text | mapped | description of the endpoint
tags | map | mapped | tags
properties | map | mapped | properties of the deployment
location | text | ignored | an endpoint is where its workspace is
sslEnabled | bool | ignored | {_TLS}
sslCertificate | text | ignored | {_TLS}
sslKey | text | ignored | {_TLS}
cname | text | unsupported | {_TLS}
dnsNameLabel | text | unsupported | {_TLS}
vnetName | text | unsupported | use a workspace with a managed network
subnetName | text | unsupported | use a workspace with a managed network
cmkVaultBaseUrl | text | unsupported | managed endpoints take the workspace's encryption
cmkKeyName | text | unsupported | managed endpoints take the workspace's encryption
cmkKeyVersion | text | unsupported | managed endpoints take the workspace's encryption
namespace | text | unsupported | AKS only
computeTarget | text | unsupported | AKS only: a managed endpoint needs no cluster
computeTargetName | text | unsupported | AKS only: a managed endpoint needs no cluster
isDefault | bool | unsupported | AKS only: set the endpoint's traffic
trafficPercentile | int | unsupported | set the endpoint's traffic
type | text | unsupported | AKS only: name the deployments and set the endpoint's traffic
""",
    any_case=True,
    synonyms={
        "cpuCores": "containerResourceRequirements.cpu",
        "memoryGb": "containerResourceRequirements.memoryInGB",
        "cpuCoresLimit": "containerResourceRequirements.cpuLimit",
        "memoryGbLimit": "containerResourceRequirements.memoryInGBLimit",
        "enableAppInsights": "appInsightsEnabled",
        "collectModelData": "dataCollection.storageEnabled",
        "replicaMaxConcurrentRequests": "maxConcurrentRequestsPerContainer",
        "maxRequestWaitTime": "maxQueueWaitMs",
        **_SCALER,
        **{name: f"livenessProbeRequirements.{name}" for name in _PROBE},
        "primaryKey": "keys.primaryKey",
        "secondaryKey": "keys.secondaryKey",
        "sslCname": "cname",
        "sslCertPemFile": "sslCertificate",
        "sslKeyPemFile": "sslKey",
    },
)

_BATCH = "the batch deployment's"
PARALLEL = Table(
    "a parallel-run configuration",
    f"""
entry_script | text | mapped | code_configuration.scoring_script
source_directory | text | mapped | code_configuration.code
conda_file | text | mapped | environment.conda_file
mini_batch_size | text | mapped | {_BATCH} mini_batch_size, in files
error_threshold | int | mapped | {_BATCH} error_threshold
output_action | text | mapped | {_BATCH} output_action
append_row_file_name | text | mapped | {_BATCH} output_file_name
process_count_per_node | int | mapped | {_BATCH} max_concurrency_per_instance
run_invocation_timeout | int | mapped | {_BATCH} retry_settings.timeout
run_max_try | int | mapped | {_BATCH} retry_settings.max_retries
node_count | int | mapped | {_BATCH} resources.instance_count; one machine here
compute_target | text | mapped | {_BATCH} compute; this machine here
compute_target_name | text | mapped | {_BATCH} compute; this machine here
logging_level | text | mapped | {_BATCH} logging_level
description | text | mapped | description
allowed_failed_count | int | unsupported | error_threshold counts the files that failed
allowed_failed_percent | int | unsupported | error_threshold counts the files that failed
partition_keys | words | unsupported | only for tables in Azure: files come as mini-batches
input_format | text | ignored | v1 had retired it
version | text | ignored | the version of v1's own back end
"""
    + _ENVIRONMENT,
    any_case=True,
    synonyms={"environmentVariables": "environment.environmentVariables"},
)
