"""`dataclass` as in `dataclasses`, with methods that all classes share.

The standard one compiles up to seven methods for each class, about half a millisecond: a command would start 30 ms
later. `dataclasses.fields`, `replace` and `asdict` work on these classes as on any other.
"""

from __future__ import annotations

import dataclasses
from dataclasses import field
from functools import cache
from reprlib import recursive_repr
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dataclasses import dataclass

__all__ = ["dataclass", "field"]


def _dataclass(cls: Any = None, /, *, frozen: bool = False, eq: bool = True) -> Any:
    """`dataclasses.dataclass` with those of its options that the library uses."""
    if cls is None:
        return lambda cls: _dataclass(cls, frozen=frozen, eq=eq)
    own = set(vars(cls))
    dataclasses.dataclass(init=False, repr=False, eq=False)(cls)
    methods: dict[str, Any] = {"__init__": _init, "__repr__": _repr, "__signature__": _Signature()}
    if eq:
        methods |= {"__eq__": _eq, "__hash__": _hash if frozen else None}
    if frozen:
        methods |= {"__setattr__": _refuse, "__delattr__": _refuse}
    for name, method in methods.items():
        if name not in own:
            setattr(cls, name, method)
    return cls


@cache
def _fields(cls: type) -> tuple[dict[str, dataclasses.Field[Any]], list[str]]:
    """The fields that are set at the start, by name; and the names of the arguments."""
    fields = {
        one.name: one
        for one in dataclasses.fields(cls)
        if one.init or (one.default, one.default_factory) != (dataclasses.MISSING, dataclasses.MISSING)
    }
    return fields, [name for name, one in fields.items() if one.init]


def _init(self: Any, /, *args: Any, **kwargs: Any) -> None:
    cls: type = type(self)
    fields, names = _fields(cls)
    values = dict(zip(names, args, strict=False))
    if len(args) > len(names) or values.keys() & kwargs.keys() or not kwargs.keys() <= set(names):
        _signature(cls).bind(*args, **kwargs)  # raises TypeError, in Python's words
    values |= kwargs
    for name, one in fields.items():
        if name in values:
            continue
        if one.default is not dataclasses.MISSING:
            values[name] = one.default
        elif one.default_factory is not dataclasses.MISSING:
            values[name] = one.default_factory()
        else:
            _signature(cls).bind(*args, **kwargs)
    vars(self).update(values)
    if hasattr(self, "__post_init__"):
        self.__post_init__()


def _compared(self: Any) -> tuple[Any, ...]:
    return tuple(getattr(self, one.name) for one in dataclasses.fields(self) if one.compare)


def _eq(self: Any, other: object) -> Any:
    return _compared(self) == _compared(other) if type(other) is type(self) else NotImplemented


def _hash(self: Any) -> int:
    hashed = (one for one in dataclasses.fields(self) if (one.compare if one.hash is None else one.hash))
    return hash(tuple(getattr(self, one.name) for one in hashed))


@recursive_repr()
def _repr(self: Any) -> str:
    shown = (f"{one.name}={getattr(self, one.name)!r}" for one in dataclasses.fields(self) if one.repr)
    return f"{type(self).__qualname__}({', '.join(shown)})"


def _refuse(self: Any, name: str, value: object = None) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot change field {name!r}")


class _Signature:
    """What help() and `inspect.signature` show of a class."""

    def __get__(self, instance: object, cls: type) -> Any:
        return _signature(cls)


def _signature(cls: type) -> Any:
    import inspect

    parameters = []
    for one in dataclasses.fields(cls):
        missing = one.default is dataclasses.MISSING
        default = one.default_factory if missing else one.default
        default = inspect.Parameter.empty if default is dataclasses.MISSING else default
        if one.init:
            kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
            parameters.append(inspect.Parameter(one.name, kind, default=default, annotation=one.type))
    return inspect.Signature(parameters)


if not TYPE_CHECKING:
    dataclass = _dataclass
