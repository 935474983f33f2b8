"""A v1 file as typed values by key, each with its line."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Container
from pathlib import Path
from typing import Any

from amlrun.dataclass import dataclass
from amlrun.errors import AmlError, first_of, folded, located
from amlrun.runs import redact
from amlrun.spec.node import Node
from amlrun.v1.table import Field, Table, dotted, path_of

Key = tuple[str, ...]


@dataclass
class Value:
    """One key of the file. `field` is None for an unknown key, and `meant` the key it may have been.

    `value` is typed; `words` holds the same as text exactly as written, for arguments and variables (1.0 stays 1.0).
    """

    key: Key
    field: Field | None
    value: Any
    line: int
    comment: str = ""
    meant: str = ""
    words: Any = None
    lines: dict[str, int] = dataclasses.field(default_factory=dict)

    @property
    def name(self) -> str:
        return dotted(self.key)

    @property
    def unknown(self) -> str:
        """What to say of an unknown key."""
        return f"unknown key, not used; did you mean {self.meant!r}?" if self.meant else "unknown key, not used"

    @property
    def is_set(self) -> bool:
        """Whether the value says anything that the default does not."""
        return self.field is None or (self.value != self.field.default and self.value not in (None, "", [], {}))


@dataclass
class Note:
    """A message about the file that is said once and stops nothing."""

    line: int
    text: str
    key: str = ""


@dataclass
class Row:
    """One key as explained: its dotted path, its typed value, its line, what became of it (`status`) and as what."""

    key: str
    value: Any
    line: int | None
    status: str
    becomes: str


@dataclass
class Config:
    """What a file says. `problems` are errors found while reading; the caller decides when to raise the first.

    A key is given in parts, or in one word with dots. `origins` names, for a converted file and a synonym, the key a
    value came from. `synonyms` are keys under another name, with their line and value, until the whole file is read.
    """

    table: Table
    file: Path | None = None
    values: dict[Key, Value] = dataclasses.field(default_factory=dict)
    notes: list[Note] = dataclasses.field(default_factory=list)
    problems: list[AmlError] = dataclasses.field(default_factory=list)
    origins: dict[Key, Value] = dataclasses.field(default_factory=dict)
    converted: list[Value] = dataclasses.field(default_factory=list)
    synonyms: list[tuple[Key, Field, int, Node]] = dataclasses.field(default_factory=list)

    def value(self, *key: str) -> Value | None:
        return self.values.get(_parts(key))

    def set(self, key: str, value: Any) -> None:
        """Put a value that was given elsewhere in place of what the file says; it has no line."""
        self.values[path_of(key)] = Value(path_of(key), self.table.field(key), value, 0)

    def get(self, *key: str) -> Any:
        """The typed value at a key, or its default."""
        found = self.value(*key)
        if found is not None and found.field is not None and found.value is not None:
            return found.value
        return self._default(key)

    def text(self, *key: str) -> str:
        """A word as written, or an empty string."""
        found = self.value(*key)
        if found is not None and isinstance(found.words, str) and found.value is not None:
            return found.words
        default = self._default(key)
        return default if isinstance(default, str) else ""

    def choice(self, *key: str) -> str:
        """A word of a known list, spelt as the list spells it."""
        word = self.text(*key)
        allowed = self.table.fields[self.table.pattern(_parts(key))].allowed
        return next((name for name in allowed if folded(name) == folded(word)), word)

    def words(self, *key: str) -> Any:
        """A list of words or a map of words, as written; empty when not said."""
        found = self.value(*key)
        return found.words if found is not None and found.words is not None else []

    def names(self, section: str) -> list[str]:
        """The user's names below a section such as `data`, in the file's order."""
        return list(dict.fromkeys(key[1] for key in self.values if key[0] == section and len(key) > 1))

    def line(self, *key: str) -> int:
        """The line of a key, else of the nearest key above it, else of the first key of its section, else 1."""
        key = _parts(key)
        found = self.values.get(key)
        if found is not None:
            return found.line
        for end in range(len(key), 0, -1):
            lines = [value.line for path, value in self.values.items() if path[:end] == key[:end]]
            if lines:
                return min(lines)
        return 1

    def has(self, *key: str) -> bool:
        """Whether the file says anything at or below a key."""
        return any(path[: len(key)] == key and value.value is not None for path, value in self.values.items())

    def error(self, key: Key | str, message: str, hint: str = "", line: int | None = None) -> AmlError:
        """An error about a key, with the file and the line."""
        key = path_of(key) if isinstance(key, str) else key
        line = self.line(*key) if line is None else line
        return AmlError(short(message), file=self.file, line=line or None, field=self.shown(key), hint=hint)

    def problem(self, key: Key, message: str, hint: str = "", line: int | None = None) -> None:
        self.problems.append(self.error(key, message, hint, line))

    def note(self, key: Key, text: str, line: int | None = None) -> None:
        self.notes.append(Note(self.line(*key) if line is None else line, short(text), self.shown(key)))

    def shown(self, key: Key) -> str:
        """A key's name as the file has it: for a converted file, the key it came from."""
        return dotted(self.origins[key].key) if key in self.origins else dotted(key)

    def status(self, value: Value) -> tuple[str, str]:
        """What the table says of a key: its status, and what becomes of it."""
        if value.field is None:
            return "unknown", f"did you mean {value.meant!r}?" if value.meant else f"not a key of {self.table.title}"
        return value.field.status, value.field.becomes

    def rows(self) -> list[Row]:
        """Every key of the file by what the table says of it. What is secret is hidden."""
        return [
            Row(value.name, redact.masked(value.value, value.name), value.line or None, *self.status(value))
            for value in self.values.values()
            if value.field is None or value.words or value.field.type not in ("section", "sections")
        ]

    def without_effect(self) -> list[Row]:
        """The keys that are neither mapped nor honoured."""
        return [row for row in self.rows() if row.status in ("unsupported", "unknown")]

    def remarks(self) -> list[str]:
        """A line for a person on each key without effect and each conversion, with its place."""
        told = [(row.line, row.key, row.becomes) for row in self.without_effect()]
        told += [(note.line, note.key, note.text) for note in self.notes]
        return [located(text, self.file if line else None, line, key) for line, key, text in told]

    def _default(self, key: Key) -> Any:
        found = self.table.fields.get(self.table.pattern(_parts(key)))
        return found.default if found else None  # what scores asks a batch's file for an endpoint's keys, too


