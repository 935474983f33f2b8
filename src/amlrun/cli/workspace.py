"""`aml workspace`: the workspace that this folder uses, and those of the subscription."""

from __future__ import annotations

from typing import Any

import click

from amlrun.cli.azure import connect, listed
from amlrun.cli.common import Context, common_options


@click.group("workspace")
def command() -> None:
    """Show the workspace that the cloud commands use, and list others."""


@command.command()
@common_options
def show(context: Context) -> None:
    """Show the workspace, as Azure has it."""
    from amlrun.azure import workspaces

    context.result(workspaces.show(connect(context)))


@command.command("list")
@common_options
def list_workspaces(context: Context) -> None:
    """List the workspaces of a resource group or subscription."""
    from amlrun.azure import workspaces

    found: list[dict[str, Any]] = workspaces.list_workspaces(connect(context), context.resource_group)
    columns = {"Name": "name", "Resource group": "resourceGroup", "Location": "location"}
    listed(context, found, columns, "No workspaces.")
