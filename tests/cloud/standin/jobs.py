"""Jobs and their run history. A handler gets (plane, workspace, query, body, parts of the path)."""

from __future__ import annotations

from typing import Any

from standin import azurite as blobs
from standin import job_shapes, schema
from standin.exchange import Reply
from standin.executor import KINDS, Job
from standin.plane import Plane, Query, Refusal, Workspace, _json, check_members


def put_job(plane: Plane, ws: Workspace, query: Query, body: Any, name: str) -> Reply:
    ws.creates.append(name)
    if body is None:
        raise Refusal(400, "UserError", f"Default: Compute Not Found for run ID : {name}")
    kind = (body.get("properties") or {}).get("jobType")
    if kind not in schema.JOBS:
        raise Refusal(400, "UserError", f"jobType {kind!r} is not known")
    said = check_members(body, schema.JOBS[kind], "UriFolderJobOutput")
    if name in ws.jobs:
        # A create that is repeated is answered, and runs nothing.
        old = ws.jobs[name]
        return _json(200, job_shapes.job(ws.root, name, old.said, old.status, created=True))
    target = str(said.get("computeId") or "").rsplit("/", 1)[-1]
    # A job that names no compute is serverless; its size is optional.
    if kind != "Pipeline" and target and not target.startswith("test") and target not in ws.computes:
        experiment = said.get("experimentName", "Default")
        raise Refusal(400, "UserError", f"{experiment}: Compute Not Found for run ID : {name}")
    said = {key: value for key, value in said.items() if value is not None}
    job = ws.jobs[name] = KINDS.get(str(kind), Job)(plane, ws, name, said)
    answer = _json(
        201, job_shapes.job(ws.root, name, said, job.status, created=True), {"x-ms-response-type": "standard"}
    )
    if ws.runs_jobs and kind in KINDS:
        job.start()
    return answer


def _job(ws: Workspace, name: str) -> Job:
    if name not in ws.jobs:
        raise Refusal(
            404, "UserError", "The specified resource was not found.", [("JobNotFound", f"Job {name} not found.")]
        )
    return ws.jobs[name]


def get_job(plane: Plane, ws: Workspace, query: Query, body: Any, name: str) -> Reply:
    job = _job(ws, name)
    return _json(200, job_shapes.job(ws.root, name, job.said, job.status, created=False))


def list_jobs(plane: Plane, ws: Workspace, query: Query, body: Any) -> Reply:
    found = [job_shapes.job(ws.root, one.name, one.said, one.status, created=False) for one in ws.jobs.values()]
    return _json(200, {"value": found[::-1]})


def cancel_job(plane: Plane, ws: Workspace, query: Query, body: Any, name: str) -> Reply:
    job = _job(ws, name)
    if plane.finished(job):
        return Reply(200)
    job.cancel()
    where = f"https://management.azure.com{ws.root}/jobs/{name}/cancelled?api-version=2023-04-01-preview"
    return Reply(202, b"", {"Location": where, "Retry-After": "0"})


def cancelled(plane: Plane, ws: Workspace, query: Query, body: Any, name: str) -> Reply:
    return Reply(200) if plane.finished(_job(ws, name)) else Reply(202, b"", {"Retry-After": "0"})


def details(plane: Plane, ws: Workspace, query: Query, body: Any, name: str) -> Reply:
    job = _job(ws, name)
    logs = {}
    container = ws.container("workspaceartifactstore")
    prefix = f"ExperimentRun/dcid.{name}/"
    for blob in plane.azurite.container(container).list_blobs(name_starts_with=prefix):
        inside = blob.name[len(prefix) :]
        if inside.startswith(("user_logs/", "logs/", "azureml-logs/")):
            logs[inside] = f"https://{blobs.HOST}/{container}/{blob.name}?{plane.azurite.sas(container, 'r')}"
    said: dict[str, Any] = {"runId": name, "status": job.status, "logFiles": logs, "warnings": []}
    said |= {
        "target": str(job.said.get("computeId") or "").rsplit("/", 1)[-1],
        "properties": job.history,
        "inputDatasets": [],
    }
    said |= {"startTimeUtc": job.started, "endTimeUtc": job.ended}
    if job.error:
        said["error"] = {"error": {"code": "UserError", "message": job.error}}
    return _json(200, said)


