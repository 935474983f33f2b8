"""`aml run submit-script`, and the way of a submit that every command which starts a job shares."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from amlrun.cli.common import Context, common_options
from amlrun.cli.options import (
    ContainerOptions,
    JobOptions,
    RankOptions,
    SubmitFlags,
    container_options,
    job_options,
    rank_options,
    submit_options,
)  # fmt: skip
from amlrun.targets.base import Plan, SubmitOptions

if TYPE_CHECKING:
    from amlrun.cli.watching import Printer
    from amlrun.spec.jobs import Job
    from amlrun.targets import Targets
    from amlrun.targets.base import Run


@click.command("submit-script", context_settings={"allow_interspersed_args": False})
@job_options
@submit_options
@rank_options
@container_options
@common_options
def submit_script(
    context: Context,
    wanted: JobOptions,
    ranks: RankOptions,
    container: ContainerOptions,
    flags: SubmitFlags,
) -> int:
    """Run a script with a run configuration, locally or on Azure ML compute.

    \b
    aml run submit-script -c train-local -e first -t run.json
    aml run submit-script -c train-local -e first train.py --epochs 3

    A script and arguments after the options replace the file's. With `target: local` nothing leaves this machine.
    """
    from amlrun import targets
    from amlrun.targets import processes

    # A supervisor makes itself ready while the files are read; without a plan it ends by itself.
    ahead = None if flags.dry_run else targets.launch_ahead(wanted.target)
    options = flags.options(supervisor=ahead, pull=container.pull)
    try:
        job = wanted.load(context, container.use)
        ranks.apply(job)
        return submit(context, job, wanted.experiment, options, dry_run=flags.dry_run)
    finally:
        processes.discard(ahead)


def submit(
    context: Context, job: Job, experiment: str | None, options: SubmitOptions | None = None, *, dry_run: bool = False
) -> int:
    """Submit a job to the target it names, follow it, and say how it ended. Returns the exit code.

    With `options.detach` it returns once the run is started; a dry run prints what a submit would do.
    """
    from amlrun import api

    options = _of_command(context, options or SubmitOptions(detach=False))
    path, find = context.path, context.find_workspace
    if dry_run:
        planned = api.plan(job, experiment=experiment, path=path, workspace=find, options=options)
        return _show_plan(context, planned)
    return follow(
        context,
        options,
        lambda show: api.submit(job, experiment=experiment, path=path, workspace=find, on_event=show, options=options),
    )


def submit_with(context: Context, start: Callable[[Targets, SubmitOptions], Run], options: SubmitOptions) -> int:
    """The same for what `start` submits to one of the targets that it is given."""
    from amlrun import project, targets

    options = _of_command(context, options)
    found = project.find(context.path)
    return follow(context, options, lambda show: start(targets.Targets(found, context.find_workspace, show), options))


def _of_command(context: Context, options: SubmitOptions) -> SubmitOptions:
    # The file that -t writes changes with every submit: were it sent, no snapshot would ever be unchanged.
    return replace(options, exclude=context.metadata_file, command_line=context.command_line, confirm=context.confirm)


def follow(context: Context, options: SubmitOptions, start: Callable[[Printer], Run]) -> int:
    """Start a run and follow it, unless `options.detach`. Returns the exit code."""
    from amlrun.cli import watching

    with watching.Printer(context) as show:
        run = start(show)
        studio = run.files.part("process").get("studio_url")
        if studio:
            context.say(f"Web View: {studio}")
        if options.detach:
            context.result(run.record(), f"Submitted. Follow it: aml run monitor-logs -r {run.id}")
            return 0
        return watching.follow(context, run, show, submitted=True)


def _show_plan(context: Context, planned: Plan) -> int:
    """Print what a submit would do; nothing is sent, and nobody signs in."""
    import io

    from ruamel.yaml import YAML

    text = io.StringIO()
    YAML().dump(planned.job, text)
    files = planned.snapshot
    value = {
        "job": planned.job,
        "snapshot": None if files is None else {"files": len(files.files), "bytes": files.size},
        "location": planned.location,
        "calls": planned.calls,
    }
    lines = [text.getvalue().rstrip(), ""]
    lines += [] if files is None else [f"Snapshot: {files}"]
    lines.append(f"Location: {planned.location}")
    if planned.calls:
        lines += ["Calls:", *(f"  {call}" for call in planned.calls)]
    context.result(value, "\n".join(lines))
    return 0
