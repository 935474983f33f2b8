"""What a workspace says of a pipeline: its steps and how each of them is."""

from __future__ import annotations

import re
from typing import Any

from amlrun.azure import record
from amlrun.azure.client import Client
from amlrun.dataclass import dataclass
from amlrun.runs import store as runs
from amlrun.runs.record import PIPELINE_RUN

_STEP = re.compile(r"\$\{\{\s*parent\.jobs\.([^.}\s]+)\.outputs\.")
_OUTPUT = re.compile(r"\$\{\{\s*parent\.outputs\.([^.}\s]+)\s*\}\}")


@dataclass(frozen=True)
class StepInfo:
    """One step as the workspace has it now; `reused` names the run whose result it took."""

    name: str
    id: str
    state: str
    target: str
    started: str | None
    ended: str | None
    reused: str | None
    error: dict[str, Any] | None


def after(job: dict[str, Any]) -> dict[str, list[str]]:
    """The steps of a pipeline as the service describes it, each with those whose outputs it reads."""
    steps = (job.get("properties") or {}).get("jobs") or {}
    found = {}
    for name, step in steps.items():
        values = [str((one or {}).get("value") or "") for one in (step.get("inputs") or {}).values()]
        found[str(name)] = sorted({match for value in values for match in _STEP.findall(value)} & steps.keys())
    return found


def publishers(job: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """Each output of the pipeline, with the step and the output that writes it."""
    found = {}
    for name, step in ((job.get("properties") or {}).get("jobs") or {}).items():
        for output, one in (step.get("outputs") or {}).items():
            match = _OUTPUT.fullmatch(str((one or {}).get("value") or "").strip())
            if match:
                found[match[1]] = (str(name), str(output))
    return found


def steps(client: Client, run: runs.RunFolder, *, ended: bool) -> list[StepInfo]:
    """The steps that have begun, those of pipeline components as `OUTER.STEP`. Raises AmlError, for a pipeline that has
    `ended` also where the service knows no steps: before that it may not know them yet.
    """
    return _below(client, record.history_host(client, run), run.id, "", () if ended else (404,))


def _below(client: Client, host: str, parent: str, prefix: str, accept: tuple[int, ...]) -> list[StepInfo]:
    path = f"/history/v1.0{client.workspace.arm}/runs/{parent}/children"
    found: list[StepInfo] = []
    more: dict[str, str] = {}
    while True:
        doing = f"read the steps of {parent}"
        reply = client.ask(doing, "GET", path, host=host, params=more, accept=accept) or {}
        for one in reply.get("value") or []:
            name = prefix + str(one.get("displayName") or one.get("name") or one.get("runId"))
            if str(one.get("runType")) == PIPELINE_RUN:
                found += _below(client, host, str(one["runId"]), f"{name}.", accept)
            else:
                found.append(_info(name, one))
        token = reply.get("continuationToken")
        if not token:
            return found
        more = {"$continuationToken": str(token)}


def _info(name: str, one: dict[str, Any]) -> StepInfo:
    properties = one.get("properties") or {}
    reused = str(properties.get("azureml.isreused")).lower() == "true"
    return StepInfo(
        name,
        str(one["runId"]),
        str(one.get("status") or "NotStarted"),
        str(one.get("target") or ""),
        one.get("startTimeUtc"),
        one.get("endTimeUtc"),
        str(properties.get("azureml.reusedrunid") or "") or None if reused else None,
        one.get("error"),
    )
