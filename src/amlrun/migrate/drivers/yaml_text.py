"""Configuration files as YAML text, with a comment at each value that the driver's text does not say."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from amlrun.migrate.drivers.values import Gap, Text, known

# Words that YAML 1.1 or 1.2 reads as they are written, and as nothing else.
_PLAIN = re.compile(r"(?:--?)?[A-Za-z_./$<][A-Za-z0-9_ ./${}<>@=+,()-]*(?::[A-Za-z0-9_./@][A-Za-z0-9_ ./${}@=+-]*)*")
_WORDS = ("y", "n", "yes", "no", "on", "off", "true", "false", "null", "~", "none", ".inf", ".nan", "-")
# How a gap is told in a comment; its second argument is the value that was written.
Tell = Callable[[Gap, str], str]


def write(tree: dict[str, Any], tell: Tell, head: list[str]) -> str:
    """The YAML of plain data with gaps; `head` are comment lines above it."""
    lines = [f"# {line}".rstrip() for line in head]
    _map(tree, "", lines, tell)
    return "\n".join(lines) + "\n"


def _map(tree: dict[str, Any], margin: str, lines: list[str], tell: Tell) -> None:
    for key, value in tree.items():
        _entry(f"{margin}{scalar(key)}:", value, margin, lines, tell)


def _entry(start: str, value: Any, margin: str, lines: list[str], tell: Tell) -> None:
    remark = ""
    if isinstance(value, Gap) and isinstance(known(value), (dict, list, tuple)):
        remark = f"  # {tell(value, '')}"
        value = known(value)
    if isinstance(value, dict):
        lines.append(f"{start}{remark}" if value else f"{start} {{}}{remark}")
        _map(value, f"{margin}  ", lines, tell)
    elif isinstance(value, (list, tuple)):
        if not remark and all(isinstance(item, (int, float)) for item in value):
            lines.append(f"{start} [{', '.join(scalar(item) for item in value)}]")
            return
        lines.append(f"{start}{remark}" if value else f"{start} []{remark}")
        for item in value:
            _item(item, f"{margin}  ", lines, tell)
    else:
        lines.append(f"{start} {_leaf(value, tell)}".rstrip())


def _item(item: Any, margin: str, lines: list[str], tell: Tell) -> None:
    if isinstance(item, dict) and item:
        at = len(lines)
        _map(item, f"{margin}  ", lines, tell)
        lines[at] = f"{margin}- {lines[at].lstrip()}"
    elif isinstance(item, (list, tuple)):
        words = ", ".join(scalar(part) for part in item)
        lines.append(f"{margin}- [{words}]")
    else:
        lines.append(f"{margin}- {_leaf(item, tell)}")


def _leaf(value: Any, tell: Tell) -> str:
    if isinstance(value, Gap):
        guess = known(value)
        shown = value.placeholder if not isinstance(guess, (str, int, float, bool, Text)) else guess
        text = shown.text if isinstance(shown, Text) else shown
        return f"{scalar(text)}  # {tell(value, str(text))}"
    if isinstance(value, Text):
        return f"{scalar(value.text)}  # {'; '.join(tell(gap, value.text) for gap in value.gaps)}"
    return scalar(value)


def scalar(value: Any) -> str:
    """One value as YAML writes it; a text is quoted when it could be read as anything else."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    text = str(value)
    if "\n" in text and text.strip() and not text.startswith(" "):
        return "|-\n" + "\n".join(f"      {line}" for line in text.rstrip("\n").split("\n"))
    if _PLAIN.fullmatch(text) and text.lower() not in _WORDS and not text.endswith(" ") and " #" not in text:
        return text
    return json.dumps(text, ensure_ascii=False)
