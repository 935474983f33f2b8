"""Expressions of a driver, valued from its text alone. Nothing of the driver is run."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from typing import Any

from amlrun.migrate.drivers import library
from amlrun.migrate.drivers.compute import same_thing
from amlrun.migrate.drivers.library import PathText
from amlrun.migrate.drivers.objects import Scope
from amlrun.migrate.drivers.signatures import SDK_NAMES
from amlrun.migrate.drivers.truth import is_plain, truth_of
from amlrun.migrate.drivers.values import (
    NOTHING,
    ROOT,
    Gap,
    Item,
    Name,
    Part,
    SdkObject,
    Text,
    gaps_in,
    joined_text,
    known,
)

_OPERATORS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod, ast.Pow: operator.pow,
}  # fmt: skip
_COMPARES: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt,
    ast.GtE: operator.ge, ast.In: lambda one, many: one in many, ast.NotIn: lambda one, many: one not in many,
}  # fmt: skip
_LARGEST = 10_000


class Expressions:
    """Values of expressions without calls; `Calls` adds those, and what the statements' reader follows."""

    def __init__(self) -> None:
        self.made: list[SdkObject] = []
        # The lines of conditions and loops that the text does not decide, innermost last.
        self.conditions: list[str] = []
        self.loops: list[int] = []
        self.uncalled = ""
        self.file = ""
        # The module of the SDK that `from … import *` named last.
        self.star_import = ""
        # Values of environment variables that the repository gives (.env, .env.example).
        self.variables: dict[str, str] = {}

    def uncertain(self, value: Any, line: int) -> Any:
        """`value`, marked when it is only set under a condition that the text does not decide."""
        if not self.conditions or isinstance(value, Gap):
            return value
        return Gap(f"only so if {self.conditions[-1]}", line, "", value)

    def value(self, node: ast.expr | None, scope: Scope) -> Any:
        """What an expression is worth: plain data, a gap, something of the SDK, or an object of the driver."""
        if node is None:
            return None
        handler = getattr(self, f"_{type(node).__name__.lower()}", None)
        if handler is None:
            return self.gap("an expression that is not read", node)
        return handler(node, scope)

    def gap(self, reason: str, node: ast.AST, guess: Any = NOTHING) -> Gap:
        return Gap(reason, getattr(node, "lineno", 0), ast.unparse(node)[:120], guess, self.file)

    def _constant(self, node: ast.Constant, scope: Scope) -> Any:
        return node.value

    def _name(self, node: ast.Name, scope: Scope) -> Any:
        found = scope.find(node.id)
        if found is not NOTHING:
            return found
        if node.id == "__file__":
            return f"{ROOT}/{scope.file}"
        if node.id == "__name__":
            return "__main__"
        if self.star_import and node.id in SDK_NAMES:
            return Name(f"{self.star_import}.{node.id}")
        return Name(f"builtins.{node.id}")

    def _joinedstr(self, node: ast.JoinedStr, scope: Scope) -> Any:
        parts: list[Any] = []
        for piece in node.values:
            if not isinstance(piece, ast.FormattedValue):
                parts.append(self.value(piece, scope))
                continue
            found = self.value(piece.value, scope)
            if isinstance(found, (str, int, float, bool)) and piece.format_spec is not None:
                form = self.value(piece.format_spec, scope)
                try:
                    found = format(found, form)
                except (TypeError, ValueError):
                    found = self.gap("a text that the driver formats", piece)
            elif not isinstance(found, (str, int, float, bool, Gap, Text)):
                label = self._label(found)
                found = label if label is not NOTHING else self.gap("a text that the driver formats", piece.value)
            parts.append(found)
        return joined_text(parts)

    def _label(self, value: Any) -> Any:
        if isinstance(value, Item) and isinstance(value.key, str):
            return value.key
        return NOTHING

    def _list(self, node: ast.List | ast.Tuple | ast.Set, scope: Scope) -> Any:
        items: list[Any] = []
        for one in node.elts:
            if isinstance(one, ast.Starred):
                inner = self.value(one.value, scope)
                items += inner if isinstance(inner, (list, tuple)) else [self.gap("an unpacked list", one)]
            else:
                items.append(self.value(one, scope))
        return items

    _set = _list

    def _tuple(self, node: ast.Tuple, scope: Scope) -> Any:
        return tuple(self._list(node, scope))

    def _dict(self, node: ast.Dict, scope: Scope) -> Any:
        found: dict[Any, Any] = {}
        for key, item in zip(node.keys, node.values):
            if key is None:
                inner = known(self.value(item, scope))
                if not isinstance(inner, dict):
                    return self.gap("a dictionary with unpacked parts", node)
                found.update(inner)
                continue
            name = self.value(key, scope)
            name = known(name)
            name = name.text if isinstance(name, Text) else name.full if isinstance(name, Name) else name
            try:
                found[name] = self.value(item, scope)
            except TypeError:
                return self.gap("a dictionary with keys that is not in the code", node)
        return found

    def _binop(self, node: ast.BinOp, scope: Scope) -> Any:
        left, right = self.value(node.left, scope), self.value(node.right, scope)
        if isinstance(node.op, ast.Div) and (isinstance(left, PathText) or isinstance(right, PathText)):
            return library.call("pathlib.Path", [left, right], {}, node.lineno, ast.unparse(node))
        if isinstance(node.op, ast.Mod) and isinstance(left, str):
            return library.percent(left, right, node.lineno, ast.unparse(node))
        if isinstance(node.op, ast.Add):
            if isinstance(left, (list, tuple)) and isinstance(right, (list, tuple)):
                return [*left, *right]
            texts = isinstance(left, (str, Text)) or isinstance(right, (str, Text))
            if texts and all(isinstance(side, (str, Text, Gap)) for side in (left, right)):
                return joined_text([left, right])
        operate = _OPERATORS.get(type(node.op))
        plain = (str, int, float, list, tuple)
        if operate and isinstance(known(left), plain) and isinstance(known(right), plain):
            if _too_large(node.op, known(left), known(right)):
                return self.gap("a computation", node)
            try:
                result = operate(known(left), known(right))
            except (TypeError, ValueError, ZeroDivisionError, OverflowError):
                return self.gap("a computation", node)
            if isinstance(result, (str, list, tuple)) and len(result) > _LARGEST:
                return self.gap("a computation", node)
            open_parts = gaps_in([left, right])
            return Gap(open_parts[0].reason, node.lineno, ast.unparse(node), result) if open_parts else result
        return self.gap("a computation", node)

    def _unaryop(self, node: ast.UnaryOp, scope: Scope) -> Any:
        found = self.value(node.operand, scope)
        if isinstance(node.op, ast.Not):
            truth = truth_of(found)
            return self.gap("a condition", node) if truth is None else not truth
        if isinstance(node.op, ast.USub) and isinstance(found, (int, float)):
            return -found
        return found if isinstance(node.op, ast.UAdd) else self.gap("a computation", node)

    def _boolop(self, node: ast.BoolOp, scope: Scope) -> Any:
        wanted = isinstance(node.op, ast.Or)
        open_one: Any = NOTHING
        found: Any = None
        for part in node.values:
            found = self.value(part, scope)
            truth = truth_of(found)
            if truth is None and open_one is NOTHING:
                open_one = found
            if truth is wanted:
                break
        if open_one is NOTHING or open_one is found:
            return found
        if wanted and isinstance(open_one, Gap):
            return Gap(open_one.reason, open_one.line, open_one.source, known(found))
        return self.gap("a condition", node)

    def _compare(self, node: ast.Compare, scope: Scope) -> Any:
        left, right = self.value(node.left, scope), self.value(node.comparators[0], scope)
        kind = type(node.ops[0])
        if len(node.ops) > 1:
            return self.gap("a condition", node)
        if kind in (ast.Is, ast.IsNot):
            if isinstance(left, (Gap, Text, Item, Part)) or (isinstance(left, SdkObject) and left.name.startswith(".")):
                return self.gap("a condition", node)
            same = left is right
            return same if kind is ast.Is else not same
        if gaps_in([left, right]) or isinstance(left, Text) or not (is_plain(left) and is_plain(right)):
            return self.gap("a condition", node)
        try:
            return bool(_COMPARES[kind](left, right))
        except (TypeError, KeyError):
            return self.gap("a condition", node)

    def _ifexp(self, node: ast.IfExp, scope: Scope) -> Any:
        truth = truth_of(self.value(node.test, scope))
        if truth is not None:
            return self.value(node.body if truth else node.orelse, scope)
        return self.join(self.value(node.body, scope), self.value(node.orelse, scope), node.test)

    def join(self, one: Any, other: Any, node: ast.AST) -> Any:
        """What a value is after two branches of which the text does not say which is taken."""
        if one is other or (type(one) is type(other) and is_plain(one) and one == other):
            return one
        if isinstance(one, SdkObject) and isinstance(other, SdkObject):
            same = same_thing(one, other)
            if same is not None:
                return same
        for first, second in ((one, other), (other, one)):
            if isinstance(first, SdkObject) and first.name.startswith("Environment.from_") and isinstance(second, Item):
                return first
            if isinstance(first, (SdkObject, Item)) and (second is None or second is NOTHING):
                return first
            if first is NOTHING:
                return self.gap(f"only so if {_condition(node)}", node, known(second))
            if isinstance(first, Gap) and not isinstance(second, Gap) and first.guess is NOTHING:
                return Gap(first.reason, first.line, first.source, second)
        return self.gap(f"decided by {_condition(node)}", node, known(one))

    def from_environment(self, gap: Gap) -> Gap:
        """An environment variable, with the value that a file of the repository gives it as a guess."""
        if gap.guess is NOTHING and gap.source in self.variables:
            gap.guess, gap.reason = self.variables[gap.source], f"{gap.reason}, as in the repository's .env file"
        return gap

    def _subscript(self, node: ast.Subscript, scope: Scope) -> Any:
        of = self.value(node.value, scope)
        if isinstance(node.slice, ast.Slice):
            bounds = [self.value(part, scope) for part in (node.slice.lower, node.slice.upper, node.slice.step)]
            if isinstance(of, (str, list, tuple)) and all(bound is None or isinstance(bound, int) for bound in bounds):
                return of[slice(*bounds)]
            return self.gap("a part of a list", node)
        key = known(self.value(node.slice, scope))
        if isinstance(of, Name):
            if of.full == "os.environ":
                return self.from_environment(library.environment_variable(key, NOTHING, node.lineno, ""))
            return self.gap(f"read from {of.short}", node)
        if isinstance(of, (SdkObject, Part, Item)):
            if isinstance(of, SdkObject):
                stored = of.setting(f"[{key!r}]")
                if stored is not NOTHING:
                    return stored
            return Item(of, key)
        plain = known(of)
        if isinstance(plain, (str, list, tuple, dict)):
            try:
                found = plain[key]
            except (KeyError, IndexError, TypeError):
                return self.gap("an item that is not in the code", node)
            return Gap(of.reason, node.lineno, ast.unparse(node), found) if isinstance(of, Gap) else found
        return Gap(of.reason if isinstance(of, Gap) else "an item of an object", node.lineno, ast.unparse(node)[:120])


def _too_large(op: ast.operator, left: Any, right: Any) -> bool:
    """Whether a power or a repetition would take long, or much memory."""
    if isinstance(op, ast.Pow):
        return not all(isinstance(one, (int, float)) and abs(one) <= 1000 for one in (left, right))
    if isinstance(op, ast.Mult):
        sizes = [len(one) if isinstance(one, (str, list, tuple)) else abs(one) for one in (left, right)]
        return any(isinstance(one, (str, list, tuple)) for one in (left, right)) and sizes[0] * sizes[1] > _LARGEST
    return False


def _condition(node: ast.AST) -> str:
    text = " ".join(ast.unparse(node).split())
    return f"`{text[:60]}`" if isinstance(node, ast.expr) else "code in a try block"
