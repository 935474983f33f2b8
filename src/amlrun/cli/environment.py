"""`aml environment`: a folder that describes an environment, and the workspace's environments."""

from __future__ import annotations

from pathlib import Path

import click

from amlrun.cli import environment_cache
from amlrun.cli.azure import connect, listed, name_option
from amlrun.cli.common import Context, common_options

_directory = click.option("-d", "--directory", required=True, metavar="FOLDER", type=click.Path(path_type=Path),
                          help="The environment's folder.")  # fmt: skip


@click.group("environment")
def command() -> None:
    """Describe an environment in a folder, and register it in a workspace; clear those made here."""


command.add_command(environment_cache.command)


@command.command()
@name_option
@_directory
@common_options
def scaffold(context: Context, name: str, directory: Path) -> None:
    """Write the files of an environment to fill in. Needs no network."""
    from amlrun.azure import environments

    made = [str(path) for path in environments.scaffold(directory, name)]
    context.result(made, "\n".join([*made, f"Register it: aml environment register -d {directory}"]))


@command.command()
@_directory
@common_options
def register(context: Context, directory: Path) -> None:
    """Register the environment of a folder; a new version each time."""
    from amlrun.azure import environments

    environments.read(directory)
    made = environments.register(connect(context), directory)
    context.result(made, f"Registered {made['id']}")


@command.command("list")
@common_options
def list_environments(context: Context) -> None:
    """List the workspace's environments, each with its newest version."""
    from amlrun.azure import environments

    found = environments.listing(connect(context))
    listed(context, found, {"Name": "name", "Version": "version"}, "No environments.")


@command.command()
@name_option
@click.option("-v", "--version", metavar="VERSION", help="The newest by default.")
@common_options
def show(context: Context, name: str, version: str | None) -> None:
    """Show one environment."""
    from amlrun.azure import environments

    context.result(environments.show(connect(context), name, version))
