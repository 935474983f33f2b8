"""What the run's folder says of a job in the cloud: written from the service's answers, never guessed."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from amlrun.azure.client import JOBS_VERSION, Client
from amlrun.errors import SERVICE, AmlError, os_errors
from amlrun.runs import store as runs
from amlrun.runs.record import AUTOML_RUN, PIPELINE_RUN, SWEEP_RUN, ExitPart, PendingPart, SubmitPart, WorkspaceIds
from amlrun.runs.status import RunStatus
from amlrun.workspace import Workspace

# The service's states that v1's record knows by another name.
_STATES = {"NotStarted": "Queued", "CancelRequested": "Running", "Unknown": "Queued"}
_TIMES: tuple[Literal["start_time_utc"], Literal["end_time_utc"]] = ("start_time_utc", "end_time_utc")


def workspace_ids(workspace: Workspace) -> WorkspaceIds:
    """How a record names a workspace."""
    return {
        "subscription_id": workspace.subscription_id,
        "resource_group": workspace.resource_group,
        "workspace_name": workspace.name,
    }


def ask(client: Client, name: str) -> dict[str, Any] | None:
    """The job as the service has it; None when there is none."""
    found: dict[str, Any] | None = client.arm(
        f"read the job {name}", "GET", f"/jobs/{name}", JOBS_VERSION, accept=(404,)
    )
    return found


def not_there(client: Client, run: runs.RunFolder) -> AmlError:
    """What to raise when the workspace has no job for a run: it was never created, or was once and is denied now."""
    where = client.workspace.name
    if "status" in run.part("process"):
        return AmlError(
            f"could not read the state of {run.id}: 404, the workspace {where} no longer has this job",
            exit_code=SERVICE,
        )
    hint = "It was never created there: re-run the command that submits it to resume."
    return AmlError(f"{run.id} is not in the workspace {where}", hint=hint)


def refresh(client: Client, run: runs.RunFolder) -> RunStatus:
    """Ask the service and write what it says. A job that does not exist was never created: Failed."""
    if has_ended(run):
        return run.state()[0]
    found = ask(client, run.id)
    if found is not None:
        update_from_service(run, found)
    return run.state()[0]


def has_ended(run: runs.RunFolder) -> bool:
    """Whether the record has the service's word that the job has ended: it need not be asked again."""
    return "exit_code" in run.part("exit") and "status" in run.part("process")


def is_sweep(run: runs.RunFolder) -> bool:
    """Whether the run is a sweep or an AutoML search, by its record."""
    return run.part("submit").get("run_type") in (SWEEP_RUN, AUTOML_RUN)


def has_final_metrics(run: runs.RunFolder) -> bool:
    """Whether an ended run's metrics were asked for; a sweep has none of its own."""
    return "metrics" in run.part("exit") or bool(run.part("process").get("_log_complete")) or is_sweep(run)


def update_from_service(run: runs.RunFolder, job: dict[str, Any], details: dict[str, Any] | None = None) -> None:
    """Write the service's view of a job (and of its run history) into the record; an end is written as one."""
    properties = job.get("properties") or {}
    history = details or {}
    name = str(properties.get("status") or history.get("status") or "Queued")
    state = RunStatus.of(_STATES.get(name, name))
    part = run.part("process")
    part["status"] = _STATES.get(name, name)
    if history.get("startTimeUtc"):
        part["start_time_utc"] = history["startTimeUtc"]
    if history.get("endTimeUtc"):
        part["end_time_utc"] = history["endTimeUtc"]
    seconds = runs.seconds_between(*(part.get(name) for name in _TIMES))
    if seconds is not None:
        part["seconds"] = seconds
    if history.get("log_complete"):
        part["_log_complete"] = True
    services = properties.get("services") or {}
    studio, tracking = ((services.get(key) or {}).get("endpoint") for key in ("Studio", "Tracking"))
    if studio:
        part["studio_url"] = studio
    if tracking:
        part["_tracking"] = tracking
    named = [name for name in properties.get("outputs") or {} if name != "default"]
    if named:
        part["named_outputs"] = {name: f"azureml://jobs/{run.id}/outputs/{name}" for name in named}
    with os_errors("write the run's record"):
        if state.is_final:
            _write_end(run, state, properties, history)
            run.write_part("process", part)
            clear_in_progress(run)
        else:
            (run.private / "exit.json").unlink(missing_ok=True)
            run.write_part("process", part)


