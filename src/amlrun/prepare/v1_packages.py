"""SDK v1's packages in a conda file: left out here, where `aml` has its own `azureml` and MLflow keeps the metrics.

They are retired (2026-06), hold back NumPy and pandas, and outside Azure azureml-core only prints what a run logs.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from amlrun.prepare import conda_file, conda_rules
from amlrun.prepare.conda_file import CondaFile, Requirement

# What the packages that bring azureml-core were there for in a job: logging, data, submitting.
_LEFT_OUT = re.compile(
    r"azureml-(?:defaults|sdk|widgets|train|train-core|train-restclients-hyperdrive|pipeline|pipeline-core|"
    r"pipeline-steps|telemetry|dataset-runtime|dataprep(?:-\w+)?)"
)
# Who names one of these wants the SDK itself.
_KEEPS = re.compile(
    r"azureml-(?:core|train-automl|automl|interpret|explain|contrib|opendatasets|responsibleai|datadrift|tensorboard)"
)
_EXTRAS_KEPT = ("automl", "explain", "interpret", "contrib", "tensorboard")
_MLFLOW = ("mlflow", "mlflow-skinny", "azureml-mlflow")
_NAME = re.compile(r"\s*(?P<name>[A-Za-z0-9._-]+)\s*(?:\[(?P<extras>[^\]]*)\])?")


def read(source: Path | dict[str, Any]) -> CondaFile:
    """A conda file as `conda_file.read` gives it, with MLflow in place of SDK v1's packages; `substitutions` says so.

    Nothing changes in a file that names azureml-core itself, or a package that only works with it. Raises AmlError.
    """
    found = conda_file.read(source)
    _leave_out(found)
    return found


def _leave_out(found: CondaFile) -> None:
    names = [_split(one.text) for one in found.requirements]
    if any(_KEEPS.match(name) or any(word in extras for word in _EXTRAS_KEPT) for name, extras in names):
        return
    dropped = [(one, extras) for one, (name, extras) in zip(found.requirements, names) if _LEFT_OUT.fullmatch(name)]
    if not dropped:
        return
    gone = [one for one, _ in dropped]
    there = {name for name, _ in names}
    wanted = [] if there.intersection(_MLFLOW) else ["mlflow-skinny"]
    asked = "pandas" not in there and any("pandas" in extras for _, extras in dropped)
    if asked or conda_rules.brought_by_sdk(there):
        wanted.append("pandas")
    found.requirements = [one for one in found.requirements if one not in gone]
    found.requirements += [Requirement(name, gone[0].line) for name in wanted]
    # That the reader gave one of them a version is of no interest any more.
    floors = tuple(f"{one.text.partition('>=')[0]}: taken as {one.text} " for one in gone)
    found.substitutions = [line for line in found.substitutions if not line.startswith(floors)]
    listed = ", ".join(_split(one.text)[0] for one in gone)
    instead = f"; {' and '.join(wanted)} instead" if wanted else ""
    found.substitutions.append(
        f"{listed}: left out (retired; `aml` has its own azureml package){instead}. To use SDK v1 itself, "
        "name azureml-core"
    )


def _split(text: str) -> tuple[str, str]:
    match = _NAME.match(text)
    if match is None:
        return "", ""
    return conda_rules.normal(match["name"]), (match["extras"] or "").lower()
