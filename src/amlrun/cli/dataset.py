"""`aml dataset`: names for data, kept in data/datasets.yml."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from amlrun import project as projects
from amlrun.cli.common import Context, common_options
from amlrun.errors import AmlError
from amlrun.prepare import data


@click.group("dataset")
def command() -> None:
    """Name the data that run configurations use (`data:` and `dataReferences:`)."""


@command.command()
@click.option("-n", "--name", required=True, metavar="NAME", help="The name that run configurations use.")
@click.option("-p", "--data-path", "place", required=True, metavar="PATH",
              help="The file or folder on this machine; with -w also azureml://datastores/… or a URL.")  # fmt: skip
@click.option("--version", metavar="VERSION", help="With -w: this version, instead of the next.")
@click.option("--description", default="", help="What it is, for people.")
@common_options
def register(context: Context, name: str, place: str, version: str | None, description: str) -> None:
    """Say where a dataset lies on this machine (in data/datasets.yml); with -w, register it in the workspace."""
    from amlrun.cli import cloud_assets

    if cloud_assets.wanted(context):
        cloud_assets.register_dataset(context, name, place, description, version)
        return
    project = projects.find(context.path)
    dataset = data.register(project, name, Path(place), description)
    context.result(_record(dataset), f"{name}: {dataset.path} (in {project.datasets_file.relative_to(project.root)})")


@command.command("list")
@common_options
def list_datasets(context: Context) -> None:
    """List the datasets that this project names; with -w the workspace's."""
    from amlrun.cli import cloud_assets

    if cloud_assets.wanted(context):
        cloud_assets.list_datasets(context)
        return
    found = data.load(projects.find(context.path)).values()
    rows = [[one.name, one.path, "" if one.path.exists() else "nothing there", one.description] for one in found]
    empty = "No datasets. Name one: aml dataset register -n NAME -p FOLDER"
    context.result(
        [_record(one) for one in found],
        lambda: context.table(["Name", "Path", "", "Description"], rows) if rows else context.say(empty),
    )


@command.command()
@click.option("-n", "--name", required=True, metavar="NAME")
@click.option("-v", "--version", metavar="VERSION", help="With -w; the newest by default.")
@common_options
def show(context: Context, name: str, version: str | None) -> None:
    """Show where one dataset lies; with -w the workspace's."""
    from amlrun.cli import cloud_assets

    if cloud_assets.wanted(context):
        cloud_assets.show_dataset(context, name, version)
        return
    project = projects.find(context.path)
    datasets = data.load(project)
    if name not in datasets:
        raise AmlError(
            f"no dataset {name!r}",
            file=project.datasets_file,
            hint=f"It names: {', '.join(datasets) or 'nothing yet'}.",
        )
    context.result(_record(datasets[name]))


def _record(dataset: data.Dataset) -> dict[str, Any]:
    return {
        "name": dataset.name,
        "path": str(dataset.path),
        "exists": dataset.path.exists(),
        "description": dataset.description,
    }
