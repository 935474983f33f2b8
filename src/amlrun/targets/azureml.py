"""The Azure ML target: jobs of a workspace.

The job is created under our own run id and the run's folder is written first, so that a create that is repeated, by a
retry or by the user, can never make a second job. Until a submit has done all it was asked to, `.run/pending.json`
stays; an identical command then resumes that run instead of making another.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from amlrun.azure import client as azure_client
from amlrun.azure import codes, job_tree, record, submission
from amlrun.azure.client import Client
from amlrun.events import moving
from amlrun.prepare import code, conda_file
from amlrun.runs import provenance
from amlrun.runs import store as runs
from amlrun.runs.record import SWEEP_RUN
from amlrun.runs.status import RunStatus
from amlrun.spec import write_sweep
from amlrun.spec.automl import AutoMLJob
from amlrun.spec.job import V1_DATASET, CommandJob, SparkJob, SweepJob
from amlrun.spec.jobs import Job
from amlrun.spec.pipeline import PipelineJob
from amlrun.targets import azureml_automl, azureml_pipeline, steps
from amlrun.targets.azureml_sender import Sender
from amlrun.targets.base import Plan, Run, SubmitOptions


class AzureMLTarget(Sender):
    """Runs jobs in one workspace. Nothing is opened, and azure-ai-ml not needed, before a method has to ask."""

    runs_sweeps = True
    runs_pipelines = True
    runs_batches = True
    interrupt_cancels = False

    def plan(self, job: Job, experiment: str, options: SubmitOptions) -> Plan:
        """The job as it would be sent, its snapshot, and the calls that would send it. Raises AmlError."""
        azure_client.require()
        if isinstance(job, PipelineJob):
            return azureml_pipeline.plan(self.project, job, self.location, experiment, options)
        if isinstance(job, AutoMLJob):
            return azureml_automl.plan(job, self.location, experiment)
        trial = _trial(job)
        folder = code.find(trial)
        tree = job_tree.tree(job, "RUN-ID", experiment, None)
        files = options.take_snapshot(trial, folder, self.project)
        return Plan(tree, files, self.location, _calls(tree, self.location))

    def submit(self, job: Job, experiment: str, options: SubmitOptions) -> Run:
        """Create the job in the workspace. A run that an earlier identical command left half done is resumed.

        Raises AmlError, exit code 3 when the service refused or was out of reach: the same command then resumes.
        """
        azure_client.require()
        if isinstance(job, AutoMLJob):
            return azureml_automl.submit(self, job, experiment, options)
        if isinstance(job, PipelineJob):
            return azureml_pipeline.submit(self, job, experiment, options)
        client, trial = self.client, _trial(job)
        planned = self.plan(job, experiment, options)
        snapshot = planned.snapshot
        assert snapshot is not None  # noqa: S101 - only a pipeline has none
        git = provenance.git_properties(snapshot.root)
        content = codes.hash_contents(snapshot)
        mark = submission.fingerprint(client, planned.job, [content.whole])
        first = steps.first_record(trial, job, experiment, _compute(trial), options.command_line)
        if isinstance(job, SweepJob):
            first |= {"run_type": SWEEP_RUN, "primary_metric_name": job.objective.primary_metric}
        with self.attempt(mark, first, runs.new_id(experiment, job.name), options) as (run, sent):
            if not sent:
                for note in [*trial.local.notes, *(write_sweep.left_out(job) if isinstance(job, SweepJob) else [])]:
                    self.report(note)
                _lookup_ids(client, trial)
                progress = moving(self.on_event, "Uploading", snapshot.size)
                asset = codes.ensure(client, snapshot, content, report=self.report, progress=progress)
                tree = job_tree.tree(job, run.id, experiment, asset)
                prepared = {"properties": git(), "environment": _environment(trial), "_code": asset}
                run.files.write_part("prepared", prepared)
                submission.send(client, run.files, tree)
        return run

    def status(self, run: runs.RunFolder) -> RunStatus:
        """The state as the service has it now; of an ended run its times, error and metrics are read once."""
        from amlrun.azure import watching

        if record.has_ended(run) and record.has_final_metrics(run):
            return run.state()[0]
        state = record.refresh(self.client, run)
        if state.is_final and record.has_ended(run) and not record.has_final_metrics(run):
            watching.settle(self.client, run)
        return state

    def logs(self, run: runs.RunFolder, *, follow: bool, until: float | None = None) -> Iterator[bytes]:
        """The job's log. The bytes are kept in the run's folder, from where the next call goes on.

        The SDK's stream is not used: it prints storage errors as log text and returns normally (measured).
        """
        from amlrun.azure import watching

        yield from watching.follow(self.client, run, follow=follow, until=until)

    def cancel(self, run: runs.RunFolder, reason: str) -> RunStatus:
        """Ask the service to cancel."""
        state = record.refresh(self.client, run)
        if state.is_final:
            return state
        self.client.arm(f"cancel {run.id}", "POST", f"/jobs/{run.id}/cancel", "2023-04-01-preview")
        return record.refresh(self.client, run)

    def metrics(self, run: runs.RunFolder) -> dict[str, float]:
        """As the workspace's MLflow has them; an ended run's are in its record."""
        from amlrun.azure import watching

        kept = run.part("exit").get("metrics")
        if kept is not None or record.is_sweep(run):
            return kept or {}
        return watching.metrics(self.client, run) or {}

    def download(self, run: runs.RunFolder) -> list[Path]:
        """Bring outputs, logs and user_logs into the run's folder, only what is not there yet."""
        from amlrun.azure import batch, named_outputs, watching

        progress = moving(self.on_event, "Downloading")
        fetched = watching.fetch(self.client, run, progress=progress)
        fetched += named_outputs.fetch(self.client, run, progress=progress)
        rows = batch.rows(self.client, run)
        if rows:
            fetched.append(rows)
        self.report(f"{len(fetched)} file{'' if len(fetched) == 1 else 's'} in {run.folder}")
        return fetched

    def has_files(self, run: runs.RunFolder) -> bool:
        """Whether they were downloaded after the run had ended."""
        return run.state()[0].is_final and (run.private / "fetched.jsonl").exists()

    def tag(self, run: runs.RunFolder, tags: Mapping[str, str]) -> None:
        """Add tags to the job's run history (azure-ai-ml's own update is of no use for it)."""
        experiment = str(run.part("submit").get("_experiment_name"))
        host = record.history_host(self.client, run)
        path = f"/history/v1.0{self.workspace.arm}/experiments/{experiment}/runs/{run.id}"
        self.client.ask(f"tag {run.id}", "PATCH", path, body={"runId": run.id, "tags": dict(tags)}, host=host)

    def why_waiting(self, run: runs.RunFolder) -> str:
        """What its cluster lacks: nodes, quota."""
        from amlrun.azure import capacity

        submitted = run.part("submit")
        resources = (submitted.get("run_definition") or {}).get("resources") or {}
        name = submitted.get("target")
        return capacity.why_waiting(self.client, name, int(resources.get("instance_count") or 1)) if name else ""

    def release(self, run: runs.RunFolder) -> None:
        """The submit is done: an identical one is a new run."""
        record.clear_in_progress(run)


