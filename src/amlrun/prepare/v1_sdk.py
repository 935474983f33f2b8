"""Scripts of SDK v1 on this machine: whether they get `aml`'s own `azureml` package (workers/v1_sdk)."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from amlrun.errors import AmlError
from amlrun.prepare import code, data, v1_imports
from amlrun.prepare.site import Site, ask_python, project_facts
from amlrun.project import Project
from amlrun.spec.job import CommandJob

Report = Callable[[str], None]
FOLDER = Path(__file__).parents[1] / "workers" / "v1_sdk"
VARIABLE = "AML_V1_SDK"
OLDEST_PYTHON = (3, 7)
_PROBE = """
import importlib.util, json, sys
def has(name):
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):
        return False
print(json.dumps([list(sys.version_info[:2]), has("azureml.core"), has("mlflow")]))
"""


def for_run(variables: dict[str, str], job: CommandJob, site: Site, *, report: Report) -> dict[str, str]:
    """The variables of a run's script; one that imports SDK v1 finds our package where azureml-core is missing.

    `report` gets a line that says so, or that an installed azureml-core will lose what the script logs. Raises
    AmlError when the script logs and its environment has no MLflow to log to.
    """
    uses = v1_imports.of_command(job.command, code.folder(job), job.script)
    if not uses.imports:
        return variables
    version, has_core, has_mlflow = _probe(site.python, lambda: site.ask_python(_PROBE, variables.get("PYTHONPATH")))
    first = uses.logs[0] if uses.logs else None
    if has_core:
        if first:
            report(
                f"{first}: {first.what}: the environment's azureml-core only prints this outside Azure, and nothing is "
                "recorded. Remove azureml-core from the environment (`aml` then logs to MLflow), or use `aml migrate`."
            )
        return variables
    where = uses.imports[0]
    if version < OLDEST_PYTHON:
        shown = ".".join(map(str, version))
        report(f"{where}: {where.what}: `aml`'s package for SDK v1 needs Python 3.7; the environment has {shown}.")
        return variables
    if first and not has_mlflow:
        raise AmlError(
            f"{first.what} is recorded in MLflow, which {site.python} lacks", file=first.file, line=first.line,
            hint="Add azureml-mlflow to the environment (the conda file's `pip:`, or pip install azureml-mlflow).",
        )  # fmt: skip
    report(
        f"{where}: {where.what}: azureml-core is not installed; aml's own azureml package is used, and logs to MLflow. "
        "To remove SDK v1: aml migrate"
    )
    facts = {**site.facts, "datasets": {name: site.dataset(one.path) for name, one in data.load(site.project).items()}}
    return variables | _variables(facts, f"{site.workers}/v1_sdk", site.separator, variables.get("PYTHONPATH"))


def for_scoring(project: Project, source: Path, entry: str, python: Path, *, report: Report) -> dict[str, str]:
    """The variables that a scoring process gets in addition when its script, in `source`, imports SDK v1.

    Empty when it does not, or the interpreter has azureml-core. `report` gets a line that says so.
    """
    uses = v1_imports.of_command([], source, entry)
    if not uses.imports:
        return {}
    version, has_core, _ = _probe(python, lambda: ask_python(python, _PROBE))
    if has_core or version < OLDEST_PYTHON:
        return {}
    where = uses.imports[0]
    report(
        f"{where}: {where.what}: azureml-core is not installed; aml's own azureml package is used. "
        "To remove SDK v1: aml migrate"
    )
    known = {name: str(one.path) for name, one in data.load(project).items()}
    return _variables({**project_facts(project), "datasets": known}, str(FOLDER), os.pathsep, None)


def _variables(facts: dict[str, Any], folder: str, separator: str, python_path: str | None) -> dict[str, str]:
    """PYTHONPATH with our package in `folder` before the user's own, and what it has to know about the project."""
    paths = [folder, *([python_path] if python_path else [])]
    return {"PYTHONPATH": separator.join(paths), VARIABLE: json.dumps(facts)}


def _probe(python: Path | str, ask: Callable[[], str]) -> tuple[tuple[int, int], bool, bool]:
    """An interpreter's version, and whether it has azureml-core and MLflow. Raises AmlError when it cannot be asked."""
    try:
        version, core, mlflow = json.loads(ask())
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        raise AmlError(f"{python} cannot be started: {error}", hint="Check the environment's Python.") from error
    return (version[0], version[1]), bool(core), bool(mlflow)
