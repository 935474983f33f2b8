"""`aml model`: register, list, show, change, delete and download models."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from amlrun.cli.common import Context, common_options, key_values, write_json
from amlrun.cli.lazy import LazyGroup
from amlrun.cli.run import find, id_in
from amlrun.cli.watching import Printer
from amlrun.errors import AmlError

if TYPE_CHECKING:
    from amlrun.registry import Model, Registry
    from amlrun.targets.base import Run

# Commands of this group that live in modules of their own, imported only when they are called.
LAZY_SUBCOMMANDS: dict[str, tuple[str, str]] = {
    "deploy": ("amlrun.cli.deploy:deploy", "Serve a model on this machine."),
    "new": ("amlrun.cli.model_new:new", "Make a folder for another model of the project."),
}
_EMPTY = "No models. Register one: aml model register -n NAME -f run.json --asset-path outputs/model.pkl"


@click.group("model", cls=LazyGroup, lazy_subcommands=LAZY_SUBCOMMANDS)
def command() -> None:
    """Register, list, show, change, delete and download models."""


def registry_of(context: Context, show: Printer, run: Run | None = None) -> Registry:
    """The registry that a command means: the workspace's of -w, or of the run; else the project's."""
    from amlrun.cli import quiet
    from amlrun.registry import open_registry

    quiet.silence("mlflow")
    return open_registry(context.path, workspace=context.named_workspace, run=run, on_event=show)


@command.command()
@click.option("-n", "--name", required=True, metavar="NAME", help="The model's name; its versions are numbered.")
@click.option("-f", "--run-metadata-file", "run_file", metavar="RUN.JSON",
              type=click.Path(path_type=Path), help="Take the model from this run (submit's -t).")  # fmt: skip
@click.option("-r", "--run-id", metavar="RUN", help="Take the model from this run; `latest` is the newest.")
@click.option("--asset-path", metavar="PATH", help="The file or folder in the run, e.g. outputs/model.pkl.")
@click.option("-p", "--model-path", metavar="PATH", type=click.Path(path_type=Path), help="A file or folder here.")
@click.option("--tag", "tags", multiple=True, metavar="KEY=VALUE", help="Can be repeated.")
@click.option("--property", "properties", multiple=True, metavar="KEY=VALUE", help="Can be repeated.")
@click.option("-d", "--description", default="", help="A description.")
@click.option("--model-framework", default="", metavar="NAME", help="e.g. ScikitLearn.")
@click.option("--model-framework-version", default="", metavar="VERSION")
@click.option("--experiment-name", metavar="NAME", hidden=True, expose_value=False)
@common_options
def register(
    context: Context,
    name: str,
    run_file: Path | None,
    run_id: str | None,
    asset_path: str | None,
    model_path: Path | None,
    tags: tuple[str, ...],
    properties: tuple[str, ...],
    description: str,
    model_framework: str,
    model_framework_version: str,
) -> None:
    """Register a model from a run, or from a path.

    A run on Azure ML registers in its workspace, without a download; -w registers any model there.

    \b
    aml model register -n demo-model -f run.json --asset-path outputs/model.pkl --tag stage=test
    aml model register -n demo-model -p outputs/model.pkl
    """
    from amlrun.registry.base import Description, RunFile, check_name

    check_name(name)
    about = Description(
        description, model_framework, model_framework_version, key_values(tags, "--tag"),
        key_values(properties, "--property"),
    )  # fmt: skip
    given = id_in(run_file) if run_file else run_id
    if given is not None and model_path is not None:
        raise AmlError("give -p, or -f/-r with --asset-path, not both")
    if model_path is not None and not model_path.exists():
        raise AmlError(f"-p: no such file or folder: {model_path}")
    with Printer(context) as show:
        if given is not None:
            run = _best(find(context, given, show))
            registry, source = registry_of(context, show, run), RunFile(*run.owner_of(asset_path or ""))
            model = registry.register(name, source, about)
        elif model_path is not None:
            registry = registry_of(context, show)
            model = registry.register(name, model_path, about)
        else:
            raise AmlError("no model given", hint="Give -f run.json --asset-path outputs/model.pkl, or -p PATH.")
    if context.metadata_file is not None:
        write_json(context.metadata_file, registry.metadata(model))
        context.metadata_file = None
    digest = f", SHA-256 {model.sha256[:12]}…" if model.sha256 else ""
    context.result(model.to_dict(), f"Registered {model.id} ({model.uri.rsplit('/', 1)[-1]}{digest})")


def _best(run: Run) -> Run:
    """The run itself; of a sweep its best trial. Raises AmlError for a sweep that has none."""
    from amlrun.runs.record import AUTOML_RUN, SWEEP_RUN

    record = run.record()
    # A search that was driven here has its winner's files in its own folder.
    if record.get("run_type") != SWEEP_RUN and not (record.get("run_type") == AUTOML_RUN and record.get("remote")):
        return run
    best = run.best_child()
    if best is None:
        hint = f"None of its trials has completed with the metric yet: aml run show -r {run.id}"
        raise AmlError(f"the sweep {run.id} has no best trial", hint=hint)
    return best


@command.command("list")
@click.option("-n", "--model-name", "name", metavar="NAME", help="Only versions of this model.")
@click.option("-l", "--latest", is_flag=True, help="Only the highest version of each.")
@click.option("--tag", "tags", multiple=True, metavar="KEY[=VALUE]", help="Only models with this tag.")
@click.option("--property", "properties", multiple=True, metavar="KEY[=VALUE]", help="Only models with this property.")
@click.option("--run-id", metavar="RUN", help="Only models from this run.")
@common_options
def list_models(
    context: Context,
    name: str | None,
    latest: bool,
    tags: tuple[str, ...],
    properties: tuple[str, ...],
    run_id: str | None,
) -> None:
    """List registered models, newest first; with -w the workspace's."""
    from amlrun.registry.base import highest

    with Printer(context) as show:
        known = registry_of(context, show).models(name)
    found = [
        model
        for model in known
        if _has(model.tags, tags) and _has(model.properties, properties) and run_id in (None, model.run_id)
    ]
    if latest:
        found = highest(found)
    rows = [
        [model.name, model.version, model.created_time[:19].replace("T", " "), model.run_id,
         ", ".join(f"{k}={v}" for k, v in model.tags.items())]
        for model in found
    ]  # fmt: skip
    columns = ["Name", "Version", "Created (UTC)", "Run", "Tags"]
    context.listed([model.to_dict() for model in found], columns, rows, _EMPTY)


