"""`aml model` and `aml dataset` on a workspace: where a run lives there, or -w names one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from amlrun.cli.azure import connect as client_of
from amlrun.cli.common import Context, common_options, key_values, write_json
from amlrun.cli.progress import bar
from amlrun.errors import AmlError
from amlrun.targets.base import Run


def wanted(context: Context) -> bool:
    """Whether -w (or -g) asks for the workspace's own; without it the project's are meant, offline."""
    return context.names_workspace


def register_model(
    context: Context,
    name: str,
    *,
    run: Run | None,
    asset_path: str | None,
    source: Path | None,
    tags: dict[str, str],
    properties: dict[str, str],
    description: str,
    framework: str,
    framework_version: str,
) -> None:
    """Register a model in the workspace: from a cloud run without downloading it, or from a path."""
    from amlrun.azure import assets

    client = client_of(context, run.files if run is not None and run.target.type == "azureml" else None)
    said = {"framework": framework, "framework_version": framework_version}
    tags = {**tags, **{key: value for key, value in said.items() if value}}
    if run is not None and run.target.type == "azureml":
        if not asset_path:
            raise AmlError("--asset-path: which file of the run?", hint="e.g. --asset-path outputs/model.pkl")
        experiment, run_id = run.experiment, run.id
        if run.record().get("run_type") == "hyperdrive":
            best = run.best_child()
            if best is None:
                hint = "Either none of its trials has ended yet, or none has completed with the metric."
                raise AmlError(f"the sweep {run.id} has no best trial", hint=hint)
            run_id = best.id
        made = assets.register_model_of_run(
            client,
            name,
            run_id,
            asset_path,
            experiment=experiment,
            tags=tags,
            properties=properties,
            description=description,
        )
    else:
        source = source if run is None else run.folder / str(asset_path)
        if source is None or not source.exists():
            raise AmlError(f"there is nothing at {source}")
        files = [source] if source.is_file() else [path for path in source.rglob("*") if path.is_file()]
        with bar("Uploading", sum(file.stat().st_size for file in files)) as progress:
            made = assets.register_model_from(
                client, name, source, tags=tags, properties=properties, description=description, progress=progress
            )
    if context.metadata_file is not None:
        place = client.workspace
        ids = {"modelId": made["id"], "workspaceName": place.name, "resourceGroupName": place.resource_group}
        write_json(context.metadata_file, ids)
        context.metadata_file = None
    context.result(made, f"Registered {made['id']} in {client.workspace.name}")


def list_models(context: Context, name: str | None, latest: bool, keep: Any) -> None:
    """List the workspace's models; `keep` is the filter of the flags."""
    from amlrun.azure import assets

    found = [one for one in assets.list_models(client_of(context), name, latest) if keep(one)]
    rows = [
        [one["name"], one["version"], one["createdTime"][:19].replace("T", " "), one["runId"],
         ", ".join(f"{key}={value}" for key, value in one["tags"].items())]
        for one in found
    ]  # fmt: skip
    columns = ["Name", "Version", "Created (UTC)", "Run", "Tags"]
    context.result(found, lambda: context.table(columns, rows) if rows else context.say("No models."))


def show_model(context: Context, name: str, version: str | None) -> None:
    """Show one of the workspace's models."""
    from amlrun.azure import assets

    name, version = _split(name, version)
    made = assets.show_model(client_of(context), name, version)
    context.result(made, lambda: context.pairs({k: v for k, v in made.items() if v not in ("", None, {})}))


def download_model(context: Context, model_id: str, folder: Path, overwrite: bool) -> None:
    """Bring one of the workspace's models down."""
    from amlrun.azure import assets

    name, version = _split(model_id, None)
    client = client_of(context)
    with bar("Downloading") as progress:
        files = assets.download_model(client, name, version, folder, overwrite=overwrite, progress=progress)
    context.result({"id": model_id, "files": [str(file) for file in files]}, "\n".join(str(file) for file in files))


@click.command()
@click.option("-i", "--model-id", required=True, metavar="NAME:VERSION", help="The model and its version.")
@click.option("--add-tag", multiple=True, metavar="KEY=VALUE", help="Add a tag, or change one; can be repeated.")
@click.option("--remove-tag", multiple=True, metavar="KEY", help="Can be repeated.")
@click.option("--add-property", multiple=True, metavar="KEY=VALUE", help="Can be repeated.")
@click.option("--description", metavar="TEXT")
@common_options
def update(
    context: Context,
    model_id: str,
    add_tag: tuple[str, ...],
    remove_tag: tuple[str, ...],
    add_property: tuple[str, ...],
    description: str | None,
) -> None:
    """Change the tags, properties or description of a model in the workspace."""
    from amlrun.azure import assets

    name, version = _split(model_id, None)
    if version is None:
        raise AmlError(f"-i: {model_id!r} names no version", hint="Give NAME:VERSION.")
    made = assets.update_model(
        client_of(context),
        name,
        version,
        tags=key_values(add_tag, "--add-tag"),
        without=list(remove_tag),
        properties=key_values(add_property, "--add-property"),
        description=description,
    )
    context.result(made, f"Updated {made['id']}")


@click.command()
@click.option("-i", "--model-id", required=True, metavar="NAME:VERSION", help="The model and its version.")
@common_options
def delete(context: Context, model_id: str) -> None:
    """Delete a model version from the workspace."""
    from amlrun.azure import assets

    name, version = _split(model_id, None)
    if version is None:
        raise AmlError(f"-i: {model_id!r} names no version", hint="Give NAME:VERSION.")
    assets.delete_model(client_of(context), name, version)
    context.result({"id": model_id, "deleted": True}, f"Deleted {model_id}")


def _split(model_id: str, version: str | None) -> tuple[str, str | None]:
    name, colon, said = model_id.partition(":")
    return name, version or (said if colon else None)


def register_dataset(context: Context, name: str, place: str, description: str, version: str | None) -> None:
    """Name data in the workspace: a local path is uploaded, a datastore path or a URL is only named."""
    from amlrun.azure import assets

    client = client_of(context)
    with bar("Uploading", None if Path(place).exists() else 0) as progress:
        made = assets.register_data(client, name, place, version=version, description=description, progress=progress)
    context.result(made, f"Registered {made['id']} in {client.workspace.name}")


def list_datasets(context: Context) -> None:
    """List the workspace's datasets."""
    from amlrun.azure import assets

    found = assets.list_data(client_of(context))
    rows = [[one["name"], one["version"]] for one in found]
    context.result(found, lambda: context.table(["Name", "Version"], rows) if rows else context.say("No datasets."))


def show_dataset(context: Context, name: str, version: str | None) -> None:
    """Show one of the workspace's datasets."""
    from amlrun.azure import assets

    name, version = _split(name, version)
    context.result(assets.show_data(client_of(context), name, version))


def check_workspace(context: Context) -> str:
    """One line on whether the attached workspace answers; never an error: `folder attach` needs no network."""
    from amlrun.azure import workspaces

    try:
        client = client_of(context)
        # Nobody waits two minutes for a courtesy, or signs in for one.
        client.credential.may_ask = False
        client.wire.seconds = min(client.wire.seconds, 15.0)
        found = workspaces.find(client)
    except AmlError as error:
        return f"The workspace was not checked: {error.message}"
    if found is None:
        name = client.workspace.name
        return f"Azure has no workspace {name} there that you may see: check -w, -g and --subscription-id."
    return f"The workspace is there ({found.get('location')})."