def _calls(tree: dict[str, Any], location: str) -> list[str]:
    """The requests that a submit of `tree` makes, for a person."""
    trial = tree.get("trial") or tree
    paths = [str(one.get("path")) for one in (tree.get("inputs") or {}).values() if isinstance(one, dict)]
    ids = [path.removeprefix(V1_DATASET) for path in paths if path.startswith(V1_DATASET)]
    return [
        *(f"GET data, GET data/…/versions (which one has the id {one}?)" for one in ids),
        f"GET codes?hash=… ({location}: is the snapshot there already?)",
        "POST codes/…/startPendingUpload, PUT each file, PUT codes/… (only when it is not)",
        *(["PUT environments/CliV2AnonymousEnvironment/…"] if isinstance(trial.get("environment"), dict) else []),
        "PUT jobs/RUN-ID",
    ]


def _trial(job: Job) -> CommandJob:
    """What runs on the compute: the job itself, or a sweep's trial."""
    if isinstance(job, SparkJob):
        return job_tree.spark_as_command(job)
    assert not isinstance(job, (PipelineJob, AutoMLJob))  # noqa: S101 - modules of their own have these
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


def _compute(job: CommandJob) -> str | None:
    """The compute as v1's record names it."""
    if job.compute:
        return job.compute.removeprefix("azureml:")
    return job.resources.instance_type if job.resources else None


def _lookup_ids(client: Client, job: CommandJob) -> None:
    """v1's `dataset.id` → the name that v2 knows, by asking the workspace. Raises AmlError."""
    from amlrun.azure import assets

    for name, wanted in job.inputs.items():
        if wanted.path and wanted.path.startswith(V1_DATASET):
            wanted.path = assets.dataset_by_id(client, name, wanted.path.removeprefix(V1_DATASET))
