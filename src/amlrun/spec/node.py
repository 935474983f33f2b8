"""YAML or JSON text as a tree that remembers lines: what was written, what YAML 1.2 takes it for, and where.

v1 read its files by YAML 1.2's rules (`no` and `off` are words, 010 is ten), so this does too. A tree is bounded in
size, depth and repetition, so that no file can hang a command.
"""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any, Literal

from amlrun.dataclass import dataclass, field
from amlrun.errors import AmlError, os_errors
from amlrun.spec import yaml_problems

MOST_BYTES = 128 * 1024
MOST_LINES = 4_000
MOST_NODES = 10_000
MOST_LEVELS = 30
_TAG = "tag:yaml.org,2002:"


@dataclass
class Node:
    """A scalar, a list or a map. `line` is 1-based; `text` is a scalar as written, `value` what YAML makes of it."""

    kind: Literal["scalar", "list", "map"]
    line: int
    text: str = ""
    value: Any = None
    quoted: bool = False
    comment: str = ""
    items: list[Node] = field(default_factory=list)
    pairs: list[tuple[str, int, Node]] = field(default_factory=list)

    @property
    def empty(self) -> bool:
        """Nothing was said: null, or an empty word."""
        return self.kind == "scalar" and (self.value is None or self.text == "")

    @property
    def is_null(self) -> bool:
        """A key without a value, or `null`."""
        return self.kind == "scalar" and self.value is None

    @property
    def literal(self) -> str | int | float | bool:
        """A scalar as the number or the truth value that it is, else as it was written."""
        return self.value if isinstance(self.value, (bool, int, float)) else self.text

    @property
    def shown(self) -> str:
        """What an error says of it: a scalar as it was written, in quotes, else its kind."""
        return f'"{self.text[:60]}"' if self.kind == "scalar" else f"a {self.kind}"

    def plain(self) -> Any:
        """The tree as plain data."""
        if self.kind == "list":
            return [item.plain() for item in self.items]
        if self.kind == "map":
            return {key: item.plain() for key, _, item in self.pairs}
        return self.value

    def get(self, key: str) -> Node | None:
        for name, _, item in self.pairs:
            if name == key:
                return item
        return None


# A file's tree, and (line, message) notes about how it was read.
Tree = tuple[Node, list[tuple[int, str]]]


def read(file: Path) -> Tree:
    """The tree of a YAML or JSON file, with (line, message) notes about how it was read.

    Raises AmlError, with file and line, for a file that can't be read or is not one YAML document.
    """
    if file.is_dir():
        raise AmlError("is a folder", file=file, hint="Name the YAML file.")
    with os_errors(f"read {file}"):
        size = file.stat().st_size
        if size > MOST_BYTES:
            raise AmlError(
                f"is {size // 1024} kB long: a configuration has at most a few kB", file=file, line=1,
                hint="Give the name of a configuration file, not of data.",
            )  # fmt: skip
        raw = file.read_bytes()
    notes: list[tuple[int, str]] = []
    text = _decode(raw, file, notes)
    return parse(text, file), notes


def parse(text: str, file: Path) -> Node:
    """The tree of YAML or JSON text; `file` is named in errors."""
    _refuse_conflicts(text, file)
    _refuse_endless(text, file)
    return _Builder(text, file).build(_compose(_without_harmless_tabs(text), file))


def _decode(raw: bytes, file: Path, notes: list[tuple[int, str]]) -> str:
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        try:
            return raw.decode("utf-16")
        except UnicodeDecodeError as error:
            raise AmlError("is not text", file=file, line=1, hint="Save the file as UTF-8.") from error
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        try:
            # v1 opened files in the locale's encoding, which on Windows was this one.
            text = raw.decode("cp1252")
        except UnicodeDecodeError:
            raise AmlError("is not UTF-8 text", file=file, line=line, hint="Save the file as UTF-8.") from error
        notes.append((line, "is not UTF-8: read as Windows-1252; save it as UTF-8"))
        return text


def _refuse_conflicts(text: str, file: Path) -> None:
    found = re.search(r"^(<{7}|={7}|>{7})(?= |\r?$)", text, re.MULTILINE)
    if found and (found[1] != "=" * 7 or "<<<<<<<" in text or ">>>>>>>" in text):
        raise AmlError(
            f"has Git merge-conflict markers ({found[1]})", file=file, line=text.count("\n", 0, found.start()) + 1,
            hint="Choose one side, delete the markers, and run the command again.",
        )  # fmt: skip


def _refuse_endless(text: str, file: Path) -> None:
    """The parser's time grows with the square of open brackets, so both are counted before it starts."""
    if text.count("\n") > MOST_LINES:
        raise AmlError("has too many entries for a configuration", file=file, line=MOST_LINES)
    level = 0
    for found in re.finditer(r"[\[\]{}]", text):
        level = level + 1 if found[0] in "[{" else max(level - 1, 0)
        if level > 2 * MOST_LEVELS:
            line = text.count("\n", 0, found.start()) + 1
            raise AmlError("is nested too deeply for a configuration", file=file, line=line)


