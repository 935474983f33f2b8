"""Keeps other packages off the terminal, where a command's own words and `-o json` answer."""

from __future__ import annotations

import logging
import sys
from typing import Any

# They warn of what the command's own message tells: what was tried on the way, experimental classes.
_LEVELS = {
    "azure.core": {"azure.core": logging.ERROR},
    "azure.identity": {"azure.identity": logging.CRITICAL},
    "msal": {"msal": logging.CRITICAL},
    "azure.ai.ml": {
        "azure.ai.ml._utils._experimental": logging.ERROR,
        "azure.ai.ml._schema.core.fields": logging.ERROR,
        "azure.ai.ml.entities._job": logging.ERROR,
        "azure.ai.ml.operations": logging.ERROR,
    },
    "optuna": {"optuna": logging.ERROR},
}
# They print dots on stdout while they wait, and a colour's end on stderr.
_PRINTS = ("azure.ai.ml._utils._azureml_polling", "azure.ai.ml._artifacts._blob_storage_helper")


def silence(package: str) -> None:
    """Set the loggers of a package that was just imported, and turn what it prints to stderr, for a person only."""
    for name, level in _LEVELS.get(package, {}).items():
        logging.getLogger(name).setLevel(level)
    if package == "azure.ai.ml":
        for name in _PRINTS:
            if name in sys.modules:
                vars(sys.modules[name])["print"] = _print_for_a_person
    if package == "mlflow":
        import os

        for name in ("mlflow.store.db.utils", "alembic.runtime.migration"):
            # Its remarks about a new database; a filter, for MLflow sets its loggers' levels when it is imported.
            logging.getLogger(name).addFilter(_is_error)
        # Its reports of how it is used would go over the network.
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    if package == "optuna":
        import warnings

        # The Sobol sampler has been "experimental" since 2022.
        warnings.filterwarnings("ignore", message=".*is experimental")


def _is_error(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.ERROR


def _print_for_a_person(*words: str, end: str = "\n", **_: Any) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(" ".join(words) + end)
        sys.stderr.flush()
