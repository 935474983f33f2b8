"""`aml automl`: search the best model of a table, and write the winner as a script."""

from __future__ import annotations

from pathlib import Path

import click

from amlrun.cli.common import Context, common_options
from amlrun.cli.options import SubmitFlags, submit_options
from amlrun.errors import AmlError
from amlrun.runs.files import write_text
from amlrun.runs.record import AUTOML_RUN


@click.group("automl")
def command() -> None:
    """Find the best model for a table, locally or in a workspace."""


@command.command("submit")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("-e", "--experiment-name", metavar="NAME", help="The experiment the run belongs to.")
@click.option("--ct", "--target", "target", metavar="NAME", help="Where to run, instead of the file's `compute`.")
@click.option("--resume", metavar="RUN", help="Resume a local search that was interrupted or cancelled.")
@click.option("--seed", type=click.IntRange(min=0), help="Seed of a search on this machine; random and recorded by "
              "default. With max_trials it repeats the search exactly.")  # fmt: skip
@click.option("--no-warm", is_flag=True, help="Start each trial in a new process instead of forking a warm one.")
@submit_options
@common_options
def submit(
    context: Context,
    file: Path | None,
    experiment_name: str | None,
    target: str | None,
    resume: str | None,
    seed: int | None,
    no_warm: bool,
    flags: SubmitFlags,
) -> int:
    """Search for a table's best model with a v2 AutoML job. Its YAML may be for classification or regression.

    \b
    aml automl submit automl.yml --ct local
    aml automl submit --resume AutoML_…

    Locally, each trial is a run of a scikit-learn or LightGBM model; on a cluster the service's own AutoML runs the
    same file. The winner is in the run's outputs: model.pkl for score.py, mlflow-model, and train.py.
    """
    from amlrun.cli.conversions import automl_job
    from amlrun.cli.submit import submit as send
    from amlrun.cli.sweep import take_up

    options = flags.options(warm=not no_warm)
    if resume is not None:
        return take_up(context, resume, options)
    if file is None:
        raise AmlError("FILE: name the AutoML job's YAML", hint="For instance: aml automl submit automl.yml --ct local")
    job = automl_job(file, target)
    job.source.seed = seed
    return send(context, job, experiment_name, options, dry_run=flags.dry_run)


@command.command("export-script")
@click.option("-r", "--run", "run_id", metavar="RUN", default="latest", show_default=True, help="The search.")
@click.option("-o", "--output-file", "destination", metavar="FILE", help="Write the script there; default: print it.")
@common_options
def export_script(context: Context, run_id: str, destination: str | None) -> None:
    """Write a training script for a search's best model. It gives the same score.

    \b
    aml automl export-script -r latest -o train.py

    The script needs scikit-learn and pandas, but not amlrun: a starting point for your own.
    """
    from amlrun import api
    from amlrun.cli.run import run_id_of

    if destination in ("json", "text"):
        context.output, destination = destination, None
    run = api.get_run(run_id_of(run_id), path=context.path)
    script = run.folder / "outputs" / "train.py"
    if run.files.part("submit").get("run_type") != AUTOML_RUN:
        raise AmlError(f"{run.id} is not a local AutoML search", hint="Name one with -r.")
    if not script.is_file():
        raise AmlError(f"{run.id} has no best model: its outputs/ has no train.py", hint="It has to complete first.")
    text = script.read_text(encoding="utf-8")
    if destination:
        write_text(Path(destination), text)
    value = {"run_id": run.id, "script": text, "file": destination}
    context.result(value, f"Wrote {destination}" if destination else text.rstrip("\n"))


# `-o` is the file here, as in `aml export`; the format is still said by --output.
for _parameter in export_script.params:
    if _parameter.name == "output":
        _parameter.opts.remove("-o")
