"""What the commands that always speak of a workspace share: the connection, and how lists are shown."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from amlrun.cli.common import Context

if TYPE_CHECKING:
    from amlrun.azure.client import Client

no_wait = click.option("--no-wait", is_flag=True, help="Return as soon as Azure has accepted the request.")
name_option = click.option("-n", "--name", required=True, metavar="NAME")


def connect(context: Context) -> Client:
    """A client for the workspace that the flags and the folder mean."""
    from amlrun.azure import client
    from amlrun.cli import quiet

    client.require()
    return client.to(context.find_workspace(), context.say, quiet.silence, show_progress=sys.stderr.isatty())


def listed(context: Context, found: list[dict[str, Any]], columns: dict[str, str], empty: str) -> None:
    """Print records as a table: `columns` is heading → key."""
    rows = [[one.get(key) for key in columns.values()] for one in found]
    context.listed(found, list(columns), rows, empty, project=False)
