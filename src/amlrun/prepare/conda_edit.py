"""The lines of a conda file: which package each names, and the text with some of them replaced.

What is replaced stays above the new line as a comment; everything else stays as it is.
"""

from __future__ import annotations

import re
from pathlib import Path

from amlrun.dataclass import dataclass
from amlrun.errors import AmlError
from amlrun.runs import redact
from amlrun.spec import node


@dataclass(frozen=True)
class Item:
    """One entry of `dependencies`. `option` marks pip's lines that are no package; `position` counts entries."""

    text: str
    line: int
    position: int
    pip: bool

    @property
    def option(self) -> bool:
        return self.pip and bool(self.text) and (self.text.startswith("-") or "://" in self.text or " @ " in self.text)

    @property
    def name(self) -> str:
        match = re.match(r"(?:[\w./-]+::)?([A-Za-z0-9_][\w.-]*)", self.text)
        return match[1].lower() if match and not self.option else ""


@dataclass
class Edit:
    """What takes the place of an item (nothing: it is left out), and why."""

    item: Item
    new: list[str]
    reason: str

    @property
    def shown(self) -> str:
        """The edit in one line, without its reason."""
        old, new = redact.masked_text(self.item.text), ", ".join(self.new)
        return f"{old} → {new}" if new else f"{old} is left out"


def items(text: str, file: str) -> list[Item]:
    """The entries of a conda file, conda's and pip's.

    Raises AmlError for a text that is no YAML, or has no list `dependencies`.
    """
    tree = node.parse(text, Path(file))
    listed = tree.get("dependencies") if tree.kind == "map" else None
    if listed is not None and listed.empty:
        return []
    if listed is None or listed.kind != "list":
        raise AmlError("is not a conda file: it has no list `dependencies`", file=file, line=1)
    found: list[Item] = []
    for entry in listed.items:
        pip = entry.get("pip") if entry.kind == "map" else None
        for one in pip.items if pip is not None else [entry]:
            if one.kind == "scalar":
                found.append(Item(one.text.strip(), one.line, len(found), pip is not None))
    return found


def spelled(item: Item, name: str, spec: str) -> str:
    """A requirement as the item's part of the file writes it: `name=version` for conda, `name==version` for pip."""
    if item.pip:
        return f"{name}{spec}"
    exact = re.fullmatch(r"==([\w.]+)", spec)
    channel = re.match(r"[\w./-]+::", item.text)
    return f"{channel[0] if channel else ''}{name}{'=' + exact[1] if exact else spec}"


def apply(text: str, entries: list[Item], edits: list[Edit]) -> str:
    """The text with the edits; nothing else changes."""
    if not edits:
        return text
    by_line: dict[int, list[Item]] = {}
    for item in entries:
        by_line.setdefault(item.line, []).append(item)
    lines = text.split("\n")
    touched = {edit.item.line for edit in edits}
    if any(len(by_line[line]) > 1 or not re.match(r"\s*-(\s|$)", lines[line - 1]) for line in touched):
        return _rewritten(text, entries, edits)
    ending = "\r" if lines[0].endswith("\r") else ""
    for edit in sorted(edits, key=lambda one: one.item.line, reverse=True):
        at = edit.item.line - 1
        margin = re.match(r"\s*", lines[at])[0]  # type: ignore[index]
        old = f"{margin}# {redact.masked_text(lines[at].strip())}  # {edit.reason}{ending}"
        lines[at : at + 1] = [old, *(f"{margin}- {_quoted(one)}{ending}" for one in edit.new)]
    return _without_empty_pip("\n".join(lines))


def _quoted(text: str) -> str:
    return f'"{text}"' if text.startswith(("*", "&", "!", "%", "@")) or ": " in text else text


def _without_empty_pip(text: str) -> str:
    """`- pip:` above nothing but comments would be null: it becomes a comment too."""
    lines = text.split("\n")
    for at, line in enumerate(lines):
        match = re.match(r"(\s*)- pip:\s*(?:#.*)?\r?$", line)
        if not match:
            continue
        below = at + 1
        while below < len(lines) and (not lines[below].strip() or lines[below].lstrip().startswith("#")):
            below += 1
        deeper = below < len(lines) and (
            len(lines[below]) - len(lines[below].lstrip()) > len(match[1])
            or (lines[below].startswith(f"{match[1]}  -") and not lines[below].startswith(f"{match[1]}- "))
        )
        if not deeper:
            lines[at] = f"{match[1]}# - pip:"
    return "\n".join(lines)


def _rewritten(text: str, entries: list[Item], edits: list[Edit]) -> str:
    """A file whose list stands on one line: the list is written anew, an entry a line."""
    tree = node.parse(text, Path("conda.yml"))
    lines = text.split("\n")
    start = next(line for key, line, _ in tree.pairs if key == "dependencies") - 1
    later = [line - 1 for key, line, _ in tree.pairs if line - 1 > start]
    end = min(later, default=len(lines))
    by_item = {edit.item.position: edit for edit in edits}
    made = ["dependencies:"]
    pip_begun = False
    for item in entries:
        if item.pip and not pip_begun:
            pip_begun = True
            made.append("  - pip:")
        margin = "      " if item.pip else "  "
        edit = by_item.get(item.position)
        if edit is None:
            made.append(f"{margin}- {_quoted(item.text)}")
        else:
            made.append(f"{margin}# - {item.text}  # {edit.reason}")
            made += [f"{margin}- {_quoted(one)}" for one in edit.new]
    return _without_empty_pip("\n".join([*lines[:start], *made, *lines[end:]])).rstrip("\n") + "\n"
