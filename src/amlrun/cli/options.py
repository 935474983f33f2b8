"""The options with which every command names a v1 run configuration and what replaces parts of it."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from amlrun.cli import completion
from amlrun.cli.common import Context, F

if TYPE_CHECKING:
    from amlrun.spec.job import CommandJob, SparkJob


@dataclass(frozen=True)
class JobOptions:
    """What `job_options` gathered: the run configuration's name, and what replaces the file's."""

    name: str | None
    experiment: str | None
    target: str | None
    conda_file: Path | None
    source_directory: Path | None
    words: tuple[str, ...]

    def load(self, context: Context) -> CommandJob | SparkJob:
        """The job. Raises AmlError with file and line for what is wrong in the file."""
        from amlrun import api

        return api.load_runconfig(
            self.name,
            path=context.path,
            target=self.target,
            arguments=self.words,
            conda_file=self.conda_file,
            source_directory=self.source_directory,
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
    for option in (
        click.option("--no-snapshot-limit", is_flag=True, help="Allow more than 2,000 files or 300 MB."),
        click.option("--dry-run", is_flag=True, help="Show what a submit would do, without submitting."),
        click.option("--async", "detach", is_flag=True, help="Return as soon as the run has started."),
    ):
        function = option(function)
    return function
