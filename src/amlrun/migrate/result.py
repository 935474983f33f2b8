"""What a migration found and proposes: plain data that every part of `aml migrate` returns."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from enum import Enum
from typing import Any

from amlrun.dataclass import dataclass, field
from amlrun.runs.redact import masked_text


class Verdict(Enum):
    """How far a piece of v1 code was dealt with, from best to worst."""

    DONE = "done"  # replaced or removed; the meaning is the same
    NOTE = "note"  # replaced; something has to be supplied, or means a little less
    ASKS = "asks"  # replaced; a question must be answered before it runs
    LEFT = "left"  # unchanged: there is no counterpart, or the file cannot be read

    @property
    def rank(self) -> int:
        """0 for the best; the worst finding of a file is the file's verdict."""
        return list(Verdict).index(self)


class Kind(Enum):
    """What a file is to Azure ML."""

    JOB = "job script"
    SCORING = "scoring script"
    DRIVER = "driver script"
    NOTEBOOK = "notebook"
    CONDA = "conda file"


@dataclass(frozen=True)
class Finding:
    """One line of the report. `line` is 1-based, in the file as it was; 0 means the whole file.

    `hint` says what to do; it is empty where nothing is to be done. For a notebook `line` counts in its cell and
    `cell` is the cell's number (1-based).
    """

    file: str
    line: int
    verdict: Verdict
    message: str
    hint: str = ""
    cell: int | None = None

    @property
    def place(self) -> str:
        """`file:line`, as errors write it; a cell in between where there is one."""
        parts = [self.file, *([f"cell {self.cell}"] if self.cell else []), *([str(self.line)] if self.line else [])]
        return ":".join(parts)


@dataclass(frozen=True)
class FileChange:
    """A file to be written. `path` is relative to the migrated folder, with `/`; `old` is None for a new file."""

    path: str
    old: str | None
    new: str

    @property
    def diff(self) -> str:
        """The unified diff, empty where nothing changes; with no secret, for it is shown and kept in logs."""
        old = [] if self.old is None else self.old.splitlines(keepends=True)
        lines = difflib.unified_diff(
            old,
            self.new.splitlines(keepends=True),
            "/dev/null" if self.old is None else f"a/{self.path}",
            f"b/{self.path}",
        )
        ended = (line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)
        return masked_text("".join(ended))


@dataclass(frozen=True)
class FileResult:
    """What became of one file: what was found, the files it changes or adds, and the `aml` lines for what it did."""

    path: str
    kind: Kind
    findings: tuple[Finding, ...] = ()
    changes: tuple[FileChange, ...] = ()
    commands: tuple[str, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """The worst of its findings; DONE without any."""
        return max((finding.verdict for finding in self.findings), key=lambda one: one.rank, default=Verdict.DONE)


@dataclass
class MigrationReport:
    """Every file with v1 code below the folder, in order; `without_v1` counts the files that need nothing."""

    results: list[FileResult] = field(default_factory=list)
    skipped: list[Finding] = field(default_factory=list)
    without_v1: int = 0

    @property
    def changes(self) -> list[FileChange]:
        """Every file to be written, once each."""
        found: dict[str, FileChange] = {}
        for result in self.results:
            for change in result.changes:
                if change.old != change.new:
                    found.setdefault(change.path, change)
        return list(found.values())

    def count(self, kinds: Iterable[Kind] = tuple(Kind)) -> dict[Verdict, int]:
        """How many files of these kinds have each verdict."""
        wanted = set(kinds)
        verdicts = [result.verdict for result in self.results if result.kind in wanted]
        return {verdict: verdicts.count(verdict) for verdict in Verdict}

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON writes it."""
        return {
            "summary": {verdict.value: number for verdict, number in self.count().items()},
            "withoutV1": self.without_v1,
            "files": [
                {
                    "file": result.path,
                    "kind": result.kind.value,
                    "verdict": result.verdict.value,
                    "findings": [_plain(finding) for finding in result.findings],
                    "writes": [change.path for change in result.changes],
                    "commands": list(result.commands),
                }
                for result in self.results
            ],
            "skipped": [_plain(finding) for finding in self.skipped],
        }


def _plain(finding: Finding) -> dict[str, Any]:
    value: dict[str, Any] = {
        "file": finding.file,
        "line": finding.line,
        "verdict": finding.verdict.value,
        "message": finding.message,
        "hint": finding.hint,
    }
    return value if finding.cell is None else {**value, "cell": finding.cell}