def _has(found: dict[str, str], wanted: tuple[str, ...]) -> bool:
    pairs = [word.partition("=") for word in wanted]
    return all(key in found and (not equals or found[key] == value) for key, equals, value in pairs)


@command.command()
@click.option("-i", "--model-id", metavar="NAME:VERSION", help="The model and its version.")
@click.option("-n", "--model-name", "name", metavar="NAME", help="The model; its highest version.")
@click.option("--version", metavar="N", help="With -n: this version.")
@common_options
def show(context: Context, model_id: str | None, name: str | None, version: str | None) -> None:
    """Show one model; with -w the workspace's."""
    if not (model_id or name):
        raise AmlError("no model given", hint="Give -i NAME:VERSION, or -n NAME.")
    with Printer(context) as show:
        record = registry_of(context, show).get(model_id or str(name), version).to_dict()
    context.result(record, lambda: context.pairs({k: v for k, v in record.items() if v not in ("", None, {})}))


@command.command()
@click.option("-i", "--model-id", required=True, metavar="NAME:VERSION", help="The model and its version.")
@click.option("--add-tag", multiple=True, metavar="KEY=VALUE", help="Add a tag, or change one; can be repeated.")
@click.option("--remove-tag", multiple=True, metavar="KEY", help="Can be repeated.")
@click.option("--add-property", multiple=True, metavar="KEY=VALUE", help="Can be repeated.")
@click.option("--description", metavar="TEXT", help="The new description.")
@common_options
def update(
    context: Context,
    model_id: str,
    add_tag: tuple[str, ...],
    remove_tag: tuple[str, ...],
    add_property: tuple[str, ...],
    description: str | None,
) -> None:
    """Change a model's tags, properties or description.

    A model that is not registered here is looked up in the attached workspace.
    """
    tags, properties = key_values(add_tag, "--add-tag"), key_values(add_property, "--add-property")
    with Printer(context) as show:
        model = _one(context, model_id, show).update(
            tags=tags, remove_tags=remove_tag, properties=properties, description=description
        )
    context.result(model.to_dict(), f"Updated {model.id}")


@command.command()
@click.option("-i", "--model-id", required=True, metavar="NAME:VERSION", help="The model and its version.")
@common_options
def delete(context: Context, model_id: str) -> None:
    """Delete a model version.

    A model that is not registered here is looked up in the attached workspace.
    """
    with Printer(context) as show:
        model = _one(context, model_id, show)
        model.delete()
    context.result({"id": model.id, "deleted": True}, f"Deleted {model.id}")


def _one(context: Context, model_id: str, show: Printer) -> Model:
    """The model of -i, which must name a version: the project's, else the workspace's."""
    from amlrun.registry import open_registry
    from amlrun.registry.base import split_id

    if split_id(model_id)[1] is None:
        raise AmlError(f"-i: {model_id!r} has no version", hint="Give NAME:VERSION.")
    try:
        return registry_of(context, show).get(model_id)
    except AmlError:
        workspace = context.attached_workspace
        if workspace is None or context.names_workspace:
            raise
        return open_registry(context.path, workspace=workspace, on_event=show).get(model_id)


@command.command()
@click.option("-i", "--model-id", required=True, metavar="NAME:VERSION", help="The model and its version.")
@click.option("-t", "--target-dir", required=True, metavar="FOLDER", type=click.Path(path_type=Path),
              help="The folder to copy it to.")  # fmt: skip
@click.option("--overwrite", is_flag=True, help="Replace existing files.")
@common_options(metadata_file=False)
def download(context: Context, model_id: str, target_dir: Path, overwrite: bool) -> None:
    """Download a model into a folder, after checking its hash."""
    with Printer(context) as show:
        model = registry_of(context, show).get(model_id)
        files = model.download(target_dir, overwrite=overwrite)
    paths = [str(file.resolve()) for file in files]
    context.result({"id": model.id, "path": paths[0], "files": paths}, "\n".join(f"{model.id}: {one}" for one in files))
