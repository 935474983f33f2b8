"""What the stand-in does for each call. A handler gets (plane, workspace, query, body, parts of the path)."""

from __future__ import annotations

import uuid
from typing import Any

from standin import azurite as blobs
from standin import schema, shapes
from standin.executor import KINDS, Job
from standin.network import Reply
from standin.plane import _KINDS, Plane, Refusal, Workspace, _json, check_members

Query = dict[str, str]


def get_workspace(plane: Plane, ws: Workspace, query: Query, body: Any) -> Reply:
    return _json(200, shapes.workspace(ws.root, ws.name))


def list_workspaces(plane: Plane, ws: None, query: Query, body: Any, *scope: str) -> Reply:
    found = [shapes.workspace(one.root, one.name) for one in plane.workspaces.values()]
    return _json(200, {"value": found})


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
        return _json(200, shapes.job(ws.root, name, old.said, old.status, created=True))
    target = str(said.get("computeId") or "").rsplit("/", 1)[-1]
    serverless = not target and bool((said.get("resources") or {}).get("instanceType"))
    if not serverless and not target.startswith("test") and target not in ws.computes:
        experiment = said.get("experimentName", "Default")
        raise Refusal(400, "UserError", f"{experiment}: Compute Not Found for run ID : {name}")
    said = {key: value for key, value in said.items() if value is not None}
    job = ws.jobs[name] = KINDS.get(str(kind), Job)(plane, ws, name, said)
    answer = _json(201, shapes.job(ws.root, name, said, job.status, created=True), {"x-ms-response-type": "standard"})
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
    return _json(200, shapes.job(ws.root, name, job.said, job.status, created=False))


def list_jobs(plane: Plane, ws: Workspace, query: Query, body: Any) -> Reply:
    found = [shapes.job(ws.root, one.name, one.said, one.status, created=False) for one in ws.jobs.values()]
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
    said |= {"target": str(job.said.get("computeId") or "").rsplit("/", 1)[-1], "properties": {}, "inputDatasets": []}
    said |= {"startTimeUtc": job.started, "endTimeUtc": job.ended}
    if job.error:
        said["error"] = {"error": {"code": "UserError", "message": job.error}}
    return _json(200, said)


def children(plane: Plane, ws: Workspace, query: Query, body: Any, name: str) -> Reply:
    parent = _job(ws, name)
    found = [shapes.child(name, node, parent.status) for node in parent.said.get("jobs") or {}]
    return _json(200, {"value": found})


def patch_run(plane: Plane, ws: Workspace, query: Query, body: Any, experiment: str, name: str) -> Reply:
    job = _job(ws, name)
    job.said["tags"] = {**(job.said.get("tags") or {}), **(body.get("tags") or {})}
    return _json(200, {"runId": name, "status": job.status, "tags": job.said["tags"]})


def mlflow_run(plane: Plane, ws: Workspace, query: Query, body: Any) -> Reply:
    job = _job(ws, query["run_id"])
    metrics = [{"key": key, "value": value, "timestamp": 0, "step": 0} for key, value in job.metrics.items()]
    return _json(200, {"run": {"info": {"run_id": job.name}, "data": {"metrics": metrics, "params": [], "tags": []}}})


def list_datastores(plane: Plane, ws: Workspace, query: Query, body: Any) -> Reply:
    names = ["workspaceblobstore"] + ([] if query.get("isDefault") == "true" else ["workspaceartifactstore"])
    return _json(200, {"value": [_datastore(ws, name) for name in names]})


def _datastore(ws: Workspace, name: str) -> dict[str, Any]:
    return shapes.datastore(ws.root, name, blobs.ACCOUNT, ws.container(name))


def get_datastore(plane: Plane, ws: Workspace, query: Query, body: Any, name: str) -> Reply:
    return _json(200, _datastore(ws, name))


def datastore_secrets(plane: Plane, ws: Workspace, query: Query, body: Any, name: str) -> Reply:
    plane.azurite.container(ws.container(name))
    return _json(200, {"secretsType": "Sas", "sasToken": f"?{plane.azurite.account_sas()}"})


