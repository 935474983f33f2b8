"""`aml explain -f` and `aml export -f`: a v2 AutoML job's YAML."""

from __future__ import annotations

from pathlib import Path

from amlrun.cli.common import Context
from amlrun.cli.scoring_files import show_rows
from amlrun.errors import AmlError, os_errors
from amlrun.runs.files import write_text
from amlrun.spec.automl import AutoMLJob


def load(file: Path, target: str | None) -> AutoMLJob:
    """The AutoML job of a file. Raises AmlError for a job of another type."""
    from amlrun import api

    job = api.load_job(file, target=target)
    if not isinstance(job, AutoMLJob):
        hint = (
            "A v1 pipeline's file goes to -y."
            if job.type == "pipeline"
            else "It is v2's already: aml job create -f runs it."
        )
        raise AmlError(f"is a {job.type} job, not an automl job", file=file, line=1, field="type", hint=hint)
    return job


def explain_automl(context: Context, file: Path, target: str | None) -> None:
    """Show every key of the file."""
    from amlrun.automl import explaining

    show_rows(context, {"": explaining.rows(load(file, target))})


def export_automl(context: Context, file: Path, target: str | None, destination: str | None) -> None:
    """Write the job as v2's YAML, and an MLTable's folder beside it for each bare file."""
    from amlrun.spec import write, write_automl

    job = load(file, target)
    folder = Path(destination).absolute().parent if destination else context.path
    if job.compute == "local":
        context.warn("compute: local: v2's AutoML runs on a cluster only: give its name with --ct")
    text = write.text(job, folder)
    written = []
    if destination:
        place = Path(destination).absolute()
        write_text(place, text)
        with os_errors("write the MLTable"):
            written = [place, *write_automl.write_tables(write_automl.tables(job), folder)]
    elif write_automl.tables(job):
        context.warn("the MLTable of the data is written only with -o FILE, beside it")
    value = {"job": write.tree(job, folder), "files": [str(one) for one in written]}
    lines = [f"Wrote {one}" for one in written]
    context.result(value, "\n".join(lines) if destination else text.rstrip("\n"))
