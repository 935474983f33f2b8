"""Statements of a driver, read in their order. Both branches of an undecided condition are read; a loop over known
items is read round by round, another one once."""

from __future__ import annotations

import ast
from typing import Any

from amlrun.migrate.drivers.calls import Calls
from amlrun.migrate.drivers.objects import Instance, Scope
from amlrun.migrate.drivers.truth import truth_of
from amlrun.migrate.drivers.values import NOTHING, Call, Gap, Item, Part, SdkObject, Setting, known

MOST_STEPS = 20_000
MOST_ROUNDS = 25


class EnoughError(Exception):
    """The driver is longer than is read."""


class Statements(Calls):
    """Reads blocks of statements into a scope."""

    def __init__(self) -> None:
        super().__init__()
        self.steps = 0
        self.line = 0

    def block(self, body: list[ast.stmt], scope: Scope) -> str:
        """Read statements; returns how they end: "" or "return", "raise", "break", "continue"."""
        for node in body:
            self.steps += 1
            self.line = node.lineno
            if self.steps > MOST_STEPS:
                raise EnoughError
            handler = getattr(self, f"_do_{type(node).__name__.lower()}", None)
            end = handler(node, scope) if handler else ""
            if end:
                return str(end)
        return ""

    def _do_expr(self, node: ast.Expr, scope: Scope) -> str:
        self.value(node.value, scope)
        call = node.value
        ends = isinstance(call, ast.Call) and ast.unparse(call.func) in ("sys.exit", "exit", "quit", "os._exit")
        return "raise" if ends else ""

    def _do_assign(self, node: ast.Assign, scope: Scope) -> None:
        found = self.value(node.value, scope)
        for target in node.targets:
            self.bind(target, found, scope)

    def _do_annassign(self, node: ast.AnnAssign, scope: Scope) -> None:
        if node.value is not None:
            self.bind(node.target, self.value(node.value, scope), scope)

    def _do_augassign(self, node: ast.AugAssign, scope: Scope) -> None:
        old = self.value(node.target, scope)
        more = self.value(node.value, scope)
        if isinstance(old, list) and isinstance(more, (list, tuple)) and isinstance(node.op, ast.Add):
            old.extend(self.uncertain(item, node.lineno) for item in more)
            return
        combined = ast.BinOp(ast.Constant(0), node.op, ast.Constant(0))
        ast.copy_location(combined, node)
        inner = Scope(scope.file, {"left": old, "right": more}, scope)
        combined.left, combined.right = ast.Name("left", ast.Load()), ast.Name("right", ast.Load())
        self.bind(node.target, self.value(ast.fix_missing_locations(combined), inner), scope)

    def bind(self, target: ast.expr, value: Any, scope: Scope) -> None:
        """Give a value to a name, an attribute, an item, or several of them."""
        if isinstance(target, ast.Name):
            if isinstance(value, SdkObject) and not value.variable:
                value.variable = target.id
            scope.names[target.id] = value
        elif isinstance(target, (ast.Tuple, ast.List)):
            items = known(value)
            for at, part in enumerate(target.elts):
                if isinstance(items, (list, tuple)) and len(items) == len(target.elts):
                    self.bind(part, items[at], scope)
                elif isinstance(items, (SdkObject, Item)):
                    self.bind(part, Item(items, at), scope)
                else:
                    reason = value.reason if isinstance(value, Gap) else "part of an unpacked result"
                    inner = part.value if isinstance(part, ast.Starred) else part
                    self.bind(inner, Gap(reason, target.lineno, ast.unparse(part)), scope)
        elif isinstance(target, ast.Attribute):
            self._set_attribute(self.value(target.value, scope), target, value)
        elif isinstance(target, ast.Subscript):
            self._set_item(self.value(target.value, scope), target, value, scope)

    def _set_attribute(self, of: Any, target: ast.Attribute, value: Any) -> None:
        of = known(of)
        if isinstance(of, Instance):
            of.names[target.attr] = value
            return
        if isinstance(of, (SdkObject, Part)):
            owner, path = (of, target.attr) if isinstance(of, SdkObject) else (of.owner, f"{of.path}.{target.attr}")
            if isinstance(value, SdkObject) and not value.variable:
                value.variable = owner.variable
            owner.settings[path] = Setting(self.uncertain(value, target.lineno), target.lineno)

    def _set_item(self, of: Any, target: ast.Subscript, value: Any, scope: Scope) -> None:
        key = known(self.value(target.slice, scope)) if not isinstance(target.slice, ast.Slice) else None
        of = known(of)
        if isinstance(of, (SdkObject, Part)):
            owner, path = (of, "") if isinstance(of, SdkObject) else (of.owner, of.path)
            given = self.uncertain(value, target.lineno)
            owner.calls.append(Call(f"{path}.__setitem__".lstrip("."), [key, given], {}, target.lineno))
        elif isinstance(of, (dict, list)):
            try:
                of[key] = self.uncertain(value, target.lineno)  # type: ignore[index]
            except (TypeError, IndexError):
                return

    def _do_raise(self, node: ast.Raise, scope: Scope) -> str:
        return "raise"

    def _do_break(self, node: ast.Break, scope: Scope) -> str:
        return "break"

    def _do_continue(self, node: ast.Continue, scope: Scope) -> str:
        return "continue"

    def _do_if(self, node: ast.If, scope: Scope) -> str:
        truth = truth_of(self.value(node.test, scope))
        if truth is not None:
            return self.block(node.body if truth else node.orelse, scope)
        text = f"`{' '.join(ast.unparse(node.test).split())[:60]}` (line {node.lineno})"
        before = dict(scope.names)
        self.conditions.append(text)
        end_one = self.block(node.body, scope)
        one = dict(scope.names)
        scope.names.clear()
        scope.names.update(before)
        self.conditions[-1] = f"not {text}"
        end_other = self.block(node.orelse, scope)
        self.conditions.pop()
        if end_one and end_other:
            return end_one if end_one == end_other else "return"
        if end_other:
            scope.names.clear()
            scope.names.update(one)
        elif not end_one:
            self._merge(scope, one, node.test)
        return ""

    def _merge(self, scope: Scope, other: dict[str, Any], node: ast.AST) -> None:
        for name in [*scope.names, *(name for name in other if name not in scope.names)]:
            mine, theirs = scope.names.get(name, NOTHING), other.get(name, NOTHING)
            if mine is not theirs:
                scope.names[name] = self.join(theirs, mine, node)

    def _do_for(self, node: ast.For | ast.AsyncFor, scope: Scope) -> str:
        items = self.items(known(self.value(node.iter, scope)))
        if items is None or len(items) > MOST_ROUNDS:
            reason = "an item of a loop with an unknown number of iterations"
            self.loops.append(node.lineno)
            self.bind(node.target, Gap(reason, node.lineno, ast.unparse(node.target)), scope)
            self.block(node.body, scope)
            self.loops.pop()
            return ""
        for item in items:
            self.bind(node.target, item, scope)
            end = self.block(node.body, scope)
            if end == "break":
                return ""
            if end in ("return", "raise"):
                return end
        return self.block(node.orelse, scope)

    _do_asyncfor = _do_for

    def _do_while(self, node: ast.While, scope: Scope) -> str:
        if truth_of(self.value(node.test, scope)) is False:
            return self.block(node.orelse, scope)
        self.loops.append(node.lineno)
        end = self.block(node.body, scope)
        self.loops.pop()
        return end if end in ("return", "raise") else ""

    def _do_with(self, node: ast.With | ast.AsyncWith, scope: Scope) -> str:
        for item in node.items:
            found = self.value(item.context_expr, scope)
            if item.optional_vars is not None:
                self.bind(item.optional_vars, found, scope)
        return self.block(node.body, scope)

    _do_asyncwith = _do_with

    def _do_match(self, node: ast.Match, scope: Scope) -> str:
        for case in node.cases:
            before = dict(scope.names)
            self.conditions.append(f"`match {ast.unparse(node.subject)[:50]}` (line {node.lineno})")
            self.block(case.body, scope)
            self.conditions.pop()
            self._merge(scope, before, node.subject)
        return ""

    def _do_try(self, node: Any, scope: Scope) -> str:
        end = self.block(node.body, scope)
        for handler in node.handlers:
            before = dict(scope.names)
            if handler.name:
                scope.names[handler.name] = Gap("an exception", handler.lineno, handler.name)
            ended = self.block(handler.body, scope)
            if ended:
                scope.names.clear()
                scope.names.update(before)
            else:
                self._merge(scope, before, node)
                end = ""
        if not end:
            end = self.block(node.orelse, scope)
        return self.block(node.finalbody, scope) or end

    _do_trystar = _do_try
