"""`aml schedule`: check a schedule's file, show when it fires, run it when it is due, and hand it to a timer."""

from __future__ import annotations

import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from amlrun.cli import mistakes
from amlrun.cli.common import Context, common_options
from amlrun.cli.schedule_run import file_argument, job_option, run
from amlrun.cli.schedule_workspace import create, delete, disable, enable, list_, trigger
from amlrun.errors import BAD_INPUT, AmlError
from amlrun.runs.files import write_text

if TYPE_CHECKING:
    from amlrun.spec.schedule import Schedule


@click.group("schedule")
def command() -> None:
    """Run pipelines on a schedule, locally or in a workspace."""


for one in (run, create, list_, enable, disable, delete, trigger):
    command.add_command(one)


@command.command("check")
@file_argument
@common_options
def check(context: Context, file: Path) -> int:
    """Report every mistake in a schedule file (v1 or v2)."""
    from amlrun.schedule import load, times

    schedule, wrong, _ = load.inspect(file)
    notes = [] if schedule is None else times.differences(schedule)
    for note in notes:
        context.warn(note)
    found = {"file": str(file), "mistakes": mistakes.records(wrong, file), "notes": notes}
    context.result(found, mistakes.text(wrong) if wrong else f"{file}: no mistakes")
    return BAD_INPUT if wrong else 0


@command.command("explain")
@file_argument
@common_options
def explain(context: Context, file: Path) -> None:
    """Show what each key of a v1 schedule becomes in v2."""
    from amlrun.cli.conversions import show_rows
    from amlrun.schedule import load

    _, wrong, rows = load.inspect(file)
    if not rows:
        raise AmlError("is not a v1 schedule", file=file, hint=f"See when it fires: aml schedule show {file}")
    show_rows(context, {"": rows})
    for problem in wrong:
        context.warn(str(problem).partition("\n")[0])


@command.command("show")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--name", metavar="NAME", help="A schedule of the workspace.")
@click.option("-n", "--next", "count", default=5, show_default=True, type=click.IntRange(1, 1000),
              help="How many of the next times to show.")  # fmt: skip
@common_options
def show(context: Context, file: Path | None, name: str | None, count: int) -> None:
    """Show when a schedule fires next, and where Azure ML would differ."""
    from amlrun.schedule import load, times
    from amlrun.spec.schedule import OnChange

    if file is None:
        if name is None:
            raise AmlError("name a schedule's file, or a schedule of the workspace with --name")
        from amlrun.azure import schedules
        from amlrun.cli.azure import connect

        record = schedules.show(connect(context), name)
        lines = [f"{key}: {value}" for key, value in record.items() if value is not None]
        context.result(record, "\n".join(lines))
        return
    schedule = load.load(file)
    moments = [one for _, one in zip(range(count), times.fires(schedule, datetime.now(timezone.utc)))]
    rows = [(one.strftime("%a %Y-%m-%d %H:%M"), one.astimezone().strftime("%a %Y-%m-%d %H:%M %Z")) for one in moments]

    def text() -> None:
        click.echo(f"{schedule.name}: {_said(schedule)}")
        if isinstance(schedule.trigger, OnChange):
            click.echo(f"Watches: {schedule.trigger.datastore}/{schedule.trigger.path}")
        elif rows:
            context.table((schedule.time_zone, "here"), rows)
        else:
            click.echo("It will not fire again.")

    for note in times.differences(schedule):
        context.warn(note)
    context.result(
        {"name": schedule.name, "trigger": vars(schedule.trigger), "time_zone": schedule.time_zone,
         "job": str(schedule.job or ""), "next": [one.isoformat() for one in moments],
         "notes": times.differences(schedule)}, text,
    )  # fmt: skip


def _said(schedule: Schedule) -> str:
    """The trigger in words."""
    from amlrun.spec.schedule import Cron, OnChange

    trigger = schedule.trigger
    if isinstance(trigger, OnChange):
        return f"when the data changes, checked every {trigger.polling_minutes} minutes"
    if isinstance(trigger, Cron):
        from cronsim import CronSim

        text = CronSim(trigger.expression.upper(), datetime(2024, 1, 1)).explain()
        return f"{text[:1].lower()}{text[1:]}"
    every = f"every {trigger.interval} {trigger.frequency}s" if trigger.interval > 1 else f"every {trigger.frequency}"
    days = [*(day.capitalize() for day in trigger.week_days), *(str(day) for day in trigger.month_days)]
    clock = [f"{hour:02}:{minute:02}" for hour in trigger.hours for minute in trigger.minutes]
    return " ".join([every, *(["on", ", ".join(days)] if days else []), *(["at", ", ".join(clock)] if clock else [])])


@command.command("export")
@file_argument
@job_option
@click.option("--to", "kind", required=True, type=click.Choice(("systemd", "cron", "taskscheduler", "github", "v2")),
              help="The kind of timer; v2 writes the schedule as v2 YAML.")  # fmt: skip
@click.option("-d", "--directory", metavar="FOLDER", type=click.Path(path_type=Path), help="Write the files there.")
@click.option("--ct", "--target", "target", metavar="NAME", help="Where every step runs.")
@common_options
def export(
    context: Context, file: Path, pipeline: Path | None, kind: str, directory: Path | None, target: str | None
) -> None:
    """Print a timer for a schedule, to install yourself.

    \b
    aml schedule export retraining.yml --to systemd --ct local -d ~/.config/systemd/user
    aml schedule export retraining.yml --to github
    """
    from amlrun.schedule import export as exporting
    from amlrun.schedule import load

    schedule = load.load(file)
    if pipeline is not None:
        schedule.job = pipeline.absolute()
    if kind == "v2":
        made = _as_v2(schedule, directory or Path.cwd())
    else:
        inside = context.path.absolute()
        named = Path(file).absolute()
        place = named.relative_to(inside).as_posix() if named.is_relative_to(inside) else str(named)
        words = [sys.executable, *(["-m", "amlrun"] if kind != "github" else []), "schedule", "run", place]
        words += ["--job", str(pipeline)] if pipeline is not None else []
        words += ["--ct", target] if target else []
        words += ["--due"] if kind != "github" else []
        made = exporting.export(schedule, kind, words, inside, now=datetime.now(timezone.utc))
    for name, text in made.files.items():
        if directory is not None:
            write_text(directory / name, text)
    shown = "\n".join(
        text.rstrip("\n") if len(made.files) == 1 else f"# {name}\n{text}" for name, text in made.files.items()
    )
    written = "\n".join(f"Wrote {directory / name}" for name in made.files) if directory is not None else shown
    context.result({"files": made.files, "notes": made.notes}, written)
    for note in made.notes:
        context.warn(note)


def _as_v2(schedule: Schedule, folder: Path) -> Any:
    from amlrun.schedule.export import Exported
    from amlrun.spec import write_schedule
    from amlrun.spec.yaml_data import text_of

    return Exported({f"{schedule.name}.yml": text_of(write_schedule.tree(schedule, folder.absolute()))})
