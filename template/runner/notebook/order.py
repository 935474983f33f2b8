"""Names that are used and never set, or set further down: the notebook ran on what its cells had left behind."""

from __future__ import annotations

import ast
import builtins

from runner.notebook.report import Report
from runner.notebook.source import arguments_of, bound, needed_now, used
from runner.notebook.statements import Notebook


def check(notebook: Notebook, report: Report) -> None:
    """Report each such name at the first cell that uses it. Call it when all that is left out is left out."""
    if any(isinstance(s.node, ast.ImportFrom) and s.node.names[0].name == "*" for s in notebook.imports):
        return
    builtin = set(dir(builtins)) | {"__file__", "__name__", "get_ipython", "display", "In", "Out", "_"}
    anywhere = builtin.union(*(statement.binds for statement in notebook.all if statement.kept))
    cells = {name: statement.cell for statement in reversed(notebook.body) for name in statement.binds}
    sooner = builtin.union(*(statement.binds for statement in notebook.imports))
    said: set[str] = set()
    for statement in notebook.body:
        if statement.kept:
            inner = _inner(statement.node)
            for name in sorted(used(statement.node) - anywhere - inner - said):
                said.add(name)
                gone = notebook.left_out.get(name, cells.get(name))
                why = f"only cell {gone} sets, and that is left out" if gone else "no cell sets"
                report.ask(f"uses {name}, which {why}", statement.cell)
            now = needed_now(statement.node) & anywhere - sooner - inner - statement.binds - said
            for name in sorted(now):
                said.add(name)
                report.ask(
                    f"uses {name}, which only cell {cells[name]}, further down, sets: put the cells in the order "
                    "in which they work",
                    statement.cell,
                )
        sooner |= statement.binds


def _inner(node: ast.AST) -> set[str]:
    """Names that `node` binds in scopes of its own."""
    found: set[str] = set()
    for part in ast.walk(node):
        found |= {arg.arg for arg in arguments_of(part)}
        if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found |= set().union(*(bound(inner) for inner in part.body))
        elif isinstance(part, ast.comprehension):
            found |= bound(part.target)
    return found
