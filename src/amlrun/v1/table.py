"""The keys that a kind of v1 file knows: a table's rows as objects, found by path, with the near miss of a wrong one.

A row is `name | type | default | status | becomes | text`, or `name | type | status | becomes`; a section's may end
behind its type. Two spaces of indent go one level down; `*` is a name the user chooses, `[]` an element of a list.
Types: word and text (as typed, as written), int, number, bool, words (a list of words), map (the user's own keys),
conda (a conda specification), lines (as it stands, with its lines), any; section, sections (by name) and list have
rows below them. `word{a,b}` lists the values that mean something, compared without case. The default is what a key
that is absent or null means. Status: mapped (to a key of v2), local (matters on this machine only), ignored (no
effect, and why), unsupported (and what to do). Rows whose text starts with "Old:" are keys of 2018 and 2019 that
later files lack.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from amlrun.dataclass import dataclass
from amlrun.errors import folded, nearest
from amlrun.runs.redact import secret_name

Path = tuple[str, ...]


@dataclass(frozen=True)
class Field:
    """One row of a table. `path` holds `*` for a name the user chooses and `[]` for an element of a list."""

    path: Path
    type: str
    allowed: tuple[str, ...]
    default: Any
    status: str
    becomes: str
    text: str = ""

    @property
    def old(self) -> bool:
        """A key of 2018 or 2019 that later files lack."""
        return self.text.startswith("Old:")

    @property
    def secret(self) -> bool:
        """Its value is never kept: not in a message, a record or an export."""
        return secret_name(dotted(self.path))


class Table:
    """The fields of one kind of file, `title`; `synonyms` are other names for a key, both as dotted paths.

    With `any_case` keys are known whatever their case, and with or without underscores.
    """

    def __init__(
        self, title: str, rows: str, synonyms: Mapping[str, str] | None = None, *, any_case: bool = False
    ) -> None:
        self.title, self.any_case = title, any_case
        self.fields = {found.path: found for found in _parsed(rows)}
        self._members: dict[Path, dict[str, Field]] = {}
        for found in self.fields.values():
            self._members.setdefault(found.path[:-1], {})[found.path[-1]] = found
        paths = {folded(name): path_of(dotted_path) for name, dotted_path in (synonyms or {}).items()}
        self._synonyms = {name: self.fields[path] for name, path in paths.items() if path in self.fields}

    def synonym(self, section: Path, name: str) -> Field | None:
        """The field that another name for it means in a section."""
        return self._synonyms.get(folded(dotted((*section, name))))

    def members(self, path: Path) -> dict[str, Field]:
        """The keys known below a section, by name."""
        return self._members.get(path, {})

    def field(self, path: Path | str) -> Field:
        """The field at a path of the table, for instance `("data", "*", "mechanism")` or `autoScaler.minReplicas`."""
        return self.fields[path_of(path) if isinstance(path, str) else path]

    def find(self, section: Path, name: str) -> Field | None:
        """The field that a key of a section is, in any spelling that v1 took."""
        known = self.members(section)
        found = known.get(name) or known.get(camel(name))
        if found is None and self.any_case:
            found = next((one for key, one in known.items() if folded(key) == folded(name)), None)
        return found

    def pattern(self, key: Path) -> Path:
        """The table's path of a key: a name the user chose becomes `*`, an element `[]`."""
        found: Path = ()
        for part in key:
            if part.startswith("["):
                part = "[]"
            elif part not in self.members(found) and "*" in self.members(found):
                part = "*"
            found = (*found, part)
        return found


def path_of(text: str) -> Path:
    """`autoScaler.minReplicas` as a path."""
    return tuple(text.split("."))


def dotted(path: Path) -> str:
    """`("data", "mnist", "mechanism")` as `data.mnist.mechanism`, an element as `packages[0].group`."""
    text = ""
    for part in path:
        text += part if part.startswith("[") or not text else f".{part}"
    return text


def camel(key: str) -> str:
    """A key in camelCase: v1 took `node_count` and `NodeCount` for `nodeCount`."""
    first, *rest = key.split("_")
    if not first:
        return key
    return first[:1].lower() + first[1:] + "".join(part[:1].upper() + part[1:] for part in rest)


def near(key: str, known: Iterable[str]) -> str:
    """The known key that `key` was probably meant to be, or an empty string."""
    lower = {name.lower(): name for name in known}
    plain = folded(key)
    if plain in lower:
        return lower[plain]
    found = nearest(plain, lower, 0.75)
    return lower[found] if found else ""


def _parsed(rows: str) -> Iterable[Field]:
    above: list[str] = []
    for row in rows.strip("\n").splitlines():
        cells = [cell.strip() for cell in row.split("|")]
        cells = cells if len(cells) == 6 else [*cells[:2], "", *(cells[2:] or ["mapped", ""]), ""]
        name, kind, default, status, becomes, text = cells
        above[(len(row) - len(row.lstrip())) // 2 :] = [name]
        kind, _, values = kind.rstrip("}").partition("{")
        value = json.loads(default) if default and kind != "word" else default or None
        yield Field(tuple(above), kind, tuple(values.split(",")) if values else (), value, status, becomes, text)
