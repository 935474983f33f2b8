"""Attributes and calls in a driver's expressions: the SDK's are noted, Python's own done where all is known."""

from __future__ import annotations

import ast
from collections.abc import ItemsView, KeysView, ValuesView
from typing import Any

from amlrun.migrate.drivers import library
from amlrun.migrate.drivers.expressions import Expressions
from amlrun.migrate.drivers.library import PathText
from amlrun.migrate.drivers.objects import Class, Function, Instance, Method, Module, OpenFile, Parser, Scope
from amlrun.migrate.drivers.signatures import argument_of
from amlrun.migrate.drivers.truth import is_plain, truth_of
from amlrun.migrate.drivers.values import NOTHING, Call, Gap, Item, Name, Part, SdkObject, known


class Calls(Expressions):
    """Values of attributes, calls and comprehensions. The statements' reader says how functions are followed."""

    def invoke(self, function: Function, args: list[Any], kwargs: dict[str, Any], line: int) -> Any:
        raise NotImplementedError

    def instantiate(self, kind: Class, args: list[Any], kwargs: dict[str, Any], line: int) -> Any:
        raise NotImplementedError

    def _attribute(self, node: ast.Attribute, scope: Scope) -> Any:
        return self.attribute(self.value(node.value, scope), node.attr, node)

    def attribute(self, of: Any, name: str, node: ast.AST) -> Any:
        """`of.name`."""
        if isinstance(of, Name):
            return "." if f"{of.full}.{name}" == "os.curdir" else Name(f"{of.full}.{name}")
        if isinstance(of, (SdkObject, Part)):
            owner, path = (of, name) if isinstance(of, SdkObject) else (of.owner, f"{of.path}.{name}")
            found = owner.setting(path)
            if found is NOTHING and isinstance(of, SdkObject):
                found = argument_of(of, name)
            return Part(owner, path) if found is NOTHING else found
        if isinstance(of, Item):
            return Item(of, f".{name}")
        if isinstance(of, Module):
            found = of.scope.find(name)
            return self.gap("a name of a module that is not read", node) if found is NOTHING else found
        if isinstance(of, (Instance, Class)):
            return self._member(of, name, node)
        if isinstance(of, Gap):
            inner = of.guess
            if inner is NOTHING:
                return Gap(of.reason, getattr(node, "lineno", of.line), ast.unparse(node)[:120])
            found = self.attribute(inner, name, node)
            if isinstance(found, (Gap, Method, SdkObject, Part, Function)):
                return found
            return Gap(of.reason, of.line, of.source, found)
        if isinstance(of, PathText):
            found = library.path_attribute(of, name)
            return Method(of, name) if found is NOTHING else found
        if isinstance(of, (Parser, OpenFile)) or (is_plain(of) and of is not None):
            return Method(of, name)
        return self.gap("an attribute of an object that is not read", node)

    def _member(self, of: Instance | Class, name: str, node: ast.AST) -> Any:
        if isinstance(of, Instance):
            if name in of.names:
                return of.names[name]
            found = of.kind.find(name) if of.kind else NOTHING
        else:
            found = of.find(name)
        if isinstance(found, Function):
            marks = found.decorators
            if "staticmethod" in marks:
                return found
            bound = Function(found.node, found.scope, found.defaults, of)
            if isinstance(of, Instance) and marks & {"property", "cached_property"}:
                return self.invoke(bound, [], {}, getattr(node, "lineno", 0))
            return bound if isinstance(of, Instance) or "classmethod" in marks else found
        return self.gap("an attribute that is not in the code", node) if found is NOTHING else found

    def _call(self, node: ast.Call, scope: Scope) -> Any:
        func = self.value(node.func, scope)
        args, kwargs = self._arguments(node, scope)
        source = ast.unparse(node)[:120]
        found = self.call(func, args, kwargs, node, source, scope)
        if isinstance(found, Gap) and not found.file:
            found.file = self.file
        return found

    def _arguments(self, node: ast.Call, scope: Scope) -> tuple[list[Any], dict[str, Any]]:
        args = self._list(ast.List(node.args, ast.Load()), scope)
        kwargs: dict[str, Any] = {}
        for word in node.keywords:
            found = self.value(word.value, scope)
            if word.arg is not None:
                kwargs[word.arg] = found
            elif isinstance(known(found), dict):
                kwargs.update({str(key): item for key, item in known(found).items()})
            else:
                reason = found.reason if isinstance(found, Gap) else "unpacked keyword arguments"
                kwargs["**"] = self.gap(reason, word.value)
        return args, kwargs

    def call(
        self, func: Any, args: list[Any], kwargs: dict[str, Any], node: ast.expr, source: str, scope: Scope
    ) -> Any:
        """The result of calling `func`."""
        line = node.lineno
        if isinstance(func, Name):
            if func.of_sdk:
                return self.make(func.short, args, kwargs, line, scope)
            found = library.call(func.full, args, kwargs, line, source)
            reads = func.full in ("os.environ.get", "os.getenv")
            return self.from_environment(found) if reads and isinstance(found, Gap) else found
        if isinstance(func, Part):
            return self._sdk_method(func.owner, func.path, args, kwargs, line, scope)
        if isinstance(func, Item) and isinstance(func.key, str) and func.key.startswith("."):
            return self.make(func.key, args, kwargs, line, scope, func.of)
        if isinstance(func, Function):
            return self.invoke(func, args, kwargs, line)
        if isinstance(func, Class):
            return self.instantiate(func, args, kwargs, line)
        if isinstance(func, Method):
            return self._method(func, args, kwargs, line, source)
        if isinstance(func, Gap):
            return Gap(func.reason, line, source)
        return Gap("the result of a call that is not read", line, source)

    def _method(self, func: Method, args: list[Any], kwargs: dict[str, Any], line: int, source: str) -> Any:
        if not isinstance(func.of, Parser):
            if func.name in ("append", "insert", "extend") and self.loops and isinstance(func.of, list):
                args = [
                    *args[:-1],
                    Gap("added in a loop with an unknown number of iterations", line, source, file=self.file),
                ]
                func = Method(func.of, "append" if func.name == "extend" else func.name)
            elif func.name in ("append", "insert", "add", "extend") and self.conditions:
                args = [[self.uncertain(item, line) for item in one] if isinstance(one, list) and func.name == "extend"
                        else self.uncertain(one, line) if at == len(args) - 1 else one
                        for at, one in enumerate(args)]  # fmt: skip
            return library.method(func.of, func.name, args, kwargs, line, source)
        if func.name == "add_argument":
            func.of.add(args, kwargs, line)
            return None
        if func.name == "parse_args":
            return Instance(None, dict(func.of.options))
        if func.name == "parse_known_args":
            return (Instance(None, dict(func.of.options)), [])
        return func.of

    def make(
        self, name: str, args: list[Any], kwargs: dict[str, Any], line: int, scope: Scope, owner: Any = None
    ) -> SdkObject:
        """Note a call of the SDK and what it gives."""
        loop = self.loops[-1] if self.loops else 0
        made = SdkObject(name, args, kwargs, line, scope.file, owner, loop=loop)
        self.made.append(made)
        return made

    def _sdk_method(
        self, owner: SdkObject, path: str, args: list[Any], kwargs: dict[str, Any], line: int, scope: Scope
    ) -> SdkObject:
        given = [self.uncertain(one, line) for one in args]
        owner.calls.append(Call(path, given, kwargs, line))
        return self.make(f".{path}", args, kwargs, line, scope, owner)

    def _lambda(self, node: ast.Lambda, scope: Scope) -> Any:
        return Function(node, scope, {})

    def _listcomp(self, node: ast.ListComp | ast.GeneratorExp | ast.SetComp, scope: Scope) -> Any:
        rows = self._rows(node.generators, scope)
        if rows is None:
            return self.gap("a list made in a loop", node)
        return [self.value(node.elt, inner) for inner in rows]

    _generatorexp = _listcomp
    _setcomp = _listcomp

    def _dictcomp(self, node: ast.DictComp, scope: Scope) -> Any:
        rows = self._rows(node.generators, scope)
        if rows is None:
            return self.gap("a dictionary made in a loop", node)
        try:
            return {known(self.value(node.key, inner)): self.value(node.value, inner) for inner in rows}
        except TypeError:
            return self.gap("a dictionary made in a loop", node)

    def _rows(self, generators: list[ast.comprehension], scope: Scope) -> list[Scope] | None:
        rows = [Scope(scope.file, {}, scope)]
        for one in generators:
            grown: list[Scope] = []
            for row in rows:
                items = self.items(self.value(one.iter, row))
                if items is None or len(items) > library.MOST_ITEMS:
                    return None
                for item in items:
                    inner = Scope(scope.file, {}, row)
                    self.bind(one.target, item, inner)
                    truths = [truth_of(self.value(test, inner)) for test in one.ifs]
                    if None in truths:
                        return None
                    grown += [inner] if all(truths) else []
            rows = grown
        return rows

    def items(self, value: Any) -> list[Any] | None:
        """The rounds of a loop over `value`; None when the text does not say them."""
        if isinstance(value, (list, tuple)):
            return list(value)
        if isinstance(value, dict):
            return list(value)
        if isinstance(value, (KeysView, ValuesView, ItemsView)) and not isinstance(value, dict):
            return [list(item) if isinstance(item, tuple) else item for item in value]
        return None

    def bind(self, target: ast.expr, value: Any, scope: Scope) -> None:
        raise NotImplementedError

    def _await(self, node: ast.Await, scope: Scope) -> Any:
        return self.value(node.value, scope)

    def _starred(self, node: ast.Starred, scope: Scope) -> Any:
        return self.value(node.value, scope)

    def _namedexpr(self, node: ast.NamedExpr, scope: Scope) -> Any:
        found = self.value(node.value, scope)
        self.bind(node.target, found, scope)
        return found
