"""`aml environment cache`: the environments that were made on this machine."""

from __future__ import annotations

import time
from pathlib import Path

import click

from amlrun.cli.common import Context, common_options
from amlrun.prepare.snapshot import human


@click.group("cache")
def command() -> None:
    """Show and clear the environments on this machine. A run rebuilds what it needs."""


@command.command("list")
@common_options
def list_environments(context: Context) -> None:
    """List cached environments with their source, size and last use."""
    from amlrun.prepare import local_environments

    found = local_environments.find_all()

    def text() -> None:
        if not found:
            context.say("No environments.")
            return
        rows = [(one.name, Path(one.source).name or "a specification", one.python, human(one.size),
                 time.strftime("%Y-%m-%d", time.localtime(one.used))) for one in found]  # fmt: skip
        context.table(("name", "made of", "python", "size", "last used"), rows)
        context.say(f"{human(sum(one.size for one in found))} in {found[0].folder.parent}")

    context.result([one.to_dict() for one in found], text)


@command.command("clear")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--older-than", type=click.FloatRange(min=0), metavar="DAYS", help="Only those not used for this long.")
@common_options
def clear(context: Context, names: tuple[str, ...], older_than: float | None) -> None:
    """Delete cached environments: all, or those named."""
    from amlrun.prepare import local_environments

    removed = local_environments.clear(list(names), older_than=older_than)
    size = human(sum(one.size for one in removed))
    plural = "" if len(removed) == 1 else "s"
    context.result([one.name for one in removed], f"Removed {len(removed)} environment{plural}, {size}")