def _write_end(run: runs.RunFolder, state: RunStatus, properties: dict[str, Any], history: dict[str, Any]) -> None:
    if state == RunStatus.CANCELED and not (run.private / "cancel.json").exists():
        run.write_part("cancel", {"cancel": {"at": runs.now(), "reason": "cancelled in the workspace"}})
    end: ExitPart = {"exit_code": 0 if state == RunStatus.COMPLETED else 1}
    end["end_time_utc"] = history.get("endTimeUtc") or runs.now()
    if state == RunStatus.FAILED:
        end["error"] = {"message": _message(history) or "the job failed; see its log"}
    if "metrics" in history:
        end["metrics"] = history["metrics"]
    own, tags = properties.get("properties") or {}, properties.get("tags") or {}
    best = own.get("best_child_run_id") or tags.get("automl_best_child_run_id")
    if best:  # a sweep, or AutoML's search
        end["properties"] = {"best_child_run_id": best, "score": own.get("score")}
    run.write_part("exit", end)


def _message(history: dict[str, Any]) -> str:
    inner = (history.get("error") or {}).get("error") or {}
    return str(inner.get("message") or "").strip()


def mark_in_progress(run: runs.RunFolder, fingerprint: str) -> None:
    """Mark that this process is submitting or watching the run, and has not finished yet."""
    mark: PendingPart = {"fingerprint": fingerprint, "at": time.time(), "process": runs.this_process()}
    with os_errors("write the run's record"):
        runs.replace_json(run.private / "pending.json", mark)
        (run.private / "exit.json").unlink(missing_ok=True)
        run.write_view()


def clear_in_progress(run: runs.RunFolder) -> None:
    """Take the mark away: the submit did what it was asked to."""
    (run.private / "pending.json").unlink(missing_ok=True)


def mark_not_submitted(run: runs.RunFolder, error: BaseException) -> None:
    """Write why a submit stopped before the service had confirmed the job."""
    if "status" in run.part("process"):
        return
    text = str(error).splitlines()[0] if str(error) else type(error).__name__
    message = f"not submitted: {text}" if not isinstance(error, KeyboardInterrupt) else "not submitted: interrupted"
    try:
        run.write_part("exit", {"exit_code": 1, "end_time_utc": runs.now(), "error": {"message": message}})
    except OSError:
        return  # a full disk leaves it to be inferred


def history_host(client: Client, run: runs.RunFolder | None = None) -> str:
    """The region's host for run history and metrics: the job says it; else the workspace is asked."""
    tracking = str(run.part("process").get("_tracking") or "") if run else ""
    host = urlsplit(tracking).hostname
    if host:
        return f"https://{host}"
    found = client.arm("read the workspace", "GET", "", "2024-10-01-preview")
    uri = str(((found or {}).get("properties") or {}).get("mlFlowTrackingUri") or "")
    host = urlsplit(uri).hostname
    if not host:
        raise AmlError("the workspace's run history URL is missing", exit_code=3)
    return f"https://{host}"


def child_run(folder: Path, parent: runs.RunFolder, name: str, more: SubmitPart) -> runs.RunFolder:
    """The run folder of a trial or step, like any other run's, so that it can be listed, shown and fetched."""
    run = runs.RunFolder(folder / name)
    if run.private.is_dir():
        return run
    known = parent.part("submit")
    first: SubmitPart = {
        "parent_run_id": parent.id,
        "_experiment_name": known.get("_experiment_name", ""),
        "_target_type": "azureml",
        "target": known.get("target"),
        "remote": True,
    }
    if "workspace" in known:
        first["workspace"] = known["workspace"]
    run = runs.create(folder, name, {**first, **more})
    # Nothing is run here, so nothing needs the spare block.
    (run.private / "reserve").unlink(missing_ok=True)
    return run


def import_remote_run(client: Client, folder: Path, name: str) -> runs.RunFolder:
    """A local record for a job that was submitted elsewhere. Raises AmlError when the workspace has none."""
    found = ask(client, name)
    if found is None:
        raise AmlError(
            f"no run {name!r} here, nor in the workspace {client.workspace.name}", hint="`aml run list` shows the runs."
        )
    properties = found.get("properties") or {}
    parent, objective = properties.get("parentJobName"), properties.get("objective") or {}
    first: SubmitPart = {
        "_experiment_name": str(properties.get("experimentName") or "Default"),
        "_target_type": "azureml",
        "target": str(properties.get("computeId") or "").rsplit("/", 1)[-1] or None,
        "display_name": properties.get("displayName"),
        "tags": dict(properties.get("tags") or {}),
        "remote": True,
        "workspace": workspace_ids(client.workspace),
        "created_utc": str((found.get("systemData") or {}).get("createdAt") or runs.now()),
    }
    if parent:
        first["parent_run_id"] = parent
    if properties.get("jobType") == "AutoML":
        metric = (properties.get("taskDetails") or {}).get("primaryMetric")
        first |= {"run_type": AUTOML_RUN, "primary_metric_name": str(metric or "")}
    if objective:
        first |= {"run_type": SWEEP_RUN, "primary_metric_name": str(objective.get("primaryMetric") or "")}
    elif properties.get("jobType") == "Pipeline" and properties.get("jobs"):
        first["run_type"] = PIPELINE_RUN
    run = runs.create(folder, name, first)
    update_from_service(run, found)
    return run
