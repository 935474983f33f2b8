"""The string literal that the path of a file starts with, and the edits of such literals."""

from __future__ import annotations

import ast
import posixpath
import re
from collections.abc import Iterator
from pathlib import Path, PurePath

from amlrun.dataclass import dataclass
from amlrun.notebook.file_calls import JOINERS
from amlrun.notebook.statements import Notebook, Statement
from amlrun.python_source import Edit, assigned, dotted, in_f_strings, literal_text

_HERE = {"Path.cwd", "pathlib.Path.cwd", "os.getcwd"}


@dataclass
class PathLiteral:
    """The string literal that a path starts with; `path` is that literal, `rest` what is joined to it."""

    statement: Statement
    node: ast.expr
    path: str
    rest: str = ""
    variable: str | None = None  # the literal is assigned to this name
    unknown: bool = False  # more follows that only a run can tell
    use: ast.expr | None = None  # the whole expression that the call is given
    of: Statement | None = None  # the statement of that call
    head: ast.AST | None = None  # with path ".": what the file's name begins with, text or a variable
    maker: str = ""  # `Path` or `pathlib.Path` when `node` is made by it, and not text

    @property
    def starts(self) -> bool:
        """Whether `path` is only the folder that `node` begins with, and the rest of it stays."""
        added = isinstance(self.node, ast.BinOp) and isinstance(self.node.op, ast.Add)
        whole = isinstance(self.node, ast.Constant) and self.node.value != self.path and self.unknown and not self.rest
        return isinstance(self.node, ast.JoinedStr) or added or whole

    @property
    def whole(self) -> str:
        """As much of the path as is known."""
        return plain(posixpath.join(plain(self.path), self.rest))

    def spelt(self, text: str) -> str:
        """`text`, code for a path as text, as what `node` was."""
        return f"{self.maker}({text})" if self.maker else text


def literals_of(notebook: Notebook) -> dict[str, tuple[Statement, ast.expr]]:
    """The values that are assigned to a name once, with their statements."""
    found, times = {}, notebook.times_bound()
    for statement in notebook.body:
        name, value, _ = assigned(statement.node)
        if name is not None and value is not None and times[name] == 1:
            found[name] = (statement, value)
    return found


def resolve(
    node: ast.expr, statement: Statement, literals: dict[str, tuple[Statement, ast.expr]], depth: int = 0
) -> PathLiteral | None:
    """The literal that the path `node` begins with, through names, Path, os.path.join, `/`, `+` and f-strings."""
    place = _begun(node, statement, literals, depth)
    if place is not None and place.rest and not place.unknown and not place.path.strip("./"):
        # Nothing but dots is no place of data: what follows belongs to it.
        made = place.maker if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div) else ""
        return PathLiteral(statement, node, place.whole, maker=made)
    return place


def _begun(
    node: ast.expr, statement: Statement, literals: dict[str, tuple[Statement, ast.expr]], depth: int
) -> PathLiteral | None:
    written = _written(node)
    if written:
        makers = [dotted(part) for part in ast.walk(node) if isinstance(part, ast.Attribute | ast.Name)]
        return PathLiteral(statement, node, written, maker=next((name for name in makers if name.endswith("Path")), ""))
    if isinstance(node, ast.Name) and node.id in literals and depth < 12:
        origin, value = literals[node.id]
        place = resolve(value, origin, literals, depth + 1)
        if place is not None:
            place.variable = place.variable or node.id
        return place
    if isinstance(node, ast.Call):
        name = dotted(node.func).rpartition(".")[2]
        if name in ("Path", "PurePath", "str", "join", "abspath", "expanduser", "resolve", "fspath"):
            owner = node.args[0] if node.args else node.func.value if isinstance(node.func, ast.Attribute) else None
            place = _begun(owner, statement, literals, depth) if owner is not None else None
            return _joined(place, node.args[1:]) if place else None
        return None
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
        place = _begun(node.left, statement, literals, depth)
        return _joined(place, [node.right]) if place else None
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _pieced(node, _added(node), statement, literals, depth)
    if isinstance(node, ast.JoinedStr) and node.values:
        return _pieced(node, list(node.values), statement, literals, depth)
    return None


