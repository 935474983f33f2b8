"""What Tab offers: names of run configurations and ids of runs (`README`: how to turn it on)."""

from __future__ import annotations

from pathlib import Path

import click


def _path(context: click.Context) -> Path:
    return Path(context.params.get("path") or ".").absolute()


def configurations(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """The run configurations that `-c` can name here."""
    path = _path(context)
    folder = next((path / name for name in ("aml_config", ".azureml") if (path / name).is_dir()), path)
    return sorted(file.stem for file in folder.glob("*.runconfig") if file.stem.startswith(incomplete))


def run_ids(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """`latest`, and the ids of this project's runs, newest first."""
    from amlrun import project
    from amlrun.runs import store as runs

    known = ["latest", *(run.id for run in runs.list_runs(project.find(_path(context)).runs))]
    return [name for name in known if name.startswith(incomplete)]
