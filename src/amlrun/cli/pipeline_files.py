"""`-y` for `aml explain` and `aml export`: what a v1 pipeline's file becomes in v2."""

from __future__ import annotations

from pathlib import Path

from amlrun.cli.common import Context
from amlrun.cli.scoring_files import show_rows
from amlrun.errors import AmlError
from amlrun.runs.files import write_text
from amlrun.v1.pipeline.exporting import export
from amlrun.v1.pipeline.to_pipeline import inspect


def explain_pipeline(context: Context, file: Path, target: str | None) -> None:
    """Show every key of a v1 pipeline's file: its value, its line, and what it becomes."""
    reading = inspect(_file(file), context.path, target=target)
    show_rows(context, {"": reading.rows})
    for problem in [*reading.refused, *reading.let_pass]:
        context.warn(str(problem).partition("\n")[0])


def export_pipeline(context: Context, file: Path, target: str | None, destination: str | None) -> None:
    """Write, or print, a v1 pipeline's file as v2's pipeline YAML."""
    from amlrun.spec import write

    folder = Path(destination).absolute().parent if destination else context.path
    made = export(_file(file), context.path, folder, target=target)
    text = write.text(made.job, folder, made.comments, made.head)
    written = {}
    if destination:
        written = {Path(destination).absolute(): text, **write.side_files(made.job, folder)}
        for place, content in written.items():
            write_text(place, content)
    for note in made.notes:
        context.warn(note)
    value = {"job": write.tree(made.job, folder), "notes": made.notes, "files": [str(one) for one in written]}
    context.result(value, f"Wrote {destination}" if destination else text.rstrip("\n"))


def _file(file: Path) -> Path:
    if file.is_dir():
        raise AmlError("is a folder", file=file, hint="Name the pipeline's YAML file.")
    return file
