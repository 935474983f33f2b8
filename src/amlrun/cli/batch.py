"""`aml run submit-batch`: score a folder of files, as v1's ParallelRunStep did."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from amlrun import project as projects
from amlrun.cli.common import Context, common_options
from amlrun.cli.scoring_files import refuse
from amlrun.cli.scoring_options import choose_model
from amlrun.errors import AmlError
from amlrun.runs import store as runs
from amlrun.v1.scoring.field_table import PARALLEL

if TYPE_CHECKING:
    from amlrun.serving.model_file import ModelFile
    from amlrun.v1.config import Config
    from amlrun.v1.scoring.endpoint import Managed
    from amlrun.v1.scoring.inference import Inference
    from amlrun.v1.scoring.parallel import BatchSettings


@click.command("submit-batch")
@click.option("-c", "--run-configuration-name", "name", default="batch-score", show_default=True, metavar="NAME",
              help="The ParallelRunConfig: aml_config/NAME.yml, or a file.")  # fmt: skip
@click.option("-m", "--model", metavar="NAME[:VERSION]", multiple=True, help="The registered model.")
@click.option("-f", "--run-metadata-file", "run_file", type=click.Path(path_type=Path), metavar="run.json",
              help="The run whose model to use.")  # fmt: skip
@click.option("--asset-path", default="outputs/model.pkl", show_default=True, help="The model within that run.")
@click.option("-p", "--model-path", type=click.Path(path_type=Path), help="A model file or folder anywhere.")
@click.option("-d", "--input-data", "data", metavar="FOLDER|NAME", help="The files, or a dataset's name.")
@click.option("-e", "--experiment-name", metavar="NAME", help="The experiment the run belongs to.")
@click.option("--ct", "--target", "target", metavar="NAME", default="local", show_default=True,
              help="Where to score: a cluster of the workspace does it as a batch deployment.")  # fmt: skip
@click.option("--continue", "earlier", metavar="RUN",
              help="Reuse what that run has scored (`latest` is the newest).")  # fmt: skip
@click.option("--async", "detach", is_flag=True, help="Return as soon as the scoring has started.")
@click.option("--export", "export_to", type=click.Path(path_type=Path), metavar="FOLDER",
              help="Write the batch endpoint's and deployment's v2 YAML instead of scoring.")  # fmt: skip
@common_options
def submit_batch(
    context: Context,
    name: str,
    model: tuple[str, ...],
    run_file: Path | None,
    asset_path: str,
    model_path: Path | None,
    data: str | None,
    experiment_name: str | None,
    target: str,
    earlier: str | None,
    detach: bool,
    export_to: Path | None,
) -> int:
    """Score a folder of files, several at a time: on this machine, or on a cluster of the workspace.

    \b
    aml run submit-batch -c batch-score -m demo-model --input-data ../../data/sample
    aml run submit-batch -c batch-score -m demo-model --input-data ../../data/sample --continue latest
    aml run submit-batch -c batch-score -m demo-model --input-data sample --ct cpu-cluster

    It is a run like any other: list, watch, cancel it; its rows are in its outputs/. One that was killed here is
    continued by a new run, which scores no file that the old one finished, and tries those that failed.
    """
    from amlrun.cli.submit import submit
    from amlrun.serving import batch
    from amlrun.targets.base import SubmitOptions
    from amlrun.v1.scoring import inference, parallel

    project = projects.find(context.path)
    config = inference.read(_file(name, context.path, project.root), PARALLEL)
    script = inference.inference(
        context.path, config, entry=config.get("entry_script"), source=config.get("source_directory"),
        conda=config.get("conda_file"),
    )  # fmt: skip
    settings = parallel.settings(config)
    for note in config.remarks():
        context.warn(note)
    if export_to is not None:
        return _export(context, config, script, settings, model, export_to)
    if data is None:
        raise AmlError("which files?", hint="Give --input-data FOLDER, or a dataset's name (aml dataset list).")
    if target != "local":
        refuse({"--continue": earlier, "-f": run_file, "-p": model_path}, "--ct: the model is the workspace's")
        translated = _translate(config, script, settings, model, target)
        place = _here(data, context.path)
        wanted = data if place is None else str(place)
        return _submit_to_workspace(context, project, translated, wanted, experiment_name or "batch", detach=detach)
    chosen = choose_model(context, model, run_file, asset_path, model_path)
    files = _files(data, context.path, project)
    before = None if earlier is None else _earlier(context, project, earlier, chosen, files)
    job = batch.job(script, chosen, settings, files, earlier=before, report=context.say)
    return submit(context, job, experiment_name or "batch", SubmitOptions(detach=detach))


def _here(data: str, path: Path) -> Path | None:
    """A folder or file of that name here, else below --path."""
    return next((place.absolute() for place in (Path(data), path / data) if place.exists()), None)


def _files(data: str, path: Path, project: projects.Project) -> Path:
    """The files on this machine: a folder or file, else a dataset's. Raises AmlError."""
    from amlrun.prepare import data as datasets

    place = _here(data, path)
    if place is not None:
        return place.resolve()
    if data.startswith("azureml:") or "://" in data:
        return datasets.locate(project, data, data)
    if Path(data).name != data:
        hint = "Name a folder, a file, or a dataset: aml dataset list shows them."
        raise AmlError(f"--input-data: there is nothing at {data}", hint=hint)
    return datasets.locate(project, data, f"azureml:{data}")


