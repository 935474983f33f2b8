"""v1's ParallelRunConfig as a batch endpoint and deployment: the official v2 YAML files.

Keys from azure-ai-docs, reference-yaml-deployment-batch.md and migrate-to-v2-execution-parallel-run-step.md.
"""

from __future__ import annotations

from typing import Any

from amlrun.v1.config import Config
from amlrun.v1.scoring.endpoint import SCHEMAS, Managed, environment, without_empty
from amlrun.v1.scoring.inference import Inference
from amlrun.v1.scoring.parallel import BatchSettings


def translate(
    script: Inference, config: Config, wanted: BatchSettings, model: str, compute: str | None = None
) -> Managed:
    """The batch endpoint and deployment of `model` (`NAME:VERSION`, or `NAME` for the latest) on `compute`, or on the
    file's.
    """
    if compute:
        config.set("compute_target", compute)
    notes = [f"{row.key}: {row.becomes}" for row in config.without_effect()]
    compute = config.get("compute_target") or config.get("compute_target_name")
    if not compute:
        compute = "cpu-cluster"
        notes.append("compute_target: the file names none; cpu-cluster is written")
    files = wanted.files
    if wanted.bytes:
        files = 10
        notes.append("mini_batch_size: a batch deployment counts files; 10 is written")
    name = model.split(":")[0].lower().replace("_", "-").replace(".", "-")[:26] + "-batch"
    endpoint = {
        "$schema": f"{SCHEMAS}/batchEndpoint.schema.json",
        "name": name,
        "description": config.get("description"),
        "auth_mode": "aad_token",
    }
    deployment: dict[str, Any] = {
        "$schema": f"{SCHEMAS}/batchDeployment.schema.json",
        "name": "blue",
        "endpoint_name": name,
        "description": config.get("description"),
        "model": f"azureml:{model}" if ":" in model else f"azureml:{model}@latest",
        "code_configuration": {"code": script.source, "scoring_script": script.entry},
        "environment": environment(script),
        "environment_variables": dict(script.variables),
        "compute": f"azureml:{compute}",
        "resources": {"instance_count": config.get("node_count") or 1},
        "mini_batch_size": files,
        "max_concurrency_per_instance": config.get("process_count_per_node"),
        "output_action": "append_row" if wanted.output else "summary_only",
        "output_file_name": wanted.output or None,
        "error_threshold": wanted.error_threshold,
        "retry_settings": {"max_retries": wanted.max_try, "timeout": wanted.timeout},
        "logging_level": str(config.get("logging_level") or "info").lower(),
    }
    return Managed(without_empty(endpoint), without_empty(deployment), notes)
