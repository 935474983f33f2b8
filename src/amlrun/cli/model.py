"""`aml model`: register, list, show and download models."""

from __future__ import annotations

import shutil
from pathlib import Path

import click

from amlrun import project as projects
from amlrun import workspace as workspace_config
from amlrun.cli.common import Context, common_options, debug_option, key_values, write_json
from amlrun.cli.lazy import LazyGroup
from amlrun.cli.run import id_in
from amlrun.errors import AmlError, os_error
from amlrun.registry import local

# Commands of this group that live in modules of their own, imported only when they are called.
ELSEWHERE: dict[str, tuple[str, str]] = {
    "deploy": ("amlrun.cli.deploy:deploy", "Serve a model on this machine."),
    "update": ("amlrun.cli.cloud_assets:update", "Change a model of the workspace."),
    "delete": ("amlrun.cli.cloud_assets:delete", "Delete a model version from the workspace."),
}


@click.group("model", cls=LazyGroup, elsewhere=ELSEWHERE)
def command() -> None:
    """Register, list, show and download models."""


@command.command()
@click.option("-n", "--name", required=True, metavar="NAME", help="The model's name; versions count up by themselves.")
@click.option("-f", "--run-metadata-file", "run_file", metavar="RUN.JSON",
              type=click.Path(path_type=Path), help="Take the model from this run (submit's -t).")  # fmt: skip
@click.option("-r", "--run-id", metavar="RUN", help="Take the model from this run; `latest` is the newest.")
@click.option("--asset-path", metavar="PATH", help="The file or folder in the run, e.g. outputs/model.pkl.")
@click.option("-p", "--model-path", metavar="PATH", type=click.Path(path_type=Path), help="A file or folder here.")
@click.option("--tag", "tags", multiple=True, metavar="KEY=VALUE", help="Can be repeated.")
@click.option("--property", "properties", multiple=True, metavar="KEY=VALUE", help="Can be repeated.")
@click.option("-d", "--description", default="", help="What it is, for people.")
@click.option("--model-framework", default="", metavar="NAME", help="e.g. ScikitLearn.")
@click.option("--model-framework-version", default="", metavar="VERSION")
@click.option("--experiment-name", metavar="NAME", hidden=True)
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
    experiment_name: str | None,
) -> None:
    """Register a model from a run, or from a path.

    A run on Azure ML registers in its workspace, without a download; -w registers there too.

    \b
    aml model register -n demo-model -f run.json --asset-path outputs/model.pkl --tag stage=test
    aml model register -n demo-model -p outputs/model.pkl
    """
    local.check_name(name)
    tagged, with_properties = key_values(tags, "--tag"), key_values(properties, "--property")
    project = projects.find(context.path)
    origin = None
    given = id_in(run_file) if run_file else run_id
    if given is not None and model_path is not None:
        raise AmlError("give -p, or -f/-r with --asset-path, not both")
    if given is not None or model_path is not None:
        from amlrun.cli import cloud_assets
        from amlrun.cli.run import find
        from amlrun.cli.watching import Printer

        with Printer(context) as show:
            run = find(context, given, show) if given is not None else None
        if cloud_assets.wanted(context) or (run is not None and run.target.type == "azureml"):
            cloud_assets.register_model(
                context,
                name,
                run=run,
                asset_path=asset_path,
                source=model_path,
                tags=tagged,
                properties=with_properties,
                description=description,
                framework=model_framework,
                framework_version=model_framework_version,
            )
            return
    if given is not None:
        source, origin = _from_run(project, given, asset_path)
    elif model_path is not None:
        source = model_path
        if not source.exists():
            raise AmlError(f"-p: there is nothing at {source}")
    else:
        raise AmlError("which model?", hint="Give -f run.json --asset-path outputs/model.pkl, or -p PATH.")
    model = local.register(
        project,
        name,
        source.resolve(),
        origin=origin,
        tags=tagged,
        properties=with_properties,
        description=description,
        framework=model_framework,
        framework_version=model_framework_version,
    )
    if context.metadata_file is not None:
        write_json(context.metadata_file, _metadata(context, model))
        context.metadata_file = None
    context.result(model.record(), f"Registered {model.id} ({model.path.name}, SHA-256 {model.sha256[:12]}…)")


def _metadata(context: Context, model: local.Model) -> dict[str, str]:
    """v1's model.json: what `model deploy -f` reads (V1_CLI §4)."""
    workspace = workspace_config.discover(context.path)
    return {
        "modelId": model.id,
        "workspaceName": workspace.workspace.name if workspace else "",
        "resourceGroupName": workspace.workspace.resource_group if workspace else "",
    }


