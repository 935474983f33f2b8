"""What the text of a driver decides of a value: whether it is plain data, and whether a condition holds."""

from __future__ import annotations

from typing import Any

from amlrun.migrate.drivers.objects import Class, Function, Instance, Module, Parser
from amlrun.migrate.drivers.values import Gap, Item, Name, Part, SdkObject, Text


def is_plain(value: Any) -> bool:
    return isinstance(value, (str, int, float, bool, list, tuple, dict, type(None)))


def truth_of(value: Any) -> bool | None:
    """Whether a condition holds; None when the text does not decide it."""
    if isinstance(value, (Gap, Text, Part, Item)):
        return None
    if isinstance(value, SdkObject):
        return None if value.name.startswith(".") or "." in value.name else True
    if isinstance(value, Name):
        return True if value.of_sdk else None
    if isinstance(value, (Function, Class, Instance, Module, Parser)):
        return True
    return bool(value)
