"""Reads a driver as Python would run it, but for what its text does not say.

The driver's own functions, classes and modules are followed; a function that nothing calls is read with open
parameters.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from amlrun.dataclass import dataclass, field
from amlrun.errors import AmlError
from amlrun.migrate.drivers.objects import Class, Function, Instance, Method, Module, OpenFile, Scope
from amlrun.migrate.drivers.source import WRITES_FILE, Source
from amlrun.migrate.drivers.statements import EnoughError, Statements
from amlrun.migrate.drivers.values import NOTHING, Gap, Name, SdkObject, Text, joined_text
from amlrun.python_source import places_of
from amlrun.spec import node as yaml_node

# The path and text of a module of the repository, as `import NAME` in the file of the second argument finds it.
FindModule = Callable[[str, str], Source | None]
# The text of a file that the driver reads, by the path it gives; None when it is not there.
FindText = Callable[[str], str | None]
_LOADS = ("json.load", "yaml.safe_load", "yaml.load", "yaml.full_load", "json.loads")
MOST_CALLS = 12
# Later ones win.
_ENV_FILES = (".env.template", ".env.sample", ".env.example", ".env")
MOST_BYTES = 128 * 1024


@dataclass
class Reading:
    """What a driver's text says: what it makes of the SDK, in order, and the files that it writes (`saved`: packages).

    `unread` is the line at which reading stopped.
    """

    source: Source
    made: list[SdkObject] = field(default_factory=list)
    written: list[tuple[Any, str, int]] = field(default_factory=list)
    saved: list[tuple[str, SdkObject]] = field(default_factory=list)
    unread: int = 0


def read(source: Source, modules: FindModule, texts: FindText) -> Reading:
    """Read a driver; `modules` finds what it imports from its own repository, `texts` the settings that it loads."""
    interpreter = _Interpreter(source, modules, texts)
    for name in _ENV_FILES:
        interpreter.variables |= _variables(texts(name) or "")
    return interpreter.read()


class _Interpreter(Statements):
    def __init__(self, source: Source, modules: FindModule, texts: FindText) -> None:
        super().__init__()
        self.result = Reading(source, self.made)
        self.find_module = modules
        self.find_text = texts
        self.modules: dict[str, Module | None] = {}
        self.called: set[ast.AST] = set()
        self.functions: list[Function] = []
        self.depth = 0
        self.returns: list[list[Any]] = []

    def read(self) -> Reading:
        scope = Scope(self.result.source.path)
        self.file = scope.file
        try:
            self.block(self.result.source.tree.body, scope)
            for function in self.functions:
                if function.node not in self.called and function.scope.file == self.result.source.path:
                    self._uncalled(function)
        except EnoughError:
            self.result.unread = self.line
        except RecursionError:
            self.result.unread = self.line or 1
        return self.result

    def _uncalled(self, function: Function) -> None:
        self.uncalled = function.name
        owner = function.owner
        if isinstance(owner, Class):
            owner = Instance(owner, {})
        self.invoke(Function(function.node, function.scope, function.defaults, owner), [], {}, function.node.lineno)
        self.uncalled = ""

    def _do_import(self, node: ast.Import, scope: Scope) -> None:
        for alias in node.names:
            module = self._module(alias.name, scope)
            if alias.asname or "." not in alias.name:
                scope.names[alias.asname or alias.name] = module or Name(alias.name)
            else:
                first = alias.name.split(".")[0]
                if not isinstance(scope.find(first), Module):
                    scope.names[first] = self._module(first, scope) or Name(first)

    def _do_importfrom(self, node: ast.ImportFrom, scope: Scope) -> None:
        base = f"{'.' * node.level}{node.module or ''}"
        module = self._module(base, scope)
        for alias in node.names:
            if alias.name == "*":
                scope.names.update(module.scope.names if module else {})
                self.star_import = base if base.startswith("azureml") else self.star_import
                continue
            name = alias.asname or alias.name
            if module is not None:
                found = module.scope.names.get(alias.name, NOTHING)
                if found is NOTHING:
                    found = self._module(f"{base}.{alias.name}" if node.module else f"{base}{alias.name}", scope)
                scope.names[name] = found or self.gap(f"imported from {base}", node)
                continue
            inner = self._module(f"{base.rstrip('.')}.{alias.name}" if node.module else f"{base}{alias.name}", scope)
            scope.names[name] = inner or Name(f"{base.lstrip('.')}.{alias.name}")

    def _module(self, name: str, scope: Scope) -> Module | None:
        """The module of the repository that `name` means, read; None for one from elsewhere."""
        if name.split(".")[0] in ("azureml", "os", "sys", "json", "argparse", "pathlib", "numpy", "pandas"):
            return None
        source = self.find_module(name, scope.file)
        if source is None:
            return None
        if source.path not in self.modules:
            self.modules[source.path] = None
            inner = Scope(source.path)
            self.modules[source.path] = Module(name, inner)
            kept = self.conditions, self.loops, self.line, self.file
            self.conditions, self.loops, self.file = [], [], source.path
            self.block([node for node in source.tree.body if not _runs_as_script(node)], inner)
            self.conditions, self.loops, self.line, self.file = kept
        return self.modules[source.path]

    def _do_functiondef(self, node: ast.FunctionDef | ast.AsyncFunctionDef, scope: Scope) -> None:
        scope.names[node.name] = self._function(node, scope)
        self.functions.append(scope.names[node.name])

    _do_asyncfunctiondef = _do_functiondef

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef, scope: Scope) -> Function:
        names = places_of(node)
        defaults = {
            one.arg: self.value(value, scope)
            for one, value in zip(names[len(names) - len(node.args.defaults) :], node.args.defaults)
        }
        for one, given in zip(node.args.kwonlyargs, node.args.kw_defaults):
            if given is not None:
                defaults[one.arg] = self.value(given, scope)
        return Function(node, scope, defaults)

    def _do_classdef(self, node: ast.ClassDef, scope: Scope) -> None:
        inner = Scope(scope.file, {}, scope)
        bases = [base for base in (self.value(one, scope) for one in node.bases) if isinstance(base, Class)]
        fields = [
            one.target.id for one in node.body if isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name)
        ]
        kind = Class(node.name, inner, bases, fields)
        scope.names[node.name] = kind
        before = len(self.functions)
        self.block(node.body, inner)
        for function in self.functions[before:]:
            if "staticmethod" not in function.decorators:
                function.owner = kind

    def instantiate(self, kind: Class, args: list[Any], kwargs: dict[str, Any], line: int) -> Any:
        made = Instance(kind)
        start = kind.find("__init__")
        if isinstance(start, Function):
            self.invoke(Function(start.node, start.scope, start.defaults, made), args, kwargs, line)
        else:
            made.names.update(dict(zip(kind.fields, args)))
            made.names.update(kwargs)
        return made

    def invoke(self, function: Function, args: list[Any], kwargs: dict[str, Any], line: int) -> Any:
        node = function.node
        self.called.add(node)
        if self.depth >= MOST_CALLS:
            return Gap("a function that calls itself, or calls too deep", line, function.name)
        inner = Scope(function.scope.file, self._parameters(function, args, kwargs, line), function.scope)
        if isinstance(node, ast.Lambda):
            return self.value(node.body, inner)
        self.depth += 1
        self.returns.append([])
        kept = self.line, self.file
        self.file = inner.file
        try:
            self.block(node.body, inner)
        finally:
            self.depth -= 1
            found = self.returns.pop()
            self.line, self.file = kept
        result = found[0] if found else None
        for other in found[1:]:
            result = self.join(result, other, node)
        return result

    def _parameters(self, function: Function, args: list[Any], kwargs: dict[str, Any], line: int) -> dict[str, Any]:
        spec = function.node.args
        names = [one.arg for one in places_of(function.node)]
        if function.owner is not None and names:
            args = [function.owner, *args]
        bound = dict(zip(names, args))
        rest = dict(kwargs)
        for name in [*names, *(one.arg for one in spec.kwonlyargs)]:
            if name in rest:
                bound[name] = rest.pop(name)
            elif name not in bound:
                default = function.defaults.get(name, NOTHING)
                read_alone = self.uncalled == function.name and not args[1 if function.owner is not None else 0 :]
                if default is NOTHING or read_alone:
                    bound[name] = Gap(f"the parameter {name} of {function.name}()", function.node.lineno, name, default)
                else:
                    bound[name] = default
        if spec.vararg:
            bound[spec.vararg.arg] = list(args[len(names) :])
        if spec.kwarg:
            open_words = self.uncalled == function.name and not kwargs
            bound[spec.kwarg.arg] = (
                Gap(f"the keywords of {function.name}()", line, spec.kwarg.arg) if open_words else rest
            )
        return bound

    def _do_return(self, node: ast.Return, scope: Scope) -> str:
        found = self.value(node.value, scope)
        if self.returns:
            self.returns[-1].append(found)
        return "return"

    def call(
        self, func: Any, args: list[Any], kwargs: dict[str, Any], node: ast.expr, source: str, scope: Scope
    ) -> Any:
        if isinstance(func, Name) and func.full == f"builtins.{WRITES_FILE}":
            self.result.written.append((self._expanded(args[0], scope), args[1], node.lineno))
            return None
        if isinstance(func, Method) and isinstance(func.of, OpenFile):
            self._write(func.of, args)
            return None
        if isinstance(func, Name) and args and (loaded := self._loaded(func.full, args[0])) is not NOTHING:
            return loaded
        return super().call(func, args, kwargs, node, source, scope)

    def _write(self, file: OpenFile, args: list[Any]) -> None:
        """`file.write(dependencies.serialize_to_string())`: the file holds those packages."""
        made = args[0] if args else None
        if (
            isinstance(made, SdkObject)
            and made.name.endswith("serialize_to_string")
            and isinstance(made.owner, SdkObject)
        ):
            self.result.saved.append((file.path, made.owner))

    def _loaded(self, full: str, first: Any) -> Any:
        """`open(path)`, and settings loaded from a JSON or YAML file of the repository."""
        if full in ("builtins.open", "io.open", "codecs.open") and isinstance(first, str):
            return OpenFile(str(first))
        if full not in _LOADS or not isinstance(first, OpenFile):
            return NOTHING
        text = self.find_text(first.path)
        if text is None or len(text) > MOST_BYTES:
            return NOTHING
        try:
            return json.loads(text) if full.startswith("json") else yaml_node.parse(text, Path(first.path)).plain()
        except (ValueError, RecursionError, AmlError):
            return NOTHING

    def _expanded(self, name: str, scope: Scope) -> Any:
        """A file name of `%%writefile`, with IPython's `$name` and `{expression}` put in."""
        parts: list[Any] = []
        at = 0
        for found in re.finditer(r"\$(\w+)|\{([^{}]+)\}", name):
            parts.append(name[at : found.start()])
            try:
                parts.append(self.value(ast.parse(found[1] or found[2], mode="eval").body, scope))
            except SyntaxError:
                parts.append(found[0])
            at = found.end()
        parts.append(name[at:])
        usable = all(isinstance(part, (str, int, Text, Gap)) for part in parts)
        return joined_text(parts) if usable else Gap("a file's name", 0, name)


def _variables(text: str) -> dict[str, str]:
    """The values that a `.env` file gives, comments and empty ones left out."""
    found = re.findall(r"^(?:export\s+)?([A-Za-z_]\w*)\s*=\s*(.*?)\s*(?:#.*)?$", text, re.MULTILINE)
    return {name: value.strip("'\"") for name, value in found if value.strip("'\"")}


def _runs_as_script(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and "__name__" in ast.unparse(node.test)
