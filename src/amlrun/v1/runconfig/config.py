"""A run configuration as typed values by key, each with its line."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from amlrun.errors import AmlError
from amlrun.v1.runconfig import fields
from amlrun.v1.runconfig.fields import Field, dotted

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
class Config:
    """What a file says. `problems` are errors found while reading; the caller decides when to raise the first.

    `origins` names, for a converted file, the key a value came from.
    """

    file: Path
    values: dict[Key, Value] = dataclasses.field(default_factory=dict)
    notes: list[Note] = dataclasses.field(default_factory=list)
    problems: list[AmlError] = dataclasses.field(default_factory=list)
    origins: dict[Key, Value] = dataclasses.field(default_factory=dict)
    converted: list[Value] = dataclasses.field(default_factory=list)

    def value(self, *key: str) -> Value | None:
        return self.values.get(key)

    def get(self, *key: str) -> Any:
        """The typed value at a key, or its default."""
        found = self.values.get(key)
        if found is not None and found.field is not None and found.value is not None:
            return found.value
        return fields.field(pattern(key)).default

    def text(self, *key: str) -> str:
        """A word as written, or an empty string."""
        found = self.values.get(key)
        if found is not None and isinstance(found.words, str) and found.value is not None:
            return found.words
        default = fields.field(pattern(key)).default
        return default if isinstance(default, str) else ""

    def choice(self, *key: str) -> str:
        """A word of a known list, spelt as the list spells it."""
        word = self.text(*key)
        allowed = fields.field(pattern(key)).allowed
        return next((name for name in allowed if fold(name) == fold(word)), word)

    def words(self, *key: str) -> Any:
        """A list of words or a map of words, as written; empty when not said."""
        found = self.values.get(key)
        return found.words if found is not None and found.words is not None else []

    def names(self, section: str) -> list[str]:
        """The user's names below a section such as `data`, in the file's order."""
        return list(dict.fromkeys(key[1] for key in self.values if key[0] == section and len(key) > 1))

    def line(self, *key: str) -> int:
        """The line of a key, else of the nearest key above it, else of the first key of its section, else 1."""
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

    def problem(self, key: Key, message: str, hint: str = "", line: int | None = None) -> None:
        line = self.line(*key) if line is None else line
        self.problems.append(AmlError(short(message), file=self.file, line=line, field=self.shown(key), hint=hint))

    def note(self, key: Key, text: str, line: int | None = None) -> None:
        self.notes.append(Note(self.line(*key) if line is None else line, short(text), self.shown(key)))

    def shown(self, key: Key) -> str:
        """A key's name as the file has it: for a converted file, the key it came from."""
        return dotted(self.origins[key].key) if key in self.origins else dotted(key)


def pattern(key: Key) -> Key:
    """The table's path of a key: a name the user chose becomes `*`, an element `[]`."""
    found: Key = ()
    for part in key:
        if part.startswith("["):
            part = "[]"
        elif part not in fields.members(found) and "*" in fields.members(found):
            part = "*"
        found = (*found, part)
    return found


def short(message: str) -> str:
    """A message that quotes the file, without the thousand letters that a spoilt file may have there."""
    return message if len(message) <= 400 else f"{message[:397]}..."


def is_file(place: Path) -> bool:
    """Whether there is a file; no for a name that no file can have."""
    try:
        return place.is_file()
    except (OSError, ValueError):
        return False


def fold(word: str) -> str:
    """A word of a known list without what v1 did not care about: case, and how its parts are joined."""
    return word.replace("_", "").replace("-", "").lower()
