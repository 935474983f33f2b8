"""`aml schedule create`, `list`, `enable`, `disable`, `delete`, `trigger`: schedules that a workspace keeps."""

from __future__ import annotations

import tempfile
from pathlib import Path

import click

from amlrun.cli.azure import connect, listed, name_option
from amlrun.cli.common import Context, common_options
from amlrun.cli.schedule_run import job_option, pipeline_of
from amlrun.errors import AmlError


@click.command("create")
@click.option("-f", "--file", "file", required=True, metavar="FILE", type=click.Path(path_type=Path),
              help="The schedule's YAML.")  # fmt: skip
@job_option
@click.option("--ct", "--target", "target", metavar="NAME", help="Where every step runs.")
@common_options
def create(context: Context, file: Path, pipeline: Path | None, target: str | None) -> None:
    """Create or update a schedule in the workspace. It fires until it is disabled."""
    from amlrun.azure import schedules
    from amlrun.schedule import load, times

    schedule = load.load(file)
    if pipeline is not None:
        schedule.job = pipeline.absolute()
    wrong = [note for note in times.differences(schedule) if note.startswith("Azure ML ignores")]
    if wrong:
        raise AmlError(wrong[0], file=file, field="trigger.expression")
    for note in times.differences(schedule):
        context.warn(note)
    client = connect(context)
    if isinstance(schedule.job, str):
        record = schedules.create(client, schedule, schedule.job)
    else:
        from amlrun import project as projects
        from amlrun.cli.watching import Printer
        from amlrun.handles import experiment_name
        from amlrun.targets.azureml_pipeline import definition
        from amlrun.targets.base import SubmitOptions

        job = pipeline_of(context, schedule, target, schedule.settings)
        experiment = experiment_name(job, schedule.experiment_name, context.path)
        project, options = projects.find(context.path), SubmitOptions(exclude=context.metadata_file)
        with tempfile.TemporaryDirectory() as folder, Printer(context) as show:
            tree = definition(client, project, job, experiment, options, show, Path(folder))
            record = schedules.create(client, schedule, tree)
    context.result(record, f"Created {record['name']}: {record['trigger']}, {record['time_zone']}")


@click.command("list")
@common_options
def list_(context: Context) -> None:
    """List the workspace's schedules."""
    from amlrun.azure import schedules

    columns = {"Name": "name", "Enabled": "enabled", "Trigger": "trigger", "Time zone": "time_zone", "State": "state"}
    empty = "No schedules. Create one: aml schedule create -f FILE"
    listed(context, schedules.list_schedules(connect(context)), columns, empty)


@click.command("enable")
@name_option
@common_options
def enable(context: Context, name: str) -> None:
    """Enable a schedule."""
    from amlrun.azure import schedules

    context.result(schedules.switch(connect(context), name, on=True), f"Enabled {name}")


@click.command("disable")
@name_option
@common_options
def disable(context: Context, name: str) -> None:
    """Disable a schedule."""
    from amlrun.azure import schedules

    context.result(schedules.switch(connect(context), name, on=False), f"Disabled {name}")


@click.command("delete")
@name_option
@common_options
def delete(context: Context, name: str) -> None:
    """Delete a schedule; its runs are kept."""
    from amlrun.azure import schedules

    schedules.delete(connect(context), name)
    context.result({"name": name}, f"Deleted {name}")


@click.command("trigger")
@name_option
@common_options
def trigger(context: Context, name: str) -> None:
    """Run a schedule's pipeline once, now, in the workspace."""
    from amlrun.azure import schedules

    job = schedules.trigger(connect(context), name)
    context.result({"name": name, "job": job}, f"Triggered {name}. Follow it: aml run monitor-logs -r {job}")
