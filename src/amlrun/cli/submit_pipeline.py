"""`aml run submit-pipeline`, and the way of a pipeline that `aml job create` shares."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

import click

from amlrun import project as projects
from amlrun.cli.common import Context, common_options
from amlrun.cli.watching import recording, shown
from amlrun.errors import CANCELLED, JOB_FAILED, AmlError
from amlrun.pipeline import state as states
from amlrun.runs import store as runs
from amlrun.spec.pipeline import PipelineJob


def pipeline_options(function: Any) -> Any:
    """The options of a pipeline's submit."""
    for option in reversed(
        [
            click.option("--set", "settings", multiple=True, metavar="KEY=VALUE",
                         help="Set a key of the file: inputs.NAME, settings.NAME, jobs.STEP.inputs.NAME …"),
            click.option("--from", "start", metavar="STEP", help="Run this step and those after it anew."),
            click.option("--only", metavar="STEP", help="Run this step alone, on the earlier steps' cached results."),
            click.option("--jobs", "slots", type=click.IntRange(min=1), metavar="N",
                         help="How many steps run at once; as many as there are processors by default."),
        ]
    ):  # fmt: skip
        function = option(function)
    return function


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
    settings: tuple[str, ...],
    start: str | None,
    only: str | None,
    slots: int | None,
) -> int:
    """Run a pipeline: its steps side by side, and those whose result is known not at all.

    \b
    aml run submit-pipeline -n first -y pipeline.yml
    aml run submit-pipeline -n first -y pipeline.yml -p learning_rate=0.1 --ct local

    Submitting again goes on with a pipeline that was interrupted: what is finished is not run twice. Paths in a v1
    file start at --path, as v1 had it; those in a v2 file are relative to the file.
    """
    from amlrun.pipeline import overrides

    if copy is not None and context.metadata_file is None:
        context.metadata_file = copy
    pairs = overrides.parameters(parameters) if parameters else []
    pairs += overrides.datapaths(datapaths) if datapaths else []
    return submit_file(context, file, experiment_name, target, [*pairs, *split(settings)], slots, start, only)


def split(settings: tuple[str, ...]) -> list[tuple[str, str]]:
    """The words of `--set` as keys and values. Raises AmlError for one without `=`."""
    found = []
    for word in settings:
        key, equals, value = word.partition("=")
        if not equals or not key:
            raise AmlError(f"--set: expected KEY=VALUE, got {word!r}", hint="For instance: --set inputs.rate=0.1")
        found.append((key.strip(), value))
    return found


def submit_file(
    context: Context,
    file: Path,
    experiment: str | None,
    target: str | None,
    settings: list[tuple[str, str]],
    slots: int | None,
    start: str | None,
    only: str | None,
) -> int:
    """Read a pipeline, run it, follow it, and say how it ended. Returns the exit code."""
    from amlrun.pipeline import load, overrides, submit
    from amlrun.spec.pipeline import first_of

    reading = load.inspect(file, context.path, target=target)
    if not reading.refused:
        overrides.apply(reading.job, settings)
    wrong = load.mistakes(reading)
    if wrong:
        raise first_of(wrong)
    job = reading.job
    refuse_elsewhere(job)
    project = projects.find(context.path)
    name = runs.check_experiment(experiment or job.experiment_name or _default(context.path))
    wanted = submit.options(job, slots=slots or cores(), start=start, only=only)
    submit.preflight(project, job, wanted.only)
    for note in dict.fromkeys(reading.notes):
        context.warn(note)
    with recording(context) as created:
        run = submit.create(project, job, name, ["aml", *sys.argv[1:]])
        created(run)
        context.say(f"RunId: {run.id}")
        return _drive(context, project, run, job, name, wanted)


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


def _default(path: Path) -> str:
    from amlrun.cli.submit import _default_experiment

    return _default_experiment(path)


def _drive(
    context: Context, project: projects.Project, run: runs.Run, job: PipelineJob, experiment: str, wanted: Any
) -> int:
    from amlrun.cli.pipeline_view import View
    from amlrun.pipeline import submit

    def ask_to_end(*_: Any) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, ask_to_end)
    try:
        with View(context, run) as view:
            submit.drive(project, run, job, experiment, wanted, view)
    except KeyboardInterrupt:
        context.say("\nCancelled.")
    finally:
        signal.signal(signal.SIGTERM, before)
    return summary(context, run)


def summary(context: Context, run: runs.Run) -> int:
    """Say how a pipeline's run ended, as a table of its steps or its record as JSON. Returns the exit code."""

    state = states.load(run.private)
    record = run.record()
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
                context.say(f"Log of {step.name}: {shown(log)}")
        if status != "Completed":
            context.say("Go on with it: submit it again. What is finished is not run twice.")
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