def list_versions(plane: Plane, ws: Workspace, query: Query, body: Any, kind: str, name: str) -> Reply:
    kind = kind.lower()
    if "hash" in query:
        hits = [
            shapes.asset(ws.root, kind, found, version, said)
            for found, versions in ws.assets[kind].items()
            for version, said in versions.items()
            if (said.get("properties") or {}).get("hash_sha256") == query["hash"]
        ]
        return _json(200, {"value": hits})
    if name not in ws.assets[kind]:
        what = kind.removesuffix("s").capitalize()
        raise Refusal(
            404,
            "UserError",
            "The specified resource was not found.",
            [(f"{what}NotFound", f"{what} container with name: {name} not found.")],
        )
    newest = list(ws.assets[kind][name].items())[::-1][: int(query.get("$top", 1000))]
    return _json(200, {"value": [shapes.asset(ws.root, kind, name, version, said) for version, said in newest]})


def list_containers(plane: Plane, ws: Workspace, query: Query, body: Any, kind: str) -> Reply:
    return _json(200, {"value": [_container(ws, kind.lower(), name) for name in ws.assets[kind.lower()]]})


def _container(ws: Workspace, kind: str, name: str) -> dict[str, Any]:
    numbers = [int(version) for version in ws.assets[kind].get(name, {}) if version.isdigit()]
    return {
        "id": f"{ws.root}/{kind}/{name}",
        "name": name,
        "type": f"Microsoft.MachineLearningServices/workspaces/{kind}",
        "systemData": shapes.system_data(),
        "properties": {
            "description": None,
            "tags": {},
            "properties": {},
            "isArchived": False,
            "latestVersion": next(reversed(ws.assets[kind].get(name, {})), None),
            "nextVersion": str(max(numbers, default=0) + 1),
            "provisioningState": "Succeeded",
            **({"dataType": "uri_folder"} if kind == "data" else {}),
        },
    }


def get_container(plane: Plane, ws: Workspace, query: Query, body: Any, kind: str, name: str) -> Reply:
    kind = kind.lower()
    if name not in ws.assets[kind]:
        raise Refusal(404, "UserError", "The specified resource was not found.", [("NotFound", f"no {kind} {name}")])
    return _json(200, _container(ws, kind, name))


def start_upload(plane: Plane, ws: Workspace, query: Query, body: Any, kind: str, name: str, version: str) -> Reply:
    container = ws.container("workspaceblobstore")
    place = f"https://{blobs.HOST}/{container}-{uuid.uuid4().hex[:12]}"
    sas = plane.azurite.sas(place.rsplit("/", 1)[-1])
    credential = {"credentialType": "SAS", "sasUri": f"{place}?{sas}"}
    reference = {"blobUri": place, "storageAccountArmId": "x", "credential": credential}
    return _json(200, {"blobReferenceForConsumption": reference, "pendingUploadId": None, "pendingUploadType": "x"})


def put_version(plane: Plane, ws: Workspace, query: Query, body: Any, kind: str, name: str, version: str) -> Reply:
    kind = kind.lower()
    said = check_members(body, _KINDS[kind], f"{kind} version")
    there = ws.assets[kind].setdefault(name, {})
    if version in there and kind == "codes" and there[version].get("codeUri") != said.get("codeUri"):
        raise Refusal(400, "UserError", "A code version's path cannot be changed.")
    status = 200 if version in there else 201
    there[version] = said
    return _json(status, shapes.asset(ws.root, kind, name, version, said))


def get_version(plane: Plane, ws: Workspace, query: Query, body: Any, kind: str, name: str, version: str) -> Reply:
    kind = kind.lower()
    said = ws.assets[kind].get(name, {}).get(version)
    if said is None:
        code = f"{kind.removesuffix('s').capitalize()}NotFound"
        message = f"{name}:{version} not found."
        raise Refusal(404, "UserError", "The specified resource was not found.", [(code, message)])
    return _json(200, shapes.asset(ws.root, kind, name, version, said))


def delete_version(plane: Plane, ws: Workspace, query: Query, body: Any, kind: str, name: str, version: str) -> Reply:
    get_version(plane, ws, query, body, kind, name, version)
    del ws.assets[kind.lower()][name][version]
    return Reply(200)


def put_compute(plane: Plane, ws: Workspace, query: Query, body: Any, name: str) -> Reply:
    said = check_members(body, schema.COMPUTE, "Compute")
    ws.computes[name] = said
    return _json(201, shapes.compute(ws.root, name, said, "Creating"), _operation(ws))


