"""`aml pipeline inference`: from a training pipeline to one that scores."""

from __future__ import annotations

from pathlib import Path

import click

from amlrun.cli.common import Context, common_options
from amlrun.runs.files import write_text


@click.command("inference")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--model", "wanted", required=True, metavar="STEP.OUTPUT", help="The output that is the trained model.")
@click.option("--registered", metavar="NAME", help="The registered model's name, where the output has none.")
@click.option("-f", "--output-file", "destination", required=True, metavar="FILE", type=click.Path(path_type=Path),
              help="The pipeline to write; score.py is written beside it.")  # fmt: skip
@common_options
def inference(context: Context, file: Path, wanted: str, registered: str | None, destination: Path) -> None:
    """Write a scoring pipeline from a training pipeline.

    \b
    aml pipeline inference pipelines/train.yml --model train.model --registered demo-model -f pipelines/score.yml

    The registered model replaces the steps that produce it; steps that only train are dropped and reported. As in Azure
    ML's Designer, the result is a starting point: its input still has the column to predict.
    """
    from amlrun.pipeline import inference as deriving
    from amlrun.pipeline import load
    from amlrun.spec import write

    found = deriving.derive(load.load(file, context.path), wanted, registered)
    place = destination.absolute()
    score = place.with_name("score.py")
    for one in (place, score):
        if one.exists():
            from amlrun.errors import AmlError

            raise AmlError("already exists", file=one, hint="Name another file with -f.")
    write_text(place, write.text(found.job, place.parent))
    write_text(score, deriving.score_py(found))

    def text() -> None:
        for name in found.kept:
            click.echo(f"kept     {name}")
        for name, why in found.dropped.items():
            click.echo(f"dropped  {name}: {why}")
        click.echo(f"Wrote {destination} and {score.name} beside it; they read the model {found.model}.")

    value = {"file": str(destination), "score": str(score), "model": found.model, "kept": found.kept}
    context.result({**value, "dropped": found.dropped}, text)
