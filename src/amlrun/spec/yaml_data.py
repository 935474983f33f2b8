"""YAML files as plain data that remembers lines, and the same files for a change that keeps their comments."""

from __future__ import annotations

import io
from collections.abc import Callable, Container
from pathlib import Path
from typing import Any

from amlrun.errors import AmlError, os_error, os_errors
from amlrun.runs.files import replace_text
from amlrun.spec.node import Node, parse, read


class Map(dict[str, Any]):
    """A map that knows the line of itself and of each key; `file` is set where it is handed on without the file."""

    file: Path | None = None

    def __init__(self, line: int, lines: dict[str, int], value: dict[str, Any]) -> None:
        super().__init__(value)
        self.line, self.lines = line, lines


class Items(list[Any]):
    """A list that knows the line of itself and of each item."""

    def __init__(self, line: int, lines: list[int], value: list[Any]) -> None:
        super().__init__(value)
        self.line, self.lines = line, lines


def without_empty(tree: dict[str, Any], kept: Container[str] = ()) -> dict[str, Any]:
    """The tree without the keys of which nothing was said; those that are `kept` stay."""
    return {key: value for key, value in tree.items() if key in kept or value not in (None, {}, [], "")}


def lined(node: Node) -> Any:
    """A tree as plain data whose maps and lists remember lines, for `line_of`."""
    if node.kind == "list":
        return Items(node.line, [item.line for item in node.items], [lined(item) for item in node.items])
    if node.kind == "map":
        values = {key: lined(item) for key, _, item in node.pairs}
        return Map(node.line, {key: line for key, line, _ in node.pairs}, values)
    return node.value


def line_of(value: Any, key: Any = None) -> int | None:
    """The 1-based line of a key or position in a `Map` or `Items`, else of that itself; None for other values."""
    if isinstance(value, Map):
        return value.lines.get(key, value.line)
    if isinstance(value, Items):
        return value.lines[key] if isinstance(key, int) and key < len(value.lines) else value.line
    return None


def load(file: Path, *, expected: str) -> Map:
    """The keys of a YAML or JSON file as plain data that remembers lines.

    Raises AmlError for a file that can't be read, and for one that is not `expected`, a map.
    """
    root, _ = read(file)
    value = lined(root)
    if not isinstance(value, Map):
        raise AmlError(f"expected {expected}", file=file, line=root.line)
    return value


def entries(file: Path, of: str, shape: str) -> Map:
    """The entries of a file that names things, by name; none where there is no such file, or nothing in it.

    `of` says whose names they are (`dataset`), `shape` how one is written. Raises AmlError.
    """
    try:
        if not file.read_bytes().strip():
            return Map(1, {}, {})
    except FileNotFoundError:
        return Map(1, {}, {})
    except OSError as error:
        raise os_error(error, f"read {file}") from error
    root, _ = read(file)
    value = lined(root)
    if value is None:
        return Map(1, {}, {})
    if not isinstance(value, Map):
        raise AmlError(f"expected a mapping of {of} names", file=file, line=root.line, hint=shape)
    return value


def change(file: Path, how: Callable[[Any], Any]) -> None:
    """Let `how` change a file's map in place, and write it back with its comments. Raises AmlError."""
    with os_errors(f"write {file}"):
        tree = editable(file)
        how(tree)
        file.parent.mkdir(parents=True, exist_ok=True)
        replace_text(file, text_of(tree))


def editable(file: Path) -> Any:
    """A file's map as ruamel.yaml keeps it for a change, comments and all; empty where there is no such file.

    Raises AmlError as `read` does, whose bounds hold here too.
    """
    from ruamel.yaml.comments import CommentedMap

    if not file.exists():
        return CommentedMap()
    text = file.read_text(encoding="utf-8-sig")
    if text.strip():
        parse(text, file)
    return _ruamel().load(text) or CommentedMap()


def text_of(tree: Any) -> str:
    """The YAML of plain data, or of a file's map from `editable` with its comments; lists indented below their key."""
    out = io.StringIO()
    _ruamel().dump(tree, out)
    return out.getvalue()


def _ruamel() -> Any:
    from ruamel.yaml import YAML

    made = YAML()
    made.width = 4096
    made.indent(mapping=2, sequence=4, offset=2)
    return made
