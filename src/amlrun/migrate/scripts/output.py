"""The new text of a script, made from the plan of its changes."""

from __future__ import annotations

import ast
import re

from amlrun.migrate.scripts.helpers import HELPERS
from amlrun.migrate.scripts.imports import ONE, Imports
from amlrun.migrate.scripts.plan import indent_of, own_lines
from amlrun.migrate.scripts.script import Script
from amlrun.python_source import Edit, apply

# Lines that stand for one or two blank lines between what is added and its surroundings.
_TWO = "#\x00two"


class Output:
    """Turns a plan into text; everything outside the edits stays as it was."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.plan = script.plan
        self.source = script.source
        self.edits: list[Edit] = []
        self._lines: set[int] = set()

    def text(self) -> str:
        """The whole new text, equal to the old one where nothing is planned."""
        # Rendering finds out which modules and helpers are used; imports that go are no part of that.
        self._block(self.script.tree.body, needs_one=False)
        self._helpers()
        imports = Imports(self.script)
        imports.drop()
        self.edits, self._lines = [], set()
        self._block(self.script.tree.body, needs_one=False)
        self._with_targets()
        self.edits += imports.edits
        added = self._added(imports)
        self._delete_lines({edit.start for edit in added})
        if not self.edits and not added:
            return self.source.text
        text = _spaced(apply(self.source.text, [*self.edits, *added]))
        if self.source.text.endswith("\n") and not self.source.text.endswith("\n\n"):
            text = text.rstrip("\n") + "\n"
        return text

    def _block(self, body: list[ast.stmt], needs_one: bool = True) -> None:
        texts = {node: self.plan.text(node) for node in body if node in self.plan.made}
        gone = [node for node in texts if not texts[node] or texts[node].startswith("#")]
        empty = needs_one and bool(body) and len(gone) == len(body)
        for number, node in enumerate(body):
            if node not in texts:
                self._inside(node)
                continue
            text = texts[node]
            last = empty and number == len(body) - 1
            if text.startswith("#") and last:
                text = f"{text}\n{indent_of(self.source, node)}pass"
            if text:
                self.edits.append(Edit(*self.source.span(node), text))
            elif last or not own_lines(self.source, node):
                self.edits.append(Edit(*self.source.span(node), "pass"))
            else:
                start, end = self.source.span(node)
                first = self.source.text.count("\n", 0, start)
                self._lines.update(range(first, first + self.source.text.count("\n", start, end) + 1))

    def _inside(self, node: ast.AST) -> None:
        """Edits of what is replaced in a statement that stays."""
        for _, value in ast.iter_fields(node):
            if isinstance(value, list) and value and isinstance(value[0], ast.stmt):
                self._block(value, needs_one=True)
            else:
                for part in value if isinstance(value, list) else [value]:
                    if isinstance(part, ast.expr):
                        self._expression(part)
                    elif isinstance(part, ast.AST):
                        self._inside(part)

    def _expression(self, node: ast.expr) -> None:
        touched = isinstance(node, ast.JoinedStr) and any(part in self.plan.made for part in ast.walk(node))
        if node in self.plan.made:
            if isinstance(self.script.names.parents.get(node), ast.arg):
                return
            self.edits.append(Edit(*self.source.span(node), self.plan.text(node)))
        elif touched:
            self.edits.append(Edit(*self.source.span(node), self.plan.text(node)))
        elif not isinstance(node, ast.JoinedStr):
            self._inside(node)

    def _with_targets(self) -> None:
        """`as run` goes where nothing reads it; removed annotations go with their colon or arrow."""
        names, text = self.script.names, self.source.text
        for node in names.nodes:
            if isinstance(node, ast.withitem) and node.context_expr in self.plan.made and node.optional_vars:
                binding = names.of.get(node.optional_vars)
                if binding is not None and not any(self.plan.alive(load) for load in binding.loads):
                    start, end = self.source.span(node.context_expr)[1], self.source.span(node.optional_vars)[1]
                    self.edits.append(Edit(start, end, ""))
            elif (
                isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
                and node.returns
                and node.returns in self.plan.made
            ):
                start, end = self.source.span(node.returns)
                arrow = text.rfind("->", 0, start)
                self.edits.append(Edit(len(text[:arrow].rstrip()), end, ""))
        for node in names.of:
            if isinstance(node, ast.arg) and node.annotation and node.annotation in self.plan.made:
                start = self.source.offset(node.lineno, node.col_offset) + len(node.arg)
                self.edits.append(Edit(start, self.source.span(node.annotation)[1], ""))

    def _helpers(self) -> None:
        """Note the modules and further helpers that the used helpers need."""
        for name in list(self.plan.helpers):
            modules, text = HELPERS[name]
            self.plan.modules.update(dict.fromkeys(modules))
            self.plan.helpers.update({other: None for other in HELPERS if f"{{{other}}}" in text and other != name})
        for name in list(self.plan.helpers):
            self.plan.modules.update(dict.fromkeys(HELPERS[name][0]))
        if self.plan.counters:
            self.plan.modules["itertools"] = None

    def _added(self, imports: Imports) -> list[Edit]:
        """New imports, counters and helpers."""
        found = imports.insert()
        aliases = self.plan.aliases
        lines = [f"{name} = {aliases['itertools']}.count()\n" for name in self.plan.counters]
        parts = [f"{ONE}\n{''.join(lines)}{ONE}\n"] if lines else []
        order = [name for name in HELPERS if name in self.plan.helpers]
        order.sort(key=lambda name: any(f"{{{name}}}" in HELPERS[other][1] for other in order), reverse=True)
        for name in order:
            text = HELPERS[name][1].replace(f"def {name}(", f"def {aliases[name]}(").strip("\n")
            parts.append(f"{_TWO}\n{text.format_map(aliases)}\n{_TWO}\n")
        if parts:
            at = imports.bottom()
            start = "\n" if at and not self.source.text[:at].endswith("\n") else ""
            found.append(Edit(at, at, start + "".join(parts)))
        return found

    def _delete_lines(self, added: set[int]) -> None:
        """Delete whole lines; of the blank lines above and below only the longer run stays."""
        rows = self.source.text.split("\n")
        starts = [0]
        for row in rows:
            starts.append(starts[-1] + len(row) + 1)
        gone = set(self._lines)
        for number in sorted(self._lines):
            if number + 1 in self._lines:
                continue
            above = number
            while above in self._lines:
                above -= 1
            if any(starts[above + 1] <= at <= starts[number + 1] for at in added):
                continue
            over = _blank_run(rows, above, -1, gone)
            under = _blank_run(rows, number + 1, 1, gone)
            spare = len(under) if above < 0 or len(over) > above else min(len(over), len(under))
            gone.update(under[:spare])
        for number in gone:
            self.edits.append(Edit(starts[number], min(starts[number + 1], len(self.source.text)), ""))


def _blank_run(rows: list[str], at: int, way: int, gone: set[int]) -> list[int]:
    found = []
    while 0 <= at < len(rows) - (way > 0) and (at in gone or not rows[at].strip()):
        if at not in gone:
            found.append(at)
        at += way
    return found


def _spaced(text: str) -> str:
    """Put the blank lines in: one, two around functions, and none at either end of the text."""

    def blank(match: re.Match[str]) -> str:
        if not match.string[: match.start()].strip():
            return ""
        rest = match.string[match.end() :]
        if not rest.strip():
            return "\n"
        two = _TWO in match.group() or rest.startswith(("def ", "class ", "@", "async def "))
        return "\n\n\n" if two else "\n\n"

    return re.sub(rf"\s*\n(?:(?:{ONE}|{_TWO})\n\n*)+|\A(?:(?:{ONE}|{_TWO})\n\n*)+", blank, text)