def _operation(ws: Workspace) -> dict[str, str]:
    guid = str(uuid.uuid4())
    ws.operations[guid] = 0
    scope = f"{ws.root.split('/resourceGroups')[0]}/providers/Microsoft.MachineLearningServices"
    where = f"{scope}/locations/{shapes.REGION}/computeOperationsStatus/{ws.name}.{guid}"
    return {"Azure-AsyncOperation": f"https://management.azure.com{where}?api-version=2023-08-01-preview&service=new"}


def operation(plane: Plane, ws: None, query: Query, body: Any, name: str, guid: str) -> Reply:
    """Seen in progress once, then done."""
    owner = plane.workspaces[name]
    owner.operations[guid] += 1
    return _json(200, {"status": "InProgress" if owner.operations[guid] == 1 else "Succeeded"})


def get_compute(plane: Plane, ws: Workspace, query: Query, body: Any, name: str) -> Reply:
    if name not in ws.computes:
        raise Refusal(404, "ComputeNotFound", f"The compute {name} was not found.")
    return _json(200, shapes.compute(ws.root, name, ws.computes[name], "Succeeded"))


def list_computes(plane: Plane, ws: Workspace, query: Query, body: Any) -> Reply:
    found = [shapes.compute(ws.root, name, said, "Succeeded") for name, said in ws.computes.items()]
    return _json(200, {"value": found})


def delete_compute(plane: Plane, ws: Workspace, query: Query, body: Any, name: str) -> Reply:
    get_compute(plane, ws, query, body, name)
    del ws.computes[name]
    return Reply(202, b"", _operation(ws))


def power(plane: Plane, ws: Workspace, query: Query, body: Any, name: str, verb: str) -> Reply:
    get_compute(plane, ws, query, body, name)
    ws.computes[name].setdefault("properties", {})["state"] = "Running" if verb == "start" else "Stopped"
    return Reply(202, b"", _operation(ws))


_ANY = "(codes|environments|models|data)"
_HERE = "/subscriptions/[^/]+(?:/resourceGroups/[^/]+)?/providers/Microsoft.MachineLearningServices"
ROUTES: list[Any] = [
    ("arm", "GET", "", "workspace", get_workspace),
    ("arm", "GET", f"{_HERE}/workspaces", "workspace", list_workspaces),
    ("arm", "PUT", "/jobs/([^/]+)", "jobs PUT", put_job),
    ("arm", "GET", "/jobs/([^/]+)", "jobs", get_job),
    ("arm", "GET", "/jobs", "jobs", list_jobs),
    ("arm", "POST", "/jobs/([^/]+)/cancel", "cancel", cancel_job),
    ("arm", "GET", "/jobs/([^/]+)/cancelled", "cancel", cancelled),
    ("arm", "GET", "/datastores", "datastores", list_datastores),
    ("arm", "GET", "/datastores/([^/]+)", "datastores", get_datastore),
    ("arm", "POST", "/datastores/([^/]+)/listSecrets", "datastores", datastore_secrets),
    ("arm", "PUT", "/computes/([^/]+)", "computes", put_compute),
    ("arm", "GET", "/computes/([^/]+)", "computes", get_compute),
    ("arm", "GET", "/computes", "computes", list_computes),
    ("arm", "DELETE", "/computes/([^/]+)", "computes", delete_compute),
    ("arm", "POST", "/computes/([^/]+)/(start|stop)", "computes", power),
    ("arm", "GET", f"{_HERE}/locations/[^/]+/computeOperationsStatus/([^/.]+)\\.([^/]+)", "computes", operation),
    ("history", "GET", "/runs/([^/]+)/details", "", details),
    ("history", "GET", "/runs/([^/]+)/children", "", children),
    ("history", "PATCH", "/experiments/([^/]+)/runs/([^/]+)", "", patch_run),
    ("mlflow", "GET", "/api/2.0/mlflow/runs/get", "", mlflow_run),
    *(
        ("arm", method, pattern.replace("KIND", kind), kind, handler)
        for kind in _KINDS
        for method, pattern, handler in (
            ("GET", "/(KIND)", list_containers),
            ("GET", "/(KIND)/([^/]+)", get_container),
            ("GET", "/(KIND)/([^/]+)/versions", list_versions),
            ("POST", "/(KIND)/([^/]+)/versions/([^/]+)/startPendingUpload", start_upload),
            ("PUT", "/(KIND)/([^/]+)/versions/([^/]+)", put_version),
            ("GET", "/(KIND)/([^/]+)/versions/([^/]+)", get_version),
            ("DELETE", "/(KIND)/([^/]+)/versions/([^/]+)", delete_version),
        )
    ),
]