def _earlier(context: Context, project: projects.Project, name: str, model: ModelFile, files: Path) -> runs.RunFolder:
    """The batch run to go on with. Raises AmlError for one whose rows can't be taken over."""
    run = runs.find(project.runs, name)
    tags = run.record().get("tags", {})
    if tags.get("batch") != "true" or "model_sha256" not in tags:
        hint = "They are listed by: aml run list --tags batch=true"
        raise AmlError(f"--continue: run {run.id} is not a batch run of this machine", hint=hint)
    if run.state()[0] in ("Preparing", "Running"):
        hint = f"Watch it: aml run monitor-logs -r {run.id}"
        raise AmlError(f"--continue: run {run.id} is still running", hint=hint)
    if tags.get("model_sha256", model.sha256) != model.sha256:
        raise AmlError(
            f"--continue: run {run.id} scored with {tags['model']}, not with {model.source}",
            hint=f"Use that one (-m {tags['model']}), or score all files again: omit --continue.",
        )
    if tags.get("data", str(files)) != str(files):
        context.warn(f"run {run.id} scored {tags['data']}: files of the same names in {files} count as done")
    return run


def _submit_to_workspace(
    context: Context, project: projects.Project, made: Managed, data: str, experiment: str, *, detach: bool
) -> int:
    """Have the workspace score the files, follow the job, and fetch its rows. Returns the exit code."""
    from amlrun.azure import batch as endpoints
    from amlrun.azure import client as azure_client
    from amlrun.cli.watching import Printer, follow
    from amlrun.serving import batch, reporting
    from amlrun.targets.azureml import AzureMLTarget
    from amlrun.targets.base import Run, RunCreated

    with Printer(context) as show:
        client = azure_client.listening(context.find_workspace(), show)
        folder = batch.submit_to_workspace(client, project, made, data, experiment, report=reporting(show))
        run = Run(folder, AzureMLTarget(project, client.workspace, show))
        show(RunCreated(run))
        studio = run.record().get("studio_url")
        if studio:
            context.say(f"Web View: {studio}")
        if detach:
            context.result(run.record(), f"Submitted. Follow it: aml run monitor-logs -r {run.id}")
            return 0
        code = follow(context, run, show, submitted=True)
        rows = endpoints.rows(client, folder) if code == 0 else None
    if rows:
        click.echo(f"Rows: {rows}", err=context.json)
    return code


def _file(name: str, path: Path, root: Path) -> Path:
    from amlrun.v1.scoring.inference import find_file

    for ending in ("", ".yml", ".yaml", ".runconfig", ".json"):
        places = [Path.cwd(), path, path / "aml_config", path / ".azureml", root]
        found = next((place / (name + ending) for place in places if (place / (name + ending)).is_file()), None)
        if found is not None:
            return found
    return find_file(f"{name}.yml", path, root, "-c")


def _translate(
    config: Config, script: Inference, wanted: BatchSettings, model: tuple[str, ...], target: str | None = None
) -> Managed:
    from amlrun.v1.scoring import batch_endpoint

    if len(model) != 1:
        raise AmlError("name one model", hint="Give -m NAME[:VERSION].")
    if target:
        config.set("compute_target", target)
    return batch_endpoint.translate(script, config, wanted, model[0])


def _export(
    context: Context, config: Config, script: Inference, wanted: BatchSettings, model: tuple[str, ...], folder: Path
) -> int:
    from amlrun.v1.scoring import endpoint

    made = _translate(config, script, wanted, model)
    files = endpoint.write(made, folder, "batch-endpoint.yml", "batch-deployment.yml")
    for note in made.notes:
        context.warn(note)
    context.result(
        {"endpoint": str(files[0]), "deployment": str(files[1])},
        f"Wrote {files[0]} and {files[1]}. Create them with:\n"
        f"  az ml batch-endpoint create -f {files[0]}\n"
        f"  az ml batch-deployment create --set-default -f {files[1]}",
    )
    return 0