def _parts(key: Key) -> Key:
    return path_of(key[0]) if len(key) == 1 else key


def by_line(problems: list[AmlError]) -> list[AmlError]:
    return sorted(problems, key=lambda problem: problem.line or 0)


def raise_first(problems: list[AmlError], without_file: bool = False) -> None:
    """Raise the first of several problems, with the others in its hint."""
    if problems:
        first = first_of(problems)
        if without_file:
            first.file = first.line = None
        raise first


def short(message: str) -> str:
    """A message that quotes the file, without the thousand letters that a spoilt file may have there."""
    return message if len(message) <= 400 else f"{message[:397]}..."


def input_name(text: str, taken: Container[str] = ()) -> str:
    """A v2 input's or output's name for v1's: letters, digits and `_`, first no digit, not taken yet."""
    name = re.sub(r"[^A-Za-z0-9_]", "_", text)
    return free_name(name if name and not name[0].isdigit() else f"_{name}", taken)


def free_name(name: str, taken: Container[str]) -> str:
    """The name, with a number behind it where it is taken."""
    base, count = name, 2
    while name in taken:
        name, count = f"{base}_{count}", count + 1
    return name


def is_file(place: Path) -> bool:
    """Whether there is a file; no for a name that no file can have."""
    try:
        return place.is_file()
    except (OSError, ValueError):
        return False
