"""`aml run submit-pipeline`, and the way of a pipeline that `aml job create` shares."""

from __future__ import annotations

import functools
import os
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from amlrun import project as projects
from amlrun.cli.common import Context, F, common_options
from amlrun.errors import CANCELLED, JOB_FAILED, AmlError
from amlrun.runs import store as runs
from amlrun.spec.pipeline import PipelineJob

if TYPE_CHECKING:
    from amlrun.targets.base import Run


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

    def refuse(self, file: Path) -> None:
        """Raise AmlError for the first of them that was given: the file is no pipeline."""
        given = {"--set": self.settings, "--from": self.start, "--only": self.only, "--jobs": self.slots}
        for flag, value in given.items():
            if value:
                raise AmlError(f"{flag}: {file.name} is no pipeline")


def pipeline_options(function: F) -> F:
    """The options of a pipeline's submit, gathered into the argument `wanted: PipelineOptions`."""

    @click.option(
        "--set",
        "settings",
        multiple=True,
        metavar="KEY=VALUE",
        help="Of a pipeline: set a key, such as inputs.NAME, settings.NAME, jobs.STEP.inputs.NAME.",
    )
    @click.option("--from", "start", metavar="STEP", help="Of a pipeline: run this step and those after it again.")
    @click.option("--only", metavar="STEP", help="Of a pipeline: run this step alone, on the others' cached results.")
    @click.option("--jobs", "slots", type=click.IntRange(min=1), metavar="N",
                  help="Of a pipeline: how many steps run at once; by default one per processor.")  # fmt: skip
    @functools.wraps(function)
    def command(
        *args: Any,
        settings: tuple[str, ...],
        start: str | None,
        only: str | None,
        slots: int | None,
        **kwargs: Any,
    ) -> Any:
        return function(*args, wanted=PipelineOptions(settings, start, only, slots), **kwargs)

    return command  # type: ignore[return-value]


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
    wanted: PipelineOptions,
) -> int:
    """Run a pipeline: its steps in parallel, except those whose result is cached.

    \b
    aml run submit-pipeline -n first -y pipeline.yml
    aml run submit-pipeline -n first -y pipeline.yml -p learning_rate=0.1 --ct local

    Submitting again resumes a pipeline that was interrupted: what is finished is not run twice. Paths in a v1 file
    start at --path, as v1 had it; those in a v2 file are relative to the file.
    """
    from amlrun.pipeline import overrides

    if copy is not None and context.metadata_file is None:
        context.metadata_file = copy
    pairs = overrides.parameters(parameters) if parameters else []
    pairs += overrides.datapaths(datapaths) if datapaths else []
    return submit_file(context, file, experiment_name, target, wanted, pairs)


def submit_file(
    context: Context,
    file: Path,
    experiment: str | None,
    target: str | None,
    wanted: PipelineOptions,
    pairs: list[tuple[str, str]] | None = None,
) -> int:
    """Read a pipeline, run it, follow it, and say how it ended. Returns the exit code.

    `pairs` are set over the file before those of `wanted`.
    """
    from amlrun.cli.watching import copy_record
    from amlrun.handles import experiment_name
    from amlrun.pipeline import load, overrides, submit
    from amlrun.pipeline.options import options
    from amlrun.spec.pipeline import first_of
    from amlrun.targets.base import Run
    from amlrun.targets.local import LocalTarget

    reading = load.inspect(file, context.path, target=target)
    if not reading.refused:
        overrides.apply(reading.job, [*(pairs or []), *wanted.pairs()])
    wrong = load.mistakes(reading)
    if wrong:
        raise first_of(wrong)
    job = reading.job
    refuse_elsewhere(job)
    project = projects.find(context.path)
    name = experiment_name(job, experiment, context.path)
    chosen = options(job, slots=wanted.slots or cores(), start=wanted.start, only=wanted.only)
    submit.preflight(project, job, chosen.only)
    for note in dict.fromkeys(reading.notes):
        context.warn(note)
    files = submit.create(project, job, name, context.command_line)
    run = Run(files, LocalTarget(project))
    context.say(f"RunId: {run.id}")
    copy_record(context, run)
    try:
        _drive(context, project, files, job, name, chosen)
        return summary(context, run)
    finally:
        copy_record(context, run)


def refuse_elsewhere(job: PipelineJob) -> None:
    """Raise AmlError for a pipeline that names a compute of a workspace: it runs here only when that is asked for."""
    from amlrun.pipeline import graph

    for node in graph.nodes(job).values():
        if node.compute != "local":
            raise node.step.error(
                "compute" if node.step.compute else "",
                f"this step runs on {str(node.compute).removeprefix('azureml:')}, a compute of a workspace",
                "Run the whole pipeline on this machine with --ct local.",
            )


def cores() -> int:
    """The processors that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS and Windows
        return os.cpu_count() or 1


def _drive(
    context: Context, project: projects.Project, files: runs.RunFolder, job: PipelineJob, experiment: str, options: Any
) -> None:
    from amlrun.cli.pipeline_view import View
    from amlrun.pipeline import submit

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        with View(context, files) as view:
            submit.drive(project, files, job, experiment, options, view, context.command_line)
    except KeyboardInterrupt:
        context.say("\nCancelled.")
    finally:
        signal.signal(signal.SIGTERM, before)


def summary(context: Context, run: Run) -> int:
    """Say how a pipeline's run ended, as text or its record as JSON. Returns the exit code."""
    from amlrun.cli.watching import shown
    from amlrun.pipeline import state as states

    state = states.load(run.files.private)
    record: dict[str, Any] = dict(run.record())
    steps = [] if state is None else list(state.steps.values())
    record["steps"] = [vars(step) for step in steps]
    record["outputs"] = {} if state is None else state.outputs
    status = record["status"]

    def text() -> None:
        colour = {"Completed": "green", "Canceled": "yellow"}.get(status, "red")
        context.say("\nExecution Summary\n=================")
        context.say(f"RunId: {run.id}")
        context.say(f"Status: {click.style(status, fg=colour)}")
        reused = sum(step.reused and step.state == states.COMPLETED for step in steps)
        context.say(f"Seconds: {record.get('seconds', 0):.1f}; steps: {len(steps)}, {reused} reused")
        for name, place in ({} if state is None else state.outputs).items():
            context.say(f"Output {name}: {shown(Path(place))}")
        for step in steps:
            if step.state == states.FAILED and step.run_id:
                log = run.folder.parent / step.run_id / "user_logs" / "std_log.txt"
                if log.exists():
                    context.say(f"Log of {step.name}: {shown(log)}")
        if status != "Completed":
            context.say("Resume it: submit it again. What is finished is not run twice.")
        context.say(f"Steps: aml pipeline show -r {run.id}")

    context.result(record, text)
    if status == "Completed":
        return 0
    if status == "Canceled":
        return CANCELLED
    error = record.get("error") or {}
    click.echo(f"{click.style('Error:', fg='red', bold=True)} {run.id}: {error.get('message', status)}", err=True)
    for step in steps:
        if step.state == states.FAILED:
            click.echo(f"{step.name}: {step.reason}", err=True)
    return JOB_FAILED
