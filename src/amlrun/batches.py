"""Batches of files that are scored: by a run on this machine, or by a batch endpoint of a workspace."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from amlrun.dataclass import dataclass
from amlrun.errors import AmlError, did_you_mean
from amlrun.events import Message, OnEvent
from amlrun.prepare import data as datasets
from amlrun.runs import store as runs
from amlrun.runs.status import RunStatus
from amlrun.serving import batch, model_file, reporting
from amlrun.spec.job import compute_named
from amlrun.targets import Targets
from amlrun.targets.base import Run, RunCreated, SubmitOptions, Target

if TYPE_CHECKING:
    from amlrun.serving.model_file import ModelFile
    from amlrun.targets.azureml import AzureMLTarget
    from amlrun.v1.config import Config
    from amlrun.v1.scoring.inference import Inference
    from amlrun.v1.scoring.parallel import BatchSettings


@dataclass(frozen=True)
class Batch:
    """What is scored, and with what: v1's ParallelRunConfig, with the script and the settings that it names.

    `data` is a folder, a file, or a dataset's name, as seen from here or from `path`. `earlier` is a run of this
    machine whose rows are taken over.
    """

    config: Config
    script: Inference
    settings: BatchSettings
    model: model_file.Choice
    data: str
    path: Path
    earlier: str | None = None


def submit(wanted: Batch, compute: str, experiment: str, targets: Targets, options: SubmitOptions) -> Run:
    """Have the files scored on `compute`: `local`, or a cluster's name. Returns the run, which goes on by itself.

    Raises AmlError for files or a model that are not there, and for what that place cannot do.
    """
    target = targets.for_compute(compute_named(compute))
    if target.runs_batches:
        return _by_endpoint(wanted, compute, experiment, targets.workspace(), options)
    project, report = target.project, reporting(target.on_event)
    model = wanted.model.find(project)
    files = _files(wanted, target)
    earlier = None if wanted.earlier is None else _earlier(wanted.earlier, model, files, target)
    job = batch.job(wanted.script, model, wanted.settings, files, earlier=earlier, report=report)
    return target.submit(job, runs.check_experiment(experiment), options)


def open_batch(files: runs.RunFolder, target: Target) -> Run:
    """The handle of a run that a batch endpoint made."""
    return EndpointRun(files, target)


class EndpointRun(Run):
    """The run of a batch endpoint: its rows come into its `outputs/` when it has completed."""

    def wait(self, timeout: float | None = None, on_event: OnEvent | None = None) -> RunStatus:
        """Wait until the files are scored, and bring the rows."""
        from amlrun.azure import batch as endpoints

        status = super().wait(timeout, on_event)
        if status == RunStatus.COMPLETED:
            rows = endpoints.rows(_workspace(self.target).client, self.files)
            if rows is not None:
                (on_event or self.target.on_event)(Message(f"Rows: {rows}"))
        return status


def _by_endpoint(wanted: Batch, compute: str, experiment: str, target: AzureMLTarget, options: SubmitOptions) -> Run:
    from amlrun.v1.scoring import batch_endpoint

    given = {"--continue": wanted.earlier, **wanted.model.local_only}
    for flag, value in given.items():
        if value:
            raise AmlError(f"{flag}: cannot be combined with --ct: the model comes from the workspace")
    made = batch_endpoint.translate(wanted.script, wanted.config, wanted.settings, wanted.model.registered(), compute)
    place = _here(wanted)
    data = wanted.data if place is None else str(place)
    report = reporting(target.on_event)
    files = batch.submit_to_workspace(target.client, target.project, made, data, experiment, report=report)
    run = EndpointRun(files, target)
    target.on_event(RunCreated(run))
    return run


def _workspace(target: Target) -> AzureMLTarget:
    from amlrun.targets.azureml import AzureMLTarget

    assert isinstance(target, AzureMLTarget)  # noqa: S101 - the only one with batch endpoints
    return target


def _here(wanted: Batch) -> Path | None:
    """A folder or file of that name here, else below the path."""
    places = (Path(wanted.data), wanted.path / wanted.data)
    return next((place.absolute() for place in places if place.exists()), None)


def _files(wanted: Batch, target: Target) -> Path:
    """The files on this machine: a folder or file, else a dataset's. Raises AmlError."""
    place, data = _here(wanted), wanted.data
    if place is not None:
        return place.resolve()
    if data.startswith("azureml:") or "://" in data:
        return datasets.locate(target.project, data, data)
    hint = "Name a folder, a file, or a dataset: aml dataset list shows them."
    if Path(data).name != data:
        raise AmlError(f"--input-data: no such file or folder: {data}", hint=hint)
    known = datasets.load(target.project)
    if data not in known:
        near = did_you_mean(data, known)
        hint = f"Correct it, or register the dataset: aml dataset register -n {data} -p FOLDER"
        raise AmlError(f"--input-data: there is no file, folder or dataset {data!r}{near}", hint=hint)
    return datasets.locate(target.project, data, f"azureml:{data}")


def _earlier(name: str, model: ModelFile, files: Path, target: Target) -> runs.RunFolder:
    """The batch run to go on with. Raises AmlError for one whose rows can't be taken over."""
    run = runs.find(target.project.runs, name)
    tags = run.record().get("tags", {})
    if tags.get("batch") != "true" or "model_sha256" not in tags:
        hint = "List them with: aml run list --tags batch=true"
        raise AmlError(f"--continue: run {run.id} is not a local batch run", hint=hint)
    if run.state()[0] in ("Preparing", "Running"):
        hint = f"Watch it: aml run monitor-logs -r {run.id}"
        raise AmlError(f"--continue: run {run.id} is still running", hint=hint)
    if tags.get("model_sha256", model.sha256) != model.sha256:
        raise AmlError(
            f"--continue: run {run.id} scored with {tags['model']}, not with {model.source}",
            hint=f"Use that one (-m {tags['model']}), or score all files again: omit --continue.",
        )
    if tags.get("data", str(files)) != str(files):
        text = f"run {run.id} scored {tags['data']}: files of the same names in {files} count as done"
        target.on_event(Message(text, warning=True))
    return run
