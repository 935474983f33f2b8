"""What a conversion did, and what it leaves to a person."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Report:
    """`done` and `todo` are sentences; `packages` are pip requirements that the notebook installed itself."""

    options: list[dict[str, Any]] = field(default_factory=list)
    done: list[str] = field(default_factory=list)
    todo: list[str] = field(default_factory=list)
    packages: list[str] = field(default_factory=list)
    model: str | None = None

    def did(self, text: str, cell: int | None = None) -> None:
        """Note something that was done."""
        _add(self.done, text, cell)

    def ask(self, text: str, cell: int | None = None) -> None:
        """Note something that needs a person."""
        _add(self.todo, text, cell)


def _add(lines: list[str], text: str, cell: int | None) -> None:
    line = text if cell is None else f"cell {cell}: {text}"
    if line not in lines:
        lines.append(line)
