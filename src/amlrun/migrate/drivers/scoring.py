"""`InferenceConfig`, `deploy_configuration` and `ParallelRunConfig` as the files that `--ic`, `--dc` and `-c` take."""

from __future__ import annotations

from typing import Any

from amlrun.migrate.drivers import compute, environments
from amlrun.migrate.drivers.context import Construction, ConversionContext
from amlrun.migrate.drivers.runconfigs import source_directory
from amlrun.migrate.drivers.signatures import bound, configured
from amlrun.migrate.drivers.values import NOTHING, Gap, SdkObject, Text, gaps_in, known, plain

DEPLOYMENTS = ("AciWebservice.deploy_configuration", "AksWebservice.deploy_configuration",
               "LocalWebservice.deploy_configuration", "AksEndpoint.deploy_configuration")  # fmt: skip
_KEYS = {
    "cpu_cores": "containerResourceRequirements.cpu", "memory_gb": "containerResourceRequirements.memoryInGB",
    "cpu_cores_limit": "containerResourceRequirements.cpuLimit", "gpu_cores": "gpuCores",
    "memory_gb_limit": "containerResourceRequirements.memoryInGBLimit", "port": "port",
    "auth_enabled": "authEnabled", "token_auth_enabled": "tokenAuthEnabled", "tags": "tags",
    "properties": "properties", "description": "description", "location": "location", "ssl_enabled": "sslEnabled",
    "enable_app_insights": "appInsightsEnabled", "dns_name_label": "dnsNameLabel", "ssl_cname": "cname",
    "autoscale_enabled": "autoScaler.autoscaleEnabled", "autoscale_min_replicas": "autoScaler.minReplicas",
    "autoscale_max_replicas": "autoScaler.maxReplicas",
    "autoscale_refresh_seconds": "autoScaler.refreshPeriodInSeconds",
    "autoscale_target_utilization": "autoScaler.targetUtilization",
    "collect_model_data": "dataCollection.storageEnabled", "scoring_timeout_ms": "scoringTimeoutMs",
    "replica_max_concurrent_requests": "maxConcurrentRequestsPerContainer", "max_request_wait_time": "maxQueueWaitMs",
    "num_replicas": "numReplicas", "namespace": "namespace", "compute_target_name": "computeTargetName",
    "period_seconds": "livenessProbeRequirements.periodSeconds",
    "initial_delay_seconds": "livenessProbeRequirements.initialDelaySeconds",
    "timeout_seconds": "livenessProbeRequirements.timeoutSeconds",
    "success_threshold": "livenessProbeRequirements.successThreshold",
    "failure_threshold": "livenessProbeRequirements.failureThreshold",
}  # fmt: skip
_SECRETS = ("primary_key", "secondary_key", "ssl_cert_pem_file", "ssl_key_pem_file")


def inference(context: ConversionContext, made: SdkObject) -> Construction:
    """Write the inference configuration of an `InferenceConfig`."""
    done = context.note(made, "InferenceConfig")
    given = bound(made)
    script = given.get("entry_script")
    if not script or isinstance(known(script), Gap):
        done.reason = f"its script is {known(script).reason}" if script else "it names no script"
        return done
    folder = source_directory(context, given.get("source_directory"))
    tree: dict[str, Any] = {"entryScript": script}
    if folder:
        whole = given["source_directory"]
        tree["sourceDirectory"] = whole if isinstance(whole, (Gap, Text)) else folder
    _runtime(context, done, tree, given)
    names = {
        "base_image": "baseImage",
        "description": "description",
        "enable_gpu": "enableGpu",
        "cuda_version": "cudaVersion",
        "extra_docker_file_steps": "extraDockerfileSteps",
    }
    tree |= {name: given[key] for key, name in names.items() if given.get(key) is not None}
    context.write("inference-config", ".yml", tree, made, [])
    return done


def _runtime(context: ConversionContext, done: Construction, tree: dict[str, Any], given: dict[str, Any]) -> None:
    if given.get("conda_file") is not None:
        tree["condaFile"] = environments.file(context, given["conda_file"], done)["condaDependenciesFile"]
        if given.get("runtime") is not None:
            tree["runtime"] = given["runtime"]
        return
    if given.get("environment") is None:
        return
    section = environments.section(context, given["environment"], [], done, "inference")
    python = section.get("python", {})
    if "condaDependenciesFile" in python:
        tree["condaFile"] = python["condaDependenciesFile"]
    elif "userManagedDependencies" in python:
        tree["environment"] = {"python": {"userManagedDependencies": python["userManagedDependencies"]}}
    elif section.get("name") is not None:
        tree["environment"] = {"name": section["name"]} | (
            {"version": section["version"]} if section.get("version") is not None else {}
        )
    image = section.get("docker", {}).get("baseImage")
    if image is not None:
        tree["baseImage"] = image
    if section.get("environmentVariables"):
        tree.setdefault("environment", {})["environmentVariables"] = section["environmentVariables"]


