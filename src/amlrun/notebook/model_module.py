"""Functions and classes of the notebook that its pickled model names or score.py calls, moved to a module."""

from __future__ import annotations

import ast
import symtable
from pathlib import Path

from amlrun.dataclass import dataclass, field
from amlrun.notebook.row_values import is_literal
from amlrun.notebook.statements import Notebook, Statement

MARK = "What the saved model needs of"


@dataclass
class Module:
    """A module beside the script: its `name` and `text`; `moved` are the names that the script imports from it."""

    name: str
    text: str
    moved: set[str] = field(default_factory=set)


def take(notebook: Notebook, own: set[str], options: set[str], folder: Path, title: str) -> Module | None:
    """Move the definitions `own`, and what they use, out of `notebook`; None when one of them uses more than can move.

    `options` are variables that the command line sets: what uses them, or a value of a cell tagged `parameters`, has to
    stay in the script.
    """
    times = notebook.times_bound()
    makers = {name: statement for statement in notebook.all for name in statement.binds}
    chosen: list[Statement] = []
    imports: dict[str, Statement] = {}
    waiting = sorted(own)
    while waiting:
        name = waiting.pop()
        if name in options:
            return None
        statement = makers.get(name)
        if statement is None or statement in chosen:
            continue
        if statement in notebook.imports:
            imports[name] = statement
            continue
        node = statement.node
        definition = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        if (
            times[name] != 1
            or not statement.kept
            or statement.tagged
            or not (definition or (isinstance(node, ast.Assign) and is_literal(node.value)))
            or statement.after
        ):
            return None
        chosen.append(statement)
        waiting += _globals(symtable.symtable(statement.text(), "", "exec"))
    chosen.sort(key=notebook.body.index)
    moved = {name for statement in chosen for name in statement.binds}
    texts = ["\n".join([*statement.lead, statement.text()]) for statement in chosen]
    lines = sorted({_import_of(statement.node, name) for name, statement in imports.items()})
    for statement in chosen:
        notebook.body.remove(statement)
    text = "\n\n\n".join([f'"""{MARK} {title}, and score.py with it: train.py imports it from here."""', *texts])
    if lines:
        text = text.replace('"""\n\n\n', '"""\n\n' + "\n".join(lines) + "\n\n\n", 1)
    return Module(_free(folder), f"{text}\n", moved)


def _globals(scope: symtable.SymbolTable) -> set[str]:
    """The names of the notebook or of Python that code needs: those that its functions bind themselves are not."""
    outer = scope.get_type() == "module"
    found = {one.get_name() for one in scope.get_symbols() if (one.is_referenced() if outer else one.is_global())}
    return found.union(*map(_globals, scope.get_children()))


def _import_of(node: ast.stmt, name: str) -> str:
    """The import of `name` alone, of an import that may bind more."""
    assert isinstance(node, ast.Import | ast.ImportFrom)  # noqa: S101 - only imports are handed here
    aliases = [one for one in node.names if (one.asname or one.name).split(".")[0] == name or one.name == "*"]
    if isinstance(node, ast.Import):
        return ast.unparse(ast.Import(aliases))
    return ast.unparse(ast.ImportFrom(node.module, aliases, node.level))


def _free(folder: Path) -> str:
    """A module name that is free in `folder`, or an earlier conversion's."""
    name = "model_parts"
    while (file := folder / f"{name}.py").exists() and MARK not in file.read_text(encoding="utf-8", errors="replace"):
        name += "_"
    return name
