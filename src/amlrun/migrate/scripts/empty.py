"""Statements that are left without meaning once others are gone: empty branches, variables that nothing reads."""

from __future__ import annotations

import ast

from amlrun.migrate.scripts.script import Script
from amlrun.python_source import FUNCTIONS

_PURE_CALLS = {"os.path.join", "pathlib.Path", "os.environ.get", "os.getenv"}


class CleanUp:
    """Takes out what became empty, a round at a time."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.plan = script.plan
        shared = [node for node in script.names.nodes if isinstance(node, ast.Global | ast.Nonlocal)]
        # Names that functions share with what is around them.
        self._shared = {name for node in shared for name in node.names}

    def round(self) -> bool:
        """Take out what can be now; whether there was any."""
        changed = False
        for node in self.script.names.nodes:
            if not isinstance(node, ast.If | ast.Try | ast.Assign) or node in self.plan.made:
                continue
            if not self.plan.alive(node):
                continue
            gone = self._empty_if(node) if isinstance(node, ast.If) else False
            gone = self._empty_try(node) if isinstance(node, ast.Try) else gone
            gone = self._unread(node) if isinstance(node, ast.Assign) else gone
            if gone and isinstance(node, ast.Assign) and not self._pure(node.value):
                self.plan.replace(node, [node.value])
                changed = True
            elif gone:
                self.plan.remove(node)
                changed = True
        return changed

    def _gone(self, body: list[ast.stmt]) -> bool:
        return all(isinstance(one, ast.Pass) or self.plan.removed(one) for one in body)

    def _touched(self, body: list[ast.stmt]) -> bool:
        return any(self.plan.removed(one) for one in body)

    def _empty_if(self, node: ast.If) -> bool:
        both = [*node.body, *node.orelse]
        return self._gone(both) and self._touched(both) and self._pure(node.test)

    def _empty_try(self, node: ast.Try) -> bool:
        rest = [*node.orelse, *node.finalbody]
        return self._gone(node.body) and self._touched(node.body) and self._gone(rest)

    def _pure(self, node: ast.expr) -> bool:
        """Whether evaluating an expression does nothing but give a value."""
        for part in ast.walk(node):
            if isinstance(part, ast.Call) and part not in self.plan.made and self.plan.alive(part):
                name = part.func.id if isinstance(part.func, ast.Name) else ""
                method = part.func.attr if isinstance(part.func, ast.Attribute) else ""
                if self.script.kinds.dotted(part.func) in _PURE_CALLS or self.script.kinds.of(part):
                    continue
                if name not in ("isinstance", "len", "str", "hasattr", "getattr", "type") and method not in (
                    "startswith", "endswith", "format", "lower", "get", "split", "strip", "replace", "join",
                ):  # fmt: skip
                    return False
            elif isinstance(part, ast.Await | ast.Yield | ast.YieldFrom | ast.NamedExpr):
                return False
        return True

    def _unread(self, node: ast.Assign) -> bool:
        """A local variable that only served what is gone."""
        target = node.targets[0]
        if len(node.targets) != 1 or not isinstance(target, ast.Name):
            return False
        if self.script.kinds.of(node.value) and node.value not in self.plan.made:
            return False
        binding = self.script.names.of[target]
        inside = isinstance(self.script.names.function_of(node), FUNCTIONS)
        if not inside or not binding.loads or binding.opaque or binding.name in self._shared:
            return False
        return not any(self.plan.alive(load) for load in binding.loads)
