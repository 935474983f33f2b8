"""Scripts that pass the run to other modules of the same repository: both sides are rewritten together."""

from __future__ import annotations

import ast
import posixpath
import warnings
from collections.abc import Mapping, Sequence

from amlrun.migrate.discover import V1File, left
from amlrun.migrate.result import FileResult, Kind
from amlrun.migrate.scripts import Outside, Passed, Rewritten, rewrite
from amlrun.python_source import parameters_of

# How often what is passed is followed further: script → module → module.
_ROUNDS = 3


class Modules:
    """The scripts of a folder, and the modules that they hand the run to."""

    def __init__(self, scripts: Sequence[V1File], files: Mapping[str, str]) -> None:
        self.files = files
        self.found = {one.path: one for one in scripts}
        self.seeds: dict[str, dict[str, str]] = {}
        self.done: dict[str, Rewritten] = {}
        self._parameters: dict[str, dict[str, list[str]]] = {}

    def rewrite(self) -> list[FileResult]:
        """The result of every script, and of every module that had to be changed with it."""
        for path, found in self.found.items():
            self.done[path] = self._rewrite(found, Outside())
        for _ in range(_ROUNDS):
            targets = self._spread()
            for path in targets:
                self._again(path)
            if not targets:
                break
        for path in [path for path, one in self.done.items() if any(self._target(path, each) for each in one.passes)]:
            self._again(path)
        return [one.result for one in self.done.values()]

    def _again(self, path: str) -> None:
        found = self.found.get(path)
        found = found or V1File(path, Kind.JOB, self.files[path])
        known = self.done.get(path)
        ignored = {
            (each.function, each.place)
            for each in (known.passes if known is not None else ())
            if (target := self._target(path, each)) and target[1] in self.done.get(target[0], _NOTHING).ignored
        }
        self.done[path] = self._rewrite(found, Outside(self.seeds.get(path, {}), frozenset(ignored)))

    def _rewrite(self, found: V1File, outside: Outside) -> Rewritten:
        try:
            return rewrite(found.path, found.text, found.kind, outside)
        except Exception as error:
            # As with other readers: one file that nobody has foreseen is named, and the others are read.
            message = f"internal error on this file: {type(error).__name__}: {error}"
            return Rewritten(left(found, message, "Please report it."))

    def _spread(self) -> list[str]:
        """Note what each module is passed; the modules for which that is new."""
        changed: dict[str, None] = {}
        for path, one in list(self.done.items()):
            for each in one.passes:
                target = self._target(path, each)
                if target is not None and self.seeds.setdefault(target[0], {}).get(target[1]) != each.kind:
                    self.seeds[target[0]][target[1]] = each.kind
                    changed[target[0]] = None
        return list(changed)

    def _target(self, path: str, passed: Passed) -> tuple[str, str] | None:
        """The file and the `function.parameter` that something is passed to, when it is one of this folder's."""
        module, _, name = passed.function.rpartition(".")
        for file in self._places(path, module):
            parameters = self._functions(file).get(name)
            if parameters is None:
                continue
            if isinstance(passed.place, str):
                return (file, f"{name}.{passed.place}") if passed.place in parameters else None
            return (file, f"{name}.{parameters[passed.place]}") if passed.place < len(parameters) else None
        return None

    def _places(self, path: str, module: str) -> list[str]:
        """Where an imported module may lie: beside the script, or below the folder's root."""
        here = posixpath.dirname(path)
        level = len(module) - len(module.lstrip("."))
        inner = module.lstrip(".").replace(".", "/")
        for _ in range(level - 1):
            here = posixpath.dirname(here)
        bases = [here] if level else [here, posixpath.dirname(here), "", "src"]
        names = [f"{inner}.py", f"{inner}/__init__.py"] if inner else ["__init__.py"]
        found = [posixpath.normpath(posixpath.join(base, name)) for base in bases for name in names]
        return [one for one in dict.fromkeys(found) if one != path]

    def _functions(self, file: str) -> dict[str, list[str]]:
        """The parameters of a module's functions and classes, by name."""
        if file not in self._parameters:
            found: dict[str, list[str]] = {}
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    body = ast.parse(self.files[file].removeprefix("\ufeff")).body
            except (KeyError, SyntaxError, ValueError, RecursionError, MemoryError):
                body = []
            for node in body:
                if isinstance(node, ast.FunctionDef):
                    found[node.name] = [one.arg for one in parameters_of(node)]
                elif isinstance(node, ast.ClassDef):
                    makers = [one for one in node.body if isinstance(one, ast.FunctionDef) and one.name == "__init__"]
                    if makers:
                        found[node.name] = [one.arg for one in parameters_of(makers[0])][1:]
            self._parameters[file] = found
        return self._parameters[file]


_NOTHING = Rewritten(FileResult("", Kind.JOB))
