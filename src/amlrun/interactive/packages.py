"""Packages of the user's environment that only some calls need."""

from __future__ import annotations

import importlib
from typing import Any

from amlrun.errors import AmlError

_INSTALLED_AS = {"sklearn": "scikit-learn"}


def need(module: str, what_for: str) -> Any:
    """The module, imported now. Raises AmlError that names what to install when it is not there."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        top = (error.name or module).partition(".")[0]
        package = _INSTALLED_AS.get(top, top)
        raise AmlError(
            f"{what_for} needs {package}, which is not installed",
            hint=f"uv add {package}   (or: pip install {package})",
        ) from error
