"""`aml dataset`: names for data, in data/datasets.yml or in a workspace."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from amlrun.cli.common import Context, common_options
from amlrun.cli.watching import Printer
from amlrun.errors import AmlError

if TYPE_CHECKING:
    from amlrun.registry.datasets import LocalDatasets, WorkspaceDatasets


@click.group("dataset")
def command() -> None:
    """Register the data that run configurations use (`data:` and `dataReferences:`)."""


def _datasets(context: Context, show: Printer) -> LocalDatasets | WorkspaceDatasets:
    """The datasets that a command means: the workspace's with -w, else the project's."""
    from amlrun.registry.datasets import open_datasets

    return open_datasets(context.path, workspace=context.named_workspace, on_event=show)


@command.command()
@click.option("-n", "--name", metavar="NAME", help="The name that run configurations use.")
@click.option("-p", "--data-path", "place", metavar="PATH",
              help="The file or folder on this machine; with -w also azureml://datastores/… or a URL.")  # fmt: skip
@click.option("-f", "--file", "file", metavar="FILE", type=click.Path(path_type=Path),
              help="v1's dataset file: its name, description and path.")  # fmt: skip
@click.option("--version", metavar="VERSION", help="With -w: this version, instead of the next.")
@click.option("--description", default="", help="A description.")
@click.option("--skip-validation", is_flag=True, hidden=True, expose_value=False)
@common_options
def register(
    context: Context,
    name: str | None,
    place: str | None,
    file: Path | None,
    version: str | None,
    description: str,
) -> None:
    """Register where a dataset is, in data/datasets.yml. With -w, register it in the workspace."""
    if file is not None:
        from amlrun.v1.dataset_file import read

        found = read(file)
        name, description = name or found.name, description or found.description
        if place is None and not Path(found.path).exists() and not context.names_workspace:
            raise AmlError(
                f"-p: where is {name} on this machine?", file=file,
                hint=f"The file names {found.path}. Give the local copy with -p PATH, or the workspace with -w.",
            )  # fmt: skip
        place = place or found.path
    for flag, value in (("-n NAME", name), ("-p PATH", place)):
        if not value:
            raise AmlError(f"{flag} is missing", hint="Give -n NAME and -p PATH, or v1's dataset file with -f FILE.")
    with Printer(context) as show:
        dataset = _datasets(context, show).register(str(name), str(place), version=version, description=description)
    shown = f":{dataset.version}" if dataset.version else ""
    context.result(dataset.to_dict(), f"Registered {name}{shown}: {dataset.path} (in {dataset.location})")


@command.command("list")
@common_options
def list_datasets(context: Context) -> None:
    """List this project's datasets; with -w the workspace's."""
    with Printer(context) as show:
        found = _datasets(context, show).datasets()
    rows = [
        [one.name, one.version, one.path, "missing" if one.exists is False else "", one.description] for one in found
    ]
    empty = "No datasets. Register one: aml dataset register -n NAME -p FOLDER"
    context.listed([one.to_dict() for one in found], ["Name", "Version", "Path", "", "Description"], rows, empty)


@command.command()
@click.option("-n", "--name", required=True, metavar="NAME")
@click.option("-v", "--version", metavar="VERSION", help="With -w; the newest by default.")
@common_options
def show(context: Context, name: str, version: str | None) -> None:
    """Show where one dataset is; with -w the workspace's."""
    with Printer(context) as show:
        context.result(_datasets(context, show).get(name, version).to_dict())
