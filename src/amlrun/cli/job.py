"""`aml job`: run a v2 job YAML, a pipeline's too."""

from __future__ import annotations

from pathlib import Path

import click

from amlrun.cli.common import Context, common_options
from amlrun.cli.options import (
    ContainerOptions,
    RankOptions,
    SubmitFlags,
    container_options,
    rank_options,
    submit_options,
)  # fmt: skip
from amlrun.cli.submit_pipeline import PipelineOptions, pipeline_options
from amlrun.spec.pipeline import PipelineJob


@click.group("job")
def command() -> None:
    """Run a v2 job YAML, locally or on Azure ML compute."""


@command.command("create")
@click.option("--file", "-f", "file", required=True, metavar="FILE", type=click.Path(path_type=Path),
              help="The job's YAML.")  # fmt: skip
@click.option("-e", "--experiment-name", metavar="NAME", help="The experiment the run belongs to.")
@click.option("--ct", "--target", "target", metavar="NAME", help="Where to run, instead of the file's `compute`.")
@submit_options
@rank_options
@container_options
@pipeline_options
@common_options
def create(
    context: Context,
    file: Path,
    experiment_name: str | None,
    target: str | None,
    ranks: RankOptions,
    container: ContainerOptions,
    flags: SubmitFlags,
    wanted: PipelineOptions,
) -> int:
    """Run a v2 command, sweep, Spark, AutoML or pipeline job.

    \b
    aml job create --file job.yml
    aml job create --file job.yml --ct local

    Paths in the file are relative to it. `compute: local` runs here, offline.
    """
    from amlrun import api
    from amlrun.cli.submit import submit

    job = api.load_job(file, target=target, path=context.path, settings=wanted.pairs(), container=container.use)
    if not isinstance(job, PipelineJob):
        wanted.refuse(file)
    ranks.apply(job)
    options = wanted.over(flags.options(pull=container.pull))
    return submit(context, job, experiment_name, options, dry_run=flags.dry_run)
