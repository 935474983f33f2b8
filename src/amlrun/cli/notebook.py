"""`aml notebook convert`: a notebook as a `train.py`, with a report and a proposal for the conda file."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from amlrun.cli.common import Context, debug_option
from amlrun.errors import AmlError

if TYPE_CHECKING:
    from amlrun.notebook.convert import Conversion


@click.group("notebook")
def command() -> None:
    """Turn a notebook into a training script."""


@command.command("convert")
@click.argument("notebook", type=click.Path(path_type=Path))
@click.option("-o", "--output", "output", metavar="FILE", type=click.Path(path_type=Path),
              help="The script to write; the default is the train.py of the project's only model.")  # fmt: skip
@click.option("--overwrite", is_flag=True, help="Overwrite an existing script without asking.")
@click.option("--apply", is_flag=True,
              help="Also write what is proposed (conda file, run configurations, datasets.yml), and score.py, "
                   "score_batch.py, a sample request and a test for the model.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print the report as one JSON document.")
@click.option("-t", "--output-metadata-file", "metadata_file", metavar="FILE", type=click.Path(path_type=Path),
              help="Also write the report there as JSON.")  # fmt: skip
@click.option("--path", default=".", metavar="FOLDER", show_default=True, type=click.Path(path_type=Path),
              help="The project folder.")  # fmt: skip
@debug_option
def convert(
    notebook: Path,
    output: Path | None,
    overwrite: bool,
    apply: bool,
    as_json: bool,
    metadata_file: Path | None,
    path: Path,
) -> None:
    """Convert NOTEBOOK to a training script. The notebook itself is not changed.

    Cells tagged `parameters` (else plain values at the top) become options, files are read through --data-path, and
    written to outputs/. Cells tagged `skip` or `exploration` are left out. NOTEBOOK may also be a Python script with
    cells, of Databricks or Jupytext (`# %%`).
    """
    from amlrun.notebook import convert as conversions

    context = Context(path.absolute(), "json" if as_json else "text", metadata_file)
    script = output if output is not None else conversions.only_script(context.path)
    made = conversions.convert(notebook, script, apply=apply, overwrite=overwrite)
    _may_write(script, overwrite)
    changes = [{"file": str(one.file), "add": one.added, "diff": one.diff, "applied": apply} for one in made.proposals]
    naming = made.data_command(context.path)
    made.write()
    _result(context, made, changes, naming)


def _may_write(target: Path, overwrite: bool) -> None:
    if not target.exists() or overwrite:
        return
    try:
        agreed = click.confirm(f"{target} already exists. Overwrite it?", err=True)
    except click.Abort:
        agreed = False
    if not agreed:
        raise AmlError("already exists; it was not overwritten", file=target, hint="Give --overwrite, or another -o.")


def _result(context: Context, made: Conversion, changes: list[dict[str, Any]], naming: str | None) -> None:
    report, applied = made.report, made.apply
    conda = next((change for change in changes if change["add"]), None)
    files = [change["file"] for change in changes if change["file"].endswith((".py", "request.json"))]
    value = {
        "script": str(made.script),
        "options": report.options,
        "model": report.model,
        "model_file": report.model_file,
        "done": report.done,
        "todo": report.todo,
        "conda": conda,
        "runconfigs": [change for change in changes if change["file"].endswith(".runconfig")],
        "files": files,
        "dataset": naming,
    }

    def text() -> None:
        context.say(f"Wrote {made.script}.")
        if report.options:
            context.say("\nOptions:")
            for option in report.options:
                context.say(f"  {option['flag']} ({option['type']}, default {option['default']})")
        if report.done:
            context.say("\nWhat was done:")
        for line in report.done:
            context.say(f"  {line}")
        if report.todo:
            context.say("\nTo do:")
            for line in report.todo:
                context.say(f"  {line}")
        seen: dict[str, str] = {}
        if files:
            context.say("\nWritten for the model:")
        for name in files:
            context.say(f"  {Path(os.path.relpath(name, context.path)).as_posix()}")
        for change in changes:
            if change["file"] in files:
                continue
            context.say(f"\n{'Written to' if applied else 'Proposed for'} {change['file']}:")
            body = change["diff"].split("\n", 2)[-1]
            context.say(f"(the same as for {seen[body]})" if body in seen else change["diff"])
            seen.setdefault(body, Path(change["file"]).name)
        if naming:
            context.say(f"\n{'Done too' if applied else 'And to name the data'}: {naming}")
        if report.model_file:
            context.say(
                f"\nAfter a run: aml model register -n NAME --asset-path {shlex.quote(report.model_file)} -f run.json"
            )
            if report.sampled:
                context.say("Then: aml score -m NAME RUN_FOLDER/outputs/sample-request.json")
        if (changes or naming) and not applied:
            context.say("\nAdd --apply to have that done.")

    context.result(value, text)
