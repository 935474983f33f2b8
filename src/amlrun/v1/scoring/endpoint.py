"""v1's deployment (`--ic`, `--dc`) as a managed online endpoint and deployment: the official v2 YAML files.

Rules from azure-ai-docs, migrate-to-v2-managed-online-endpoints.md and reference-yaml-deployment-managed-online.md.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from amlrun.dataclass import dataclass, field
from amlrun.errors import AmlError, os_errors
from amlrun.runs.files import replace_text
from amlrun.spec.job import DEFAULT_IMAGE
from amlrun.v1.config import Config
from amlrun.v1.scoring.inference import Inference

# Upper bounds of CPU cores and memory in GB, in the order of choice. The first seven are the migration guide's table;
# the rest go on with the same families (85 % of an instance's memory is free to use).
_INSTANCES = (
    (1, 1.2, "Standard_DS1_v2"),
    (2, 1.7, "Standard_F2s_v2"),
    (2, 4.7, "Standard_DS2_v2"),
    (2, 13.7, "Standard_E2s_v3"),
    (4, 5.7, "Standard_F4s_v2"),
    (4, 11.7, "Standard_DS3_v2"),
    (4, 16, "Standard_E4s_v3"),
    (8, 13, "Standard_F8s_v2"),
    (8, 23, "Standard_DS4_v2"),
    (8, 54, "Standard_E8s_v3"),
    (16, 27, "Standard_F16s_v2"),
    (16, 47, "Standard_DS5_v2"),
    (16, 108, "Standard_E16s_v3"),
    (32, 54, "Standard_F32s_v2"),
    (32, 217, "Standard_E32s_v3"),
)
_GPUS = ((1, "Standard_NC6s_v3"), (2, "Standard_NC12s_v3"), (4, "Standard_NC24s_v3"))
SCHEMAS = "https://azuremlschemas.azureedge.net/latest"


@dataclass
class Managed:
    """The two files as plain data; `notes` say what v1 had and managed endpoints have not."""

    endpoint: dict[str, Any]
    deployment: dict[str, Any]
    notes: list[str] = field(default_factory=list)


def instance_type(cpu: float, memory: float, gpus: int = 0) -> str:
    """The smallest instance with so many cores, GB of memory and GPUs. Raises AmlError when there is none."""
    if gpus:
        found = next((name for count, name in _GPUS if gpus <= count), None)
    else:
        found = next((name for cores, gigabytes, name in _INSTANCES if cpu <= cores and memory <= gigabytes), None)
    if found is None:
        what = f"{gpus} GPUs" if gpus else f"{cpu:g} cores and {memory:g} GB"
        raise AmlError(
            f"no instance type is known with {what}", field="containerResourceRequirements",
            hint="Ask for less in the file, then set instance_type in deployment.yml by hand.",
        )  # fmt: skip
    return found


def translate(name: str, deployment_name: str, model: str, inference: Inference, config: Config) -> Managed:
    """The endpoint and deployment of `model` (`NAME:VERSION`, or `NAME` for the latest).

    Times become ISO 8601 durations or milliseconds, as v2 wants them. Raises AmlError for what can't be mapped.
    """
    made = changes(model, inference, config)
    if "instance_type" not in made.deployment:
        made.notes.append("no cpu and memory given: v1's own defaults are used (0.1 cores, 0.5 GB)")
    kinds = [f"{SCHEMAS}/managedOnline{kind}.schema.json" for kind in ("Endpoint", "Deployment")]
    made.endpoint = {"$schema": kinds[0], "name": name, "auth_mode": "key", **made.endpoint}
    head = {"$schema": kinds[1], "name": deployment_name, "endpoint_name": name}
    defaults = {"instance_type": instance_type(0.1, 0.5), "instance_count": 1, "scale_settings": {"type": "default"}}
    made.deployment = {**head, **made.deployment}
    made.deployment |= {key: value for key, value in defaults.items() if key not in made.deployment}
    most = config.get("autoScaler.maxReplicas")
    if most and config.get("autoScaler.autoscaleEnabled") is not False:
        least = made.deployment["instance_count"]
        made.notes.append(
            f"autoScaler: az monitor autoscale create --resource <the deployment's id> --min-count {least} "
            f"--max-count {most} --count {least}"
        )
    return made


def changes(model: str | None, inference: Inference | None, config: Config) -> Managed:
    """What of an endpoint and its deployment is said: all for a new one, for one that is there what is to change."""
    files = [inference.config, config] if inference else [config]
    notes = [f"{row.key}: {row.becomes}" for one in files for row in one.without_effect()]
    endpoint: dict[str, Any] = {
        "description": config.get("description"),
        "auth_mode": {True: "aml_token", False: "key", None: None}[config.get("tokenAuthEnabled")],
        "tags": _plain(config.get("tags")),
    }
    if config.get("authEnabled") is False and not config.get("tokenAuthEnabled"):
        notes.append("authEnabled: a managed endpoint always asks for a key; callers need to send it")
    scored: dict[str, Any] = {}
    if inference:
        scored = {
            "description": inference.config.get("description"),
            "code_configuration": {"code": inference.source, "scoring_script": inference.entry},
            "environment": environment(inference),
            "environment_variables": dict(inference.variables),
        }
    deployment: dict[str, Any] = {
        "model": model and (f"azureml:{model}" if ":" in model else f"azureml:{model}@latest"),
        **scored,
        "instance_type": _instance(inference, config),
        "instance_count": config.get("numReplicas") or config.get("autoScaler.minReplicas"),
        "request_settings": _request_settings(config),
        "liveness_probe": _probe(config),
        "app_insights_enabled": config.get("appInsightsEnabled"),
        "tags": _plain(config.get("tags")),
        "properties": _plain(config.get("properties")),
    }
    if config.get("dataCollection.storageEnabled"):
        notes.append("dataCollection: add a data_collector, and azureml-ai-monitoring to score.py")
    return Managed(without_empty(endpoint), without_empty(deployment), notes)


def environment(inference: Inference) -> dict[str, Any]:
    """The inline environment: the base image, with its registry, and the conda file."""
    config = inference.config
    image = config.get("baseImage") or config.get("environment.docker.baseImage") or DEFAULT_IMAGE
    address = config.get("baseImageRegistry.address")
    if address and not str(image).startswith(address):
        image = f"{str(address).rstrip('/')}/{image}"
    return {"image": image, "conda_file": inference.conda}


def _instance(inference: Inference | None, config: Config) -> str | None:
    cpu = config.get("containerResourceRequirements.cpu")
    memory = config.get("containerResourceRequirements.memoryInGB")
    gpus = config.get("containerResourceRequirements.gpu") or config.get("gpuCores") or 0
    if inference and inference.config.get("enableGpu") and not gpus:
        gpus = 1
    if cpu is None and memory is None and not gpus:
        return None
    return instance_type(cpu or 0.1, memory or 0.5, int(gpus))


def _request_settings(config: Config) -> dict[str, Any]:
    return {
        "request_timeout_ms": config.get("scoringTimeoutMs"),
        "max_concurrent_requests_per_instance": config.get("maxConcurrentRequestsPerContainer"),
        "max_queue_wait_ms": config.get("maxQueueWaitMs"),
    }


def _probe(config: Config) -> dict[str, Any]:
    part = "livenessProbeRequirements."
    return {
        "period": config.get(part + "periodSeconds"),
        "initial_delay": config.get(part + "initialDelaySeconds"),
        "timeout": config.get(part + "timeoutSeconds"),
        "success_threshold": config.get(part + "successThreshold"),
        "failure_threshold": config.get(part + "failureThreshold"),
    }


def _plain(value: Any) -> dict[str, str]:
    return {str(key): str(item) for key, item in (value or {}).items()}


def without_empty(value: Any) -> Any:
    """The value without what was not said: None and empty parts."""
    if not isinstance(value, dict):
        return value
    pairs = {key: without_empty(item) for key, item in value.items()}
    return {key: item for key, item in pairs.items() if item is not None and item != {}}


def trees(managed: Managed, folder: Path | None) -> tuple[dict[str, Any], dict[str, Any]]:
    """The two files' content, for `folder`: local paths are relative to it, absolute without one."""
    here = folder.absolute() if folder else None
    return _paths(managed.endpoint, here), _paths(managed.deployment, here)


def texts(managed: Managed, folder: Path) -> tuple[str, str]:
    """The two files as YAML, for `folder`; the deployment's begins with the notes."""
    from amlrun.spec.yaml_data import text_of

    endpoint, deployment = (text_of(tree) for tree in trees(managed, folder))
    head = ["Not converted, or to be checked:", *(f"- {note}" for note in managed.notes)]
    lines = [" ".join(f"# {line}".split()) + "\n" for line in head] if managed.notes else []
    return endpoint, "".join(lines) + deployment


def write(managed: Managed, folder: Path, *names: str) -> list[Path]:
    """Write the endpoint's and the deployment's file. Returns the two."""
    files = [folder / name for name in names or ("endpoint.yml", "deployment.yml")]
    with os_errors(f"write to {folder}"):
        folder.mkdir(parents=True, exist_ok=True)
        for file, text in zip(files, texts(managed, folder)):
            replace_text(file, text)
    return files


def _paths(value: Any, folder: Path | None) -> Any:
    if isinstance(value, dict):
        return {key: _paths(item, folder) for key, item in value.items()}
    if not isinstance(value, Path):
        return value
    if folder is None or value.drive != folder.drive:
        return value.as_posix()
    return Path(os.path.relpath(value, folder)).as_posix()
