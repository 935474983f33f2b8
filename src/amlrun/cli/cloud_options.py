"""What the groups that always speak of a workspace share."""

from __future__ import annotations

from typing import Any

import click

from amlrun.cli.cloud import client_of
from amlrun.cli.common import Context

no_wait = click.option("--no-wait", is_flag=True, help="Return once Azure has the order.")
name_option = click.option("-n", "--name", required=True, metavar="NAME")


def listed(context: Context, found: list[dict[str, Any]], columns: dict[str, str], empty: str) -> None:
    """Print records as a table: `columns` is heading → key."""
    rows = [[one.get(key) for key in columns.values()] for one in found]
    context.result(found, lambda: context.table(list(columns), rows) if rows else context.say(empty))


__all__ = ["client_of", "listed", "name_option", "no_wait"]
