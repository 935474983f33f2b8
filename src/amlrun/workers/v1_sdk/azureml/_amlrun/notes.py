"""What is said once, and what is raised where SDK v1 has a name that does not exist here.

Written from documentation; not Microsoft's code.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from typing import Any

from azureml._amlrun.hints import hint

_CORE = ("Dataset", "Datastore", "Experiment", "Keyvault", "Model", "Run", "Workspace")
_said: set[str] = set()


class NotAvailable(NotImplementedError):
    """A name of SDK v1 that does not exist here; the message says what to do instead."""


def say_once(text: str) -> None:
    """Print a note on stderr, the first time only."""
    if text not in _said:
        _said.add(text)
        print(f"aml: SDK v1: {text}", file=sys.stderr, flush=True)


def sentence(name: str) -> str:
    """The message for an absent `name` (`Class.member`, or a dotted path)."""
    return f"{name} is not available in a local run. {hint(name)}"


class _Named(type):
    def __getattr__(cls, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        raise NotAvailable(sentence(cls.__name__ + "." + name))


class V1Class(metaclass=_Named):
    """A class of SDK v1 of which a part exists: any other public name raises NotAvailable."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        raise NotAvailable(sentence(type(self).__name__ + "." + name))


class _Absent(_Named):
    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        raise NotAvailable(sentence(cls.__name__))


def placeholder(name: str, module: str) -> type:
    """A class that can be imported, annotated with and tested for, but not used: a script may never come to it."""
    return _Absent(name, (), {"__module__": module, "__doc__": sentence(name)})


def lazily(module: str) -> Callable[[str], Any]:
    """A `__getattr__` for a module: a class's name is a placeholder, an exception's an exception, the rest raises."""
    made: dict[str, type] = {}

    def get(name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        if name.endswith("Exception"):
            from azureml import exceptions

            return getattr(exceptions, name)
        if name in _CORE:
            # v1's modules of core imported one another, and scripts import from any of them.
            return getattr(importlib.import_module("azureml.core"), name)
        if name[:1].isupper():
            return made.setdefault(name, placeholder(name, module))
        raise ImportError(sentence(module + "." + name), name=module)

    return get
