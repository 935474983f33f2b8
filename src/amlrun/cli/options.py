"""The options with which every command names a v1 run configuration and what replaces parts of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from amlrun.cli import completion
from amlrun.cli.common import Context, gathered
from amlrun.dataclass import dataclass
from amlrun.errors import AmlError

if TYPE_CHECKING:
    from amlrun.spec.job import CommandJob, SparkJob
    from amlrun.spec.jobs import Job
    from amlrun.targets.base import SubmitOptions


@dataclass(frozen=True)
class JobOptions:
    """What `job_options` gathered: the run configuration's name, and what replaces the file's."""

    name: str | None
    experiment: str | None
    target: str | None
    conda_file: Path | None
    source_directory: Path | None
    words: tuple[str, ...]

    def load(self, context: Context, container: bool | None = None) -> CommandJob | SparkJob:
        """The job. Raises AmlError with file and line for what is wrong in the file."""
        from amlrun import api

        return api.load_runconfig(
            self.name,
            path=context.path,
            target=self.target,
            arguments=self.words,
            conda_file=self.conda_file,
            source_directory=self.source_directory,
            container=container,
        )


# They end where the script begins: what follows it is the script's (`allow_interspersed_args` must be off).
job_options = gathered(
    "wanted",
    JobOptions,
    click.option("-c", "--run-configuration-name", "name", metavar="NAME", shell_complete=completion.configurations,
                 help="The run configuration: aml_config/NAME.runconfig, else .azureml/NAME.runconfig."),
    click.option("-e", "--experiment-name", "experiment", metavar="NAME", help="The experiment the run belongs to."),
    click.option("--ct", "--target", "target", metavar="NAME", help="Where to run, instead of the file's `target`."),
    click.option("-d", "--conda-dependencies", "conda_file", metavar="FILE", type=click.Path(path_type=Path),
                 help="A conda file, instead of the file's."),
    click.option("--source-directory", metavar="FOLDER", type=click.Path(path_type=Path),
                 help="The folder of the snapshot, which the script runs in; --path by default."),
    click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="[SCRIPT [ARGUMENTS]...]"),
)  # fmt: skip


@dataclass(frozen=True)
class SubmitFlags:
    """What `submit_options` gathered: what every command that submits shares."""

    detach: bool
    dry_run: bool
    no_snapshot_limit: bool

    def options(self, **more: Any) -> SubmitOptions:
        """The options of a submit, with `more` of them."""
        from amlrun.targets.base import SubmitOptions

        return SubmitOptions(snapshot_limits=not self.no_snapshot_limit, detach=self.detach, **more)


submit_options = gathered(
    "flags",
    SubmitFlags,
    click.option("--async", "detach", is_flag=True, help="Return as soon as the run has started."),
    click.option("--dry-run", is_flag=True, help="Show what a submit would do, without submitting."),
    click.option("--no-snapshot-limit", is_flag=True, help="Allow a snapshot of more than 2,000 files or 300 MB."),
)


@dataclass(frozen=True)
class RankOptions:
    """What `rank_options` gathered: how a distributed job runs on this machine."""

    single: bool
    many: bool

    def apply(self, job: Job) -> None:
        """Write them into the job. Raises AmlError for a pipeline, whose steps have settings of their own."""
        from amlrun.spec.job import CommandJob, SweepJob

        if not self.single and not self.many:
            return
        command = job.trial if isinstance(job, SweepJob) else job
        if not isinstance(command, CommandJob):
            raise AmlError(f"{'--single' if self.single else '--yes'}: a {job.type} job does not have it")
        command.local.single, command.local.many_ranks = self.single or None, self.many or None


rank_options = gathered(
    "ranks",
    RankOptions,
    click.option("--single", is_flag=True, help="Distributed jobs: run only one process, locally."),
    click.option("--yes", "many", is_flag=True, help="Confirm more than 16 local processes of a distributed job."),
)


@dataclass(frozen=True)
class ContainerOptions:
    """What `container_options` gathered: whether to `use` one (None: as the project says), and `pull` its image."""

    use: bool | None
    pull: bool


container_options = gathered(
    "container",
    ContainerOptions,
    click.option("--container/--no-container", "use", default=None,
                 help="Run locally in a container of the environment's image (Docker or Podman)."),
    click.option("--pull", is_flag=True, help="Pull the container image if it is not on this machine."),
)  # fmt: skip
