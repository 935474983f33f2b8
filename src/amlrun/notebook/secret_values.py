"""Literals that look like a secret: they must reach neither the script, nor its options, nor what a run logs."""

from __future__ import annotations

import ast
import io
import re
import tokenize

from amlrun.python_source import dotted
from amlrun.runs import redact

# Names of environment variables that are taken: the shell's working directory is no password.
_TAKEN = {"PWD": "PASSWORD", "OLDPWD": "OLD_PASSWORD"}


def found(tree: ast.AST) -> list[tuple[str, ast.expr]]:
    """Each literal in `tree` that is called by a secret's name, or looks like a key: its name and its place.

    An f-string is one whose own text has a key in it; its place is that of the whole string.
    """
    names: dict[int, tuple[str, ast.expr]] = {}
    owners: dict[int, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            owners.update((id(part), _called(node.targets[0])) for part in ast.walk(node.value))
        for name, value in _elements(_pairs(node)):
            for leaf in _leaves(value):
                text = _text(leaf)
                if text is not None and id(leaf) not in names and _is_secret(name, text):
                    names[id(leaf)] = (name, leaf)
    inside = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        texts = [_text(part) for part in node.values] if isinstance(node, ast.JoinedStr) else [_text(node)]
        if id(node) not in (names.keys() | inside) and any(redact.keys_in(text) for text in texts if text):
            assert isinstance(node, ast.expr)  # noqa: S101 - what has a text
            names[id(node)] = (owners.get(id(node)) or "secret", node)
    return list(names.values())


def variable_of(name: str) -> str:
    """The environment variable that stands for the secret of that name."""
    variable = re.sub(r"\W", "_", name).upper()
    return _TAKEN.get(variable, variable)


def instead(value: ast.expr, text: str, variable: str) -> str:
    """The code that stands for a literal, `text` in the source: the environment variable, an f-string's other parts."""
    read = f'__import__("os").environ["{variable}"]'
    if not isinstance(value, ast.JoinedStr):
        return f"{read}.encode()" if isinstance(getattr(value, "value", ""), bytes) else read
    single = re.fullmatch(r"([rRfF]+)(\"{3}|'{3}|\"|')(.*)\2", text, re.DOTALL)
    keys = [key for part in value.values for key in redact.keys_in(_text(part) or "")]
    if single is None or not all(key in text for key in keys):
        return read
    prefix, quote, body = single.groups()
    for key in keys:
        body = body.replace(key, "\0")
    parts = [f"{prefix if '{' in part else prefix.strip('fF')}{quote}{part}{quote}" for part in body.split("\0")]
    made = f"({f' + {read} + '.join(parts)})"
    try:
        ast.parse(made)
    except SyntaxError:
        return read
    return made


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
    """What `node` calls by a name: an assignment's value, a call's keywords, a dict's items, a pair in a list."""
    if isinstance(node, ast.Assign):
        return [pair for target in node.targets for pair in _assigned(target, node.value)]
    if isinstance(node, ast.AnnAssign | ast.NamedExpr) and isinstance(node.target, ast.Name) and node.value is not None:
        return [(node.target.id, node.value)]
    if isinstance(node, ast.Call):
        given: list[tuple[str, ast.expr]] = [(word.arg, word.value) for word in node.keywords if word.arg]
        called, words = dotted(node.func).rpartition(".")[2], node.args
        for place, word in enumerate(words[:2], 1):
            # setattr(x, "password", …), getenv("API_KEY", …), add_argument("--password", default=…)
            if (name := _text(word)) and redact.secret_name(name):
                values = [*words[place:], *(value for key, value in given if key in ("default", "value"))]
                return [*given, *((name, value) for value in values)]
        if called.endswith("BasicAuth") and len(words) == 2:
            return [*given, ("password", words[1])]
        kind = "key" if called == "login" else "argument"
        return given + [(f"{called}_{kind}", argument) for argument in words]
    if isinstance(node, ast.arguments):
        named = [*node.posonlyargs, *node.args]
        defaults = [*zip(named[::-1], node.defaults[::-1]), *zip(node.kwonlyargs, node.kw_defaults)]
        return [(argument.arg, value) for argument, value in defaults if value is not None]
    if isinstance(node, ast.Dict):
        return [(str(key.value), value) for key, value in zip(node.keys, node.values) if isinstance(key, ast.Constant)]
    if isinstance(node, ast.Tuple) and len(node.elts) == 2 and (first := _text(node.elts[0])):
        return [(first, node.elts[1])] if redact.secret_name(first) else []
    return []


def _assigned(target: ast.expr, value: ast.expr) -> list[tuple[str, ast.expr]]:
    """The names of an assignment with their values, also of `x, y = 1, 2`."""
    if isinstance(target, ast.Tuple | ast.List) and isinstance(value, ast.Tuple | ast.List):
        return [pair for name, one in zip(target.elts, value.elts) for pair in _assigned(name, one)]
    return [(_called(target), value)]


def _elements(pairs: list[tuple[str, ast.expr]]) -> list[tuple[str, ast.expr]]:
    """The pairs, a tuple or list that a secret's name holds taken apart: `credentials = ("me", "…")`."""
    found: list[tuple[str, ast.expr]] = []
    for name, value in pairs:
        if isinstance(value, ast.Tuple | ast.List | ast.Set) and redact.secret_name(name):
            found += [(f"{name}_{number}", item) for number, item in enumerate(value.elts, 1)]
        elif name in ("auth", "basic_auth") and isinstance(value, ast.Tuple) and len(value.elts) == 2:
            found.append(("password", value.elts[1]))
        else:
            found.append((name, value))
    return found


def _leaves(value: ast.expr) -> list[ast.expr]:
    """The literals that a value may be, or is made of: `a if x else b`, `a or b`, `a + b`, `a.encode()`."""
    if isinstance(value, ast.IfExp):
        parts = [value.body, value.orelse]
    elif isinstance(value, ast.BoolOp):
        parts = value.values
    elif isinstance(value, ast.BinOp) and isinstance(value.op, ast.Add):
        parts = [value.left, value.right]
    elif isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) and not value.args:
        parts = [value.func.value]
    else:
        return [value]
    return [leaf for part in parts for leaf in _leaves(part)]


def _text(node: ast.AST) -> str | None:
    """What a literal says; None for what is none, or no text."""
    if not isinstance(node, ast.Constant) or not isinstance(node.value, (str, bytes)):
        return None
    return node.value if isinstance(node.value, str) else node.value.decode("latin-1")


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
