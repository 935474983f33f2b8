"""The keys of a v1 run configuration: the table's rows as objects, found by path, with the near miss of a wrong one."""

from __future__ import annotations

import difflib
import json
from dataclasses import dataclass
from typing import Any

from amlrun.runs.redact import secret_name
from amlrun.v1.runconfig.field_table import ROWS

Path = tuple[str, ...]


@dataclass(frozen=True)
class Field:
    """One row of the table. `path` holds `*` for a name the user chooses and `[]` for an element of a list."""

    path: Path
    type: str
    allowed: tuple[str, ...]
    default: Any
    status: str
    becomes: str
    text: str

    @property
    def old(self) -> bool:
        """A key of 2018 or 2019 that later files lack."""
        return self.text.startswith("Old:")

    @property
    def secret(self) -> bool:
        """Its value is never kept: not in a message, a record or an export."""
        return secret_name(self.path[-1])


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


def members(path: Path) -> dict[str, Field]:
    """The keys known below a section, by name."""
    return _MEMBERS.get(path, {})


def field(path: Path) -> Field:
    """The field at a table path, for instance `("data", "*", "mechanism")`."""
    return FIELDS[path]


def near(key: str, known: dict[str, Field]) -> str:
    """The known key that `key` was probably meant to be, or an empty string."""
    folded = {name.lower(): name for name in known}
    plain = key.replace("_", "").replace("-", "").lower()
    if plain in folded:
        return folded[plain]
    found = difflib.get_close_matches(plain, folded, 1, 0.75)
    return folded[found[0]] if found else ""


def _parse(rows: str) -> dict[Path, Field]:
    found: dict[Path, Field] = {}
    above: list[str] = []
    for row in rows.strip().splitlines():
        name, kind, default, status, becomes, text = (cell.strip() for cell in row.split("|"))
        level = (len(row) - len(row.lstrip())) // 2
        above[level:] = [name]
        kind, _, values = kind.rstrip("}").partition("{")
        path = tuple(above)
        found[path] = Field(
            path, kind, tuple(values.split(",")) if values else (), _default(kind, default), status, becomes, text
        )
    return found


def _default(kind: str, text: str) -> Any:
    if not text:
        return None
    return text if kind == "word" else json.loads(text)


FIELDS = _parse(ROWS)
_MEMBERS: dict[Path, dict[str, Field]] = {}
for _field in FIELDS.values():
    _MEMBERS.setdefault(_field.path[:-1], {})[_field.path[-1]] = _field
