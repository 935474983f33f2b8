"""Has a search's table read and checked by the Python that its trials run in (workers/automl/prepare.py)."""

from __future__ import annotations

import importlib.util
import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from amlrun import extras
from amlrun.automl import tables
from amlrun.errors import JOB_FAILED, AmlError
from amlrun.project import Project
from amlrun.spec.automl import AutoMLJob

WORKERS = Path(__file__).parents[1] / "workers" / "automl"
_NEEDED = ("optuna", "sklearn", "lightgbm", "pandas")


def require() -> None:
    """Raise AmlError where the packages of AutoML are not installed."""
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        hint = f"Add it: {extras.how_to_add('automl')}"
        raise AmlError(f"AutoML on this machine needs {missing[0]}, which is not installed", hint=hint)


def prepare(
    project: Project, job: AutoMLJob, folder: Path, seed: int, python: Path, variables: Mapping[str, str]
) -> dict[str, Any]:
    """The plan of a search (workers/automl/prepare.py), whose data is then in `folder`.

    Raises AmlError for what is wrong with the table, with the line of the job's file that names it.
    """
    limits, features = job.limits, job.featurization
    request = {
        "task": job.task,
        "metric": job.primary_metric,
        "target": job.target_column_name,
        "weight": job.weight_column_name,
        "splits": job.cv_split_column_names,
        "positive_label": job.positive_label,
        "validation_data_size": job.validation_data_size,
        "n_cross_validations": job.n_cross_validations,
        "test_data_size": job.test_data_size,
        "featurization": features.mode,
        "column_name_and_types": features.column_name_and_types,
        "imputers": [one for name, own in features.transformer_params.items() if name.lower() == "imputer"
                     for one in own],
        "blocked_transformers": features.blocked_transformers,
        "allowed": job.training.allowed_training_algorithms,
        "blocked": job.training.blocked_training_algorithms,
        "seed": seed,
        "cores": limits.threads,
        "folder": str(folder),
        "sources": tables.sources(project, job),
    }  # fmt: skip
    done = subprocess.run(
        [str(python), str(WORKERS / "prepare.py")],
        input=json.dumps(request).encode(),
        capture_output=True,
        env=dict(variables),
    )
    try:
        answer = json.loads(done.stdout)
    except ValueError:
        last = done.stderr.decode("utf-8", "replace").strip().splitlines()[-1:]
        why = last[0] if last else f"exit code {done.returncode}"
        killed = "; this machine may not have enough memory" if done.returncode < 0 else ""
        raise AmlError(f"the table could not be read: {why}{killed}", exit_code=JOB_FAILED) from None
    if "error" in answer:
        raise _refused(job, answer)
    plan: dict[str, Any] = answer["plan"]
    return plan


def _refused(job: AutoMLJob, answer: dict[str, Any]) -> AmlError:
    field = answer["field"]
    message = answer["error"]
    wanted = getattr(job, field, None) if field in tables.NAMES else None
    if wanted is not None and wanted.path:
        message = f"{Path(wanted.path).name}: {message}"
    return AmlError(message, file=job.source.file, line=job.line(field), field=field, hint=answer["hint"])
