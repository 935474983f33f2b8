"""Following a job in the cloud, and bringing its files down."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from amlrun.azure import blobs, record, stores
from amlrun.azure.client import Client
from amlrun.azure.transport import Shared
from amlrun.errors import AmlError, os_errors
from amlrun.runs import store as runs
from amlrun.runs.files import pieces

# A script's output, a Spark driver's, and a pipeline's, which a batch is.
_LOGS = ("user_logs/std_log.txt", "logs/azureml/driver/stdout", "logs/azureml/executionlogs.txt")
_SLOWEST_POLL = 15.0
_PIECE = 1 << 20


def first_poll() -> float:
    """Seconds between two looks at first; AML_AZURE_POLL changes them."""
    try:
        return max(0.05, float(os.environ.get("AML_AZURE_POLL") or 1))
    except ValueError:
        raise AmlError(f"AML_AZURE_POLL: expected seconds, got {os.environ['AML_AZURE_POLL']!r}") from None


def next_poll(wait: float, news: bool) -> float:
    """Seconds to the next look after a wait of `wait`: as at first where there was news, else more and more."""
    first = first_poll()
    return first if news else min(wait * 1.3, max(first, _SLOWEST_POLL))


def follow(client: Client, run: runs.RunFolder, *, follow: bool, until: float | None = None) -> Iterator[bytes]:
    """The log's bytes as they come, until `until` (time.monotonic).

    The record follows the job, and its end is re-read from the job itself.
    """
    yield from pieces(run.log)
    if run.part("process").get("_log_complete"):
        return
    wait = first_poll()
    while True:
        details = history(client, run)
        state = str((details or {}).get("status") or "")
        grown = False
        for piece in _news(client, run, details or {}):
            grown = True
            yield piece
        if state in runs.FINAL or not state:
            # The history may be ahead of the job, and only the job's word counts.
            job = record.ask(client, run.id) or {}
            if not job:
                raise record.not_there(client, run)
            if (job.get("properties") or {}).get("status") in runs.FINAL:
                yield from _news(client, run, history(client, run) or details or {})
                whole = run.log.is_file()
                if not whole:
                    client.report(f"The log could not be read yet. Try later: aml run monitor-logs -r {run.id}")
                end = {**(details or {}), "log_complete": whole}
                logged = metrics(client, run)
                record.update_from_service(run, job, end if logged is None else {**end, "metrics": logged})
                return
        else:
            record.update_from_service(run, {"properties": {"status": state}}, details)
        if not follow or (until is not None and time.monotonic() >= until):
            return
        wait = next_poll(wait, grown)
        time.sleep(wait if until is None else max(0.0, min(wait, until - time.monotonic())))


def history(client: Client, run: runs.RunFolder) -> dict[str, Any] | None:
    """The run's history: state, error, and the log files with their signatures. None until there is one."""
    host = record.history_host(client, run)
    path = f"/history/v1.0{client.workspace.arm}/runs/{run.id}/details"
    found: dict[str, Any] | None = client.ask(f"read the state of {run.id}", "GET", path, host=host, accept=(404,))
    return found


def _news(client: Client, run: runs.RunFolder, details: dict[str, Any]) -> Iterator[bytes]:
    """What the log has beyond what is kept; it is kept as it is yielded."""
    from azure.core.exceptions import HttpResponseError
    from azure.storage.blob import BlobClient

    files = details.get("logFiles") or {}
    older = (one for one in sorted(files) if one.startswith("azureml-logs/70"))
    name = next((one for one in _LOGS if one in files), None) or next(older, None)
    if name is None:
        return
    blob = BlobClient.from_blob_url(files[name], transport=Shared(client.transport), retry_total=3, initial_backoff=1)
    while True:
        at = run.log.stat().st_size if run.log.exists() else 0
        with client.transport.call(f"read the log of {run.id}", transfer=True):
            try:
                piece = blob.download_blob(offset=at, length=_PIECE).readall()
            except HttpResponseError as error:
                if error.status_code in (404, 416):
                    return  # not there yet, or nothing new
                raise
        with os_errors("save the log"), run.log.open("ab") as stream:
            stream.write(piece)
        if piece:
            yield piece
        if len(piece) < _PIECE:
            return


def settle(client: Client, run: runs.RunFolder) -> None:
    """Write down what an ended run that nobody watched leaves to be known: its times, its error and its metrics."""
    job, logged = record.ask(client, run.id), metrics(client, run)
    if job is not None and logged is not None:
        record.update_from_service(run, job, {**(history(client, run) or {}), "metrics": logged})


def metrics(client: Client, run: runs.RunFolder) -> dict[str, float] | None:
    """The run's last metrics, from the workspace's MLflow; None where it does not answer: they are not the job."""
    host = record.history_host(client, run)
    path = f"/mlflow/v1.0{client.workspace.arm}/api/2.0/mlflow/runs/get"
    try:
        found = client.ask(f"read the metrics of {run.id}", "GET", path, host=host, params={"run_id": run.id})
        return {str(one["key"]): float(one["value"]) for one in found["run"]["data"].get("metrics") or []}
    except (AmlError, KeyError, TypeError, ValueError):
        return None


def fetch(client: Client, run: runs.RunFolder, *, progress: Callable[[int], None]) -> list[Path]:
    """Bring the run's artifacts (outputs, logs, user_logs) into its folder."""
    if record.refresh(client, run) not in runs.FINAL:
        client.report(f"{run.id} has not finished: only the files written so far are downloaded")
    container, prefix = artifacts(client, run.id)
    with client.transport.call(f"list the files of {run.id}"):
        found = blobs.list_blobs(container, prefix)
    # Only what a run folder has: nothing of the service's own lands among the user's files.
    found = [blob for blob in found if blob.name.split("/", 1)[0] in ("outputs", "logs", "user_logs", "azureml-logs")]
    return blobs.download(
        container, client.transport, prefix, found, run.folder, run.private / "fetched.jsonl", progress=progress
    )


def artifacts(client: Client, run_id: str) -> tuple[Any, str]:
    """The container and the prefix of a run's default artifacts."""
    job = record.ask(client, run_id) or {}
    default = ((job.get("properties") or {}).get("outputs") or {}).get("default") or {}
    match = re.fullmatch(r"azureml://.*?datastores/([^/]+)/(?:paths/)?(.+)", str(default.get("uri") or ""))
    store, path = (match[1], match[2]) if match else ("workspaceartifactstore", f"ExperimentRun/dcid.{run_id}")
    return stores.opener(client, store)(client.transport), path.rstrip("/") + "/"
