"""A HyperDrive file as it is read: its mistakes, each with its line, and what is worth a remark."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NoReturn

from amlrun.errors import AmlError
from amlrun.spec.yaml_data import line_of, load


class HyperdriveFile:
    """The file's tree, and what was found in it. Raises AmlError when it is no YAML with keys."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.mistakes: list[AmlError] = []
        self.notes: list[str] = []
        self.tree = load(file, expected="the keys of a sweep, such as sampling and primary_metric_name")

    def section(self, key: str, *, required: bool) -> Any:
        """The keys below `key`; None when it is not said (or wrong, or lacking, which is noted)."""
        value = self.tree.get(key)
        if isinstance(value, dict) or (value is None and not required):
            return value
        self.mistake(expected("a section with keys", value), self.tree, key)
        return None

    def count(self, section: Any, key: str, prefix: str, low: int, high: int | None) -> int | None:
        """A whole number within bounds; None when it is not said (or wrong, which is noted)."""
        value = section.get(key)
        if value is None:
            return None
        if not whole(value) or value < low or (high is not None and value > high):
            between = f"{low} to {high:,}" if high is not None else f"{low} or more"
            self.mistake(expected(f"a whole number, {between}", value), section, key, prefix + key)
            return None
        return int(value)

    def unknown(self, section: Any, known: tuple[str, ...], prefix: str, of: str = "") -> None:
        """v1 passed over keys that it did not know; here they are named."""
        import difflib

        for key in section:
            if key not in known:
                near = difflib.get_close_matches(str(key), known, 1)
                meant = f"; did you mean {near[0]}?" if near else ""
                self.notes.append(f"{self.file.name}:{line_of(section, key)}: {prefix}{key}: no such key{of}{meant}")

    def mistake(self, text: str, node: Any, key: Any = None, field: str | None = None, hint: str = "") -> None:
        """Note a mistake at `key` (a name, or a list's position) of `node`, or at `node` itself."""
        name = str(key) if field is None else field
        self.mistakes.append(AmlError(text, file=self.file, line=line_of(node, key), field=name, hint=hint))

    def raise_first_fault(self) -> NoReturn:
        """Raise the first mistake of the file; the others stand in its hint."""
        ordered = sorted(self.mistakes, key=lambda mistake: mistake.line or 0)
        first = ordered[0]
        first.hint = "\n".join([*([first.hint] if first.hint else []), *(str(more) for more in ordered[1:])])
        raise first


def whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value == value


def expected(what: str, got: Any) -> str:
    """A mistake's words: what belongs there, and what was there instead."""
    if got is None:
        return f"expected {what}"
    shown = f'"{got}"' if isinstance(got, str) else "a list" if isinstance(got, list) else str(got)
    return f"expected {what}, got {'a section' if isinstance(got, dict) else shown}"
