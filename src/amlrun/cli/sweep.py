"""`aml run submit-hyperdrive` and `aml run best`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from amlrun.cli.common import Context, common_options
from amlrun.cli.options import (
    ContainerOptions,
    JobOptions,
    RankOptions,
    SubmitFlags,
    container_options,
    job_options,
    rank_options,
    submit_options,
)  # fmt: skip
from amlrun.errors import AmlError
from amlrun.targets.base import SubmitOptions

if TYPE_CHECKING:
    from amlrun.cli.watching import Printer
    from amlrun.targets.base import Run


@click.command("submit-hyperdrive", context_settings={"allow_interspersed_args": False})
@click.option("--hyperdrive-configuration-name", "sweep_name", metavar="FILE",
              help="The HyperDrive file: a path, or the name (or its ending) of a file below --path.")  # fmt: skip
@job_options
@click.option("--resume", metavar="RUN", help="Resume a local sweep that was interrupted or cancelled.")
@click.option(
    "--seed", type=click.IntRange(min=0), help="Seed to reproduce a sweep's values; random and recorded by default."
)
@click.option("--no-warm", is_flag=True, help="Start each trial in a new process instead of forking a warm one.")
@submit_options
@rank_options
@container_options
@common_options
def submit_hyperdrive(
    context: Context,
    wanted: JobOptions,
    ranks: RankOptions,
    container: ContainerOptions,
    flags: SubmitFlags,
    sweep_name: str | None,
    resume: str | None,
    seed: int | None,
    no_warm: bool,
) -> int:
    """Run a hyperparameter sweep from a HyperDrive file, locally or on Azure ML compute.

    \b
    aml run submit-hyperdrive -c train-local -e sweep --hyperdrive-configuration-name sweep.yml
    aml run submit-hyperdrive --resume HD_…

    Each trial is a run of its own. The metric is what the script logs with mlflow.log_metric.
    """
    options = flags.options(warm=not no_warm, pull=container.pull)
    if resume is not None:
        return take_up(context, resume, options)
    if not sweep_name:
        raise AmlError(
            "--hyperdrive-configuration-name: no file given",
            hint="For example: --hyperdrive-configuration-name sweep.yml",
        )
    if not wanted.name:
        raise AmlError("-c: name the run configuration of the trials", hint="For instance: -c train-local")
    from amlrun import api
    from amlrun.cli.submit import submit
    from amlrun.v1.hyperdrive import to_sweep

    # Looked for first: the message of a file that is missing is the one to read.
    file = to_sweep.find(sweep_name, context.path)
    job = api.load_hyperdrive(file, wanted.load(context, container.use), path=context.path, seed=seed)
    ranks.apply(job)
    return submit(context, job, wanted.experiment, options, dry_run=flags.dry_run)


def take_up(context: Context, name: str, options: SubmitOptions) -> int:
    from amlrun import api
    from amlrun.cli.run import run_id_of
    from amlrun.cli.submit import follow
    from amlrun.targets.base import RunCreated

    def resumed(show: Printer) -> Run:
        run = api.resume(run_id_of(name), path=context.path, on_event=show, options=options)
        show(RunCreated(run))
        return run

    return follow(context, options, resumed)


@click.command("best")
@click.option("-e", "--experiment-name", metavar="NAME", required=True, help="The experiment whose runs are compared.")
@click.option("--metric", metavar="NAME", required=True, help="The metric, as the scripts log it.")
@click.option("--minimize", is_flag=True, help="Smallest value first; default: largest.")
@click.option("--last", default=1, show_default=True, type=click.IntRange(min=1), help="How many to show, best first.")
@common_options
def best(context: Context, experiment_name: str, metric: str, minimize: bool, last: int) -> None:
    """Find the best completed run of an experiment, trials included, by the metric's last value.

    Compares this project's runs, including those on Azure ML; with -w, all runs of the workspace.
    """
    from amlrun import api
    from amlrun.cli.watching import Printer

    with Printer(context) as show:
        chosen = api.best_runs(
            experiment_name,
            metric,
            minimize=minimize,
            last=last,
            path=context.path,
            workspace=context.find_workspace if context.names_workspace else None,
            on_event=show,
        )
    if not chosen:
        raise AmlError(
            f"no completed run of {experiment_name!r} logged {metric!r}",
            hint=f"`aml run list -e {experiment_name}` shows its runs, `aml run show -r RUN` a run's metrics.",
        )
    rows = [
        [
            record["run_id"], f"{record['metrics'][metric]:.6g}",
            " ".join(f"{name}={value}" for name, value in (record.get("hyperparameters") or {}).items()),
        ]
        for record in chosen
    ]  # fmt: skip
    context.result(chosen[0] if last == 1 else chosen, lambda: context.table(["RunId", metric, "Parameters"], rows))
