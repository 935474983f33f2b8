"""A job's named outputs: where the service put them, asked for as azure-ai-ml's `jobs.download` does.

Run history knows each output's asset, the data and model registries its address (azure-ai-ml, _job_ops_helper.py).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from amlrun.azure import blobs, record, stores
from amlrun.azure.client import Client
from amlrun.errors import AmlError
from amlrun.runs import store as runs

_STORE = re.compile(r"azureml://.*?datastores/([^/]+)/(?:paths/)?(.+)")
_MODELS = ("CustomModel", "MLFlowModel", "TritonModel")


def places(client: Client, run_id: str) -> dict[str, tuple[str, str]]:
    """The datastore and the path of each named output; without those that lie outside the workspace's datastores.

    Raises AmlError.
    """
    job = record.ask(client, run_id) or {}
    said = (job.get("properties") or {}).get("outputs") or {}
    names = [name for name in said if name != "default"]
    if not names:
        return {}
    known = _addresses(client, run_id)
    found = {}
    for name in names:
        # The default is documented: azureml://datastores/workspaceblobstore/paths/azureml/JOB/OUTPUT/
        default = f"azureml://datastores/{stores.DEFAULT}/paths/azureml/{run_id}/{name}/"
        match = _STORE.fullmatch(str(known.get(name) or (said[name] or {}).get("uri") or default))
        if match:
            found[name] = (match[1], match[2])
    return found


def _addresses(client: Client, run_id: str) -> dict[str, str]:
    """The address of each output that the registries know; empty where they do not answer: the job says it too."""
    host, arm = record.history_host(client), client.workspace.arm
    found: dict[str, str] = {}
    try:
        wanted = {"runId": run_id, "selectRunMetadata": True}
        answer = client.ask(
            f"read the outputs of {run_id}", "POST", f"/history/v1.0{arm}/rundata", host=host, body=wanted
        )
        outputs = ((answer or {}).get("runMetadata") or {}).get("outputs") or {}
        for path, part, is_model in (
            ("/data/v1.0{}/dataversion/batchGetResolvedUris", "uri", False),
            ("/modelregistry/v1.0{}/models/batchGetResolvedUris", "path", True),
        ):
            names = {str(one["assetId"]): name for name, one in outputs.items() if (one["type"] in _MODELS) == is_model}
            if not names:
                continue
            body = {"values": list(names)}
            resolved = client.ask(f"find the outputs of {run_id}", "POST", path.format(arm), host=host, body=body)
            for asset, one in resolved["values"].items():
                found[names[asset]] = str(one[part])
    except (AmlError, KeyError, TypeError):
        return found
    return found


def fetch(client: Client, run: runs.RunFolder, *, progress: Callable[[int], None]) -> list[Path]:
    """Bring each named output into `outputs/<name>/` of the run's folder, as a local run has it. Raises AmlError."""
    made: list[Path] = []
    for name, place in places(client, run.id).items():
        made += bring(client, run, name, place, progress=progress)
    return made


def bring(
    client: Client, run: runs.RunFolder, name: str, place: tuple[str, str], *, progress: Callable[[int], None]
) -> list[Path]:
    """Bring what lies at `place`, a datastore and a path, into `outputs/<name>/` of the run's folder."""
    store, path = place
    container = stores.opener(client, store)(client.transport)
    if not path.endswith("/") and blobs.is_blob(container, client.transport, path):
        prefix, only = path.rpartition("/")[0] + "/", path.rpartition("/")[2]
    else:
        prefix, only = path.rstrip("/") + "/", ""
    with client.transport.call(f"list the output {name} of {run.id}"):
        found = [blob for blob in blobs.list_blobs(container, prefix) if only in ("", blob.name)]
    folder, memory = run.folder / "outputs" / name, run.private / f"fetched-{name}.jsonl"
    return blobs.download(container, client.transport, prefix, found, folder, memory, progress=progress)


def artifact(client: Client, run_id: str, asset_path: str) -> tuple[str, str] | None:
    """The address and the model type of `outputs/<name>[/…]` where that is a named output; None where it is not.

    Raises AmlError for a path that the output does not have.
    """
    top, _, inside = asset_path.strip("/").partition("/")
    name, _, rest = inside.partition("/")
    place = places(client, run_id).get(name) if top == "outputs" else None
    if place is None:
        return None
    container, path = stores.opener(client, place[0])(client.transport), place[1].rstrip("/")
    with client.transport.call(f"list the output {name} of {run_id}"):
        names = [blob.name for blob in blobs.list_blobs(container, f"{path}/")]
    beside = f"{rest}/" if rest else ""
    if rest and rest not in names and not any(one.startswith(beside) for one in names):
        listed = ", ".join(f"outputs/{name}/{one}" for one in sorted(names)[:10])
        raise AmlError(f"--asset-path: run {run_id} has no {asset_path}", hint=f"It has: {listed or 'none'}")
    kind = "mlflow_model" if f"{beside}MLmodel" in names else "custom_model"
    return f"azureml://jobs/{run_id}/outputs/{name}" + (f"/paths/{rest}" if rest else ""), kind


def place_of(client: Client, address: str) -> tuple[str, str] | None:
    """The datastore and the path of a file at `azureml:…/jobs/JOB/outputs/NAME[/paths/…]`; None for other addresses."""
    found: Any = re.search(
        r"azureml:/.*?/?jobs/([^/]+)/outputs/([^/]+)(?:/paths)?(?:/(.+))?$", address.replace("//", "/")
    )
    if found is None or found[2] == "artifacts":
        return None
    place = places(client, found[1]).get(found[2])
    return place and (place[0], f"{place[1].rstrip('/')}/{found[3]}" if found[3] else place[1].rstrip("/"))
