"""`aml model new`: a folder for another model, from the outline of one that is there."""

from __future__ import annotations

import os
from pathlib import Path

import click

from amlrun import project as projects
from amlrun.cli.common import Context, common_options
from amlrun.errors import AmlError
from amlrun.registry.starter import FRAMEWORKS


@click.command("new")
@click.argument("name")
@click.option("--from", "source", metavar="FOLDER", type=click.Path(path_type=Path),
              help="The model to copy. Default: models/model1, else the project's only model.")  # fmt: skip
@click.option("--framework", type=click.Choice(FRAMEWORKS),
              help="Take the template's starter for this framework instead.")  # fmt: skip
@common_options
def new(context: Context, name: str, source: Path | None, framework: str | None) -> None:
    """Make models/NAME/ with train.py, score.py, run configurations, conda files and tests.

    The files are copied from the project's sample, for you to adapt, or are a framework's starter, which Copier renders
    from the project's template. Existing files are not overwritten.

    \b
    aml model new churn
    aml model new churn --from models/model2
    aml model new churn --framework pytorch
    """
    from amlrun.registry import starter
    from amlrun.registry.outline import new_model

    project = projects.find(context.path)
    if not project.exists():
        raise AmlError(f"there is no project at {project.root}", hint="Run it in a project, or add --path FOLDER.")
    if source is not None and framework is not None:
        raise AmlError("--from and --framework cannot be combined", hint="Give one of them.")
    packages: list[str] = []
    if framework is None:
        files = new_model(project, name, source)
    else:
        with starter.rendered(project, framework) as made:
            files = new_model(project, name, made / "models" / "model1")
            packages = starter.missing_packages(project, made)
    folder = project.root / "models" / name
    shown = os.path.relpath(folder) if folder.is_relative_to(Path.cwd()) else str(folder)
    names = [file.relative_to(project.root).as_posix() for file in files]
    started = next((file.stem for file in files if file.name == "train-local.runconfig"), "NAME")
    text = f"Made {shown} with {len(files)} files. Next:\n"
    text += f"  cd {shown}\n  aml run submit-script -c {started} -e {name} -t run.json"
    if packages:
        text += "\nFor your editor and `pytest`, add to the group `model` in pyproject.toml: " + ", ".join(packages)
    context.result({"name": name, "folder": str(folder), "files": names, "packages": packages}, text)
