"""Reads the sections of a v2 job YAML: each key known, each value of its type, every mistake with its line."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from amlrun.errors import AmlError, did_you_mean, located
from amlrun.runs import store as runs
from amlrun.spec.job import QueueSettings, Scalar
from amlrun.spec.node import Node
from amlrun.spec.yaml_problems import missing_space

_QUEUE = {"job_tier": ("spot", "basic", "standard", "premium", "null"), "priority": ("low", "medium", "high")}


class Sections:
    """The tree of one file. `lines` has the line of each key by its dotted place, `notes` what has no effect.

    `absent` names the optional inputs that have no value.
    """

    def __init__(self, file: Path, root: Node) -> None:
        self.file = file
        self.folder = file.parent
        self.root = root
        self.lines: dict[str, int] = {}
        self.notes: list[str] = []
        self.absent: list[str] = []

    def error(self, key: str, message: str, line: int, hint: str = "") -> AmlError:
        return AmlError(message, file=self.file, line=line, field=key, hint=hint)

    def section(self, key: str, node: Node, known: tuple[str, ...]) -> dict[str, Node]:
        """The keys of a section, each known; what is null is left out."""
        if node.kind != "map":
            raise self.error(key, "expected keys below it", node.line, missing_space(node.text))
        found = {}
        for name, line, child in node.pairs:
            place = f"{key}.{name}" if key else name
            self.lines[place] = line
            if name not in known:
                meant = did_you_mean(name, known)
                raise self.error(place, f"unknown key{meant}", line, f"Known there: {', '.join(known)}.")
            if not child.is_null:
                found[name] = child
        return found

    def named(self, key: str, found: dict[str, Node]) -> list[tuple[str, Node]]:
        """The entries of a section whose names the user chose."""
        node = found.get(key)
        if node is None:
            return []
        if node.kind != "map":
            raise self.error(key, "expected names below it", node.line, missing_space(node.text))
        self.lines.update({f"{key}.{name}": line for name, line, _ in node.pairs})
        return [(name, child) for name, _, child in node.pairs]

    def word(self, key: str, found: dict[str, Node], place: str = "") -> str | None:
        node = found.get(key)
        if node is None:
            return None
        if node.kind != "scalar":
            raise self.error(place or key, "expected a string", node.line)
        return node.text.strip() if key == "command" else node.text

    def title(self, key: str, found: dict[str, Node]) -> str | None:
        """One of a job's own words: its name and its experiment's as Azure ML takes them."""
        text = self.word(key, found)
        if text and key == "experiment_name":
            runs.check_experiment(text, key, self.file, found[key].line)
        if text and key == "name":
            runs.check_id(text, self.file, found[key].line)
        return text

    def titles(self, job: Any, found: dict[str, Node]) -> None:
        """Give a job its names, its description, its tags and its compute."""
        for name in ("name", "display_name", "experiment_name", "description", "compute"):
            setattr(job, name, self.title(name, found))
        job.tags = self.words("tags", found)

    def number(self, key: str, found: dict[str, Node], place: str) -> int | None:
        node = found.get(key)
        if node is None:
            return None
        value = node.value
        if isinstance(value, str) and value.isascii() and value.isdecimal():
            value = int(value[:12])
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**31:
            raise self.error(place, f"expected a whole number, got {node.shown}", node.line)
        return value

    def queue_settings(self, node: Node) -> QueueSettings:
        parts = self.section("queue_settings", node, tuple(_QUEUE))
        chosen: dict[str, str] = {}
        for key, part in parts.items():
            place = f"queue_settings.{key}"
            text = (self.word(key, parts, place) or "").lower()
            if text not in _QUEUE[key]:
                meant = did_you_mean(text, _QUEUE[key])
                raise self.error(place, f"expected one of {', '.join(_QUEUE[key])}, got {text!r}{meant}", part.line)
            chosen[key] = text
        return QueueSettings(**chosen)

    def words(self, key: str, found: dict[str, Node]) -> dict[str, str]:
        words = {}
        for name, node in self.named(key, found):
            if node.kind != "scalar":
                raise self.error(f"{key}.{name}", "expected a string", node.line)
            words[name] = node.text
        return words

    def variables(self, found: dict[str, Node]) -> dict[str, str]:
        """The environment variables as azure-ai-ml sends them: `true` is True there, and null is sent as no text."""
        key, variables = "environment_variables", self.words("environment_variables", found)
        for name, node in self.named(key, found):
            if node.is_null:
                hint = f'Write {name}: "" for an empty value, or delete the line.'
                raise self.error(f"{key}.{name}", "has no value", self.lines[f"{key}.{name}"], hint)
            sent = node.text if node.quoted else str(as_yaml_1_1(node)[0])
            if sent != node.text:
                self.remark(f"{key}.{name}", f'{node.text} without quotes is "{sent}" to Azure ML', node.line)
            variables[name] = sent
        return variables

    def find(self, text: str) -> tuple[Path, bool]:
        """The path that `text` says, relative to the file, and whether something is there; then it is resolved."""
        place = self.folder / Path(text.removeprefix("file:")).expanduser()
        try:
            there = place.exists()
        except (OSError, ValueError):
            there = False
        return (place.resolve() if there else place), there

    def path(self, key: str, text: str, line: int) -> Path:
        """A path beside the file; the paths in a job's YAML are relative to it."""
        place, there = self.find(text)
        if not there:
            raise self.error(key, f"no such file or folder: {place}", line, "Paths are relative to the job's file.")
        return place

    def unused(self, key: str, found: dict[str, Node], names: tuple[str, ...]) -> None:
        for name in names:
            if name in found:
                place = f"{key}.{name}" if key else name
                self.remark(place, "has no effect here", self.lines[place])

    def remark(self, key: str, text: str, line: int) -> None:
        """Say it once at submit."""
        self.notes.append(located(text, self.file.name, line, key))


_WORDS = {"yes": True, "on": True, "no": False, "off": False}


def as_yaml_1_1(node: Node) -> tuple[Scalar, str]:
    """The value by YAML 1.1's rules, and why that may surprise: a word, a number, a date."""
    text = node.text
    own: Scalar = node.literal
    if text.lower() in ("yes", "no", "on", "off"):
        return _WORDS[text.lower()], "word"
    if re.fullmatch(r"[-+]?0[0-7]+", text):
        return int(text, 8), "number"
    if re.fullmatch(r"[-+]?[1-9][0-9_]*(:[0-5]?[0-9])+", text):
        value = 0
        for part in text.lstrip("+-").replace("_", "").split(":"):
            value = value * 60 + int(part)
        return (-value if text.startswith("-") else value), "number"
    if re.fullmatch(r"[-+]?[0-9][0-9_]*", text) and "_" in text:
        return int(text.replace("_", "")), "number"
    if re.fullmatch(r"[-+]?[0-9]+[eE][-+]?[0-9]+", text):
        return text, ""  # without a point it is no number to YAML 1.1
    if re.fullmatch(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt ].*)?", text):
        return text, "date"
    return own, ""
