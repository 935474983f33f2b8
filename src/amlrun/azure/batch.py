"""Batch endpoints: a folder of files scored on a cluster, as a job of the workspace."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from pathlib import Path

from amlrun.azure import blobs, record, stores
from amlrun.azure.client import Client
from amlrun.azure.endpoints import PATIENCE, finish
from amlrun.runs import store as runs

Report = Callable[[str], None]
_STORE = "workspaceblobstore"


def submit(
    client: Client,
    endpoint_file: Path,
    deployment_file: Path,
    data: str,
    *,
    folder: Path,
    experiment: str,
    report: Report,
) -> runs.RunFolder:
    """Create or change the endpoint and its deployment, and have it score `data`. Returns the job as a run.

    `data` is a local path (which is uploaded), a data asset or an azureml:// address; `folder` holds the runs. The
    rows are written to a place of this run's own, from where `rows` fetches them. Raises AmlError.
    """
    with client.transport.call("read the endpoint's files"):
        from azure.ai.ml import Input, Output, load_batch_deployment, load_batch_endpoint

        with warnings.catch_warnings():
            # "A base class": the files that `az ml` writes and reads are loaded as nothing else.
            warnings.simplefilter("ignore")
            endpoint, deployment = load_batch_endpoint(endpoint_file), load_batch_deployment(deployment_file)
    name, which = str(endpoint.name), str(deployment.name)
    report(f"Creating the batch endpoint {name} in {client.workspace.name} …")
    with client.transport.call(f"create the batch endpoint {name}", PATIENCE):
        finish(client.ml.batch_endpoints.begin_create_or_update(endpoint))
    report(f"Creating its deployment {which} on {str(deployment.compute).rsplit('/', 1)[-1].rsplit(':', 1)[-1]} …")
    with client.transport.call(f"create the deployment {which} of {name}", PATIENCE):
        finish(client.ml.batch_deployments.begin_create_or_update(deployment, skip_script_validation=True))
    run_id = runs.new_id(experiment)
    wanted = Input(type="uri_file" if Path(data).is_file() else "uri_folder", path=data)
    place = f"azureml://datastores/{_STORE}/paths/{_prefix(run_id)}/{deployment.output_file_name}"
    with client.transport.call(f"score {data} with {name}", PATIENCE, transfer=True):
        job = client.ml.batch_endpoints.invoke(
            endpoint_name=name, deployment_name=which, inputs={"data": wanted}, job_name=run_id,
            outputs={"score": Output(type="uri_file", path=place)}, experiment_name=experiment,
        )  # fmt: skip
    run = record.import_remote_run(client, folder, str(job.name))
    run.write_part("batch", {"rows": f"{_prefix(run_id)}/{deployment.output_file_name}"})
    run.write_part("tags", {"tags": {"batch": "true", "endpoint": name}})
    report(f"RunId: {run.id}")
    return run


def rows(client: Client, run: runs.RunFolder) -> Path | None:
    """Fetch the rows of a batch into the run's outputs/. Returns the file; None when the run is no batch, or has none.

    Raises AmlError.
    """
    place = str(run.part("batch").get("rows") or "")
    if not re.fullmatch(r"[\w./-]+", place):
        return None
    container, prefix = stores.opener(client, _STORE)(client.transport), place.rsplit("/", 1)[0] + "/"
    with client.transport.call(f"list the rows of {run.id}"):
        found = blobs.list_blobs(container, prefix)
    blobs.download(
        container, client.transport, prefix, found, run.folder / "outputs", run.private / "rows.jsonl",
        progress=lambda size: None,
    )  # fmt: skip
    file = run.folder / "outputs" / place.rsplit("/", 1)[1]
    return file if file.is_file() else None


def _prefix(run_id: str) -> str:
    return f"aml-batch/{run_id}"
