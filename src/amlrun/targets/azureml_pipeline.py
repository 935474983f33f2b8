"""A pipeline, submitted whole to a workspace: each folder of code and each environment goes up once."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

from amlrun.azure import codes, common_tree, environments, pipeline_tree, submission
from amlrun.azure.client import Client
from amlrun.errors import os_errors
from amlrun.events import Message, OnEvent, moving
from amlrun.prepare import code as codes_of_jobs
from amlrun.prepare.snapshot import Snapshot
from amlrun.project import Project
from amlrun.runs import provenance, redact
from amlrun.runs import store as runs
from amlrun.spec import write_automl
from amlrun.spec.job import CommandJob, Environment
from amlrun.spec.pipeline import PipelineJob
from amlrun.targets import steps
from amlrun.targets.azureml_automl import SENT_AS
from amlrun.targets.azureml_sender import Sender
from amlrun.targets.base import Plan, Run, SubmitOptions


def plan(project: Project, job: PipelineJob, location: str, experiment: str, options: SubmitOptions) -> Plan:
    """The job as it would be sent, and the calls that would send it. Raises AmlError."""
    pipeline_tree.check(job)
    snapshots = _snapshots(project, job, options)
    tree = pipeline_tree.tree(job, "RUN-ID", experiment, str, common_tree.environment, None)
    calls = [f"GET codes?hash=… ({location}: is the snapshot of {folder.name}/ there already?)" for folder in snapshots]
    calls += ["POST codes/…/startPendingUpload, PUT each file, PUT codes/… (only for one that is not)"] * bool(calls)
    calls += ["PUT environments/… for each environment, PUT components/… for each component", "PUT jobs/RUN-ID"]
    return Plan(redact.masked(tree), None, location, calls)


def submit(target: Sender, job: PipelineJob, experiment: str, options: SubmitOptions) -> Run:
    """Create the job in the workspace. An identical command that was interrupted is resumed under its own name, so that
    no second job is made.

    Raises AmlError, exit code 3 when the service refused or was out of reach.
    """
    pipeline_tree.check(job)
    job = copy.deepcopy(job)
    git = provenance.git_properties(job.source.file.parent)
    snapshots = _snapshots(target.project, job, options)
    contents = {folder: codes.hash_contents(files) for folder, files in snapshots.items()}
    planned = pipeline_tree.tree(job, "RUN-ID", experiment, str, common_tree.environment, None)
    mark = submission.fingerprint(target.client, planned, [one.whole for one in contents.values()])
    compute = (job.settings.default_compute or job.compute or "").removeprefix("azureml:") or None
    first = steps.first_pipeline_record(job, experiment, compute, options.command_line)
    with target.attempt(mark, first, runs.new_id(experiment, job.name), options) as (run, sent):
        if not sent:
            for note in dict.fromkeys(job.local.notes):
                target.report(note)
            private = run.files.private
            _write_tables(job, private / "data", target.report)
            folder = private / "components"
            tree = _sent(target.client, job, run.id, experiment, snapshots, contents, folder, target.on_event)
            run.files.write_part("prepared", {"properties": git()})
            submission.send(target.client, run.files, tree)
    return run


def definition(
    client: Client,
    project: Project,
    job: PipelineJob,
    experiment: str,
    options: SubmitOptions,
    on_event: OnEvent,
    folder: Path,
) -> dict[str, Any]:
    """The job as the workspace takes it, its code and environments there already, for what submits it later.

    `folder` is where the files of pipeline components are written. Raises AmlError.
    """
    pipeline_tree.check(job)
    job = copy.deepcopy(job)
    _write_tables(job, folder / "data", lambda text: on_event(Message(text)))
    snapshots = _snapshots(project, job, options)
    contents = {place: codes.hash_contents(files) for place, files in snapshots.items()}
    tree = _sent(client, job, "", experiment, snapshots, contents, folder, on_event)
    tree.pop("name")
    return tree


def _sent(
    client: Client,
    job: PipelineJob,
    name: str,
    experiment: str,
    snapshots: dict[Path, Snapshot],
    contents: dict[Path, codes.ContentHashes],
    folder: Path,
    on_event: OnEvent,
) -> dict[str, Any]:
    """Send code and environments, and return the job's tree over them. Raises AmlError."""

    def report(text: str) -> None:
        on_event(Message(text))

    for gone in pipeline_tree.without_missing(job, lambda model: _has_model(client, model)):
        report(f"inputs.{gone}: no such model is registered yet; its steps run without it")
    assets = {}
    for place, files in snapshots.items():
        progress = moving(on_event, "Uploading", files.size)
        assets[place] = codes.ensure(client, files, contents[place], report=report, progress=progress)
    known: dict[str, str] = {}

    def environment(wanted: Environment) -> Any:
        return environments.ensure(client, common_tree.environment(wanted), known)

    return pipeline_tree.tree(job, name, experiment, lambda place: f"azureml:{assets[place]}", environment, folder)


def _write_tables(job: PipelineJob, folder: Path, report: Callable[[str], None]) -> None:
    """Make an MLTable of each bare file that an AutoML step shall read. Raises AmlError."""
    for made, data in pipeline_tree.tables(job):
        with os_errors("write the MLTable"):
            write_automl.write_tables([made], folder)
        report(SENT_AS.format(made.name))
        data.path = str(folder / made.name)


def _snapshots(project: Project, job: PipelineJob, options: SubmitOptions) -> dict[Path, Snapshot]:
    return {folder: _snapshot(project, folder, options) for folder in pipeline_tree.codes(job)}


def _snapshot(project: Project, folder: Path, options: SubmitOptions) -> Snapshot:
    whole = CommandJob(command="-", code=folder)
    return options.take_snapshot(whole, codes_of_jobs.find(whole), project)


def _has_model(client: Client, name: str) -> bool:
    doing = f"read the model {name}"
    return client.arm(doing, "GET", f"/models/{name}", "2023-08-01-preview", accept=(404,)) is not None
