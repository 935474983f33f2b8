"""What a search remembers beside what a sweep does: its job and the plan that was made of its table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from amlrun.errors import AmlError
from amlrun.runs import redact
from amlrun.runs import store as runs
from amlrun.spec.automl import AutoMLJob
from amlrun.spec.job import to_dict
from amlrun.sweep.store import revive

# A search of which neither a time nor a number is said ends after this; the cloud would take six days.
_DEFAULT_MINUTES = 10


def folder(run: runs.RunFolder) -> Path:
    """Where the table, the folds and the plan of a search lie."""
    return run.private / "automl"


def save(run: runs.RunFolder, job: AutoMLJob, spent: float) -> None:
    """Write the job, and how many seconds were spent before the first trial. Raises OSError."""
    value = {"job": redact.masked(to_dict(job)), "spent": spent}
    runs.replace_json(run.private / "automl.json", value)


def load(run: runs.RunFolder) -> tuple[AutoMLJob, dict[str, Any]]:
    """The job and the plan of a search. Raises AmlError."""
    try:
        job: AutoMLJob = revive(AutoMLJob, _read(run)["job"])
        plan: dict[str, Any] = json.loads((folder(run) / "plan.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, KeyError, TypeError) as error:
        hint = "It was interrupted before its first trial: submit it again."
        raise AmlError(f"{run.id} has no search to resume", hint=hint) from error
    return job, plan


def _read(run: runs.RunFolder) -> dict[str, Any]:
    value: dict[str, Any] = json.loads((run.private / "automl.json").read_text(encoding="utf-8"))
    return value


def take_spent(run: runs.RunFolder) -> float:
    """The seconds that were spent before the first trial; a resumed search has its whole time again."""
    value = _read(run)
    spent = float(value["spent"])
    if spent:
        runs.replace_json(run.private / "automl.json", {**value, "spent": 0.0})
    return spent


def minutes(job: AutoMLJob) -> float | None:
    """The time limit on this machine; None when only a number of trials is said."""
    if job.limits.timeout_minutes is not None:
        return job.limits.timeout_minutes
    return None if job.limits.max_trials is not None else _DEFAULT_MINUTES
