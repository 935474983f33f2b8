"""Batch scoring: a ParallelRunConfig as a command job on this machine, or as a batch endpoint of a workspace."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amlrun.prepare import snapshot
from amlrun.runs import store as runs
from amlrun.serving import environment
from amlrun.serving.model_file import ModelFile
from amlrun.spec.job import CommandJob, Environment, Input, Limits, Local
from amlrun.v1.scoring.endpoint import Managed
from amlrun.v1.scoring.inference import Inference
from amlrun.v1.scoring.parallel import BatchSettings

if TYPE_CHECKING:
    from amlrun.azure.client import Client
    from amlrun.project import Project

Report = Callable[[str], None]
WORKER = Path(__file__).parents[1] / "workers" / "batch_worker.py"


def job(
    inference: Inference,
    model: ModelFile,
    settings: BatchSettings,
    data: Path,
    *,
    earlier: runs.RunFolder | None = None,
    report: Report = lambda line: None,
) -> CommandJob:
    """The command job that scores `data` (a folder or a file) on this machine.

    `earlier` is a run to continue: what it finished is taken over.
    """
    plan: dict[str, Any] = {
        "entry": inference.entry,
        "input": "${{inputs.data}}",
        "model": {"path": str(model.path.absolute()), "directory": model.directory},
        "mini_batch": {"files": settings.files, "bytes": settings.bytes},
        "workers": settings.workers,
        "error_threshold": settings.error_threshold,
        "timeout": settings.timeout,
        "max_try": settings.max_try,
        "output": settings.output,
        "continue": "" if earlier is None else str(earlier.folder),
    }
    variables = dict(inference.variables)
    if model.path.is_file():
        variables["MODEL_SHA256"] = model.sha256
    conda = None if inference.interpreter else environment.packages(inference, report=report, server=False)
    return CommandJob(
        command=["python", str(WORKER), json.dumps(plan)],
        code=inference.source,
        script=inference.entry,
        inputs={"data": Input(path=str(data))},
        environment=Environment(conda_file=conda),
        environment_variables=variables,
        compute="local",
        limits=Limits(),
        local=Local(interpreter=inference.interpreter),
        tags={"batch": "true", "model": model.source, "model_sha256": model.sha256, "data": str(data)},
    )


def submit_to_workspace(
    client: Client, project: Project, made: Managed, data: str, experiment: str, *, report: Report
) -> runs.RunFolder:
    """Have a batch endpoint of the workspace score `data`: a local path, a data asset or an address."""
    from amlrun.azure import batch
    from amlrun.v1.scoring import endpoint

    runs.check_experiment(experiment)
    for note in made.notes:
        report(note)
    with tempfile.TemporaryDirectory(prefix="aml-batch-") as folder:
        # A copy as a run's snapshot would have it: no ignored file, and none that looks like a secret.
        code = Path(folder) / "code"
        script = made.deployment["code_configuration"]
        snapshot.copy(snapshot.build_snapshot(script["code"], runs=project.runs), code)
        sent = replace(made, deployment={**made.deployment, "code_configuration": {**script, "code": code}})
        files = endpoint.write(sent, Path(folder), "endpoint.yml", "deployment.yml")
        return batch.submit(
            client, files[0], files[1], _address(data), folder=project.runs, experiment=experiment, report=report
        )


def _address(data: str) -> str:
    """The files as the workspace knows them: what is here is uploaded, `NAME` is a data asset's newest version."""
    if Path(data).exists() or data.startswith("azureml:") or "://" in data:
        return data
    return f"azureml:{data}" if ":" in data or "@" in data else f"azureml:{data}@latest"
