"""Calls that scikit-learn 1.0 refuses: arguments by place that must be given by name since.

Written from documentation; not Microsoft's code.
"""

from __future__ import annotations

import functools
import inspect
from types import FunctionType, ModuleType
from typing import Any

from azureml._amlrun.notes import say_once


def accept_places(module: ModuleType) -> None:
    """Let the functions of `module` take arguments by place that are keyword-only now, in the order they had."""
    for name, function in list(vars(module).items()):
        if name.startswith("_") or not isinstance(function, FunctionType):
            continue
        parameters = inspect.signature(function).parameters.values()
        named = [one.name for one in parameters if one.kind is one.KEYWORD_ONLY]
        placed = [one for one in parameters if one.kind is one.POSITIONAL_OR_KEYWORD]
        if named and not any(one.kind is one.VAR_POSITIONAL for one in parameters):
            setattr(module, name, _accepting(function, module.__name__, len(placed), named))


def _accepting(function: FunctionType, module: str, count: int, named: list[str]) -> Any:
    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        by_place = dict(zip(named, args[count:]))
        if by_place and len(args) <= count + len(named):
            listed = ", ".join(f"{name}=" for name in by_place)
            say_once(f"{function.__name__}: scikit-learn 1.0 takes {listed} by name only; it is passed so.")
            return function(*args[:count], **{**by_place, **kwargs})
        return function(*args, **kwargs)

    # Models keep such functions: a pickle finds this one by its public name, with and without this package.
    call.__module__ = module
    return call
