"""Names that are used and never set, or set further down: the notebook ran on what its cells had left behind."""

from __future__ import annotations

import ast
import builtins

from amlrun.notebook.read import LEFT_OUT_TAGS, Cell
from amlrun.notebook.report import Report, listed
from amlrun.notebook.statements import Notebook, split
from amlrun.python_source import arguments_of, bound, needed_now, used

_KNOWN = {*dir(builtins), "__file__", "__name__", "get_ipython", "display"}
_HISTORY = {"In", "Out", "_", "__", "___"}  # what Jupyter keeps of the cells before


def settled(cells: list[Cell], report: Report) -> list[Cell]:
    """The cells as they were last run, when they work in that order and not as they lie; else as they are."""
    code = [c for c in cells if c.kind == "code" and c.source.strip() and not set(c.tags) & set(LEFT_OUT_TAGS)]
    counts = [cell.count for cell in code if cell.count is not None]
    if len(counts) < len(code) or len(set(counts)) < len(counts) or counts == sorted(counts):
        return cells
    if not _set_later(split(cells, Report())):
        return cells
    rank = {cell.number: cell.count or 0 for cell in code}
    after = max(rank.values())
    for cell in reversed(cells):  # what stands before a code cell goes with it
        after = rank.setdefault(cell.number, after)
    ranked = sorted(cells, key=lambda cell: rank[cell.number])
    if _set_later(split(ranked, Report())):
        return cells
    numbers = ", ".join(str(cell.number) for cell in ranked if cell in code)
    report.did(
        f"put the cells in the order in which they were run, because they do not work in the order written: {numbers}"
    )
    return ranked


def check(notebook: Notebook, report: Report) -> None:
    """Report each such name at the first cell that uses it. Call it when all that is left out is left out."""
    if _stars(notebook):
        return
    anywhere = _KNOWN.union(*(statement.binds for statement in notebook.all if statement.kept))
    cells = _cells(notebook)
    reported: set[str] = set()
    for statement in notebook.body:
        if not statement.kept:
            continue
        for name in sorted(used(statement.node) - anywhere - _inner(statement.node) - reported - {"dbutils"}):
            reported.add(name)
            if name in _HISTORY:
                report.ask(f"uses {name}, which only a notebook has", statement.cell)
                if isinstance(statement.node, ast.Expr):
                    statement.drop("only a notebook has it")
                continue
            gone = notebook.left_out.get(name, cells.get(name))
            why = f"only cell {gone} sets, and that is left out" if gone else "no cell sets"
            report.ask(f"uses {name}, which {why}", statement.cell)
    for cell, names in _set_later(notebook).items():
        where = sorted({cells[name] for name in names})
        setters = (
            f"cell {where[0]}, further down, sets" if len(where) == 1 else f"cells {listed(where)}, further down, set"
        )
        report.ask(f"uses {listed(names)}, which only {setters}: put the cells in the order in which they work", cell)


def _stars(notebook: Notebook) -> bool:
    return any(isinstance(s.node, ast.ImportFrom) and s.node.names[0].name == "*" for s in notebook.imports)


def _cells(notebook: Notebook) -> dict[str, int]:
    """The first cell that sets each name."""
    return {name: statement.cell for statement in reversed(notebook.body) for name in statement.binds}


def _set_later(notebook: Notebook) -> dict[int, list[str]]:
    """What each cell needs when it runs, and only a later statement sets."""
    found: dict[int, list[str]] = {}
    if _stars(notebook):
        return found
    anywhere = set().union(*(statement.binds for statement in notebook.all if statement.kept))
    known = _KNOWN.union(*(statement.binds for statement in notebook.imports))
    for statement in notebook.body:
        if statement.kept:
            now = needed_now(statement.node) & anywhere - known - _inner(statement.node) - statement.binds
            if now:
                found.setdefault(statement.cell, []).extend(sorted(now))
            known |= now
        known |= statement.binds
    return found


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
