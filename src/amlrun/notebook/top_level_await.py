"""`await` outside a function, which only a notebook allows, handed to `asyncio.run`."""

from __future__ import annotations

import ast

from amlrun.notebook.read import Cell
from amlrun.notebook.report import Report
from amlrun.python_source import Edit, Source, apply, bound, indent

_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)


def plain(tree: ast.Module, text: str, cell: Cell, coroutines: set[str], report: Report) -> str:
    """`text`, the cell that `tree` was parsed from, without `await` at its top level.

    `coroutines` are the notebook's own `async def`s: what they hand back needs no running loop to be made. All else
    (`asyncio.gather(…)`, `async for`, `async with`) goes into a function of its own, whose names are the script's.
    """
    source = Source(text)
    edits: list[Edit] = []
    count = 0
    for node in tree.body:
        waits = _waits(node)
        if not waits:
            continue
        report.did("turned `await` outside a function into asyncio.run", cell.number)
        simple = [part for part in waits if isinstance(part, ast.Await) and _is_coroutine(part, coroutines)]
        if len(simple) == len(waits):
            for part in simple:
                start, end = source.span(part)
                inner = source.span(part.value)
                edits += [Edit(start, inner[0], '__import__("asyncio").run('), Edit(inner[1], end, "")]
                edits.append(Edit(inner[1], inner[1], ")"))
            continue
        count += 1
        name = f"in_cell_{cell.number}" + (f"_{count}" if count > 1 else "")
        start, end = source.span(node)
        inside = text[start:end]
        if isinstance(node, ast.Expr) and node is tree.body[-1] and not text[end:].lstrip(" ").startswith(";"):
            inside = f"print({inside})"
        names = sorted(bound(node))
        scope = f"    global {', '.join(names)}\n" if names else ""
        made = f'async def {name}():\n{scope}{indent(inside)}\n__import__("asyncio").run({name}())'
        edits.append(Edit(start, end, made))
    return apply(text, edits)


def _waits(node: ast.stmt) -> list[ast.AST]:
    """What in `node` needs a running loop, functions that it defines left out."""
    found: list[ast.AST] = []
    waiting: list[ast.AST] = [node]
    while waiting:
        part = waiting.pop()
        if isinstance(part, _SCOPES):
            continue
        if isinstance(part, ast.Await | ast.AsyncFor | ast.AsyncWith) or (
            isinstance(part, ast.comprehension) and part.is_async
        ):
            found.append(part)
        waiting.extend(ast.iter_child_nodes(part))
    return found


def _is_coroutine(node: ast.Await, coroutines: set[str]) -> bool:
    return (
        isinstance(node.value, ast.Call)
        and isinstance(node.value.func, ast.Name)
        and node.value.func.id in coroutines
        and not any(isinstance(part, ast.Await) for part in ast.walk(node.value))
    )
