"""What a conversion did, and what it leaves to a person."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from amlrun.dataclass import dataclass, field
from amlrun.notebook.secret_values import hidden


@dataclass
class Report:
    """`done` and `todo` are sentences; `packages` the pip requirements, `files` the modules that the notebook makes."""

    options: list[dict[str, Any]] = field(default_factory=list)
    packages: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    modules: list[str] = field(default_factory=list)  # made beside the script
    model: str | None = None
    model_file: str | None = None  # where the script saves it, when that is a pickle
    prepared: list[str] = field(default_factory=list)  # fitted beside the model, and only kept in it
    bundled: str | None = None  # fitted beside the model, and saved with it in one pipeline
    sampled: bool = False  # whether the training writes a sample request
    _done: dict[str, list[int]] = field(default_factory=dict)
    _todo: dict[str, list[int]] = field(default_factory=dict)

    def option(self, flag: str, kind: str, default: str, variable: str | None = None) -> None:
        """Note an option that the script has; `variable` is what it was in the notebook."""
        self.options.append({"flag": flag, "type": kind, "default": default, "variable": variable})

    def did(self, text: str, cell: int | None = None) -> None:
        """Note something that was done."""
        self._done.setdefault(text, []).extend([] if cell is None else [cell])

    def ask(self, text: str, cell: int | None = None) -> None:
        """Note something that needs a person."""
        self._todo.setdefault(text, []).extend([] if cell is None else [cell])

    @property
    def done(self) -> list[str]:
        """What was done, each with the cells where."""
        return [_line(text, cells) for text, cells in self._done.items()]

    @property
    def todo(self) -> list[str]:
        """What needs a person, each with the cells where."""
        return [_line(text, cells) for text, cells in self._todo.items()]


def _line(text: str, cells: list[int]) -> str:
    text = hidden(text)
    numbers = list(dict.fromkeys(cells))
    if not numbers:
        return text
    return f"{'cell' if len(numbers) == 1 else 'cells'} {listed(numbers)}: {text}"


def listed(items: Sequence[object]) -> str:
    """`a, b and c`."""
    words = [str(item) for item in items]
    return f"{', '.join(words[:-1])} and {words[-1]}" if len(words) > 1 else "".join(words)
