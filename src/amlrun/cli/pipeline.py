"""`aml pipeline`: check a pipeline's file, and show its steps, as a table, a picture or Mermaid's text."""

from __future__ import annotations

from pathlib import Path

import click

from amlrun.cli.common import Context, common_options
from amlrun.errors import BAD_INPUT


@click.group("pipeline")
def command() -> None:
    """Check a pipeline's file, and show its steps."""


@command.command("check")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--ct", "--target", "target", metavar="NAME", help="Where every step would run.")
@common_options
def check(context: Context, file: Path, target: str | None) -> int:
    """Find every mistake in a pipeline's file (v1 or v2) and its components' files, with file and line.

    Also what Azure ML's own client lets pass: cycles, misspelt inputs and outputs, settings that it ignores, values
    of the wrong type or outside an enum.
    """
    from amlrun.pipeline import load

    reading = load.inspect(file, context.path, target=target)
    wrong = load.mistakes(reading)
    found = {
        "file": str(file),
        "steps": list(reading.job.jobs),
        "mistakes": [
            {"file": str(one.file or file), "line": one.line, "field": one.field, "message": one.message,
             "hint": one.hint} for one in wrong
        ],
        "notes": reading.notes,
    }  # fmt: skip

    def text() -> None:
        for one in wrong:
            message, _, hint = str(one).partition("\n")
            click.echo(message)
            for line in hint.splitlines():
                click.echo(f"  {line}")
        if wrong:
            click.echo(f"{len(wrong)} mistake{'' if len(wrong) == 1 else 's'}")
        else:
            count = len(reading.job.jobs)
            click.echo(f"{file}: {count} step{'' if count == 1 else 's'}, no mistakes")

    for note in reading.notes:
        context.warn(note)
    context.result(found, text)
    return BAD_INPUT if wrong else 0
