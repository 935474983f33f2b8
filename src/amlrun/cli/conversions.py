"""How `aml explain` and `aml export` show and write what v1's files, and v2's AutoML jobs, become."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from amlrun.cli.common import Context
from amlrun.errors import AmlError, os_errors
from amlrun.runs.files import write_text

if TYPE_CHECKING:
    from amlrun.spec.automl import AutoMLJob
    from amlrun.spec.jobs import Job
    from amlrun.v1.config import Row
    from amlrun.v1.scoring.endpoint import Managed


def refuse(given: Mapping[str, Any], other: str) -> None:
    """Raise AmlError for the first of these flags that has a value: it does not go with `other`."""
    for flag, value in given.items():
        if value:
            raise AmlError(f"{flag}: cannot be combined with {other}")


def show_rows(context: Context, found: dict[str, list[Row]]) -> None:
    """Show the keys of files by their name; that of a single file may be empty, and is not shown then."""

    def tables() -> None:
        for name, rows in found.items():
            if len(found) > 1:
                click.echo(f"{name}:")
            shown = [(row.key, short(row.value), row.line, row.status, row.becomes) for row in rows]
            context.table(("key", "value", "line", "status", "becomes"), shown)

    context.result(
        [{"file": name, **vars(row)} if name else vars(row) for name in found for row in found[name]], tables
    )


def short(value: Any) -> str:
    """A value in a cell of a table."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    text = " ".join(text.split())
    return text if len(text) <= 60 else f"{text[:57]}..."


def folder_of(context: Context, destination: str | None) -> Path:
    """The folder that the paths of a written job are relative to."""
    return Path(destination).absolute().parent if destination else context.path


def without_secrets(tree: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """What is written into a file, which may be committed, with `***` for each secret; and a note for each place."""
    from amlrun.runs import redact

    shown: dict[str, Any] = redact.masked(tree)
    hint = "give it when this is created in Azure ML (--set {0}=…), or have the script read it from a key vault"
    return shown, [f"{place}: *** stands for a secret: {hint.format(place)}" for place in _differing(tree, shown, "")]


def publishable(made: Managed) -> Managed:
    """An endpoint's files `without_secrets`, whose places are among the notes."""
    shown, secrets = without_secrets(made.deployment)
    return replace(made, deployment=shown, notes=[*made.notes, *secrets])


def _differing(one: Any, other: Any, place: str) -> Iterator[str]:
    if isinstance(one, dict):
        for key in one:
            yield from _differing(one[key], other[key], f"{place}.{key}".removeprefix("."))
    elif one != other:
        yield place


def show_job(
    context: Context,
    job: Job,
    destination: str | None,
    notes: Sequence[str],
    comments: Mapping[str, str],
    head: Sequence[str],
    folder: Path,
) -> None:
    """Write the job as v2's YAML with the files that it points to, or print it, and say what was not converted."""
    from amlrun.spec import write

    tree, secrets = without_secrets(write.tree(job, folder))
    text = write.tree_text(tree, comments, head)
    beside = write.side_files(job, folder)
    written = {Path(destination).absolute(): text, **beside} if destination else {}
    for file, content in written.items():
        write_text(file, content)
    if beside and not destination:
        context.warn("the Dockerfile is written only with -o FILE, beside it")
    notes = [*notes, *secrets]
    for note in notes:
        context.warn(note)
    value = {"job": tree, "notes": notes, "files": [str(file) for file in written]}
    context.result(value, f"Wrote {destination}" if destination else text.rstrip("\n"))


def explain_pipeline(context: Context, file: Path, target: str | None) -> None:
    """Show every key of a v1 pipeline's file: its value, its line, and what it becomes."""
    from amlrun.v1.pipeline.to_pipeline import inspect

    reading = inspect(file, context.path, target=target)
    show_rows(context, {"": reading.rows})
    for problem in [*reading.refused, *reading.let_pass]:
        context.warn(str(problem).partition("\n")[0])


def export_pipeline(context: Context, file: Path, target: str | None, destination: str | None) -> None:
    """Write, or print, a v1 pipeline's file as v2's pipeline YAML."""
    from amlrun.v1.pipeline.exporting import export

    folder = folder_of(context, destination)
    made = export(file, context.path, folder, target=target)
    show_job(context, made.job, destination, made.notes, made.comments, made.head, folder)


def automl_job(file: Path, target: str | None) -> AutoMLJob:
    """The AutoML job of a file. Raises AmlError for a job of another type."""
    from amlrun import api
    from amlrun.spec.automl import AutoMLJob

    job = api.load_job(file, target=target)
    if not isinstance(job, AutoMLJob):
        hint = (
            "A v1 pipeline goes to -y; aml pipeline check reads a v2 one."
            if job.type == "pipeline"
            else "It is already a v2 job: run it with aml job create -f."
        )
        raise AmlError(f"is a {job.type} job, not an automl job", file=file, line=1, field="type", hint=hint)
    return job


def explain_automl(context: Context, file: Path, target: str | None) -> None:
    """Show every key of the file."""
    from amlrun.automl import explaining

    show_rows(context, {"": explaining.rows(automl_job(file, target))})


def export_automl(context: Context, file: Path, target: str | None, destination: str | None) -> None:
    """Write the job as v2's YAML, and an MLTable's folder beside it for each bare file."""
    from amlrun.spec import write, write_automl

    job = automl_job(file, target)
    folder = folder_of(context, destination)
    if job.compute == "local":
        context.warn("compute: local: v2 AutoML runs on a cluster only: name one with --ct")
    tree, secrets = without_secrets(write.tree(job, folder))
    for note in secrets:
        context.warn(note)
    text = write.tree_text(tree, {}, ())
    written = []
    if destination:
        place = Path(destination).absolute()
        write_text(place, text)
        with os_errors("write the MLTable"):
            written = [place, *write_automl.write_tables(write_automl.tables(job), folder)]
    elif write_automl.tables(job):
        context.warn("the MLTable of the data is written only with -o FILE, beside it")
    value = {"job": tree, "files": [str(one) for one in written]}
    lines = [f"Wrote {one}" for one in written]
    context.result(value, "\n".join(lines) if destination else text.rstrip("\n"))