def children(plane: Plane, ws: Workspace, query: Query, body: Any, name: str) -> Reply:
    from standin import pipelines

    parent = _job(ws, name)
    if isinstance(parent, pipelines.Pipeline) and parent.starts:
        return pipelines.children(plane, ws, query, body, name)
    found = [job_shapes.child(name, node, parent.status) for node in parent.said.get("jobs") or {}]
    return _json(200, {"value": found})


def patch_run(plane: Plane, ws: Workspace, query: Query, body: Any, experiment: str, name: str) -> Reply:
    job = _job(ws, name)
    job.said["tags"] = {**(job.said.get("tags") or {}), **(body.get("tags") or {})}
    return _json(200, {"runId": name, "status": job.status, "tags": job.said["tags"]})


def mlflow_run(plane: Plane, ws: Workspace, query: Query, body: Any) -> Reply:
    job = _job(ws, query["run_id"])
    metrics = [{"key": key, "value": value, "timestamp": 0, "step": 0} for key, value in job.metrics.items()]
    return _json(200, {"run": {"info": {"run_id": job.name}, "data": {"metrics": metrics, "params": [], "tags": []}}})


_DATA = {"uri_folder": "UriFolder", "uri_file": "UriFile", "mltable": "MLTable"}
_MODELS = {"custom_model": "CustomModel", "mlflow_model": "MLFlowModel", "triton_model": "TritonModel"}


def run_data(plane: Plane, ws: Workspace, query: Query, body: Any) -> Reply:
    """A run's named outputs as assets, as azure-ai-ml's rest client models them."""
    job = _job(ws, body["runId"])
    outputs = {}
    for name, item in (job.said.get("outputs") or {}).items():
        kind = str(item.get("jobOutputType"))
        asset = f"azureml://locations/westeurope/workspaces/{ws.name}/data/azureml_{job.name}_output_{name}/versions/1"
        outputs[name] = {"assetId": asset, "type": {**_DATA, **_MODELS}[kind]}
    return _json(200, {"runMetadata": {"runId": job.name, "status": job.status, "outputs": outputs}})


def _resolved(plane: Plane, ws: Workspace, body: Any, part: str) -> Reply:
    parts = ws.root.split("/")
    top = f"azureml://subscriptions/{parts[2]}/resourcegroups/{parts[4]}/workspaces/{parts[8]}/datastores"
    found = {}
    for asset in body["values"]:
        job, _, name = asset.split("/data/azureml_")[1].removesuffix("/versions/1").rpartition("_output_")
        said = ws.jobs[job].said["outputs"][name].get("uri")
        place = str(said).split("/datastores/")[1] if said else f"workspaceblobstore/paths/azureml/{job}/{name}/"
        found[asset] = {part: f"{top}/{place}", "type": "UriFolder"}
    return _json(200, {"values": found})


def resolved_data(plane: Plane, ws: Workspace, query: Query, body: Any) -> Reply:
    return _resolved(plane, ws, body, "uri")


def resolved_models(plane: Plane, ws: Workspace, query: Query, body: Any) -> Reply:
    return _resolved(plane, ws, body, "path")


ROUTES: list[Any] = [
    ("arm", "PUT", "/jobs/([^/]+)", "jobs PUT", put_job),
    ("arm", "GET", "/jobs/([^/]+)", "jobs", get_job),
    ("arm", "GET", "/jobs", "jobs", list_jobs),
    ("arm", "POST", "/jobs/([^/]+)/cancel", "cancel", cancel_job),
    ("arm", "GET", "/jobs/([^/]+)/cancelled", "cancel", cancelled),
    ("history", "GET", "/runs/([^/]+)/details", "", details),
    ("history", "GET", "/runs/([^/]+)/children", "", children),
    ("history", "PATCH", "/experiments/([^/]+)/runs/([^/]+)", "", patch_run),
    ("history", "POST", "/rundata", "", run_data),
    ("data", "POST", "/dataversion/batchGetResolvedUris", "", resolved_data),
    ("modelregistry", "POST", "/models/batchGetResolvedUris", "", resolved_models),
    ("mlflow", "GET", "/api/2.0/mlflow/runs/get", "", mlflow_run),
]
