"""Runs before a script that uses SDK v1: what other packages have dropped since then is found again.

Written from documentation; not Microsoft's code. The environment's own sitecustomize runs too.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
import os
import sys
import warnings
from types import ModuleType
from typing import Any

_ALIASES = {"float": float, "int": int, "str": str, "bool": bool, "object": object, "complex": complex}
_JOBLIB = "sklearn.externals.joblib"


def _say(text: str) -> None:
    print(f"aml: SDK v1: {text}", file=sys.stderr, flush=True)


class _Old(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds sklearn.externals.joblib, and gives NumPy its old names for Python's types."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> importlib.machinery.ModuleSpec | None:
        if name in (_JOBLIB, "sklearn.externals.six") and self._missing(name, path):
            return importlib.machinery.ModuleSpec(name, self)
        if name == "sklearn.externals" and self._missing(name, path):
            return importlib.machinery.ModuleSpec(name, self, is_package=True)
        if name not in ("numpy", "sklearn.metrics"):
            return None
        for finder in sys.meta_path:
            spec = None if finder is self else finder.find_spec(name, path, target)
            if spec is not None:
                spec.loader = _Numpy(spec.loader) if name == "numpy" else _Metrics(spec.loader)
                return spec
        return None

    @staticmethod
    def _missing(name: str, path: Any) -> bool:
        return importlib.machinery.PathFinder.find_spec(name, path) is None

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        return None

    def exec_module(self, module: Any) -> None:
        name = module.__name__
        if name != "sklearn.externals":
            plain = name.rpartition(".")[2]
            sys.modules[name] = importlib.import_module(plain)
            _say(f"{name} was removed from scikit-learn; the package {plain} is used.")


class _Wrapped(importlib.abc.Loader):
    """A module's own loader, and what comes afterwards."""

    def __init__(self, loader: Any) -> None:
        self._loader = loader

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        made: ModuleType | None = self._loader.create_module(spec)
        return made

    def exec_module(self, module: Any) -> None:
        self._loader.exec_module(module)
        module.__loader__ = module.__spec__.loader = self._loader
        self.afterwards(module)

    def afterwards(self, module: Any) -> None:
        raise NotImplementedError


class _Metrics(_Wrapped):
    """`confusion_matrix(y, predicted, labels)` and the like, which scikit-learn 1.0 refuses, are understood."""

    def afterwards(self, module: Any) -> None:
        from azureml._amlrun.old_calls import accept_places

        accept_places(module)


class _Numpy(_Wrapped):
    """`numpy.float` and the like, which NumPy 1.24 dropped, are Python's types."""

    def afterwards(self, module: Any) -> None:
        own = module.__dict__.get("__getattr__")
        said: set[str] = set()

        def get(name: str) -> Any:
            if name in _ALIASES and name not in module.__dict__ and not _has(own, name):
                if name not in said:
                    said.add(name)
                    _say(f"numpy.{name} was removed in NumPy 1.24; Python's {name} is used.")
                return _ALIASES[name]
            if own is None:
                raise AttributeError(f"module 'numpy' has no attribute {name!r}")
            return own(name)

        module.__getattr__ = get


def _has(get: Any, name: str) -> bool:
    """Whether a module's own `__getattr__` knows a name: NumPy 1.20 to 1.23 has them there, with a warning."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            get(name)
    except (AttributeError, TypeError):
        return False
    return True


def _chain() -> None:
    """Run the sitecustomize that this one hides."""
    here = os.path.realpath(os.path.dirname(os.path.abspath(__file__)))
    rest = [place for place in sys.path if os.path.realpath(place or os.curdir) != here]
    spec = importlib.machinery.PathFinder.find_spec("sitecustomize", rest)
    if spec is not None and spec.loader is not None:
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)


sys.meta_path.insert(0, _Old())
_chain()
