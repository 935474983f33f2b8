"""Migrate a folder: find its files, hand each to the reader of its kind, and gather what they say."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from amlrun.errors import AmlError
from amlrun.migrate.apply import writable
from amlrun.migrate.discover import V1File, discover, left
from amlrun.migrate.files import Files, new_imports
from amlrun.migrate.modules import Modules
from amlrun.migrate.result import FileResult, Finding, Kind, MigrationReport, Verdict

Reader = Callable[[str, str, Mapping[str, str]], FileResult]


def migrate_folder(path: Path, readers: Mapping[Kind, Reader]) -> MigrationReport:
    """Read everything below `path` (a folder or one file). Nothing is written, no code is run.

    `readers` read the files that are no job or scoring scripts; without one such a file is left. Raises
    AmlError when there is no such path.
    """
    if not path.exists():
        raise AmlError(f"there is no file or folder {path}", hint="Give the folder of the repository: aml migrate .")
    folder = path if path.is_dir() else path.parent
    report = MigrationReport()
    scripts: list[V1File] = []
    others: list[V1File] = []
    files = Files(folder)
    for found in discover(path):
        if found is None:
            report.without_v1 += 1
        elif isinstance(found, Finding):
            report.skipped.append(found)
        else:
            (scripts if found.kind in (Kind.JOB, Kind.SCORING) else others).append(found)
    rewritten = list(Modules(scripts, files).rewrite())
    files.needs = new_imports(rewritten)
    for result in rewritten:
        if result.changes or result.findings:
            report.results.append(result)
        else:
            report.without_v1 += 1
    for one in others:
        read = _read(one, readers.get(one.kind), files)
        if read is not None:
            files.proposed |= {change.path: change.new for change in read.changes if change.old is None}
        if read is None or (one.kind is Kind.CONDA and not read.findings and not read.changes):
            report.without_v1 += 1
        else:
            report.results.append(read)
    report.results = [_guarded(folder, result) for result in report.results]
    report.results.sort(key=lambda one: one.path)
    return report


def _read(found: V1File, reader: Reader | None, files: Mapping[str, str]) -> FileResult | None:
    if reader is None:
        return left(found, f"a {found.kind.value} is not read here")
    try:
        return reader(found.path, found.text, files)
    except Exception as error:
        # One file that nobody has foreseen is named; it must not keep thousands of others from being read.
        return left(found, f"internal error on this file: {type(error).__name__}: {error}", "Please report it.")


def _guarded(folder: Path, result: FileResult) -> FileResult:
    """With a line for each file that is read-only: it is named, and not written."""
    barred = [one for one in result.changes if one.old is not None and not writable(folder / one.path)]
    if not barred:
        return result
    notes = [
        Finding(one.path, 0, Verdict.ASKS, "is read-only and is not written", "Make it writable, then migrate again.")
        for one in barred
    ]
    return replace(result, findings=(*notes, *result.findings))
