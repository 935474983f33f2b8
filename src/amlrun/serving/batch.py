"""Batch scoring on this machine: a ParallelRunConfig as a command job like any other."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from amlrun.runs.store import RunFolder
from amlrun.serving.scoring import Model
from amlrun.spec.job import CommandJob, Environment, Input, Limits, Local
from amlrun.v1.scoring.inference import Inference
from amlrun.v1.scoring.parallel import Settings

DRIVER = Path(__file__).parents[1] / "workers" / "batch_worker.py"


def job(
    inference: Inference, model: Model, wanted: Settings, data: Path, *, earlier: RunFolder | None = None
) -> CommandJob:
    """The command job that scores `data` (a folder or a file) on this machine.

    `earlier` is a run to continue: what it finished is taken over.
    """
    plan: dict[str, Any] = {
        "entry": inference.entry,
        "input": "${{inputs.data}}",
        "mini_batch": {"files": wanted.files, "bytes": wanted.bytes},
        "workers": wanted.workers,
        "error_threshold": wanted.error_threshold,
        "timeout": wanted.timeout,
        "max_try": wanted.max_try,
        "output": wanted.output,
        "continue": "" if earlier is None else str(earlier.folder),
    }
    variables = {**inference.variables, "AZUREML_MODEL_DIR": str(model.folder.absolute())}
    if model.path.is_file():
        variables["MODEL_SHA256"] = model.sha256
    return CommandJob(
        command=["python", str(DRIVER), json.dumps(plan)],
        code=inference.source,
        script=inference.entry,
        inputs={"data": Input(path=str(data))},
        environment=Environment(conda_file=inference.conda),
        environment_variables=variables,
        compute="local",
        limits=Limits(),
        local=Local(interpreter=inference.interpreter),
        tags={"batch": "true", "model": model.source, "model_sha256": model.sha256, "data": str(data)},
    )
