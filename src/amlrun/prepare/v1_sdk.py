"""Scripts of SDK v1 on this machine: whether they get `aml`'s own `azureml` package (workers/v1_sdk)."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from amlrun.errors import AmlError
from amlrun.prepare import data, v1_imports
from amlrun.prepare.environment import Interpreter
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


def for_run(
    variables: dict[str, str], project: Project, job: CommandJob, interpreter: Interpreter, *, report: Report
) -> dict[str, str]:
    """The variables of a run's script; one that imports SDK v1 finds our package where azureml-core is missing.

    `report` gets a line that says so, or that an installed azureml-core will lose what the script logs. Raises
    AmlError when the script logs and its environment has no MLflow to log to.
    """
    uses = v1_imports.of_command(job.command, job.code or Path.cwd(), job.script)
    if not uses.imports:
        return variables
    version, has_core, has_mlflow = _probe(interpreter.python, variables.get("PYTHONPATH"))
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
            f"{first.what} is recorded in MLflow, which {interpreter.python} lacks", file=first.file, line=first.line,
            hint="Add azureml-mlflow to the environment (the conda file's `pip:`, or pip install azureml-mlflow).",
        )  # fmt: skip
    report(
        f"{where}: {where.what}: azureml-core is not installed; aml's own azureml package is used, and logs to MLflow. "
        "To remove SDK v1: aml migrate"
    )
    return variables | package_variables(project, variables)


def for_scoring(project: Project, source: Path, entry: str, python: Path, *, report: Report) -> dict[str, str]:
    """The variables that a scoring process gets in addition when its script, in `source`, imports SDK v1.

    Empty when it does not, or the interpreter has azureml-core. `report` gets a line that says so.
    """
    uses = v1_imports.of_command([], source, entry)
    if not uses.imports:
        return {}
    version, has_core, _ = _probe(python, None)
    if has_core or version < OLDEST_PYTHON:
        return {}
    where = uses.imports[0]
    report(
        f"{where}: {where.what}: azureml-core is not installed; aml's own azureml package is used. "
        "To remove SDK v1: aml migrate"
    )
    return package_variables(project, {})


def package_variables(project: Project, variables: dict[str, str]) -> dict[str, str]:
    """PYTHONPATH with our package before the user's own, and what the package has to know about the project."""
    known = {name: str(dataset.path) for name, dataset in data.load(project).items()}
    facts = {
        "root": str(project.root),
        "runs": str(project.runs),
        "database": str(project.database),
        "datasets": known,
        "aml": sys.executable,
    }
    paths = [str(FOLDER), *([variables["PYTHONPATH"]] if variables.get("PYTHONPATH") else [])]
    return {"PYTHONPATH": os.pathsep.join(paths), VARIABLE: json.dumps(facts)}


@functools.lru_cache(maxsize=16)
def _probe(python: Path, python_path: str | None) -> tuple[tuple[int, int], bool, bool]:
    """An interpreter's version, and whether it has azureml-core and MLflow. Raises AmlError when it cannot be asked."""
    environment = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "PYTHONHOME")}
    if python_path:
        environment["PYTHONPATH"] = python_path
    try:
        done = subprocess.run(
            [str(python), "-c", _PROBE], capture_output=True, text=True, env=environment, check=True, timeout=120
        )
        version, core, mlflow = json.loads(done.stdout)
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        raise AmlError(f"{python} cannot be started: {error}", hint="Check the environment's Python.") from error
    return (version[0], version[1]), bool(core), bool(mlflow)
