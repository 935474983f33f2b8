"""The options with which every command names a v1 run configuration and what replaces parts of it."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from amlrun.cli import completion
from amlrun.cli.common import Context, F, with_options
from amlrun.dataclass import dataclass
from amlrun.errors import AmlError

if TYPE_CHECKING:
    from amlrun.spec.job import CommandJob, SparkJob
    from amlrun.spec.jobs import Job


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


def job_options(function: F) -> F:
    """v1's options of a job, gathered into the argument `wanted: JobOptions`.

    They end where the script begins: what follows it is the script's (`allow_interspersed_args` must be off).
    """

    @click.option("-c", "--run-configuration-name", "name", metavar="NAME", shell_complete=completion.configurations,
                  help="The run configuration: aml_config/NAME.runconfig, else .azureml/NAME.runconfig.")  # fmt: skip
    @click.option("-e", "--experiment-name", metavar="NAME", help="The experiment the run belongs to.")
    @click.option("--ct", "--target", "target", metavar="NAME", help="Where to run, instead of the file's `target`.")
    @click.option("-d", "--conda-dependencies", "conda_file", metavar="FILE", type=click.Path(path_type=Path),
                  help="A conda file, instead of the file's.")  # fmt: skip
    @click.option("--source-directory", metavar="FOLDER", type=click.Path(path_type=Path),
                  help="The folder of the snapshot, which the script runs in; --path by default.")  # fmt: skip
    @click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="[SCRIPT [ARGUMENTS]...]")
    @functools.wraps(function)
    def command(
        *args: Any,
        name: str | None,
        experiment_name: str | None,
        target: str | None,
        conda_file: Path | None,
        source_directory: Path | None,
        words: tuple[str, ...],
        **kwargs: Any,
    ) -> Any:
        wanted = JobOptions(name, experiment_name, target, conda_file, source_directory, words)
        return function(*args, wanted=wanted, **kwargs)

    return command  # type: ignore[return-value]


def submit_options(function: F) -> F:
    """What every command that submits shares: --async, --dry-run, --no-snapshot-limit."""
    options = (
        click.option("--async", "detach", is_flag=True, help="Return as soon as the run has started."),
        click.option("--dry-run", is_flag=True, help="Show what a submit would do, without submitting."),
        click.option("--no-snapshot-limit", is_flag=True, help="Allow more than 2,000 files or 300 MB."),
    )
    return with_options(function, options)


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


def rank_options(function: F) -> F:
    """--single and --yes, gathered into the argument `ranks: RankOptions`."""

    @click.option("--single", is_flag=True, help="Of a distributed job, run one process here.")
    @click.option("--yes", "many", is_flag=True, help="Start more than 16 processes of a distributed job here.")
    @functools.wraps(function)
    def command(*args: Any, single: bool, many: bool, **kwargs: Any) -> Any:
        return function(*args, ranks=RankOptions(single, many), **kwargs)

    return command  # type: ignore[return-value]


@dataclass(frozen=True)
class ContainerOptions:
    """What `container_options` gathered: whether to `use` one (None: as the project says), and `pull` its image."""

    use: bool | None
    pull: bool


def container_options(function: F) -> F:
    """--container, --no-container and --pull, gathered into the argument `container: ContainerOptions`."""

    @click.option("--container/--no-container", "use", default=None,
                  help="Here, run in a container of the environment's image (Docker or Podman).")  # fmt: skip
    @click.option("--pull", is_flag=True, help="Fetch the container's image when it is not here.")
    @functools.wraps(function)
    def command(*args: Any, use: bool | None, pull: bool, **kwargs: Any) -> Any:
        return function(*args, container=ContainerOptions(use, pull), **kwargs)

    return command  # type: ignore[return-value]
