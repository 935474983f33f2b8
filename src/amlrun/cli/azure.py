"""What the commands that always speak of a workspace share: the connection, and how lists are shown."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from amlrun.cli.common import Context

if TYPE_CHECKING:
    from amlrun.azure.client import Client
    from amlrun.runs.store import RunFolder

no_wait = click.option("--no-wait", is_flag=True, help="Return as soon as Azure has accepted the request.")
name_option = click.option("-n", "--name", required=True, metavar="NAME")


def connect(context: Context, run: RunFolder | None = None) -> Client:
    """A client for the run's own workspace, else for the one that the flags and the folder mean."""
    from amlrun.azure import client, record
    from amlrun.cli import quiet

    client.require()
    workspace = None if run is None else record.workspace_of(run)
    place = workspace or context.find_workspace()
    return client.to(place, context.say, quiet.silence, show_progress=sys.stderr.isatty())


def listed(context: Context, found: list[dict[str, Any]], columns: dict[str, str], empty: str) -> None:
    """Print records as a table: `columns` is heading → key."""
    rows = [[one.get(key) for key in columns.values()] for one in found]
    context.listed(found, list(columns), rows, empty, project=False)
