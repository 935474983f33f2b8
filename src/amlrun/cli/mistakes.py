"""How the commands that check a file show what is wrong in it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from amlrun.errors import AmlError


def records(wrong: Sequence[AmlError], file: Path) -> list[dict[str, Any]]:
    """The mistakes for `-o json`; one that names no file is in `file`."""
    keys = ("line", "field", "message", "hint")
    return [{"file": str(one.file or file), **{key: getattr(one, key) for key in keys}} for one in wrong]


def text(wrong: Sequence[AmlError]) -> str:
    """The mistakes for a person, each with its hint indented below it, and their number."""
    lines = [str(one).replace("\n", "\n  ") for one in wrong]
    return "\n".join([*lines, f"{len(wrong)} mistake{'' if len(wrong) == 1 else 's'}"])
