"""Literals that look like a secret: they must reach neither the script, nor its options, nor what a run logs."""

from __future__ import annotations

import ast
import re

# How the names of secrets end.
_NAME = re.compile(
    r"(?:^|_)(?:pass(?:word|wd|phrase)|pwd|secret|api_?key|(?:access|account|storage|subscription|private|secret)_?key|"
    r"(?:auth|access|api|bearer|hf|github|sas|refresh)_?token|conn(?:ection)?_?str(?:ing)?)$|^token$",
    re.IGNORECASE,
)
# How keys of Azure Storage and Service Bus, SAS addresses, OpenAI, GitHub, Hugging Face, AWS and PEM files look.
_VALUE = re.compile(
    r"(?:Account|SharedAccess)Key=|[?&]sig=|^sk-\w|^gh[pousr]_\w|^hf_\w{20}|^AKIA[A-Z0-9]{12}|"
    r"BEGIN (?:[A-Z]+ )*PRIVATE KEY"
)


def found(tree: ast.AST) -> list[tuple[str, ast.expr]]:
    """Each literal in `tree` that is called by a secret's name, or looks like a key: its name and its place."""
    return [
        (name, value)
        for node in ast.walk(tree)
        for name, value in _pairs(node)
        if isinstance(value, ast.Constant) and isinstance(value.value, str) and _is_secret(name, value.value)
    ]


def _pairs(node: ast.AST) -> list[tuple[str, ast.expr]]:
    """What `node` calls by a name: an assignment's value, a call's keywords, a dict's items."""
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
        return [(node.targets[0].id, node.value)]
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None:
        return [(node.target.id, node.value)]
    if isinstance(node, ast.Call):
        return [(word.arg, word.value) for word in node.keywords if word.arg]
    if isinstance(node, ast.Dict):
        return [(str(key.value), value) for key, value in zip(node.keys, node.values) if isinstance(key, ast.Constant)]
    return []


def _is_secret(name: str, value: str) -> bool:
    if _VALUE.search(value):
        return True
    written = len(value) >= 6 and not value.startswith(("/", ".", "<", "{")) and " " not in value
    return bool(_NAME.search(name)) and written
