"""`aml run submit-script`, and the way of a submit that every command which starts a job shares."""

from __future__ import annotations

import subprocess
from pathlib import Path

import click

from amlrun import project as projects
from amlrun.cli import completion
from amlrun.cli.common import Context, common_options
from amlrun.cli.watching import recording, stream, summary
from amlrun.errors import JOB_FAILED, AmlError
from amlrun.runs import store as runs
from amlrun.spec.job import CommandJob, Job, SweepJob


# Options end where the script begins: what follows it is the script's.
@click.command("submit-script", context_settings={"allow_interspersed_args": False})
@click.option("-c", "--run-configuration-name", "name", metavar="NAME", shell_complete=completion.configurations,
              help="The run configuration: aml_config/NAME.runconfig, else .azureml/NAME.runconfig.")  # fmt: skip
@click.option("-e", "--experiment-name", metavar="NAME", help="The experiment the run belongs to.")
@click.option("--ct", "--target", "target", metavar="NAME", help="Where to run, instead of the file's `target`.")
@click.option("-d", "--conda-dependencies", "conda_file", metavar="FILE",
              type=click.Path(path_type=Path), help="A conda file, instead of the file's.")  # fmt: skip
@click.option("--source-directory", metavar="FOLDER", type=click.Path(path_type=Path),
              help="The folder that travels and is run in; --path by default.")  # fmt: skip
@click.option("--async", "detach", is_flag=True, help="Return once the script is started.")
@click.option("--dry-run", is_flag=True, help="Print what a cloud submit would send, and send nothing.")
@click.option("--no-snapshot-limit", is_flag=True, help="Allow more than 2,000 files or 300 MB.")
@click.argument("script_and_arguments", nargs=-1, type=click.UNPROCESSED, metavar="[SCRIPT [ARGUMENTS]...]")
@common_options
def submit_script(
    context: Context,
    name: str | None,
    experiment_name: str | None,
    target: str | None,
    conda_file: Path | None,
    source_directory: Path | None,
    detach: bool,
    dry_run: bool,
    no_snapshot_limit: bool,
    script_and_arguments: tuple[str, ...],
) -> int:
    """Run a script as a run configuration says, here or on Azure ML compute.

    \b
    aml run submit-script -c train-local -e first -t run.json
    aml run submit-script -c train-local -e first train.py --epochs 3

    A script and arguments after the options replace the file's. With `target: local` nothing leaves this machine.
    """
    from amlrun.workers import supervisor

    # It makes itself ready while the files are read; without a plan it ends by itself.
    waiting = supervisor.launch() if target in (None, "local") and not dry_run else None
    from amlrun.v1.runconfig import to_job

    job = to_job.load(
        name,
        context.path,
        source_directory=source_directory,
        target=target,
        conda_file=conda_file,
        script_and_arguments=script_and_arguments,
    )
    limits = not no_snapshot_limit
    return submit(context, job, experiment_name, detach=detach, limits=limits, dry_run=dry_run, waiting=waiting)


def submit(
    context: Context,
    job: Job,
    experiment: str | None,
    *,
    detach: bool = False,
    limits: bool = True,
    dry_run: bool = False,
    waiting: subprocess.Popen[bytes] | None = None,
    warm: bool = True,
) -> int:
    """Submit a job to the target it names, follow it, and say how it ended. Returns the exit code.

    `waiting` is a supervisor that was launched already; `warm` is a local sweep's.
    """
    project = projects.find(context.path)
    experiment = runs.check_experiment(experiment or job.experiment_name or _default_experiment(context.path))
    if job.compute != "local":
        from amlrun.cli import cloud

        return cloud.submit(context, project, job, experiment, detach=detach, limits=limits, dry_run=dry_run)
    if isinstance(job, SweepJob) and not dry_run:
        from amlrun.cli.sweep import submit_here

        return submit_here(context, project, job, experiment, detach, warm=warm, limits=limits)
    if dry_run:
        raise AmlError("--dry-run shows what would be sent to Azure ML", hint="Name a cluster with --ct NAME.")
    if not isinstance(job, CommandJob):
        raise AmlError(f"a {job.type} job can't run on this machine", hint="Submit it with --ct NAME of a cluster.")
    return _submit_local(context, project, job, experiment, detach, limits, waiting)


def _submit_local(
    context: Context,
    project: projects.Project,
    job: CommandJob,
    experiment: str,
    detach: bool,
    limits: bool,
    waiting: subprocess.Popen[bytes] | None,
) -> int:
    from amlrun.targets import local

    with recording(context) as created:
        started = local.submit(
            project, job, experiment, report=context.say, limits=limits, created=created, waiting=waiting
        )
    run = started.run
    if detach:
        context.result(run.record(), f"Started in the background. Follow it: aml run monitor-logs -r {run.id}")
        return 0
    try:
        stream(context, local.logs(run, supervised=started.supervisor))
    except KeyboardInterrupt:
        context.say("\nCancelling …")
        local.cancel(run, "Ctrl-C")
    code = summary(context, project, run)
    died = started.supervisor.wait()
    words = (run.private / "supervisor.log").read_text(encoding="utf-8", errors="replace").strip() if died else ""
    if words and "exit_code" not in run.part("exit"):
        raise AmlError(
            f"the run's record could not be written: {words.splitlines()[-1]}",
            hint="Free some space on the disk; what the script wrote is in the run's folder.",
            file=run.folder,
            exit_code=JOB_FAILED,
        )
    return code


def _default_experiment(path: Path) -> str:
    """The attached project's experiment, else the folder's name, as v1 had it."""
    from amlrun import workspace

    attached = workspace.discover(path)
    if attached and attached.experiment:
        return attached.experiment
    name = "".join(letter if letter.isascii() and (letter.isalnum() or letter in "-_") else "-" for letter in path.name)
    return name.strip("-_") or "experiment"
