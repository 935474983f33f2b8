"""`aml job`: run a v2 job YAML."""

from __future__ import annotations

from pathlib import Path

import click

from amlrun.cli.common import Context, common_options
from amlrun.errors import AmlError
from amlrun.spec.job import SweepJob


@click.group("job")
def command() -> None:
    """Run a v2 job YAML, here or on Azure ML compute."""


@command.command("create")
@click.option("--file", "-f", "file", required=True, metavar="FILE", type=click.Path(path_type=Path),
              help="The job's YAML.")  # fmt: skip
@click.option("-e", "--experiment-name", metavar="NAME", help="The experiment the run belongs to.")
@click.option("--ct", "--target", "target", metavar="NAME", help="Where to run, instead of the file's `compute`.")
@click.option("--async", "detach", is_flag=True, help="Return once the script is started.")
@click.option("--dry-run", is_flag=True, help="Print what a cloud submit would send, and send nothing.")
@common_options
def create(
    context: Context, file: Path, experiment_name: str | None, target: str | None, detach: bool, dry_run: bool
) -> int:
    """Run a v2 command or sweep job: what `aml export` writes, or one of Microsoft's examples.

    \b
    aml job create --file job.yml
    aml job create --file job.yml --ct local

    Paths in the file are relative to it. `compute: local` runs here, offline.
    """
    from amlrun.cli.submit import submit
    from amlrun.spec import read_command

    if file.is_dir():
        raise AmlError(f"--file: {file} is a folder", hint="Name the job's YAML file.")
    job = read_command.read(file)
    if target is not None:
        job.compute = "local" if target.lower() == "local" else f"azureml:{target.removeprefix('azureml:')}"
        if isinstance(job, SweepJob):
            job.trial.compute = job.compute
    return submit(context, job, experiment_name, detach=detach, dry_run=dry_run)
