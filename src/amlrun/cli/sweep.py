"""`aml run submit-hyperdrive` and `aml run best`."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import click

from amlrun import project as projects
from amlrun.cli.common import Context, common_options
from amlrun.cli.watching import copy_record, recording, shown
from amlrun.errors import CANCELLED, JOB_FAILED, AmlError
from amlrun.runs import store as runs
from amlrun.spec.job import CommandJob, SweepJob, said


@click.command("submit-hyperdrive", context_settings={"allow_interspersed_args": False})
@click.option("--hyperdrive-configuration-name", "sweep_name", metavar="FILE",
              help="The sweep's file: a path, or the (end of the) name of a file below --path.")  # fmt: skip
@click.option("-c", "--run-configuration-name", "name", metavar="NAME",
              help="The trials' run configuration, as for submit-script.")  # fmt: skip
@click.option("-e", "--experiment-name", metavar="NAME", help="The experiment the sweep belongs to.")
@click.option("--ct", "--target", "target", metavar="NAME", help="Where to run, instead of the file's `target`.")
@click.option("-d", "--conda-dependencies", "conda_file", metavar="FILE",
              type=click.Path(path_type=Path), help="A conda file, instead of the file's.")  # fmt: skip
@click.option("--source-directory", metavar="FOLDER", type=click.Path(path_type=Path),
              help="The folder that travels and is run in; --path by default.")  # fmt: skip
@click.option("--async", "detach", is_flag=True, help="Return at once; the sweep goes on in the background.")
@click.option("--resume", metavar="RUN", help="Go on with a sweep of this machine that was interrupted or cancelled.")
@click.option("--job-from-stdin", is_flag=True, hidden=True)
@click.option("--seed", type=click.IntRange(min=0), help="Repeat a sweep's values; drawn and recorded by default.")
@click.option("--no-warm", is_flag=True, help="Start a fresh process a trial, instead of a fork of a warm one.")
@click.option("--dry-run", is_flag=True, help="Print what a cloud submit would send, and send nothing.")
@click.option("--no-snapshot-limit", is_flag=True, help="Allow more than 2,000 files or 300 MB.")
@click.argument("script_and_arguments", nargs=-1, type=click.UNPROCESSED, metavar="[SCRIPT [ARGUMENTS]...]")
@common_options
def submit_hyperdrive(
    context: Context,
    sweep_name: str | None,
    name: str | None,
    experiment_name: str | None,
    target: str | None,
    conda_file: Path | None,
    source_directory: Path | None,
    detach: bool,
    resume: str | None,
    job_from_stdin: bool,
    seed: int | None,
    no_warm: bool,
    dry_run: bool,
    no_snapshot_limit: bool,
    script_and_arguments: tuple[str, ...],
) -> int:
    """Run a script many times with values drawn as a HyperDrive file says, here or on Azure ML compute.

    \b
    aml run submit-hyperdrive -c train-local -e sweep --hyperdrive-configuration-name sweep.yml
    aml run submit-hyperdrive --resume HD_…

    Each trial is a run of its own. The metric is what the script logs with mlflow.log_metric.
    """
    if resume is not None:
        from amlrun.sweep import store

        job = store.revive(SweepJob, json.load(sys.stdin)) if job_from_stdin else None
        return _resume(context, projects.find(context.path), resume, job)
    if not sweep_name:
        raise AmlError("--hyperdrive-configuration-name: name the sweep's file", hint="For instance: sweep.yml")
    if not name:
        raise AmlError("-c: name the run configuration of the trials", hint="For instance: -c train-local")
    from amlrun.cli.submit import submit
    from amlrun.v1.hyperdrive import to_sweep
    from amlrun.v1.runconfig import to_job

    file = to_sweep.find(sweep_name, context.path)
    trial = to_job.load(
        name,
        context.path,
        source_directory=source_directory,
        target=target,
        conda_file=conda_file,
        script_and_arguments=script_and_arguments,
    )
    if not isinstance(trial, CommandJob):
        raise AmlError(f"a {trial.type} job can't be swept", hint="A sweep runs Python scripts and commands.")
    job = to_sweep.load(file, trial)
    if seed is not None:
        job.sampling_algorithm.seed = seed
    limits = not no_snapshot_limit
    return submit(context, job, experiment_name, detach=detach, limits=limits, dry_run=dry_run, warm=not no_warm)


def submit_here(
    context: Context,
    project: projects.Project,
    job: SweepJob,
    experiment: str,
    detach: bool,
    *,
    warm: bool,
    limits: bool,
) -> int:
    """Run a sweep on this machine, and say how it ended. Returns the exit code."""
    from amlrun.sweep import local

    with recording(context) as created:
        run = local.submit(project, job, experiment, report=context.say, warm=warm, limits=limits, created=created)
        return _detach(context, run, job) if detach else _drive(context, project, run, job)


def _detach(context: Context, run: runs.Run, job: SweepJob) -> int:
    """Start another `aml` that drives the sweep, and return once it has signed the record.

    It gets the job through a pipe: no record and no command line has its secrets.
    """
    flags: dict[str, Any] = {"start_new_session": True}
    if sys.platform == "win32":
        flags = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW}
    words = ["run", "submit-hyperdrive", "--path", str(context.path), "--resume", run.id, "--job-from-stdin"]
    with (run.private / "driver.log").open("wb") as log:
        driver = subprocess.Popen(
            [sys.executable, "-m", "amlrun", *words], stdin=subprocess.PIPE, stdout=log, stderr=log, **flags
        )
    assert driver.stdin is not None  # noqa: S101 - PIPE was asked for
    with suppress(BrokenPipeError), driver.stdin as stream:
        stream.write(json.dumps(said(job)).encode())
    while not (run.private / "process.json").exists():
        if driver.poll() is not None:
            raise AmlError("the sweep's driver did not start", file=run.private / "driver.log", exit_code=JOB_FAILED)
        time.sleep(0.01)
    context.result(run.record(), f"Started in the background. Follow it: aml run monitor-logs -r {run.id}")
    return 0


def _resume(context: Context, project: projects.Project, name: str, job: SweepJob | None) -> int:
    from amlrun.cli.run import id_in

    if name.endswith(".json") and Path(name).is_file():
        name = id_in(Path(name))
    run = runs.find(project.runs, name)
    if run.part("submit").get("remote"):
        hint = f"Watch it: aml run monitor-logs -r {run.id}"
        raise AmlError(f"--resume: {run.id} runs in a workspace, not on this machine", hint=hint)
    try:
        return _drive(context, project, run, job)
    finally:
        copy_record(context, run)


def _drive(context: Context, project: projects.Project, run: runs.Run, job: SweepJob | None) -> int:
    from amlrun.cli.sweep_view import View
    from amlrun.sweep import local

    settings = local.reopen(run, job)

    def ask_to_end(*_: Any) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, ask_to_end)
    try:
        with View(context, run) as view:
            outcome = local.drive(project, run, settings, view)
    finally:
        signal.signal(signal.SIGTERM, before)
    where = [f"Outputs: {shown(run.folder / 'outputs')}"]
    if outcome.status != "Completed":
        where.append(f"Go on with it: aml run submit-hyperdrive --resume {run.id}")
    return summary(context, run, outcome, where)


def summary(context: Context, run: runs.Run, outcome: Any, where: list[str]) -> int:
    """Say how a sweep ended; the lines `where` say what to do with it. Returns the exit code."""
    from amlrun.sweep.space import word

    record = run.record()
    best = outcome.best

    def text() -> None:
        status = record["status"]
        colour = {"Completed": "green", "Canceled": "yellow"}.get(status, "red")
        context.say("\nExecution Summary\n=================")
        context.say(f"RunId: {run.id}")
        context.say(f"Status: {click.style(status, fg=colour)}")
        context.say(f"Seconds: {record.get('seconds', 0):.1f}")
        if best is not None:
            values = " ".join(f"{name}={word(value)}" for name, value in best.values.items())
            context.say(f"Best trial: {best.number} ({best.run.id})")
            score = "" if best.best is None else f" {best.best:.6g}"
            context.say(f"Best {record.get('primary_metric_name')}:{score} with {values}")
        for line in where:
            context.say(line)

    context.result(record, text)
    if outcome.status == "Completed":
        return 0
    if outcome.status == "Canceled":
        return CANCELLED
    click.echo(f"{click.style('Error:', fg='red', bold=True)} {run.id}: {outcome.message}", err=True)
    if outcome.hint:
        click.echo(outcome.hint, err=True)
    return JOB_FAILED


@click.command("best")
@click.option("-e", "--experiment-name", metavar="NAME", required=True, help="The experiment whose runs are compared.")
@click.option("--metric", metavar="NAME", required=True, help="The metric, as the scripts log it.")
@click.option("--minimize", is_flag=True, help="The smallest is the best; the largest otherwise.")
@click.option("--last", default=1, show_default=True, type=click.IntRange(min=1), help="How many, best first.")
@common_options
def best(context: Context, experiment_name: str, metric: str, minimize: bool, last: int) -> None:
    """Find the best completed run of an experiment, trials included, by the metric's last value.

    The runs that are known here, also those on Azure ML; with -w all of the workspace's.
    """
    from amlrun.cli import cloud_assets

    if cloud_assets.wanted(context):
        from amlrun.azure import sweeps
        from amlrun.cli.cloud import client_of

        found = sweeps.completed(client_of(context), experiment_name, metric)
    else:
        found = _known(context, experiment_name, metric)
    if not found:
        raise AmlError(
            f"no completed run of {experiment_name!r} logged {metric!r}",
            hint=f"`aml run list -e {experiment_name}` shows its runs, `aml run show -r RUN` a run's metrics.",
        )
    found.sort(key=lambda record: record["metrics"][metric], reverse=not minimize)
    chosen = found[:last]
    rows = [
        [
            record["run_id"], f"{record['metrics'][metric]:.6g}",
            " ".join(f"{name}={value}" for name, value in (record.get("hyperparameters") or {}).items()),
        ]
        for record in chosen
    ]  # fmt: skip
    context.result(chosen[0] if last == 1 else chosen, lambda: context.table(["RunId", metric, "Parameters"], rows))


def _known(context: Context, experiment_name: str, metric: str) -> list[dict[str, Any]]:
    """The completed runs with that metric whose records are here."""
    from amlrun.runs import metrics

    project = projects.find(context.path)
    values = metrics.latest(project, metric)
    _refresh(context, project, experiment_name)
    found = []
    for record in runs.records(project.runs):
        run_id = str(record.get("run_id"))
        value = (record.get("metrics") or {}).get(metric) if record.get("remote") else values.get(run_id)
        here = record.get("_experiment_name") == experiment_name and record.get("status") == "Completed"
        if here and value is not None and value == value:
            found.append({**record, "metrics": {metric: value}})
    return found


def _refresh(context: Context, project: projects.Project, experiment: str) -> None:
    """Bring the records of an experiment's cloud runs, and of its sweeps' trials, up to date."""
    remote = [run for run in runs.listing(project.runs) if run.part("submit").get("remote")]
    own = [run for run in remote if run.part("submit").get("_experiment_name") == experiment]
    if not own:
        return
    from amlrun.cli import cloud, sweep_cloud

    cloud.refresh(context, [run for run in own if "parent_run_id" not in run.part("submit")])
    for run in own:
        sweep_cloud.refresh(context, project, run)
