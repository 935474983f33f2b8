"""`--ic` and `--dc` for `aml explain` and `aml export`: what the files of a deployment become in v2."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from amlrun import project as projects
from amlrun.cli.common import Context, F, with_options
from amlrun.cli.conversions import publishable, show_rows
from amlrun.cli.scoring_options import Script
from amlrun.errors import AmlError
from amlrun.runs.files import write_text

_FILES = ("endpoint.yml", "deployment.yml")


def scoring_files(function: F) -> F:
    """v1's flags for the files of a deployment: `--ic`, `--dc`."""
    options: list[Callable[[Any], Any]] = [
        click.option("--inference-config-file", "--ic", "ic", metavar="FILE", help="v1's inference configuration."),
        click.option("--deploy-config-file", "--dc", "dc", metavar="FILE", help="v1's deployment configuration."),
    ]
    return with_options(function, options)


def explain_files(context: Context, ic: str | None, dc: str | None) -> None:
    """Show every key of the two files: its value, its line, and what becomes of it."""
    from amlrun.v1.scoring import inference
    from amlrun.v1.scoring.field_table import DEPLOYMENT, INFERENCE

    root = projects.find(context.path).root
    asked = (("--ic", ic, INFERENCE), ("--dc", dc, DEPLOYMENT))
    found = {
        name: inference.read(inference.find_file(name, context.path, root, flag), table).rows()
        for flag, name, table in asked
        if name is not None
    }
    if not found:
        raise AmlError(
            "nothing to explain",
            hint="Give -c NAME, -y FILE (a v1 pipeline), -f FILE (an AutoML job), or --ic FILE, --dc FILE or both.",
        )
    show_rows(context, found)


def export_files(
    context: Context, ic: str | None, dc: str | None, name: str | None, model: str | None, destination: str | None
) -> None:
    """Write, or print, the managed online endpoint and deployment that the two files describe."""
    from amlrun.serving.base import check_name
    from amlrun.serving.configuration import compute_type, read_deployment
    from amlrun.v1.scoring import endpoint

    if name is None or model is None:
        raise AmlError(
            "nothing to export",
            hint="Give -c NAME for a job, -y FILE for a v1 pipeline, -f FILE for an AutoML job;\n"
            "-n NAME -m MODEL --ic FILE --dc FILE for an endpoint.",
        )
    check_name(name)
    config = read_deployment(context.path, dc)
    compute_type(config)
    inference = Script(ic, {}).inference(context.path)
    folder = Path(destination).absolute() if destination else context.path
    made = publishable(endpoint.translate(name, "blue", model, inference, config))
    texts, trees = endpoint.texts(made, folder), endpoint.trees(made, folder)
    files = [folder / file for file in _FILES] if destination else []
    for file, text in zip(files, texts):
        write_text(file, text)
    for note in made.notes:
        context.warn(note)
    value = {"endpoint": trees[0], "deployment": trees[1], "notes": made.notes, "files": [str(one) for one in files]}
    shown = [Path(destination) / file for file in _FILES] if destination else []
    told = (
        f"Wrote {shown[0]} and {shown[1]}. Create them with:\n"
        f"  az ml online-endpoint create -f {shown[0]}\n"
        f"  az ml online-deployment create --all-traffic -f {shown[1]}"
        if destination
        else "---\n".join(texts).rstrip("\n")
    )
    context.result(value, told)
