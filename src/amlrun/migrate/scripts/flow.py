"""Questions about a script's flow that its tree alone answers."""

from __future__ import annotations

import ast

from amlrun.migrate.scripts.names import Names
from amlrun.python_source import FUNCTIONS


def once_in_a_branch(node: ast.AST, names: Names) -> bool:
    """Whether `node` stands in one branch of its function, outside of loops."""
    branch = False
    while (above := names.parents.get(node)) is not None and not isinstance(above, FUNCTIONS):
        if isinstance(above, ast.For | ast.AsyncFor | ast.While):
            return False
        branch = branch or isinstance(above, ast.If | ast.IfExp | ast.ExceptHandler)
        node = above
    return branch


def asks_for(test: ast.expr, attribute: str) -> bool:
    """Whether a test names an attribute, as `x.attribute` or `hasattr(x, "attribute")`."""
    return any(
        (isinstance(node, ast.Attribute) and node.attr == attribute)
        or (isinstance(node, ast.Constant) and node.value == attribute)
        for node in ast.walk(test)
    )


def returns_of(function: ast.FunctionDef) -> list[ast.Return]:
    """The return statements of a function, not those of functions in it."""
    found: list[ast.Return] = []
    waiting: list[ast.AST] = list(function.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Return):
            found.append(node)
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            waiting += ast.iter_child_nodes(node)
    return found
