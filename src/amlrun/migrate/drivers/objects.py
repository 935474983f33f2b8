"""The driver's own functions, classes and modules while it is read, and where its names are bound."""

from __future__ import annotations

import ast
from typing import Any

from amlrun.dataclass import dataclass, field
from amlrun.migrate.drivers.values import NOTHING, Gap


@dataclass(eq=False)
class Scope:
    """Names of a module, function or class body; `parent` is the one that encloses it."""

    file: str
    names: dict[str, Any] = field(default_factory=dict)
    parent: Scope | None = None

    def find(self, name: str) -> Any:
        """What a name is bound to, NOTHING when the text does not bind it."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.names:
                return scope.names[name]
            scope = scope.parent
        return NOTHING

    @property
    def module(self) -> Scope:
        scope = self
        while scope.parent is not None:
            scope = scope.parent
        return scope


@dataclass(eq=False)
class Function:
    """A function of the driver or of a module beside it; `owner` is the instance of a bound method."""

    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
    scope: Scope
    defaults: dict[str, Any]
    owner: Any = None

    @property
    def name(self) -> str:
        return "lambda" if isinstance(self.node, ast.Lambda) else self.node.name

    @property
    def decorators(self) -> set[str]:
        if isinstance(self.node, ast.Lambda):
            return set()
        return {ast.unparse(one).split("(")[0].split(".")[-1] for one in self.node.decorator_list}


@dataclass(eq=False)
class Class:
    """A class of the driver; `bases` are those that the text has."""

    name: str
    scope: Scope
    bases: list[Class]
    fields: list[str]

    def find(self, name: str) -> Any:
        if name in self.scope.names:
            return self.scope.names[name]
        return next((found for base in self.bases if (found := base.find(name)) is not NOTHING), NOTHING)


@dataclass(eq=False)
class Instance:
    """An object of such a class, or a namespace of options."""

    kind: Class | None
    names: dict[str, Any] = field(default_factory=dict)


@dataclass(eq=False)
class Module:
    """A module of the same repository, already read."""

    name: str
    scope: Scope


@dataclass(eq=False)
class Parser:
    """An `argparse.ArgumentParser`: its options become gaps whose guess is the default."""

    options: dict[str, Any] = field(default_factory=dict)

    def add(self, words: list[Any], kwargs: dict[str, Any], line: int) -> None:
        names = [word for word in words if isinstance(word, str)]
        if not names:
            return
        shown = next((name for name in names if name.startswith("--")), names[0])
        target = kwargs.get("dest") or shown.lstrip("-").replace("-", "_")
        guess = kwargs.get("default", NOTHING)
        if kwargs.get("action") in ("store_true", "store_false") and guess is NOTHING:
            guess = kwargs["action"] == "store_false"
        what = "option" if shown.startswith("-") else "argument"
        if isinstance(guess, Gap):
            self.options[str(target)] = guess
        else:
            self.options[str(target)] = Gap(f"the driver's {what} {shown}", line, str(target), guess)


@dataclass(frozen=True)
class OpenFile:
    """What `open(path)` gives."""

    path: str


@dataclass(eq=False)
class Method:
    """A method of plain data, not called yet: `"{}".format`, `names.append`."""

    of: Any
    name: str
