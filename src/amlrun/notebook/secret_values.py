"""Literals that look like a secret: they must reach neither the script, nor its options, nor what a run logs."""

from __future__ import annotations

import ast
import io
import tokenize

from amlrun.notebook.source import dotted
from amlrun.runs import redact


def found(tree: ast.AST) -> list[tuple[str, ast.expr]]:
    """Each literal in `tree` that is called by a secret's name, or looks like a key: its name and its place."""
    return [
        (name, value)
        for node in ast.walk(tree)
        for name, value in _elements(_pairs(node))
        if isinstance(value, ast.Constant) and isinstance(value.value, str) and _is_secret(name, value.value)
    ]


def hidden(text: str) -> str:
    """`text`, of a report or a comment, without what looks like a secret in it."""
    return redact.masked_text(text)


def hidden_in_comments(code: str) -> str:
    """`code`, Python, with the secrets in its comments hidden: what was left out of the notebook stands there."""
    lines = code.split("\n")
    for token in tokenize.generate_tokens(io.StringIO(code).readline):
        if token.type == tokenize.COMMENT:
            row, column = token.start
            lines[row - 1] = lines[row - 1][:column] + hidden(token.string)
    return "\n".join(lines)


def sets_environment(node: ast.stmt) -> bool:
    """Whether `node` is `os.environ["X"] = …` or `os.environ.setdefault("X", …)`."""
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Subscript):
        return dotted(node.targets[0].value).endswith("environ")
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Call)
        and dotted(node.value.func).endswith("environ.setdefault")
    )


def _pairs(node: ast.AST) -> list[tuple[str, ast.expr]]:
    """What `node` calls by a name: an assignment's value, a call's keywords, a dict's items."""
    if isinstance(node, ast.Assign):
        return [(_called(target), node.value) for target in node.targets]
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None:
        return [(node.target.id, node.value)]
    if isinstance(node, ast.Call):
        given: list[tuple[str, ast.expr]] = [(word.arg, word.value) for word in node.keywords if word.arg]
        if dotted(node.func).endswith("setdefault") and len(node.args) == 2 and isinstance(node.args[0], ast.Constant):
            return [*given, (str(node.args[0].value), node.args[1])]
        return given + [(f"{dotted(node.func).rpartition('.')[2]}_argument", argument) for argument in node.args]
    if isinstance(node, ast.arguments):
        named = [*node.posonlyargs, *node.args]
        values = [*zip(named[::-1], node.defaults[::-1]), *zip(node.kwonlyargs, node.kw_defaults)]
        return [(argument.arg, value) for argument, value in values if value is not None]
    if isinstance(node, ast.Dict):
        return [(str(key.value), value) for key, value in zip(node.keys, node.values) if isinstance(key, ast.Constant)]
    return []


def _elements(pairs: list[tuple[str, ast.expr]]) -> list[tuple[str, ast.expr]]:
    """The pairs, a tuple or list that a secret's name holds taken apart: `credentials = ("me", "…")`."""
    found: list[tuple[str, ast.expr]] = []
    for name, value in pairs:
        if isinstance(value, ast.Tuple | ast.List | ast.Set) and redact.secret_name(name):
            found += [(f"{name}_{number}", item) for number, item in enumerate(value.elts, 1)]
        else:
            found.append((name, value))
    return found


def _called(target: ast.expr) -> str:
    """`x` of `x = …`, `x.y = …` and `d["x"] = …`."""
    if isinstance(target, ast.Subscript) and isinstance(target.slice, ast.Constant):
        return str(target.slice.value)
    return dotted(target).rpartition(".")[2]


def _is_secret(name: str, value: str) -> bool:
    if redact.contains_secret(value):
        return True
    # A name such as `token` is also that of a word in a text, and `password` that of a label.
    scheme, _, rest = value.partition(" ")
    spaced = " " in value and not (name.lower() == "authorization" and scheme.isalpha() and " " not in rest)
    written = len(value) >= 6 and not value.startswith(("/", ".", "<", "{")) and not spaced
    return written and redact.is_secret(name, value)