def deployment(context: ConversionContext, made: SdkObject) -> Construction:
    """Write the deployment configuration of a `deploy_configuration(…)`."""
    done = context.note(made, "deploy_configuration")
    given = configured(made)
    kinds = {"Aci": "ACI", "Aks": "AKS", "Local": "local"}
    tree: dict[str, Any] = {"computeType": next(word for start, word in kinds.items() if made.name.startswith(start))}
    for key, value in given.items():
        if key in _SECRETS:
            done.notes.append(f"{key} is not copied: a key or certificate does not belong in a file")
        elif key == "**":
            done.gaps.append(value)
        elif key in _KEYS and value is not None:
            part = tree
            *above, last = _KEYS[key].split(".")
            for one in above:
                part = part.setdefault(one, {})
            part[last] = value
    kind = tree["computeType"].lower()
    context.write(f"deployment-config-{kind}", ".yml", tree, made, [])
    return done


_PARALLEL = ("entry_script", "source_directory", "mini_batch_size", "error_threshold", "output_action",
             "append_row_file_name", "process_count_per_node", "run_invocation_timeout", "run_max_try", "node_count",
             "logging_level", "description", "allowed_failed_count", "allowed_failed_percent",
             "partition_keys")  # fmt: skip


def parallel_tree(context: ConversionContext, made: SdkObject, done: Construction) -> dict[str, Any]:
    """The keys of a `ParallelRunConfig`, or those of the file that it loads."""
    if made.name.endswith("load_yaml"):
        return _loaded(context, made, done)
    given = configured(made)
    tree: dict[str, Any] = {}
    for key in _PARALLEL:
        value = given.get(key)
        parameter = known(value)
        if isinstance(parameter, SdkObject):
            default = bound(parameter).get("default_value")
            value = default if parameter.name == "PipelineParameter" and not isinstance(default, SdkObject) else None
        if value is not None:
            tree[key] = value
    folder = source_directory(context, tree.pop("source_directory", None))
    if folder:
        tree["source_directory"] = folder
    target = compute.target(given.get("compute_target"))
    if target is not NOTHING:
        tree["compute_target"] = target
    section = (
        environments.section(context, given.get("environment"), [], done, "batch") if given.get("environment") else {}
    )
    file = section.get("python", {}).get("condaDependenciesFile")
    if file is not None:
        tree["conda_file"] = file
    elif section.get("name") is not None:
        tree["environment"] = {"name": section["name"]}
    image = section.get("docker", {}).get("baseImage")
    if image is not None:
        tree.setdefault("environment", {})["docker"] = {"baseImage": image}
    return tree


def _loaded(context: ConversionContext, made: SdkObject, done: Construction) -> dict[str, Any]:
    path = bound(made).get("path")
    tree = context.load(path) if isinstance(known(path), str) else None
    if not isinstance(tree, dict):
        done.gaps.append(Gap("a file that is not here", made.line, "path"))
        return {}
    inner = tree.get("parallel_run_config", tree)
    found = {str(key): value for key, value in inner.items()} if isinstance(inner, dict) else {}
    for old, new in (("environment_name", "environment"), ("compute_target_name", "compute_target")):
        if isinstance(found.get(old), str):
            found.setdefault(new, {"name": found[old]} if new == "environment" else found[old])
            del found[old]
    found = {key: value for key, value in found.items() if value is not None}
    environment = found.get("environment")
    if isinstance(environment, dict):
        python = environment.get("python") or {}
        file = python.get("condaDependenciesFile") or python.get("conda_dependencies_file")
        if file:
            found["conda_file"] = file
    return found


def parallel(context: ConversionContext, made: SdkObject) -> Construction:
    """Write the file of a `ParallelRunConfig`."""
    done = context.note(made, "ParallelRunConfig")
    if made.name.endswith("load_yaml"):
        path = plain(bound(made).get("path"), made.line)
        if isinstance(known(path), str):
            context.names[id(made)] = context.resolve(path)
            done.gaps += gaps_in(path)
        else:
            done.reason = f"its file is {known(path).reason}" if isinstance(known(path), Gap) else "it names no file"
        return done
    script = bound(made).get("entry_script")
    if not script or isinstance(known(script), Gap):
        done.reason = f"its script is {known(script).reason}" if script else "it names no script"
        return done
    tree = parallel_tree(context, made, done)
    context.write("batch-score", ".yml", tree, made, [])
    return done
