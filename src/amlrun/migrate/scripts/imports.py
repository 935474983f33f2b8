"""The imports of a rewritten script: SDK v1's go with their last use, new ones come where isort would put them."""

from __future__ import annotations

import ast
import sys

from amlrun.migrate.scripts.kinds import MOVED, is_v1, short_name
from amlrun.migrate.scripts.old_names import JOBLIB
from amlrun.migrate.scripts.plan import own_lines
from amlrun.migrate.scripts.script import Script
from amlrun.python_source import Edit

_EXTERNALS = {"joblib": "joblib", "six": "six", "six.moves": "six.moves"}
Import = (ast.Import, ast.ImportFrom)
# A line that stands for one blank line, once the text is put together.
ONE = "#\x00one"


class Imports:
    """`drop` plans which imports go; `insert` gives the edits that add new ones."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.plan = script.plan
        self.wanted: set[str] = set()
        self.edits: list[Edit] = []

    def drop(self) -> None:
        """Take out imports of SDK v1 that nothing uses, those whose last use has gone, and joblib's old place."""
        for node in self.script.names.nodes:
            if isinstance(node, ast.Try):
                self._joblib_try(node)
        for node in self.script.names.nodes:
            if isinstance(node, Import) and self.plan.alive(node):
                if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("sklearn.externals"):
                    self._joblib(node)
                elif not (isinstance(node, ast.ImportFrom) and node.module == "__future__"):
                    self._unused(node)

    def _unused(self, node: ast.Import | ast.ImportFrom) -> None:
        gone = [alias for alias in node.names if self._goes(node, alias)]
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(MOVED):
            text = self.script.source.slice(node)
            moved = text.replace("azureml.contrib.services", "azureml_inference_server_http.api", 1)
            self.edits.append(Edit(*self.script.source.span(node), moved))
            return
        if len(gone) == len(node.names):
            self.plan.remove(node)
            return
        for number, alias in enumerate(node.names):
            if alias not in gone:
                continue
            start, end = self.script.source.span(alias)
            if any(one not in gone for one in node.names[number + 1 :]):
                end = self.script.source.span(node.names[number + 1])[0]
            else:
                kept = [one for one in node.names[:number] if one not in gone]
                start = self.script.source.span(kept[-1])[1]
                end = self.script.source.span(node.names[-1])[1]
                self.edits.append(Edit(start, end, ""))
                return
            self.edits.append(Edit(start, end, ""))

    def _goes(self, node: ast.Import | ast.ImportFrom, alias: ast.alias) -> bool:
        if alias.name == "*":
            return isinstance(node, ast.ImportFrom) and bool(short_name(node.module or "")) and not self._starred()
        binding = self.script.names.of[alias]
        if any(self.plan.alive(load) for load in binding.loads):
            return False
        dotted = alias.name if isinstance(node, ast.Import) and not alias.asname else binding.imports[0]
        if any(is_v1(alias, one) for one in binding.imports) and short_name(dotted):
            return True
        used = {self.plan.aliases[one] for one in self.plan.modules}
        return bool(binding.loads) and binding.name not in used and not binding.values

    def _starred(self) -> bool:
        """Whether something is still used that only a star import can have brought."""
        return any(
            isinstance(node, ast.Name) and node not in self.script.names.of and self.script.kinds.v1_name(node)
            for node in self.script.names.nodes
            if self.plan.alive(node)
        )

    def _joblib(self, node: ast.ImportFrom) -> None:
        """`from sklearn.externals import joblib`."""
        source, module = self.script.source, (node.module or "")
        if module == JOBLIB:
            text = source.slice(node).replace(JOBLIB, "joblib", 1)
            self.edits.append(Edit(*source.span(node), text))
            return
        if module != "sklearn.externals" or any(alias.name not in _EXTERNALS for alias in node.names):
            return
        top = self.script.names.parents[node] is self.script.tree and own_lines(source, node)
        if top and not any(alias.asname for alias in node.names):
            self.wanted |= {alias.name for alias in node.names} - self.script.present
            self.plan.remove(node)
            return
        lines = [f"import {one.name} as {one.asname}" if one.asname else f"import {one.name}" for one in node.names]
        self.edits.append(Edit(*source.span(node), "; ".join(lines)))

    def _joblib_try(self, node: ast.Try) -> None:
        """`try: from sklearn.externals import joblib`, `except ImportError: import joblib`, either way round."""
        bodies = [node.body, *(handler.body for handler in node.handlers)]
        if len(bodies) < 2 or node.orelse or node.finalbody or any(len(body) != 1 for body in bodies):
            return
        found = set()
        for body in bodies:
            one = body[0]
            old = isinstance(one, ast.ImportFrom) and one.module == "sklearn.externals"
            if isinstance(one, Import) and (old or isinstance(one, ast.Import)) and len(one.names) == 1:
                found.add((one.names[0].name, one.names[0].asname))
            else:
                return
        if found != {("joblib", None)}:
            return
        if self.script.names.parents[node] is self.script.tree:
            self.wanted |= {"joblib"} - self.script.present
            self.plan.remove(node)
        else:
            self.plan.replace(node, ["import joblib"])

    def limit(self) -> int:
        """How many statements at the top of the module come before its first definition or rewritten line."""
        body = self.script.tree.body
        touched = {self._top(node) for node in self.plan.made if not isinstance(node, (*Import, ast.Try))}
        for number, node in enumerate(body):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) or node in touched:
                return number
        return len(body)

    def _top(self, node: ast.AST) -> ast.AST:
        while node in self.script.names.parents and self.script.names.parents[node] is not self.script.tree:
            node = self.script.names.parents[node]
        return node

    def insert(self) -> list[Edit]:
        """Edits that add the modules which the new text needs."""
        names = {one: f"import {one}" for one in self.wanted}
        for module in self.plan.modules:
            if module not in self.script.present:
                alias = self.plan.aliases[module]
                names[module] = f"import {module}" if alias == module else f"import {module} as {alias}"
        places: dict[int, list[str]] = {}
        standard = sorted(name for name in names if name in sys.stdlib_module_names)
        other = sorted(name for name in names if name not in sys.stdlib_module_names)
        groups = self._groups()
        edits: list[Edit] = []
        for wanted, standing in ((standard, True), (other, False)):
            group = self._group(groups, standing)
            for name in wanted if group is not None else []:
                places.setdefault(self._place(group or [], name, standing), []).append(names[name])
            if wanted and group is None:
                edits.append(self._new_group([names[name] for name in wanted], groups, standing))
        edits += [Edit(at, at, "".join(f"{line}\n" for line in lines)) for at, lines in places.items()]
        return edits

    def _groups(self) -> list[list[ast.Import | ast.ImportFrom]]:
        """The top imports, cut at blank lines."""
        groups: list[list[ast.Import | ast.ImportFrom]] = []
        before = None
        body = self.script.tree.body[: self.limit()]
        # Behind the first other line imports are "not at the top" to linters: only where there are no others.
        code = next((at for at, node in enumerate(body) if at and isinstance(node, ast.Expr | ast.Assign)), len(body))
        head = body[:code] if any(isinstance(node, Import) for node in body[:code]) else body
        for node in head:
            if not isinstance(node, Import) or (isinstance(node, ast.ImportFrom) and node.module == "__future__"):
                continue
            if before is None or self._blank_between(before, node):
                groups.append([])
            groups[-1].append(node)
            before = node
        return groups

    def _blank_between(self, one: ast.stmt, other: ast.stmt) -> bool:
        between = self.script.source.text[self.script.source.span(one)[1] : self.script.source.span(other)[0]]
        return any(not line.strip() for line in between.split("\n")[1:-1])

    def _group(
        self, groups: list[list[ast.Import | ast.ImportFrom]], standing: bool
    ) -> list[ast.Import | ast.ImportFrom] | None:
        fitting = [group for group in groups if any(_standard(node) == standing for node in group)]
        if standing:
            return fitting[0] if fitting else None
        v1 = [group for group in fitting if any(self.plan.removed(node) for node in group)]
        return v1[0] if v1 else fitting[0] if fitting else None

    def _place(self, group: list[ast.Import | ast.ImportFrom], name: str, standing: bool) -> int:
        """The start of the line in front of which a module belongs in a group."""
        fitting = [node for node in group if _standard(node) == standing]
        plain = [node for node in fitting if isinstance(node, ast.Import)]
        after = next((node for node in plain if node.names[0].name > name), None)
        if after is not None:
            return self._line_start(after)
        if plain:
            return self._next_line(plain[-1])
        return self._line_start(fitting[0])

    def _new_group(self, lines: list[str], groups: list[list[ast.Import | ast.ImportFrom]], standing: bool) -> Edit:
        text = "".join(f"{line}\n" for line in lines)
        if groups and standing:
            at = self._line_start(groups[0][0])
        elif groups:
            at = self._next_line(groups[-1][-1])
        else:
            at = self.top()
        return Edit(at, at, f"{ONE}\n{text}{ONE}\n")

    def top(self) -> int:
        """Where code may begin: behind the docstring, `__future__` imports and the first comment lines."""
        at = 0
        for node in self.script.tree.body:
            doc = (
                isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and node is self.script.tree.body[0]
            )
            if not doc and not (isinstance(node, ast.ImportFrom) and node.module == "__future__"):
                break
            at = self._next_line(node)
        if at == 0:
            text = self.script.source.text
            while text[at : at + 1] == "#":
                end = text.find("\n", at)
                at = len(text) if end < 0 else end + 1
        return at

    def bottom(self) -> int:
        """The end of the top imports."""
        nodes = [node for node in self.script.tree.body[: self.limit()] if isinstance(node, (*Import, ast.Try))]
        return self._next_line(nodes[-1]) if nodes else self.top()

    def _line_start(self, node: ast.stmt) -> int:
        return self.script.source.text.rfind("\n", 0, self.script.source.span(node)[0]) + 1

    def _next_line(self, node: ast.stmt) -> int:
        end = self.script.source.text.find("\n", self.script.source.span(node)[1])
        return len(self.script.source.text) if end < 0 else end + 1


def _standard(node: ast.Import | ast.ImportFrom) -> bool:
    name = node.names[0].name if isinstance(node, ast.Import) else node.module or "."
    return name.partition(".")[0] in sys.stdlib_module_names
