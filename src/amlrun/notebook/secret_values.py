"""Literals that look like a secret: they must reach neither the script, nor its options, nor what a run logs."""

from __future__ import annotations

import ast
import io
import re
import tokenize

from amlrun.notebook.source import dotted

# How the names of secrets end.
_NAME = re.compile(
    r"(?:^|_)(?:pass(?:word|wd|phrase)|pwd|secret|api_?key|(?:access|account|storage|subscription|private|secret)_?key|"
    r"(?:auth|access|api|bearer|hf|github|sas|refresh)_?token|conn(?:ection)?_?str(?:ing)?)$|^token$",
    re.IGNORECASE,
)
# How keys of Azure Storage and Service Bus, SAS addresses, OpenAI, GitHub, Hugging Face, AWS, Google, Slack and PEM
# files look, signed tokens, and addresses with a password.
_KEYS = (
    r"(?:Account|SharedAccess)Key=[^;\s\"']+|(?<=[?&])sig=[^&\s\"']+|\bsk-\w[\w-]{6,}|\bgh[pousr]_\w{6,}|\bhf_\w{20,}|"
    r"\bAKIA[A-Z0-9]{12,}|\bAIza[\w-]{20,}|\bxox[abp]-\w[\w-]+|\beyJ[\w-]{8,}\.[\w.-]+|\bBearer [\w.-]{8,}|"
    r"(?<=://)[^/\s:@]+:[^/\s:@{}<>$*]+(?=@)"
)
_VALUE = re.compile(rf"{_KEYS}|BEGIN (?:[A-Z]+ )*PRIVATE KEY")
# In text that is no code: `password=…` too, when it looks made up by a machine.
_IN_TEXT = re.compile(
    rf"{_KEYS}|((?:password|api_?key|_token|secret|access_?key)\s*=\s*[\"']?)(?=[\w+/-]*\d)[^\s\"']{{8,}}",
    re.IGNORECASE,
)


def found(tree: ast.AST) -> list[tuple[str, ast.expr]]:
    """Each literal in `tree` that is called by a secret's name, or looks like a key: its name and its place."""
    return [
        (name, value)
        for node in ast.walk(tree)
        for name, value in _pairs(node)
        if isinstance(value, ast.Constant) and isinstance(value.value, str) and _is_secret(name, value.value)
    ]


def hidden(text: str) -> str:
    """`text`, of a report or a comment, without what looks like a secret in it."""
    return _IN_TEXT.sub(lambda match: f"{match[1] or ''}…", text)


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


def _called(target: ast.expr) -> str:
    """`x` of `x = …`, `x.y = …` and `d["x"] = …`."""
    if isinstance(target, ast.Subscript) and isinstance(target.slice, ast.Constant):
        return str(target.slice.value)
    return dotted(target).rpartition(".")[2]


def _is_secret(name: str, value: str) -> bool:
    if _VALUE.search(value):
        return True
    written = len(value) >= 6 and not value.startswith(("/", ".", "<", "{")) and " " not in value
    return bool(_NAME.search(name)) and written
