"""How a run is shown while it goes on, and when it has ended."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import click

from amlrun.cli.common import Context, write_json
from amlrun.errors import CANCELLED, JOB_FAILED, AmlError
from amlrun.project import Project
from amlrun.runs import store as runs


def stream(context: Context, chunks: Iterable[bytes]) -> None:
    """Pass the script's bytes on as they are; binary output can't break the terminal's encoding then."""
    out = sys.stderr.buffer if context.json else sys.stdout.buffer
    sys.stdout.flush()
    for chunk in chunks:
        out.write(chunk)
        out.flush()


def publish(context: Context, project: Project, found: Iterable[runs.Run] | None = None) -> None:
    """Bring `mlflow.db` up to date with these runs, or with all that have ended; a fault there is a warning."""
    from amlrun.runs import mlflow_db

    try:
        mlflow_db.publish(project, mlflow_db.pending(runs.listing(project.runs)) if found is None else found)
    except AmlError as error:
        context.say(f"Warning: {error}")


def summary(context: Context, project: Project, run: runs.Run) -> int:
    """Say how a run ended, as text or its record as JSON. Returns the exit code that says the same."""
    from amlrun.runs import metrics

    publish(context, project, [run])
    record = run.record()
    remote = run.part("submit").get("remote")
    record["metrics"] = record.get("metrics", {}) if remote else metrics.metrics(project, run.id)

    def text() -> None:
        colour = {"Completed": "green", "Canceled": "yellow"}.get(record["status"], "red")
        context.say("\nExecution Summary\n=================")
        context.say(f"RunId: {run.id}")
        context.say(f"Status: {click.style(record['status'], fg=colour)}")
        if "seconds" in record:
            context.say(f"Seconds: {record['seconds']:.1f}")
        for name, value in sorted(record["metrics"].items()):
            context.say(f"{name}: {value:.6g}")
        if remote:
            context.say(f"Web View: {record.get('studio_url', '')}")
            context.say(f"Outputs: aml run download-logs -r {run.id} -d FOLDER brings them to {shown(run.folder)}")
        else:
            context.say(f"Outputs: {shown(run.folder / 'outputs')}")
        if record["status"] != "Completed":
            context.say(f"Log: {shown(run.log)}")

    context.result(record, text)
    if record["status"] == "Completed":
        return 0
    if record["status"] == "Canceled":
        return CANCELLED
    why = record.get("error", {}).get("message", "it ended without a word")
    click.echo(f"{click.style('Error:', fg='red', bold=True)} {run.id}: {why}", err=True)
    return JOB_FAILED


def shown(path: Path) -> str:
    """A path as a person here would write it."""
    try:
        return path.relative_to(Path.cwd()).as_posix()
    except ValueError:
        return str(path)


@contextlib.contextmanager
def recording(context: Context) -> Iterator[Callable[[runs.Run], None]]:
    """What to tell of a run that was made: `-t FILE` is written then, and again at the end, however it comes."""
    made: list[runs.Run] = []

    def created(run: runs.Run) -> None:
        made.append(run)
        copy_record(context, run)

    try:
        yield created
    finally:
        for run in made:
            copy_record(context, run)


def copy_record(context: Context, run: runs.Run) -> None:
    """Write `-t FILE`, when it was asked for, as the record stands now."""
    if context.metadata_file is not None:
        write_json(context.metadata_file, run.record())
