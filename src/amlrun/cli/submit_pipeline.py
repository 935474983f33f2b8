"""`aml run submit-pipeline`, and the options of a pipeline that `aml job create` shares."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from amlrun.cli.common import Context, common_options, gathered
from amlrun.cli.options import ContainerOptions, SubmitFlags, container_options, submit_options
from amlrun.dataclass import dataclass
from amlrun.errors import AmlError
from amlrun.spec.pipeline import PipelineJob
from amlrun.targets.base import SubmitOptions


@dataclass(frozen=True)
class PipelineOptions:
    """What `pipeline_options` gathered: what is set over the file, and which steps run."""

    settings: tuple[str, ...] = ()
    start: str | None = None
    only: str | None = None
    slots: int | None = None

    def pairs(self) -> list[tuple[str, str]]:
        """The words of `--set` as keys and values. Raises AmlError for one without `=`."""
        found = []
        for word in self.settings:
            key, equals, value = word.partition("=")
            if not equals or not key:
                raise AmlError(f"--set: expected KEY=VALUE, got {word!r}", hint="For instance: --set inputs.rate=0.1")
            found.append((key.strip(), value))
        return found

    def over(self, options: SubmitOptions) -> SubmitOptions:
        """The options of a submit, with which steps run."""
        return replace(options, from_step=self.start, only_step=self.only, max_steps=self.slots)

    def refuse(self, file: Path) -> None:
        """Raise AmlError for the first of them that was given: the file is no pipeline."""
        given = {"--set": self.settings, "--from": self.start, "--only": self.only, "--jobs": self.slots}
        for flag, value in given.items():
            if value:
                raise AmlError(f"{flag}: {file.name} is not a pipeline")


pipeline_options = gathered(
    "wanted",
    PipelineOptions,
    click.option("--set", "settings", multiple=True, metavar="KEY=VALUE",
                 help="Pipelines: set a key, such as inputs.NAME, settings.NAME, jobs.STEP.inputs.NAME."),
    click.option("--from", "start", metavar="STEP", help="Pipelines: rerun this step and those after it."),
    click.option("--only", metavar="STEP", help="Pipelines: run only this step, with the others' cached results."),
    click.option("--jobs", "slots", type=click.IntRange(min=1), metavar="N",
                 help="Pipelines: how many steps run at once. Default: one per processor."),
)  # fmt: skip


@click.command("submit-pipeline")
@click.option("-y", "--pipeline-yaml", "file", required=True, metavar="FILE", type=click.Path(path_type=Path),
              help="The pipeline's YAML, of v1 or v2.")  # fmt: skip
@click.option("-n", "-e", "--experiment-name", metavar="NAME", help="The experiment the run belongs to.")
@click.option("-p", "--parameters", metavar="A=1,B=2", help="Values for the pipeline's parameters.")
@click.option("-d", "--datapaths", metavar="NAME=STORE/PATH,…", help="Datastore paths for the pipeline's data.")
@click.option(
    "--ct", "--target", "target", metavar="NAME", help="Where every step runs, instead of the file's compute."
)
@click.option("-f", "--output_file", "copy", metavar="FILE", hidden=True, type=click.Path(path_type=Path))
@container_options
@submit_options
@pipeline_options
@common_options
def submit_pipeline(
    context: Context,
    file: Path,
    experiment_name: str | None,
    parameters: str | None,
    datapaths: str | None,
    target: str | None,
    copy: Path | None,
    container: ContainerOptions,
    flags: SubmitFlags,
    wanted: PipelineOptions,
) -> int:
    """Run a pipeline's steps in parallel, reusing cached results.

    \b
    aml run submit-pipeline -n first -y pipeline.yml
    aml run submit-pipeline -n first -y pipeline.yml -p learning_rate=0.1 --ct local

    Submitting again resumes an interrupted pipeline: finished steps are not run again. Paths in a v1 file
    are relative to --path, as in v1; those in a v2 file are relative to the file.
    """
    from amlrun import api
    from amlrun.cli.submit import submit
    from amlrun.pipeline import overrides

    if copy is not None and context.metadata_file is None:
        context.metadata_file = copy
    pairs = overrides.parameters(parameters) if parameters else []
    pairs += overrides.datapaths(datapaths) if datapaths else []
    settings = [*pairs, *wanted.pairs()]
    job = api.load_job(file, target=target, path=context.path, settings=settings, container=container.use)
    if not isinstance(job, PipelineJob):
        raise AmlError("is not a pipeline", file=file, hint=f"Submit it with: aml job create --file {file}")
    options = wanted.over(flags.options(pull=container.pull))
    return submit(context, job, experiment_name, options, dry_run=flags.dry_run)
