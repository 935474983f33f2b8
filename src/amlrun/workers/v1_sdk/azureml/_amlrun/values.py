"""v1's values and names as MLflow takes them. Written from documentation; not Microsoft's code."""

from __future__ import annotations

import datetime
import math
import posixpath
import re
from typing import Any

_NAME_LENGTH = 250


def number(value: Any) -> float | None:
    """The number that a value is: Python's, NumPy's, a tensor of one element; None for any other, text too."""
    if value is None or isinstance(value, (str, bytes, datetime.date, datetime.timedelta)):
        return None
    if isinstance(value, (bool, int, float)):
        try:
            return float(value)
        except OverflowError:
            return math.inf if value > 0 else -math.inf
    item = getattr(value, "item", None)
    try:
        return number(item()) if callable(item) else float(value)
    except Exception:  # an array of many elements, or no number: each library has its own error
        return None


def is_many(value: Any) -> bool:
    """Whether a value is a list, generator or array, which v1's `log` refuses."""
    return not isinstance(value, (str, bytes, dict)) and number(value) is None and hasattr(value, "__iter__") and (
        getattr(value, "shape", None) != ()
    )  # fmt: skip


def name_for(name: Any, *, colons: bool = True) -> str:
    """A metric's, parameter's or tag's name with `_` for each character that MLflow refuses."""
    allowed = r"[^\w.\- /:]" if colons else r"[^\w.\- /]"
    plain = re.sub(allowed, "_", str(name))
    # MLflow refuses names that a path would not keep: a//b, ./a, ../a, /a.
    kept = posixpath.normpath(plain).lstrip("/") if plain else ""
    while kept.startswith("../"):
        kept = kept[3:]
    return ("_" if kept in ("", ".", "..") else kept)[:_NAME_LENGTH]


def file_for(name: Any, ending: str = "") -> str:
    """A relative file name for what v1 calls `name`; never outside the folder that it is kept in."""
    plain = re.sub(r'[<>:"|?*\\\x00-\x1f]', "_", str(name).replace("\\", "/"))
    parts = [part for part in plain.split("/") if part not in ("", ".", "..")]
    kept = "/".join(parts) or "unnamed"
    return kept if not ending or kept.lower().endswith(ending.lower()) else kept + ending


def plain(value: Any) -> Any:
    """A value as JSON takes it: NumPy's numbers as Python's, arrays as lists, NaN as null, the rest as text."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, dict):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple, set)):
        return [plain(one) for one in value]
    for way in ("tolist", "item"):
        convert = getattr(value, way, None)
        if callable(convert):
            try:
                return plain(convert())
            except Exception:  # noqa: S112 - each library has its own error; the text below always works
                continue
    return str(value)


def columns(table: dict[str, Any]) -> dict[str, list[Any]]:
    """A table by columns, each a list of the same length: a single value is a column of one."""
    lists = {}
    for key, value in table.items():
        listed = plain(list(value) if is_many(value) else value)
        lists[str(key)] = listed if isinstance(listed, list) else [listed]
    length = max([len(one) for one in lists.values()] or [0])
    return {key: one + [None] * (length - len(one)) for key, one in lists.items()}
