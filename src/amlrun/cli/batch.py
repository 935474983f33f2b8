"""`aml run submit-batch`: score a folder of files, as v1's ParallelRunStep did."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from amlrun import project as projects
from amlrun.cli.common import Context, common_options
from amlrun.errors import AmlError
from amlrun.v1.scoring.field_table import PARALLEL

if TYPE_CHECKING:
    from amlrun.targets import Targets
    from amlrun.targets.base import Run, SubmitOptions
    from amlrun.v1.config import Config
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
              help="Skip the files that this run has scored (`latest` is the newest).")  # fmt: skip
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
    """Score a folder of files in parallel, locally or on a cluster of the workspace.

    \b
    aml run submit-batch -c batch-score -m demo-model --input-data ../../data/sample
    aml run submit-batch -c batch-score -m demo-model --input-data ../../data/sample --continue latest
    aml run submit-batch -c batch-score -m demo-model --input-data sample --ct cpu-cluster

    A batch is a run like any other: list, watch or cancel it; the scored rows are in its outputs/. --continue starts a
    new run that skips the files which an interrupted run finished, and retries those that failed.
    """
    from amlrun import batches
    from amlrun.cli import quiet
    from amlrun.cli.run import id_in
    from amlrun.cli.submit import submit_with
    from amlrun.serving import model_file
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
        raise AmlError("no files given", hint="Give --input-data FOLDER, or a dataset's name (aml dataset list).")
    quiet.silence("mlflow")
    run_id = None if run_file is None else id_in(run_file)
    choice = model_file.Choice(model, run_id, asset_path, model_path)
    wanted = batches.Batch(config, script, settings, choice, data, context.path, earlier)

    def start(targets: Targets, options: SubmitOptions) -> Run:
        return batches.submit(wanted, target, experiment_name or "batch", targets, options)

    return submit_with(context, start, SubmitOptions(detach=detach))


def _file(name: str, path: Path, root: Path) -> Path:
    from amlrun.v1.scoring.inference import find_file

    for ending in ("", ".yml", ".yaml", ".runconfig", ".json"):
        places = [Path.cwd(), path, path / "aml_config", path / ".azureml", root]
        found = next((place / (name + ending) for place in places if (place / (name + ending)).is_file()), None)
        if found is not None:
            return found
    return find_file(f"{name}.yml", path, root, "-c")


def _export(
    context: Context, config: Config, script: Inference, wanted: BatchSettings, model: tuple[str, ...], folder: Path
) -> int:
    from amlrun.cli.conversions import publishable
    from amlrun.serving.model_file import Choice
    from amlrun.v1.scoring import batch_endpoint, endpoint

    made = publishable(batch_endpoint.translate(script, config, wanted, Choice(model).registered()))
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
