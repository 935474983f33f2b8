"""What is to be replaced in a file, and what of it is still there afterwards."""

from __future__ import annotations

import ast
import copy
import re
from collections.abc import Sequence
from typing import Union

from amlrun.dataclass import dataclass, field
from amlrun.migrate.result import Verdict
from amlrun.migrate.scripts.names import Names
from amlrun.python_source import Source


@dataclass(frozen=True)
class Module:
    """A module in new text, under the name that the script imports it by."""

    name: str


@dataclass(frozen=True)
class Helper:
    """A function of `helpers` in new text."""

    name: str


@dataclass(frozen=True)
class Counter:
    """The next step of a series whose steps nothing in the script counts."""

    name: str


Part = Union[str, ast.expr, Module, Helper, Counter]


@dataclass(frozen=True)
class Note:
    """A finding before its file is known: how far the line was dealt with, what became of it, and what to do."""

    verdict: Verdict
    message: str
    hint: str = ""
    line: int = 0


@dataclass
class Replacement:
    """New text for a node, made of strings and of parts of the old node that are kept."""

    parts: tuple[Part, ...]
    note: Note | None = None
    kept: set[ast.AST] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.kept = {part for part in self.parts if isinstance(part, ast.expr)}


class Plan:
    """The replacements of one file. A removed statement has a replacement without parts."""

    def __init__(self, names: Names, source: Source) -> None:
        self.names = names
        self.source = source
        self.made: dict[ast.AST, Replacement] = {}
        self.aliases: dict[str, str] = {}
        self.modules: dict[str, None] = {}
        self.helpers: dict[str, None] = {}
        self.counters: dict[str, None] = {}

    def replace(self, node: ast.AST, parts: Sequence[Part], note: Note | None = None) -> None:
        """Replace an expression or a statement; the first replacement of a node stays."""
        self.made.setdefault(node, Replacement(tuple(parts), note))

    def remove(self, node: ast.stmt, note: Note | None = None) -> None:
        """Take a statement out."""
        self.made.setdefault(node, Replacement((), note))

    def removed(self, node: ast.AST) -> bool:
        """Whether a statement is taken out."""
        return node in self.made and not self.made[node].parts

    def alive(self, node: ast.AST) -> bool:
        """Whether `node` is still in the text when all replacements are made."""
        return node not in self.made and self.reached(node)

    def reached(self, node: ast.AST) -> bool:
        """Whether the replacement of `node` itself comes into effect: nothing around it is taken out."""
        above = self.names.parents.get(node)
        below: set[ast.AST] = {node}
        while above is not None:
            found = self.made.get(above)
            if found is not None and not (found.kept & below):
                return False
            below.add(above)
            above = self.names.parents.get(above)
        return True

    def _part(self, part: Part) -> str:
        if isinstance(part, str):
            return part
        if isinstance(part, Module):
            self.modules[part.name] = None
            return self.aliases[part.name]
        if isinstance(part, Helper):
            self.helpers[part.name] = None
            return self.aliases[part.name]
        if isinstance(part, Counter):
            self.counters[part.name] = None
            return f"next({part.name})"
        return self.text(part)

    def text(self, node: ast.expr | ast.stmt) -> str:
        """The new text of an expression, or of a statement that is replaced."""
        found = self.made.get(node)
        if found is not None:
            return "".join(self._part(part) for part in found.parts)
        if isinstance(node, ast.JoinedStr):
            return self._f_string(node)
        start, end = self.source.span(node)
        out, at = [], start
        for child in self._outermost(node):
            first, last = self.source.span(child)
            out += [self.source.text[at:first], self.text(child)]
            at = last
        return "".join(out) + self.source.text[at:end]

    def _outermost(self, node: ast.AST) -> list[ast.expr]:
        """The nearest replaced expressions (and f-strings with some inside) below `node`, in the order of the text."""
        found: list[ast.expr] = []
        waiting = list(ast.iter_child_nodes(node))
        while waiting:
            child = waiting.pop()
            if isinstance(child, ast.expr) and child in self.made:
                found.append(child)
            elif isinstance(child, ast.JoinedStr):
                if any(part in self.made for part in ast.walk(child)):
                    found.append(child)
            else:
                waiting += ast.iter_child_nodes(child)
        return sorted(found, key=lambda one: (one.lineno, one.col_offset))

    def _f_string(self, node: ast.JoinedStr) -> str:
        # Before Python 3.12 the places of what is inside an f-string are not known: it is written anew.
        if not any(part in self.made for part in ast.walk(node)):
            return self.source.slice(node)
        made, render = self.made, self._part

        class _Swap(ast.NodeTransformer):
            def visit(self, part: ast.AST) -> ast.AST:
                if part in made:
                    parts = made[part].parts
                    new = [ast.unparse(self.visit(one)) if isinstance(one, ast.expr) else render(one) for one in parts]
                    return ast.parse("".join(new), mode="eval").body
                # The tree itself stays as it is: its nodes are keys of the plan.
                fresh = copy.copy(part)
                for name, value in ast.iter_fields(part):
                    if isinstance(value, list):
                        setattr(fresh, name, [self.visit(one) if isinstance(one, ast.AST) else one for one in value])
                    elif isinstance(value, ast.AST):
                        setattr(fresh, name, self.visit(value))
                return fresh

        return ast.unparse(_Swap().visit(node))


def own_lines(source: Source, node: ast.stmt) -> bool:
    """Whether nothing but white space and a comment shares the lines of a statement."""
    start, end = source.span(node)
    before = source.text[source.text.rfind("\n", 0, start) + 1 : start]
    after = re.match(r"[ \t]*(#[^\n]*)?(?=\n|\Z)", source.text[end:])
    return not before.strip() and after is not None


def indent_of(source: Source, node: ast.stmt) -> str:
    """The white space in front of a statement that begins its line."""
    start, _ = source.span(node)
    begin = source.text.rfind("\n", 0, start) + 1
    return source.text[begin:start] if not source.text[begin:start].strip() else ""
