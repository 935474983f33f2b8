"""The values with which a script is followed: tables of a few rows, and what only a run can tell."""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable
from typing import Any

from amlrun.dataclass import dataclass, field

ROWS = 2
OPERATORS: dict[type[ast.AST], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod, ast.Eq: operator.eq, ast.NotEq: operator.ne,
    ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge,
}  # fmt: skip


class Unknown:
    """A value that only a run can tell."""


UNKNOWN = Unknown()


@dataclass
class Series:
    """A column: its values in the rows that are followed."""

    values: list[Any]


@dataclass
class Frame:
    """A table: each column with its values in the rows that are followed; `plain` when it is an array of NumPy's.

    `spread`: `get_dummies` has made several columns of some of them.
    """

    columns: dict[str, Series] = field(default_factory=dict)
    plain: bool = False
    spread: bool = False


def like(table: Frame, columns: dict[str, Series], *, plain: bool = False) -> Frame:
    """`table` with other columns."""
    return Frame(dict(columns), plain, table.spread)


def as_function(node: ast.Lambda) -> ast.FunctionDef:
    """`lambda x: …` as a function that returns it."""
    function = ast.parse("def f(): ...").body[0]
    assert isinstance(function, ast.FunctionDef)  # noqa: S101 - it was just written
    function.args, function.body = node.args, [ast.Return(node.body)]
    return function


def cell(text: str) -> Any:
    """The value that a cell of a CSV file spells."""
    if re.fullmatch(r"[+-]?\d{1,15}", text):
        return int(text)
    if re.fullmatch(r"[+-]?(?:\d+\.\d*|\.\d+|\d+)(?:[eE][+-]?\d+)?", text):
        return float(text)
    return {"": None, "True": True, "False": False}.get(text, text)


def scalar(value: Any) -> Any:
    """A number or a text, else UNKNOWN."""
    return value if isinstance(value, (int, float, str)) else UNKNOWN


def applied(made: Callable[..., Any] | None, *values: Any) -> Any:
    """What `made` gives for `values`, else UNKNOWN."""
    if made is None or UNKNOWN in values or None in values:
        return UNKNOWN
    try:
        return made(*values)
    except (TypeError, ValueError, ZeroDivisionError):
        return UNKNOWN


def each(series: Any, made: Callable[[Any], Any]) -> Any:
    """A column with `made` applied to each value."""
    return Series([applied(made, value) for value in series.values]) if isinstance(series, Series) else UNKNOWN
