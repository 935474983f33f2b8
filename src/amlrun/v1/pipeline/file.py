"""A v1 pipeline file while it is read: its tree, what is wrong in it, and what becomes of every key."""

from __future__ import annotations

import re
from collections.abc import Container, Iterator
from pathlib import Path

from amlrun.errors import AmlError, located, nearest
from amlrun.spec.job import compute_named
from amlrun.spec.node import Node
from amlrun.spec.pipeline import Source
from amlrun.spec.read_pipeline_components import lines_of
from amlrun.spec.read_pipeline_io import Faults
from amlrun.v1.config import Row, free_name


class PipelineFile(Faults):
    """`folder` is the working folder that v1 counted paths from; `target` replaces every compute (`--ct`).

    `refused` is what v1's reader refused too, `let_pass` what it let pass; `reports` has what becomes of a key.
    """

    def __init__(self, file: Path, root: Node, folder: Path, target: str | None, exporting: bool) -> None:
        super().__init__()
        self.file = file
        self.root = root
        self.folder = folder
        self.target = target
        self.exporting = exporting
        self.source = Source(file, lines_of(root))
        self.reports: dict[str, tuple[str, str]] = {}

    def error(self, place: str, message: str, hint: str = "") -> AmlError:
        return self.source.error(place, message, hint)

    def fault(self, place: str, message: str, hint: str = "") -> None:
        self.let_pass.append(self.error(place, message, hint))

    def note(self, place: str, text: str) -> None:
        line = self.source.lines.get(place, 1)
        self.notes.append(located(text, self.file.name, line, place))

    def say(self, place: str, becomes: str, status: str = "mapped") -> None:
        """What becomes of a key: `status` is mapped, local, ignored or unsupported."""
        self.reports[place] = (status, becomes)

    def section(self, place: str, node: Node | None, known: tuple[str, ...]) -> dict[str, Node]:
        """The keys of a mapping that say something; unknown ones, which v1 ignored, are noted."""
        if node is None or (node.kind == "scalar" and node.empty):
            return {}
        if node.kind != "map":
            raise self.error(place, f"expected keys below it, got a {node.kind}", f"Known there: {', '.join(known)}.")
        found = {}
        for name, _, child in node.pairs:
            here = f"{place}.{name}"
            if name not in known:
                near = nearest(name, known)
                meant = f"did you mean {near!r}?" if near else f"known there: {', '.join(known)}"
                self.say(here, f"no such key: {meant}", "unknown")
                self.note(here, f"unknown key, which v1 ignored; {meant}")
            elif not child.is_null:
                found[name] = child
        return found

    def named(self, place: str, node: Node | None) -> dict[str, Node]:
        """The entries of a mapping whose names the user chose; nothing after the key is none."""
        if node is None or (node.kind == "scalar" and node.empty):
            return {}
        if node.kind != "map":
            raise self.error(place, f"expected names below it, got a {node.kind}", "Write each as NAME: and its keys.")
        return {name: child for name, _, child in node.pairs}

    def word(self, place: str, node: Node | None) -> str | None:
        if node is None:
            return None
        if node.kind != "scalar":
            raise self.error(place, f"expected a string, got a {node.kind}")
        return node.text.strip() or None

    def truth(self, place: str, node: Node | None, default: bool) -> bool:
        if node is None:
            return default
        if node.kind != "scalar" or not isinstance(node.value, bool):
            raise self.error(place, f"expected true or false, got {node.text!r}", "Write true or false, unquoted.")
        return node.value

    def path(self, text: str) -> Path | None:
        """A file or folder as v1 counted it, from the working folder; else beside the pipeline's file."""
        text = text.replace("\\", "/")
        for base in (self.folder, self.file.parent):
            try:
                place = base / Path(text).expanduser()
                if place.exists():
                    return place.resolve()
            except (OSError, ValueError):
                return None
        return None

    def rows(self) -> list[Row]:
        """Every key with its value, its line, what became of it and as what, in the file's order."""
        return list(self._rows("", self.root, ("unknown", "not a key of a v1 pipeline")))

    def _rows(self, place: str, node: Node, above: tuple[str, str]) -> Iterator[Row]:
        for name, line, child in node.pairs:
            here = f"{place}.{name}" if place else name
            status, becomes = self.reports.get(here, above)
            if child.kind != "map" or (here in self.reports and not child.pairs):
                yield Row(here, child.plain(), line, status, becomes)
            else:
                yield from self._rows(here, child, (status, becomes))


def identifier(text: str, taken: Container[str] = ()) -> str:
    """A v2 step's name for v1's: lower-case letters, digits and `_`, first no digit, not taken yet."""
    name = re.sub(r"[^a-z0-9_]+", "_", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", text.strip()).lower()).strip("_")
    return free_name(name if name and not name[0].isdigit() else f"step_{name}".rstrip("_"), taken)


def compute_of(name: str | None) -> str | None:
    """v1's name of a compute target as v2 writes it."""
    return compute_named(name) if name else None
