"""A JSON Schema of the run configuration for editors, made from the table of fields.

The template ships it as `.vscode/runconfig.schema.json`; a run configuration names it in its first line
(`# yaml-language-server: $schema=…`).
"""

from __future__ import annotations

import json
from typing import Any

from amlrun.v1.runconfig.field_table import RUNCONFIG
from amlrun.v1.table import Field, Path

_WORD = ["string", "number", "boolean", "null"]
# v1 takes snake_case and TitleCase keys too; an editor lets them pass unchecked.
_OTHER_SPELLINGS = "^([A-Z][A-Za-z]*|[a-z]+(_[a-z]+)+)$"


def schema() -> dict[str, Any]:
    """The schema, as JSON Schema draft 7."""
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Azure ML v1 run configuration",
        **_section(()),
        "type": "object",
    }


def text() -> str:
    """The schema as the file has it."""
    return json.dumps(schema(), indent=1, ensure_ascii=False) + "\n"


def _section(path: Path) -> dict[str, Any]:
    known = RUNCONFIG.members(path)
    if "*" in known:
        return {"type": ["object", "null"], "additionalProperties": _section(known["*"].path)}
    return {
        "type": ["object", "null"],
        "properties": {name: _property(found) for name, found in known.items()},
        "patternProperties": {_OTHER_SPELLINGS: {}},
        "additionalProperties": False,
    }


def _property(found: Field) -> dict[str, Any]:
    made: dict[str, Any] = {"description": _description(found)}
    if found.old or found.status == "unsupported":
        made["doNotSuggest"] = True
    if found.default not in (None, {}, []):
        made["default"] = found.default
    return made | _type(found)


def _description(found: Field) -> str:
    ends = {
        "mapped": f"In a v2 job: {found.becomes}.",
        "local": "On this machine only.",
        "ignored": f"No effect: {found.becomes}.",
        "unsupported": f"Not supported: {found.becomes}.",
    }
    return f"{found.text} {ends[found.status]}"


def _type(found: Field) -> dict[str, Any]:
    if found.path == ("environment",):
        return {"anyOf": [_section(found.path), {"type": "string"}]}
    if found.type in ("section", "sections"):
        return _section(found.path)
    if found.type == "list":
        return {"type": ["array", "null"], "items": _section((*found.path, "[]"))}
    if found.allowed:
        anycase = "|".join("".join(_anycase(letter) for letter in word) for word in found.allowed)
        return {"anyOf": [{"enum": [*found.allowed, None]}, {"type": "string", "pattern": f"^({anycase})$"}]}
    kinds: dict[str, dict[str, Any]] = {
        "bool": {"type": ["boolean", "null"]},
        "int": {"type": ["integer", "null"]},
        "word": {"type": _WORD},
        "words": {"type": ["array", "string", "null"], "items": {"type": _WORD}},
        "map": {"type": ["object", "null"], "additionalProperties": {"type": _WORD}},
        "conda": {"type": ["object", "null"]},
    }
    return kinds.get(found.type, {})


def _anycase(letter: str) -> str:
    return f"[{letter.upper()}{letter.lower()}]" if letter.isalpha() else letter