def _pieced(
    node: ast.expr,
    parts: list[ast.expr],
    statement: Statement,
    literals: dict[str, tuple[Statement, ast.expr]],
    depth: int,
) -> PathLiteral | None:
    """The place that text made of `parts` begins with: a folder, or nothing but `.` as in `f"model_{i}.pkl"`."""
    head = parts[0].value if isinstance(parts[0], ast.FormattedValue) else parts[0]
    texts = [literal_text(part) for part in parts]
    begun = _begun(head, statement, literals, depth) if isinstance(head, ast.expr) else None
    if texts[0] is not None and "/" in texts[0]:
        first = node if isinstance(node, ast.JoinedStr) else parts[0]
        return PathLiteral(statement, first, texts[0].rpartition("/")[0] or "/", unknown=True)
    second = texts[1] if len(texts) > 1 else None
    if texts[0] is None and begun and begun.variable and ((second or "").startswith("/") or "/" in begun.path):
        return _joined(begun, parts[1:], "")
    known = "".join(text for text in texts if text)
    bare = bool(PurePath(f"x{known}").suffix) and not set("/\\:") & set(known)
    return PathLiteral(statement, node, ".", unknown=True, head=head) if bare else None


def _added(node: ast.expr) -> list[ast.expr]:
    """The parts of `a + b + c`."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return [*_added(node.left), node.right]
    return [node]


def _written(node: ast.expr) -> str | None:
    """The path that `node` spells when nothing in it but a run could change: `Path("..") / "data"`."""
    if (text := literal_text(node)) is not None:
        return text if "\n" not in text else None
    if isinstance(node, ast.Attribute) and node.attr == "parent":
        inner = _written(node.value)
        return posixpath.join(inner, "..") if inner and inner.strip("./") == "" else inner and posixpath.dirname(inner)
    parts: list[str | None] = []
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
        parts = [_written(node.left), _written(node.right)]
    elif isinstance(node, ast.Call) and not node.keywords:
        name = dotted(node.func)
        if name in _HERE and not node.args:
            return "."
        if name in JOINERS:
            parts = [_written(arg) for arg in node.args]
        elif isinstance(node.func, ast.Attribute) and node.func.attr in ("resolve", "absolute", "expanduser"):
            return _written(node.func.value)
    known = [part for part in parts if part is not None]
    return posixpath.normpath(posixpath.join(*known)) if known and len(known) == len(parts) else None


def existing(statement: Statement, base: Path, seen: set[int], variables: dict[int, str]) -> Iterator[PathLiteral]:
    """Text in `statement` that names what lies below `base`, by whatever call it is read.

    `seen` are the nodes that are spoken for, `variables` the names that a literal is assigned to.
    """
    inside = in_f_strings(statement.node)
    for node in ast.walk(statement.node):
        text = literal_text(node)
        if text is None or not isinstance(node, ast.expr) or id(node) in {*seen, *inside}:
            continue
        if 3 < len(text) < 200 and "\n" not in text and ("/" in text or PurePath(text).suffix) and text[0] != "/":
            there = base / plain(text)
            if there.is_file() or (there.is_dir() and plain(text).strip("./")):
                yield PathLiteral(statement, node, text, variable=variables.get(id(node)))


def _joined(place: PathLiteral, parts: list[ast.expr], slash: str = "/") -> PathLiteral:
    """`place` with `parts` behind it, as far as they are known; `slash` is what stands between them."""
    for part in parts:
        text = literal_text(part)
        if text is not None and not place.unknown:
            place.rest = f"{place.rest}{slash}{text}".lstrip("/")
        else:
            place.unknown = True
    return place


def plain(path: str) -> str:
    path = path.replace("\\", "/") if "\\" in path and "/" not in path else path
    return posixpath.normpath(path)


def edit_start(place: PathLiteral, new: str) -> None:
    """Put `new` in place of the folder that an f-string or a sum of texts begins with."""
    statement, node = place.statement, place.node
    start = statement.source.span(node)[0]
    text = statement.source.slice(node)
    match = re.match(r"([A-Za-z]*)('{3}|\"{3}|'|\")", text)
    if match is None or isinstance(node, ast.BinOp):
        made = f'f"{new}"' if "{" in new else f'"{new}"'
        statement.edits.append(Edit(start, start, f"{made} + "))
        return
    old = "" if place.path == "." else f"{place.path.rstrip('/')}/"
    if text[match.end() :].startswith(old):
        kind = "f" + match[1] if "{" in new and "f" not in match[1].lower() else match[1]
        statement.edit(node, f"{kind}{match[2]}{new}{text[match.end() + len(old) :]}")
