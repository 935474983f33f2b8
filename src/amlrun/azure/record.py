"""What the run's folder says of a job in the cloud: written from the service's answers, never guessed."""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import urlsplit

from amlrun.azure.client import JOBS_VERSION, Client
from amlrun.azure.workspace import Workspace
from amlrun.errors import SERVICE, AmlError, os_error
from amlrun.runs import store as runs

# The service's states that v1's record knows by another name.
_STATES = {"NotStarted": "Queued", "CancelRequested": "Running", "Unknown": "Queued"}


def workspace_of(run: runs.Run) -> Workspace | None:
    """The workspace a run lives in; None for a local run."""
    said = run.part("submit")
    place = said.get("workspace") or {}
    if not said.get("remote") or not place:
        return None
    return Workspace(place["subscription_id"], place["resource_group"], place["workspace_name"])


def ask(client: Client, name: str) -> dict[str, Any] | None:
    """The job as the service has it; None when there is none."""
    found: dict[str, Any] | None = client.arm(
        f"ask for the job {name}", "GET", f"/jobs/{name}", JOBS_VERSION, accept=(404,)
    )
    return found


def not_there(client: Client, run: runs.Run) -> AmlError:
    """What to raise when the workspace has no job for a run: it was never created, or was once and is denied now."""
    where = client.workspace.name
    if "status" in run.part("process"):
        return AmlError(
            f"could not ask how {run.id} is: 404, the workspace {where} has no such job now", exit_code=SERVICE
        )
    hint = "It was never created there: the command that submits it goes on with it."
    return AmlError(f"{run.id} is not in the workspace {where}", hint=hint)


def refresh(client: Client, run: runs.Run) -> str:
    """Ask the service and write what it says. A job that does not exist was never created: Failed."""
    ended = run.part("exit")
    if "exit_code" in ended and "status" in run.part("process"):
        return run.state()[0]
    found = ask(client, run.id)
    if found is not None:
        seen(run, found)
    return run.state()[0]


def seen(run: runs.Run, job: dict[str, Any], details: dict[str, Any] | None = None) -> None:
    """Write the service's view of a job (and of its run history) into the record; an end is written as one."""
    properties = job.get("properties") or {}
    history = details or {}
    state = str(properties.get("status") or history.get("status") or "Queued")
    before = run.part("process")
    part = {**before, "status": _STATES.get(state, state)}
    for key, name in (("startTimeUtc", "start_time_utc"), ("endTimeUtc", "end_time_utc")):
        if history.get(key):
            part[name] = history[key]
    part |= _seconds(part)
    if history.get("log_complete"):
        part["_log_complete"] = True
    services = properties.get("services") or {}
    for key, name in (("Studio", "studio_url"), ("Tracking", "_tracking")):
        endpoint = (services.get(key) or {}).get("endpoint")
        if endpoint:
            part[name] = endpoint
    try:
        if state in runs.FINAL:
            if state == "Canceled" and not (run.private / "cancel.json").exists():
                run.write_part("cancel", {"cancel": {"at": runs.now(), "reason": "cancelled in the workspace"}})
            end: dict[str, Any] = {"exit_code": 0 if state == "Completed" else 1}
            end["end_time_utc"] = history.get("endTimeUtc") or runs.now()
            message = _message(history)
            if state == "Failed":
                end["error"] = {"message": message or "the job failed; its log says why"}
            if "metrics" in history:
                end["metrics"] = history["metrics"]
            best = (properties.get("properties") or {}).get("best_child_run_id")
            if best:  # a sweep
                end["properties"] = {"best_child_run_id": best, "score": properties["properties"].get("score")}
            part["status"] = state
            run.write_part("process", part)
            run.write_part("exit", end)
            done(run)
        else:
            (run.private / "exit.json").unlink(missing_ok=True)
            run.write_part("process", part)
    except OSError as error:
        raise os_error(error, "write the run's record") from error


def _seconds(part: dict[str, Any]) -> dict[str, float]:
    from datetime import datetime

    try:
        begun, ended = (
            datetime.fromisoformat(str(part[name]).replace("Z", "+00:00"))
            for name in ("start_time_utc", "end_time_utc")
        )
    except (KeyError, ValueError):
        return {}
    return {"seconds": round((ended - begun).total_seconds(), 3)}


def _message(history: dict[str, Any]) -> str:
    inner = (history.get("error") or {}).get("error") or {}
    return str(inner.get("message") or "").strip()


def attend(run: runs.Run, fingerprint: str) -> None:
    """Mark that this process is submitting or watching the run, and has not finished yet."""
    mark = {"fingerprint": fingerprint, "at": time.time(), "process": runs.this_process()}
    try:
        runs.replace_json(run.private / "pending.json", mark)
        (run.private / "exit.json").unlink(missing_ok=True)
        run.write_view()
    except OSError as error:
        raise os_error(error, "write the run's record") from error


def pending(run: runs.Run) -> dict[str, Any]:
    """The mark of an unfinished submit; empty when there is none."""
    return run.part("pending")


def done(run: runs.Run) -> None:
    """Take the mark away: the submit did what it was asked to."""
    (run.private / "pending.json").unlink(missing_ok=True)


def note_trouble(run: runs.Run, error: BaseException) -> None:
    """Write why a submit stopped before the service had confirmed the job."""
    if "status" in run.part("process"):
        return
    text = str(error).splitlines()[0] if str(error) else type(error).__name__
    message = f"not submitted: {text}" if not isinstance(error, KeyboardInterrupt) else "not submitted: interrupted"
    try:
        end = {"exit_code": 1, "end_time_utc": runs.now(), "error": {"message": message}}
        run.write_part("exit", end)
    except OSError:
        return  # a full disk leaves it to be inferred


def history_host(client: Client, run: runs.Run | None = None) -> str:
    """The region's host for run history and metrics: the job says it; else the workspace is asked."""
    tracking = str(run.part("process").get("_tracking") or "") if run else ""
    host = urlsplit(tracking).hostname
    if host:
        return f"https://{host}"
    found = client.arm("read the workspace", "GET", "", "2024-10-01-preview")
    uri = str(((found or {}).get("properties") or {}).get("mlFlowTrackingUri") or "")
    host = urlsplit(uri).hostname
    if not host:
        raise AmlError("the workspace does not say where its run history is", exit_code=3)
    return f"https://{host}"


def adopt(client: Client, folder: Any, name: str) -> runs.Run:
    """A local record for a job that was submitted elsewhere. Raises AmlError when the workspace has none."""
    found = ask(client, name)
    if found is None:
        raise AmlError(
            f"no run {name!r} here, nor in the workspace {client.workspace.name}", hint="`aml run list` shows the runs."
        )
    properties = found.get("properties") or {}
    workspace = client.workspace
    parent, objective = properties.get("parentJobName"), properties.get("objective") or {}
    first = {
        **({"parent_run_id": parent} if parent else {}),
        **({"run_type": "hyperdrive", "primary_metric_name": objective.get("primaryMetric")} if objective else {}),
        "_experiment_name": str(properties.get("experimentName") or "Default"),
        "target": str(properties.get("computeId") or "").rsplit("/", 1)[-1] or None,
        "display_name": properties.get("displayName"),
        "tags": dict(properties.get("tags") or {}),
        "remote": True,
        "workspace": {
            "subscription_id": workspace.subscription_id,
            "resource_group": workspace.resource_group,
            "workspace_name": workspace.name,
        },
        "created_utc": str((found.get("systemData") or {}).get("createdAt") or runs.now()),
    }
    run = runs.create(folder, name, first)
    seen(run, found)
    return run
