"""`aml migrate`: SDK v1 code as scripts and files that need no SDK v1: a diff first, written with --apply."""

from __future__ import annotations

import json
import shutil
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import click

from amlrun.cli.common import Context, debug_option, write_json
from amlrun.runs.files import write_text

if TYPE_CHECKING:
    from amlrun.migrate.result import FileChange, FileResult, Finding, MigrationReport

_COLOURS = {"done": "green", "note": "cyan", "asks": "yellow", "left": "red"}


@click.command("migrate")
@click.argument("path", default=".", type=click.Path(path_type=Path))
@click.option("--apply", is_flag=True, help="Write the changes. The files must be committed to git.")
@click.option("--force", is_flag=True, help="With --apply: write even where git could not restore the old files.")
@click.option("--no-diff", is_flag=True, help="Leave the diff out; print the verdicts and lines only.")
@click.option("--report", "report_file", metavar="FILE", type=click.Path(path_type=Path),
              help="Also write the report: FILE.md as Markdown and FILE.json as JSON.")  # fmt: skip
@click.option("--offline", is_flag=True, help="Do not ask a package index which versions of a conda file still exist.")
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text", show_default=True,
              help="Output format. With json, stdout holds one JSON document; messages go to stderr.")  # fmt: skip
@debug_option
def command(
    path: Path,
    apply: bool,
    force: bool,
    no_diff: bool,
    report_file: Path | None,
    offline: bool,
    output: str,
) -> None:
    """Rewrite the SDK v1 code in PATH (a folder or one file) to plain MLflow, arguments and files.

    Job and scoring scripts are rewritten; driver scripts and notebooks become run configurations, sweep and pipeline
    files. No code is run. Each file gets a verdict: done (no SDK v1 code is left), note (something has to be
    supplied), asks (a question has to be answered), left (something of SDK v1 is left).
    """
    from amlrun.migrate.apply import check_clean, writable, write_changes
    from amlrun.migrate.folder import migrate_folder
    from amlrun.migrate.readers import readers

    context = Context(path.absolute(), output)
    path = path.absolute()
    folder = path if path.is_dir() else path.parent
    found = migrate_folder(path, readers(offline=offline, say=context.warn))
    changes = found.changes
    if apply:
        changes = [one for one in changes if one.old is None or writable(folder / one.path)]
    if apply and changes:
        if not force:
            check_clean(folder, changes)
        write_changes(folder, changes)
    if report_file is not None:
        _write_report(report_file, found, apply)
    if context.json:
        value = {**found.to_dict(), "applied": apply, "changes": [_plain(change) for change in changes]}
        click.echo(json.dumps(value, indent=2))
        return
    if not no_diff and not apply:
        for change in changes:
            _show_diff(change.diff)
    _show(found)
    if apply:
        wrote = f"Wrote {_counted(len(changes), 'file')}. See what changed with: git diff"
        context.say(f"\n{wrote}" if changes else "\nThere was nothing to write.")
    elif changes:
        context.say("\nNothing was written. Add --apply to write the changes.")


def _plain(change: FileChange) -> dict[str, object]:
    return {"file": change.path, "new": change.old is None, "diff": change.diff}


def _write_report(file: Path, found: MigrationReport, applied: bool) -> None:
    from amlrun.migrate.report import markdown

    base = file.with_suffix("") if file.suffix in (".md", ".json") else file
    write_text(base.with_name(f"{base.name}.md"), markdown(found, applied))
    write_json(base.with_name(f"{base.name}.json"), {**found.to_dict(), "applied": applied})


def _show_diff(diff: str) -> None:
    for line in diff.splitlines():
        bold = line.startswith(("--- ", "+++ "))
        colour = "green" if line.startswith("+") else "red" if line.startswith("-") else None
        click.echo(click.style(line, fg=None if bold else colour, bold=bold))
    click.echo()


def _show(found: MigrationReport) -> None:
    """The verdict of each file with its lines, then how many there are of each."""
    for result in sorted(found.results, key=lambda one: (one.verdict.rank, one.path)):
        verdict = result.verdict.value
        click.echo(f"{click.style(verdict, fg=_COLOURS[verdict], bold=True)}  {result.path} ({result.kind.value})")
        _show_lines(result)
    if found.skipped:
        click.echo(click.style("not read", bold=True))
        for finding in found.skipped:
            _show_finding(finding)
    counts = ", ".join(f"{number} {verdict.value}" for verdict, number in found.count().items() if number)
    rest = f"{_counted(found.without_v1, 'file')} without SDK v1"
    click.echo(f"\n{counts}; {rest}." if counts else f"No SDK v1 code was found: {rest}.")


def _show_lines(result: FileResult) -> None:
    for finding in result.findings:
        _show_finding(finding)
    new = [change.path for change in result.changes if change.old is None]
    if new:
        click.echo(f"    writes {', '.join(new)}")
    for command in result.commands:
        click.echo(f"    $ {command}")


def _show_finding(finding: Finding) -> None:
    for text, margin in ((f"{finding.place}: {finding.message}", " " * 4), (finding.hint, " " * 6)):
        if text:
            click.echo(_wrapped(text, margin))


def _wrapped(text: str, margin: str) -> str:
    """`text` indented; wrapped at a terminal, in one line in a pipe."""
    if not sys.stdout.isatty():
        return margin + text
    width = shutil.get_terminal_size().columns
    return textwrap.fill(text, width, initial_indent=margin, subsequent_indent=margin, break_long_words=False)


def _counted(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"
