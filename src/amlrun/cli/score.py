"""`aml score`: one request through score.py, with a registered or a just-trained model and no server."""

from __future__ import annotations

from pathlib import Path

import click

from amlrun import project as projects
from amlrun.cli.common import Context, common_options
from amlrun.cli.scoring_options import (
    Script,
    choose_model,
    inference_options,
    read_request,
    show_answer,
    to_stderr,
)


@click.command("score")
@click.argument("request_name", metavar="[REQUEST | -]", required=False)
@click.option("-m", "--model", metavar="NAME[:VERSION]", multiple=True,
              help="A registered model; without a version the newest.")  # fmt: skip
@click.option("-f", "--run-metadata-file", "run_file", type=click.Path(path_type=Path), metavar="run.json",
              help="The run whose model to use (written by -t).")  # fmt: skip
@click.option("--asset-path", default="outputs/model.pkl", show_default=True, help="The model within that run.")
@click.option("-p", "--model-path", type=click.Path(path_type=Path), help="A model file or folder anywhere.")
@inference_options
@common_options
def command(
    context: Context,
    request_name: str | None,
    model: tuple[str, ...],
    run_file: Path | None,
    asset_path: str,
    model_path: Path | None,
    script: Script,
) -> None:
    """Score one request as a service would, and print the answer.

    The request is a JSON file, or stdin; an image or another file that is not JSON is sent as it is.
    """
    from amlrun.serving import once

    request = read_request(request_name, context.path)
    chosen = choose_model(context, model, run_file, asset_path, model_path)
    inference = script.inference(context.path)
    to_stderr(f"Model: {chosen.source}")
    project = projects.find(context.path)
    show_answer(context, once.score(project, inference, chosen, request, report=to_stderr, log=to_stderr))
