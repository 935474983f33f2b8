"""`aml pipeline`: check a pipeline's file, and show its steps, as a table, a picture or Mermaid's text."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from amlrun.cli import mistakes
from amlrun.cli.common import Context, common_options
from amlrun.cli.pipeline_inference import inference
from amlrun.errors import BAD_INPUT, AmlError, first_of

if TYPE_CHECKING:
    from amlrun.pipeline.state import PipelineState


@click.group("pipeline")
def command() -> None:
    """Check a pipeline file, and show its steps."""


command.add_command(inference)


@command.command("check")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--ct", "--target", "target", metavar="NAME", help="Where every step would run.")
@common_options
def check(context: Context, file: Path, target: str | None) -> int:
    """Report every mistake in a pipeline file (v1 or v2). Also those in its components' files.

    This includes what Azure ML's own client accepts: cycles, misspelt inputs and outputs, settings that it ignores,
    values of the wrong type or outside an enum.
    """
    from amlrun.pipeline import load

    reading = load.inspect(file, context.path, target=target)
    wrong = load.mistakes(reading)
    found = {
        "file": str(file),
        "steps": list(reading.job.jobs),
        "mistakes": mistakes.records(wrong, file),
        "notes": reading.notes,
    }
    for note in dict.fromkeys(reading.notes):
        context.warn(note)
    count = len(reading.job.jobs)
    none = f"{file}: {count} step{'' if count == 1 else 's'}, no mistakes"
    context.result(found, mistakes.text(wrong) if wrong else none)
    return BAD_INPUT if wrong else 0


@command.command("show")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("-r", "--run", "run_id", metavar="RUN", help="A pipeline's run: its id, `latest`, or a run.json.")
@click.option("--mermaid", is_flag=True, help="Print a Mermaid diagram, for a README.")
@click.option("--html", "page", metavar="FILE", type=click.Path(path_type=Path), help="Write one HTML page.")
@common_options
def show(context: Context, file: Path | None, run_id: str | None, mermaid: bool, page: Path | None) -> None:
    """Show the steps of a pipeline file or, with states, of a run.

    \b
    aml pipeline show pipeline.yml --mermaid
    aml pipeline show -r latest
    aml pipeline show -r latest --html pipeline.html

    A run's folder has such a page already, pipeline.html, which updates itself while the pipeline runs.
    """
    from amlrun.pipeline import picture
    from amlrun.runs.files import write_text

    if (file is None) == (run_id is None):
        raise AmlError("name a pipeline's file, or a run with -r", hint="For instance: aml pipeline show -r latest")
    if file is not None:
        from amlrun.pipeline import load
        from amlrun.pipeline.state import planned

        reading = load.inspect(file, context.path)
        if reading.refused:
            raise first_of(reading.refused)
        found, name, status = planned(reading.job), "", ""
    else:
        found, name, status = _of_run(context, str(run_id))
    if page is not None:
        write_text(page, picture.page(found, name, status))
        context.result({"file": str(page)}, f"Wrote {page}")
    elif mermaid:
        context.result({"mermaid": picture.mermaid(found)}, picture.mermaid(found).rstrip())
    else:
        _table(context, found, name, status)


def _of_run(context: Context, run_id: str) -> tuple[PipelineState, str, str]:
    from amlrun.cli.run import find
    from amlrun.cli.watching import Printer
    from amlrun.pipeline.handles import PipelineRun

    with Printer(context) as printer:
        run = find(context, run_id, printer)
        if not isinstance(run, PipelineRun):
            hint = "Its children are listed by: aml run list --parent-run-id RUN"
            raise AmlError(f"{run.id} is not a pipeline run", hint=hint)
        return run.progress(), run.id, str(run.status())


def _table(context: Context, found: PipelineState, name: str, status: str) -> None:
    from amlrun.cli.pipeline_view import state_word

    steps = list(found.steps.values())
    if not name:
        rows = [[step.name, step.type, ", ".join(step.after)] for step in steps]
        columns = ["step", "type", "after"]
    else:
        rows = [
            [step.name, state_word(step), "" if step.seconds is None else f"{step.seconds:.1f}",
             ", ".join(step.after), step.reason] for step in steps
        ]  # fmt: skip
        columns = ["step", "state", "seconds", "after", "why"]

    def text() -> None:
        if name:
            context.say(f"{name}: {status}")
        context.table(columns, rows)

    context.result({"run_id": name, "status": status, "steps": [vars(step) for step in steps]}, text)
