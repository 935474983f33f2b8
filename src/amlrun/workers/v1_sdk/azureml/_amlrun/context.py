"""What `aml` tells the script about the project: environment variables, read when they are needed.

Written from documentation; not Microsoft's code.
"""

from __future__ import annotations

import json
import os
from typing import Any

VARIABLE = "AML_V1_SDK"


def facts() -> dict[str, Any]:
    """What AML_V1_SDK holds: root, runs, database, datasets, aml (a Python). Each may be missing."""
    try:
        found = json.loads(os.environ.get(VARIABLE, ""))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def run_id() -> str | None:
    """The run's id, None outside a run (a scoring script, a script started by hand)."""
    return os.environ.get("AZUREML_RUN_ID") or None


def experiment() -> str:
    return os.environ.get("AZUREML_EXPERIMENT_NAME") or os.environ.get("MLFLOW_EXPERIMENT_NAME") or "Default"


def folder() -> str:
    """The run's folder. The script may have changed the working directory since it was started there."""
    runs, own = facts().get("runs"), run_id()
    place = os.path.join(str(runs), own) if runs and own else ""
    return place if os.path.isdir(place) else os.getcwd()


def root() -> str:
    """The project's root."""
    return str(facts().get("root") or os.getcwd())


def secret(name: str) -> str:
    """A secret of v1's workspace vault, which is an environment variable here. Raises KeyError naming it."""
    for variable in (name, name.replace("-", "_"), name.replace("-", "_").upper()):
        if variable in os.environ:
            return os.environ[variable]
    raise KeyError(
        "no secret {!r}: a local run has no key vault. Set the environment variable {} where you start the run.".format(
            name, name.replace("-", "_").upper()
        )
    )
