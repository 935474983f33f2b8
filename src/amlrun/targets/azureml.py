"""The Azure ML target: the same verbs as the local one (submit, status, logs, cancel, download), on a workspace.

The job is created under our own run id and the run's folder is written first, so that a create that is repeated, by a
retry or by the user, can never make a second job. Until a submit has done all it was asked to, `.run/pending.json`
stays; an identical command then goes on with that run instead of making another.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from amlrun.azure import codes, record, spark, translate
from amlrun.azure.client import Client
from amlrun.errors import AmlError, os_error
from amlrun.prepare import conda_file, snapshot
from amlrun.project import Project
from amlrun.runs import provenance, redact
from amlrun.runs import store as runs
from amlrun.spec.job import CommandJob, Job, SparkJob, SweepJob, said
from amlrun.targets import local

Report = Callable[[str], None]
_PENDING_SECONDS = 24 * 3600


@dataclass
class Plan:
    """A job that passed every check: what a dry run shows and a submit sends."""

    files: snapshot.Snapshot
    tree: dict[str, Any]


def plan(project: Project, job: Job, experiment: str, *, limits: bool = True, without: Path | None = None) -> Plan:
    """Check all that can be checked before a connection is opened. Raises AmlError.

    `without` is the file that `-t` writes: as it changes with every submit it does not travel.
    """
    trial = _trial(job)
    code = local.check(trial)
    tree = translate.tree(job, "RUN-ID", experiment, None)
    files = snapshot.take(code, runs=project.runs, limits=limits)
    if without is not None:
        files.files = [item for item in files.files if files.root / item[0] != without.absolute()]
    local.check_travels(trial, files)
    return Plan(files, tree)


def submit(
    client: Client,
    project: Project,
    planned: Plan,
    job: Job,
    experiment: str,
    *,
    report: Report,
    created: Callable[[runs.Run], None] = lambda run: None,
    progress: Callable[[int], None] = lambda size: None,
) -> runs.Run:
    """Create the planned job and return its run; `created` is called once the run can be listed.

    A run that an earlier identical command left half done is taken up instead. Raises AmlError, exit code 3 when the
    service refused or was out of reach: the same command then goes on.
    """
    git = provenance.git_properties(planned.files.root)
    content = codes.hashed(planned.files)
    mark = _fingerprint(client, planned, content)
    run = _left_over(project, mark)
    if run is None:
        run = _new(client, project, job, experiment, mark)
    else:
        report(f"Going on with {run.id}, which an earlier command left half done")
    try:
        created(run)
        report(f"RunId: {run.id}")
        if "status" in run.part("process"):
            return run
        for note in _trial(job).local.notes:
            report(note)
        _lookup_ids(client, _trial(job))
        code = codes.ensure(client, planned.files, content, report=report, progress=progress)
        tree = translate.tree(job, run.id, experiment, code)
        try:
            (run.private / "job.yml").write_text(json.dumps(redact.masked(tree), indent=2), encoding="utf-8")
        except OSError as error:
            raise os_error(error, "write the job's file") from error
        about = _environment(_trial(job))
        run.write_part("prepared", {"properties": git(), "environment": about, "_code": code})
        record.seen(run, _create(client, tree))
    except BaseException as error:
        record.note_trouble(run, error)
        raise
    return run


def _create(client: Client, tree: dict[str, Any]) -> dict[str, Any]:
    """PUT the job; the service's view of it. What an earlier create made is found, never made twice."""
    import io

    name = str(tree["name"])
    with client.wire.call("import azure-ai-ml"):
        from azure.ai.ml import load_job
    try:
        with client.wire.call(f"create the job {name}"):
            entity = load_job(io.StringIO(json.dumps(tree)))
            # load_job has validated it against the same schema; doing it again costs 0.3 s (measured).
            made = client.ml.jobs.create_or_update(entity, skip_validation=True)
            services = {key: {"endpoint": one.endpoint} for key, one in (made.services or {}).items()}
            return {"name": name, "properties": {"status": made.status, "services": services}}
    except AmlError as error:
        # The answer may have been lost after the service had acted on the request.
        try:
            there = record.ask(client, name)
        except AmlError:
            there = None
        if there is None:
            raise error
        return there


