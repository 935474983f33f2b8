"""An AutoML job, submitted to a workspace, whose own AutoML runs it: the table goes up, nothing else.

What azure-ai-ml is known to spoil (it loads, and fails at the submit or hours later) is refused with its line.
"""

from __future__ import annotations

import copy
import hashlib
from pathlib import Path
from typing import Any

from amlrun.azure import submission
from amlrun.errors import AmlError, os_errors
from amlrun.runs import redact
from amlrun.runs import store as runs
from amlrun.runs.record import AUTOML_RUN, SubmitPart
from amlrun.spec import write_automl
from amlrun.spec.automl import TABLES, AutoMLJob
from amlrun.spec.job import Input, Output
from amlrun.targets.azureml_sender import Sender
from amlrun.targets.base import Plan, Run, SubmitOptions

SENT_AS = "{}: uploaded as an MLTable, which AutoML in a workspace requires"


def plan(job: AutoMLJob, location: str, experiment: str) -> Plan:
    """The job as it would be sent, and the calls that would send it. Raises AmlError."""
    check(job)
    tree = _tree(job, "RUN-ID", experiment)
    local = [name for name in TABLES if _is_local(getattr(job, name))]
    calls = [f"PUT each file of {name} (an MLTable's folder)" for name in local]
    return Plan(redact.masked(tree), None, location, [*calls, "PUT jobs/RUN-ID"])


def submit(target: Sender, job: AutoMLJob, experiment: str, options: SubmitOptions) -> Run:
    """Create the job in the workspace. An identical command that was interrupted is resumed under its own name.

    Raises AmlError, exit code 3 when the service refused or was out of reach.
    """
    check(job)
    job = copy.deepcopy(job)
    contents = [_digest(Path(data.path)) for data in (getattr(job, name) for name in TABLES) if _is_local(data)]
    mark = submission.fingerprint(target.client, _tree(job, "RUN-ID", experiment), contents)
    first, name = _first(job, experiment, options), runs.new_id(experiment, job.name)
    with target.attempt(mark, first, name, options) as (run, sent):
        if not sent:
            with os_errors("write the MLTable"):
                folder = run.files.private / "data"
                made = write_automl.tables(job)
                write_automl.write_tables(made, folder)
            for table in made:
                target.report(SENT_AS.format(table.name))
                setattr(job, table.name, Input("mltable", str(folder / table.name)))
            submission.send(target.client, run.files, _tree(job, run.id, experiment))
    return run


def check(job: AutoMLJob) -> None:
    """Refuse what would fail there. Raises AmlError with the line of the job's file."""

    def wrong(key: str, message: str, hint: str) -> AmlError:
        return AmlError(message, file=job.source.file, line=job.line(key) or 1, field=key, hint=hint)

    if job.training.stack_ensemble_settings:
        key = "training.stack_ensemble_settings"
        raise wrong(key, "azure-ai-ml can't send it: it raises a TypeError", "Leave it out: the defaults are used.")
    if not job.compute and job.resources is None:
        raise wrong("compute", "is missing", "Write: compute: azureml:CLUSTER, or submit it with --ct CLUSTER.")
    write_automl.tables(job)


def _is_local(data: Input | None) -> bool:
    return data is not None and bool(data.path) and Path(str(data.path)).exists()


def _tree(job: AutoMLJob, name: str, experiment: str) -> dict[str, Any]:
    """The job's official YAML, named `name`; paths are absolute. `best_model` is always an output."""
    tree = write_automl.tree(job, lambda path: path.as_posix())
    tree.pop("$schema", None)
    tree |= {"name": name, "experiment_name": experiment}
    if job.compute:
        tree["compute"] = job.compute if job.compute.startswith("azureml:") else f"azureml:{job.compute}"
    best = job.outputs.get("best_model") or Output("mlflow_model")
    tree["outputs"] = {"best_model": {"type": "mlflow_model", **({"name": best.name} if best.name else {})}}
    return tree


def _digest(place: Path) -> str:
    """A hash of a table's files, by names, sizes and times."""
    files = [place] if place.is_file() else sorted(file for file in place.rglob("*") if file.is_file())
    facts = [(file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in files]
    return hashlib.sha256(repr(facts).encode()).hexdigest()


def _first(job: AutoMLJob, experiment: str, options: SubmitOptions) -> SubmitPart:
    return {
        "_experiment_name": experiment,
        "run_type": AUTOML_RUN,
        "primary_metric_name": job.primary_metric,
        "target": (job.compute or "").removeprefix("azureml:") or None,
        "display_name": job.display_name,
        "tags": dict(job.tags),
        "run_definition": redact.masked(_tree(job, "RUN-ID", experiment)),
        "command_line": redact.masked(list(options.command_line)),
    }
