"""What every submit to a workspace shares: an interrupted one is found again, and a job is never made twice."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from amlrun.azure import record
from amlrun.azure.client import Client
from amlrun.errors import AmlError, os_errors
from amlrun.runs import redact
from amlrun.runs import store as runs

_PENDING_SECONDS = 24 * 3600


def fingerprint(client: Client, tree: dict[str, Any], contents: Iterable[str]) -> str:
    """What tells an identical submit: the workspace, the job without its name, and its snapshots' hashes."""
    text = json.dumps([client.workspace.arm.lower(), tree, *contents], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


@contextlib.contextmanager
def attempt(
    folder: Path, mark: str, make: Callable[[], runs.RunFolder], *, detach: bool, report: Callable[[str], None]
) -> Iterator[runs.RunFolder]:
    """The run of a submit: the one that an identical command left unfinished, else a new one of `make`.

    Whatever the block raises is written down. `detach`: nobody goes on watching the job.
    """
    run = _left_over(folder, mark)
    if run is None:
        run = make()
        record.mark_in_progress(run, mark)
    else:
        report(f"Resuming {run.id}, whose submission was interrupted")
    try:
        yield run
    except BaseException as error:
        record.mark_not_submitted(run, error)
        raise
    if detach:
        record.clear_in_progress(run)


def _left_over(folder: Path, mark: str) -> runs.RunFolder | None:
    """The run of an identical command that was interrupted in the last day and that no process works on now."""
    for run in runs.list_runs(folder)[:50]:
        left = run.part("pending")
        if left.get("fingerprint") == mark and time.time() - float(left.get("at", 0)) < _PENDING_SECONDS:
            if runs.alive(left.get("process")):
                continue
            record.mark_in_progress(run, mark)
            return run
    return None


def send(client: Client, run: runs.RunFolder, tree: dict[str, Any]) -> None:
    """Keep the job's YAML in the run's folder, and create the job: its record has how it is there. Raises AmlError."""
    with os_errors("write the job's file"):
        (run.private / "job.yml").write_text(json.dumps(redact.masked(tree), indent=2), encoding="utf-8")
    record.update_from_service(run, _create(client, tree))


def _create(client: Client, tree: dict[str, Any]) -> dict[str, Any]:
    """PUT the job; the service's view of it. What an earlier create made is found, never made twice."""
    name = str(tree["name"])
    with client.transport.call("import azure-ai-ml"):
        from azure.ai.ml import load_job

        jobs = client.ml.jobs  # from here on the package says nothing of its own
    try:
        with client.transport.call(f"create the job {name}"):
            entity = load_job(io.StringIO(json.dumps(tree)))
            # load_job has validated it against the same schema; doing it again costs 0.3 s (measured).
            made = jobs.create_or_update(entity, skip_validation=True)
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