def _fingerprint(client: Client, planned: Plan, content: codes.Hashed) -> str:
    text = json.dumps([client.workspace.arm.lower(), planned.tree, content.whole], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def _left_over(project: Project, mark: str) -> runs.Run | None:
    """The run of an identical command that was interrupted in the last day and that nobody attends to now."""
    for run in runs.listing(project.runs)[:50]:
        left = record.pending(run)
        if left.get("fingerprint") == mark and time.time() - float(left.get("at", 0)) < _PENDING_SECONDS:
            if runs.alive(left.get("process")):
                continue
            record.attend(run, mark)
            return run
    return None


def _new(client: Client, project: Project, job: Job, experiment: str, mark: str) -> runs.Run:
    first = local.first_record(_trial(job), experiment)
    if isinstance(job, SweepJob):
        first |= {"run_type": "hyperdrive", "primary_metric_name": job.objective.primary_metric}
    workspace = client.workspace
    first |= {
        "target": _target(_trial(job)),
        "remote": True,
        "workspace": {
            "subscription_id": workspace.subscription_id,
            "resource_group": workspace.resource_group,
            "workspace_name": workspace.name,
        },
        "run_definition": redact.masked(said(job)),
    }
    run = runs.create(project.runs, runs.new_id(experiment), first)
    record.attend(run, mark)
    return run


def _trial(job: Job) -> CommandJob:
    """What runs on the compute: the job itself, or a sweep's trial."""
    if isinstance(job, SparkJob):
        return spark.as_command(job)
    return job.trial if isinstance(job, SweepJob) else job


def _environment(job: CommandJob) -> dict[str, Any]:
    """What the record keeps of the environment: its name or image, and the conda file's hash as a local run has it."""
    wanted = job.environment
    if wanted is None:
        return {}
    found = {"reference": wanted.reference, "image": wanted.image}
    if wanted.conda_file is not None:
        found["conda_file_sha256"] = hashlib.sha256(conda_file.content(wanted.conda_file).encode()).hexdigest()
    return {key: value for key, value in found.items() if value}


def _target(job: CommandJob) -> str | None:
    """The compute as v1's record names it."""
    if job.compute:
        return job.compute.removeprefix("azureml:")
    return job.resources.instance_type if job.resources else None


def _lookup_ids(client: Client, job: CommandJob) -> None:
    """v1's `dataset.id` → the name that v2 knows, by asking the workspace. Raises AmlError."""
    from amlrun.azure import assets
    from amlrun.spec.job import V1_DATASET

    for name, wanted in job.inputs.items():
        if wanted.path and wanted.path.startswith(V1_DATASET):
            wanted.path = assets.dataset_by_id(client, name, wanted.path.removeprefix(V1_DATASET))


def status(client: Client, run: runs.Run) -> str:
    """The state as the service has it now, written into the record."""
    return record.refresh(client, run)


def logs(client: Client, run: runs.Run, *, follow: bool = True) -> Iterator[bytes]:
    """The job's log as it grows, until the job has ended; what there is already without `follow`.

    The bytes are kept in the run's folder, from where the next call goes on. The SDK's stream is not used: it prints
    storage errors as log text and returns normally (measured).
    """
    from amlrun.azure import watching

    yield from watching.follow(client, run, follow=follow)


def cancel(client: Client, run: runs.Run) -> str:
    """Ask the service to cancel; the state after that. An ended run is left as it is."""
    state = record.refresh(client, run)
    if state in runs.FINAL:
        return state
    client.arm(f"cancel {run.id}", "POST", f"/jobs/{run.id}/cancel", "2023-04-01-preview")
    return record.refresh(client, run)


def download(client: Client, run: runs.Run, *, progress: Callable[[int], None] = lambda size: None) -> list[Path]:
    """Bring outputs, logs and user_logs into the run's folder, only what is not there yet. Returns their paths."""
    from amlrun.azure import batch, watching

    fetched = watching.fetch(client, run, progress=progress)
    rows = batch.rows(client, run)
    return [*fetched, rows] if rows else fetched


def tag(client: Client, run: runs.Run, tags: dict[str, str]) -> None:
    """Add tags to the job in the workspace (its run history; azure-ai-ml's own update is of no use for it)."""
    experiment = str(run.part("submit").get("_experiment_name"))
    host = record.history_host(client, run)
    path = f"/history/v1.0{client.workspace.arm}/experiments/{experiment}/runs/{run.id}"
    client.ask(f"tag {run.id}", "PATCH", path, body={"runId": run.id, "tags": tags}, host=host)
