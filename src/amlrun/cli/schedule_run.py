"""`aml schedule run`: a schedule's pipeline, now or when it is due."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

import click

from amlrun.cli.common import Context, common_options
from amlrun.cli.options import SubmitFlags, submit_options
from amlrun.cli.submit_pipeline import PipelineOptions, pipeline_options
from amlrun.errors import AmlError

if TYPE_CHECKING:
    from amlrun.schedule.due import Memory
    from amlrun.spec.pipeline import PipelineJob
    from amlrun.spec.schedule import Schedule

file_argument = click.argument("file", type=click.Path(path_type=Path))
job_option = click.option("--job", "pipeline", metavar="FILE", type=click.Path(path_type=Path),
                          help="The pipeline's YAML; a v1 schedule names none.")  # fmt: skip


@click.command("run")
@file_argument
@job_option
@click.option("--due", is_flag=True, help="Only if it has become due since the last call, as a timer does.")
@click.option("--on-change", "watched", metavar="INPUT", help="Only if the data of this input has changed.")
@click.option("-n", "-e", "--experiment-name", metavar="NAME", help="The experiment the run belongs to.")
@click.option(
    "--ct", "--target", "target", metavar="NAME", help="Where every step runs, instead of the file's compute."
)
@submit_options
@pipeline_options
@common_options
def run(
    context: Context,
    file: Path,
    pipeline: Path | None,
    due: bool,
    watched: str | None,
    experiment_name: str | None,
    target: str | None,
    flags: SubmitFlags,
    wanted: PipelineOptions,
) -> int:
    """Run a schedule's pipeline now or, with --due, only if it is due.

    \b
    aml schedule run retraining.yml --ct local
    aml schedule run retraining.yml --ct local --due
    aml schedule run retraining.yml --ct local --on-change data

    After several missed times it runs once. A v1 schedule by data is due when its data has changed.
    """
    from amlrun import project as projects
    from amlrun.schedule import due as dues
    from amlrun.schedule import load
    from amlrun.spec.schedule import OnChange

    schedule = load.load(file)
    if pipeline is not None:
        schedule.job = pipeline.absolute()
    if isinstance(schedule.trigger, OnChange) and due and watched is None:
        watched = schedule.trigger.parameter or next(iter(_inputs(context, schedule, target)), None)
    now, why = datetime.now(timezone.utc), "run by hand"
    with dues.held(projects.find(context.path), schedule) as memory:
        if memory is None:
            context.result({"due": False, "reason": "running"}, f"{schedule.name}: its last run has not finished")
            return 0
        fires = dues.fire_time(schedule, memory, now) if due and not isinstance(schedule.trigger, OnChange) else None
        if due or watched is not None:
            reason = f"due since {fires:%Y-%m-%d %H:%M}" if fires is not None else ""
            if not reason and watched is not None and _changed(context, schedule, target, watched, memory):
                reason = f"the data of {watched} changed"
            if not reason:
                if not flags.dry_run:
                    memory.save()
                context.result({"due": False, "reason": ""}, f"{schedule.name}: not due{_next(schedule, now)}")
                return 0
            why = reason
        context.say(f"{schedule.name}: {why}")
        if not flags.dry_run:
            memory.save()
        return _submit(context, schedule, target, experiment_name, wanted, fires or now, flags)


def _next(schedule: Schedule, now: datetime) -> str:
    from amlrun.schedule import times

    following = next(times.fires(schedule, now), None)
    return "" if following is None else f"; next {following:%a %Y-%m-%d %H:%M}, {schedule.time_zone}"


def pipeline_of(context: Context, schedule: Schedule, target: str | None, pairs: list[tuple[str, str]]) -> PipelineJob:
    """The pipeline that a schedule runs, with `pairs` set over its file. Raises AmlError when it names none."""
    from amlrun import api
    from amlrun.spec.pipeline import PipelineJob

    if not isinstance(schedule.job, Path):
        what = "names no pipeline" if schedule.job is None else f"runs {schedule.job}, a job in a workspace"
        raise AmlError(what, file=schedule.source.file, hint="Name the pipeline's file with --job.")
    job = api.load_job(schedule.job, target=target, path=context.path, settings=pairs)
    if not isinstance(job, PipelineJob):
        hint = "Make it a pipeline with one step."
        raise AmlError("is not a pipeline, and a schedule runs pipelines only", file=schedule.job, hint=hint)
    return job


def _inputs(context: Context, schedule: Schedule, target: str | None) -> list[str]:
    return [name for name, given in pipeline_of(context, schedule, target, []).inputs.items() if given.value is None]


def _changed(context: Context, schedule: Schedule, target: str | None, watched: str, memory: Memory) -> bool:
    """Whether what an input names on this machine holds something else than at the last call."""
    from amlrun import project as projects
    from amlrun.pipeline.hashing import FileHashes
    from amlrun.prepare import data
    from amlrun.schedule import due as dues

    job = pipeline_of(context, schedule, target, schedule.settings)
    given = job.inputs.get(watched)
    if given is None or given.value is not None:
        there = ", ".join(name for name, one in job.inputs.items() if one.value is None) or "none"
        raise AmlError(f"--on-change: {watched!r} is not a data input of the pipeline", hint=f"Available: {there}.")
    project = projects.find(context.path)
    hashes = FileHashes(project.runs / ".pipeline" / "hashes.json")
    digest = hashes.content(data.locate(project, watched, given.path)).digest
    hashes.save()
    return dues.changed(memory, watched, digest)


def _submit(
    context: Context, schedule: Schedule, target: str | None, experiment: str | None, wanted: PipelineOptions,
    fired: datetime, flags: SubmitFlags,
) -> int:  # fmt: skip
    from amlrun.cli.submit import submit

    pairs = [*schedule.settings, *wanted.pairs()]
    job = pipeline_of(context, schedule, target, pairs)
    moment = fired.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    for given in job.inputs.values():
        if isinstance(given.value, str):
            given.value = given.value.replace("${{creation_context.trigger_time}}", moment)
    job.tags.setdefault("schedule", schedule.name)
    options = wanted.over(flags.options())
    return submit(context, job, experiment or schedule.experiment_name, options, dry_run=flags.dry_run)
