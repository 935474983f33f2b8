"""Modules of SDK v1 that have no file here: those of its control plane as placeholders, the rest as an error.

Written from documentation; not Microsoft's code.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import sys
from types import ModuleType
from typing import Any

from azureml._amlrun.notes import lazily, sentence

# A script may import these for what it does elsewhere (submit, deploy): using them raises, importing them does not.
_CONTROL = (
    "azureml.core",
    "azureml.data",
    "azureml.exceptions",
    "azureml.pipeline",
    "azureml.train.dnn",
    "azureml.train.estimator",
    "azureml.train.hyperdrive",
    "azureml.train.sklearn",
    "azureml.contrib.pipeline",
)
_PARENTS = ("azureml.train", "azureml.contrib")


def _below(name: str, places: Any) -> bool:
    return any(name == place or name.startswith(place + ".") for place in places)


class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """The last finder: what an installed package has, that package gives."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> importlib.machinery.ModuleSpec | None:
        if not name.startswith("azureml."):
            return None
        if _below(name, _CONTROL) or name in _PARENTS:
            return importlib.machinery.ModuleSpec(name, self, is_package=True)
        if name.startswith(("azureml._amlrun", "azureml.mlflow")):
            return None
        raise ModuleNotFoundError(sentence(name), name=name)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        module.__getattr__ = lazily(module.__name__)  # type: ignore[method-assign]


def install() -> None:
    """Put the finder behind all others, once."""
    if not any(type(one).__name__ == "Finder" and type(one).__module__ == __name__ for one in sys.meta_path):
        sys.meta_path.append(Finder())