def _without_harmless_tabs(text: str) -> str:
    if "\t" not in text:
        return text
    if text.lstrip().startswith(("{", "[")):
        try:
            json.loads(text)
        except (ValueError, RecursionError):
            pass
        else:
            # In valid JSON a raw tab is never inside a string; YAML refuses it all the same.
            return text.replace("\t", " ")
    return re.sub(r"[ \t]*\t[ \t]*(?=\r?$)", "", text, flags=re.MULTILINE)


def _compose(text: str, file: Path) -> Any:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError
    from ruamel.yaml.reader import ReaderError

    try:
        return YAML(typ="safe", pure=True).compose(text)
    except MarkedYAMLError as error:
        raise yaml_problems.explain(error, text, file) from error
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise AmlError("has a control character", file=file, line=line) from error
    except RecursionError as error:
        raise AmlError("is nested too deeply for a configuration", file=file, line=1) from error
    except (YAMLError, ValueError, IndexError, AttributeError, TypeError, AssertionError, OverflowError) as error:
        raise AmlError("is not YAML", file=file, line=1) from error


class _Builder:
    """Turns the parser's nodes into ours, once per place they are used, within bounds."""

    def __init__(self, text: str, file: Path) -> None:
        self.lines = text.split("\n")
        self.file = file
        self.nodes = 0

    def build(self, root: Any) -> Node:
        if root is None:
            raise AmlError("is empty", file=self.file, line=1)
        return self.node(root, 0)

    def node(self, source: Any, level: int) -> Node:
        from ruamel.yaml.nodes import MappingNode, SequenceNode

        line = source.start_mark.line + 1
        self.nodes += 1
        if level > MOST_LEVELS:
            raise AmlError("is nested too deeply for a configuration", file=self.file, line=line)
        if self.nodes > MOST_NODES:
            raise AmlError("has too many entries for a configuration", file=self.file, line=line)
        if isinstance(source, SequenceNode):
            return Node("list", line, items=[self.node(item, level + 1) for item in source.value])
        if isinstance(source, MappingNode):
            return Node("map", line, pairs=self.pairs(source, level))
        if source.style is None and yaml_problems.is_odd_key(source.value):
            raise yaml_problems.odd_space(self.file, line)
        comment = self.comment(source)
        return Node("scalar", line, source.value, _typed(source), source.style in ("'", '"'), comment)

    def pairs(self, source: Any, level: int) -> list[tuple[str, int, Node]]:
        own: dict[str, tuple[str, int, Node]] = {}
        merged: list[tuple[str, int, Node]] = []
        for key, value in source.value:
            line = key.start_mark.line + 1
            if not isinstance(key.value, str) or not key.value.strip():
                raise AmlError("expected a string as a key", file=self.file, line=line)
            if key.style is None and yaml_problems.is_odd_key(key.value):
                raise yaml_problems.odd_space(self.file, line)
            if key.tag == f"{_TAG}merge":
                merged += self.merged(value, level)
                continue
            if key.value in own:
                first = own[key.value][1]
                raise AmlError(
                    f"is given twice, first on line {first}", file=self.file, line=line, field=key.value,
                    hint="Delete one of the two.",
                )  # fmt: skip
            own[key.value] = (key.value, line, self.node(value, level + 1))
        return [*own.values(), *({pair[0]: pair for pair in reversed(merged) if pair[0] not in own}.values())]

    def merged(self, value: Any, level: int) -> list[tuple[str, int, Node]]:
        node = self.node(value, level + 1)
        maps = node.items if node.kind == "list" else [node]
        if any(item.kind != "map" for item in maps):
            raise AmlError("<< expects a mapping", file=self.file, line=node.line)
        return [pair for item in maps for pair in item.pairs]

    def comment(self, source: Any) -> str:
        mark = source.end_mark
        if source.style in ("|", ">") or mark.line >= len(self.lines):
            return ""
        found = re.match(r"\s+#\s*(.*)", self.lines[mark.line][mark.column :].rstrip("\r"))
        return found[1].strip() if found else ""


def _typed(source: Any) -> Any:
    text: str = source.value
    kind = source.tag.removeprefix(_TAG)
    try:
        if kind == "null":
            return None
        if kind == "bool":
            return text.lower() == "true"
        if kind == "int":
            return _whole(text.replace("_", ""))
        if kind == "float":
            number = float(text.replace("_", ""))
            return number if math.isfinite(number) else text
    except ValueError:
        return text
    return text


def _whole(text: str) -> int:
    sign = -1 if text.startswith("-") else 1
    digits = text.lstrip("+-")
    for mark, base in (("0x", 16), ("0o", 8), ("0b", 2)):
        if digits.lower().startswith(mark):
            return sign * int(digits[2:], base)
    return sign * int(digits)