def _from_run(project: projects.Project, run_id: str, asset_path: str | None) -> tuple[Path, local.Origin]:
    from amlrun.runs import store as runs
    from amlrun.runs import tracking

    run = runs.find(project.runs, run_id)
    record = run.record()
    best = (record.get("properties") or {}).get("best_child_run_id")
    if best:  # a sweep: its best trial is meant
        run = runs.find(project.runs, best)
        record = run.record()
    written = (file for file in (run.folder / "outputs").rglob("*") if file.is_file())
    offered = sorted(file.relative_to(run.folder).as_posix() for file in written) + tracking.artifact_names(run)
    hint = f"The run's files are: {', '.join(offered[:10]) or 'none'}"
    if not asset_path:
        raise AmlError("--asset-path: which file of the run?", hint=hint)
    if not (run.folder / asset_path).resolve().is_relative_to(run.folder.resolve()):
        raise AmlError(f"--asset-path: {asset_path} is not inside the run", hint=hint)
    source = tracking.file_of(run, asset_path)
    if source is None:
        raise AmlError(f"--asset-path: run {run.id} ({record['status']}) has no {asset_path}", hint=hint)
    return source, local.Origin(run.id, str(record.get("_experiment_name", "")), Path(asset_path).as_posix())


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
    from amlrun.cli import cloud_assets

    if cloud_assets.wanted(context):
        cloud_assets.list_models(
            context,
            name,
            latest,
            lambda one: (
                _has(one["tags"], tags) and _has(one["properties"], properties) and run_id in (None, one["runId"])
            ),
        )
        return
    found = local.listing(projects.find(context.path), name)
    found = [
        model
        for model in found
        if _has(model.tags, tags) and _has(model.properties, properties) and run_id in (None, model.run_id)
    ]
    if latest:
        best = {model.name: model for model in sorted(found, key=lambda model: model.version)}
        found = list(best.values())
    rows = [
        [model.name, model.version, model.created_time[:19].replace("T", " "), model.run_id,
         ", ".join(f"{k}={v}" for k, v in model.tags.items())]
        for model in found
    ]  # fmt: skip
    empty = "No models. Register one: aml model register -n NAME -f run.json --asset-path outputs/model.pkl"
    columns = ["Name", "Version", "Created (UTC)", "Run", "Tags"]
    context.result(
        [model.record() for model in found], lambda: context.table(columns, rows) if rows else context.say(empty)
    )


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
    from amlrun.cli import cloud_assets

    if not (model_id or name):
        raise AmlError("which model?", hint="Give -i NAME:VERSION, or -n NAME.")
    if cloud_assets.wanted(context):
        cloud_assets.show_model(context, model_id or str(name), version)
        return
    model = local.find(projects.find(context.path), model_id or str(name), version)
    record = model.record()
    context.result(record, lambda: context.pairs({k: v for k, v in record.items() if v not in ("", None, {})}))


@command.command()
@click.option("-i", "--model-id", required=True, metavar="NAME:VERSION")
@click.option("-t", "--target-dir", required=True, metavar="FOLDER", type=click.Path(path_type=Path), help="Where to.")
@click.option("--overwrite", is_flag=True, help="Replace what is there.")
@click.option("--path", default=".", metavar="FOLDER", type=click.Path(exists=True, path_type=Path),
              help="The project or model folder.")  # fmt: skip
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text", help="What stdout gets.")
@click.option("-g", "--resource-group", metavar="NAME", help="The workspace's resource group.")
@click.option("-w", "--workspace-name", metavar="NAME", help="Take the model from this workspace.")
@click.option("--subscription-id", metavar="ID", help="The workspace's subscription.")
@debug_option
def download(
    model_id: str,
    target_dir: Path,
    overwrite: bool,
    path: Path,
    output: str,
    resource_group: str | None,
    workspace_name: str | None,
    subscription_id: str | None,
) -> None:
    """Copy a model's file or folder into a folder, once its hash is seen to be the registered one."""
    context = Context(path.absolute(), output, None, subscription_id, resource_group, workspace_name)
    from amlrun.cli import cloud_assets

    if cloud_assets.wanted(context):
        cloud_assets.download_model(context, model_id, target_dir, overwrite)
        return
    model = local.find(projects.find(context.path), model_id)
    source = local.verify(model)
    target = target_dir / source.name
    if target.exists() and not overwrite:
        raise AmlError("is there already", file=target, hint="Add --overwrite to replace it.")
    try:
        if target.is_dir():
            shutil.rmtree(target)
        target_dir.mkdir(parents=True, exist_ok=True)
        shutil.copytree(source, target) if source.is_dir() else shutil.copy2(source, target)
    except OSError as error:
        raise os_error(error, "copy the model") from error
    context.result({"id": model.id, "path": str(target.resolve())}, f"{model.id}: {target}")
