"""`aml experiment`."""

from __future__ import annotations

import click

from amlrun import project as projects
from amlrun.cli.common import Context, common_options
from amlrun.runs import store as runs


@click.group("experiment")
def command() -> None:
    """List experiments: the names that runs are gathered under."""


@command.command("list")
@common_options
def list_experiments(context: Context) -> None:
    """List this project's experiments, with the number of runs of each."""
    counts: dict[str, int] = {}
    for record in runs.records(projects.find(context.path).runs):
        name = record.get("_experiment_name")
        if name:
            counts[name] = counts.get(name, 0) + 1
    found = [{"name": name, "runs": count} for name, count in counts.items()]
    rows = [[item["name"], item["runs"]] for item in found]
    context.listed(found, ["Name", "Runs"], rows, "No experiments yet.")
