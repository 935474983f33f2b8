"""Batch endpoints: kept, and invoked for real, as a job with the deployment's own code, model and files.

The environment is not built: the files are scored with the interpreter of the tests, by the runner's own driver.
Shapes from azure-ai-ml's own serialisation; no exchange with the real service is recorded.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from standin import endpoints, schema, shapes
from standin.endpoint_kinds import Kind, check_model, fetch, operation_of
from standin.executor import Job
from standin.network import Reply, Request
from standin.plane import Plane, Refusal, Workspace, _json, check_members

DRIVER = Path(__file__).resolve().parents[3] / "src" / "amlrun" / "workers" / "batch_worker.py"
ANY = schema.ANY
ENDPOINT = dict.fromkeys(("authMode", "description", "keys", "properties", "defaults"), ANY)
DEPLOYMENT: schema.Schema = {
    **dict.fromkeys(("description", "environmentId", "environmentVariables", "properties", "compute"), ANY),
    **dict.fromkeys(("errorThreshold", "loggingLevel", "maxConcurrencyPerInstance", "miniBatchSize"), ANY),
    **dict.fromkeys(("outputAction", "outputFileName"), ANY),
    "codeConfiguration": {"codeId": ANY, "scoringScript": ANY},
    "model": {"referenceType": ANY, "assetId": ANY},
    "resources": dict.fromkeys(("instanceCount", "instanceType", "properties"), ANY),
    "retrySettings": {"maxRetries": ANY, "timeout": ANY},
}


def _shape(ws: Workspace, name: str, deployment: str = "") -> dict[str, Any]:
    held = KIND.held(ws)[name]
    kind, inside = "batchEndpoints", ""
    if deployment:
        held, kind, inside = held["deployments"][deployment], "batchEndpoints/deployments", f"/deployments/{deployment}"
    address = {} if deployment else {"scoringUri": f"https://{name}{endpoints.DOMAIN}/jobs"}
    return {
        "id": f"{ws.root}/batchEndpoints/{name}{inside}", "name": deployment or name, "location": shapes.REGION,
        "type": f"Microsoft.MachineLearningServices/workspaces/{kind}", "systemData": shapes.system_data(),
        "tags": held["tags"], "properties": {**held["said"], "provisioningState": "Succeeded", **address},
    }  # fmt: skip


KIND = Kind("batch_endpoints", _shape)


def put_endpoint(plane: Plane, ws: Workspace, query: Any, body: Any, name: str) -> Reply:
    said = check_members(body, ENDPOINT, "BatchEndpoint")
    there = KIND.held(ws).setdefault(name, {"deployments": {}})
    there |= {"said": said, "tags": body.get("tags") or {}}
    return _json(201, _shape(ws, name), operation_of(ws, name))


def put_deployment(plane: Plane, ws: Workspace, query: Any, body: Any, name: str, deployment: str) -> Reply:
    there = KIND.endpoint(ws, name)
    said = check_members(body, DEPLOYMENT, "BatchDeployment")
    check_model(ws, str(said["model"]["assetId"]), said["model"])
    if str(said["compute"]).rsplit("/", 1)[-1] not in ws.computes:
        raise Refusal(400, "UserError", f"Compute {said['compute']} was not found.")
    there["deployments"][deployment] = {"said": said, "tags": body.get("tags") or {}}
    return _json(201, _shape(ws, name, deployment), operation_of(ws, name))


def get_deployment(plane: Plane, ws: Workspace, query: Any, body: Any, name: str, deployment: str) -> Reply:
    KIND.deployment(ws, name, deployment)
    return _json(200, _shape(ws, name, deployment))


def list_deployments(plane: Plane, ws: Workspace, query: Any, body: Any, name: str) -> Reply:
    return _json(200, {"value": [_shape(ws, name, one) for one in KIND.endpoint(ws, name)["deployments"]]})


def invoke(plane: Plane, request: Request) -> Reply | None:
    """A request at a batch endpoint's own host; None when the host is no batch endpoint's."""
    name = request.host.removesuffix(endpoints.DOMAIN)
    ws = next((one for one in plane.workspaces.values() if name in KIND.held(one)), None)
    if ws is None:
        return None
    headers = {key.lower(): value for key, value in request.headers.items()}
    if not headers.get("authorization", "").startswith("Bearer ey"):
        return _json(401, {"message": "a token of Microsoft Entra ID is wanted"})
    wanted = json.loads(request.body)["properties"]
    deployment = KIND.held(ws)[name]["deployments"][headers["azureml-model-deployment"]]["said"]
    said = {**wanted, "deployment": deployment, "jobType": "Pipeline", "jobs": {"batchscoring": {}}}
    said |= {"experimentName": wanted["properties"]["experimentName"], "computeId": deployment["compute"]}
    job = ws.jobs[wanted["name"]] = Scoring(plane, ws, wanted["name"], said)
    job.start()
    return _json(201, {"id": f"{ws.root}/jobs/{job.name}", "name": job.name, "properties": {"status": "Preparing"}})


class Scoring(Job):
    """A batch: every file through run(), the rows to where the caller asked for them."""

    @property
    def log_place(self) -> str:
        return f"ExperimentRun/dcid.{self.name}/logs/azureml/executionlogs.txt"

    def _execute(self, folder: Path) -> int:
        deployment = self.said["deployment"]
        work = folder / "wd"
        fetch(self, deployment, str(deployment["model"]["assetId"]), work, folder / "model")
        for name in ("outputs", "logs"):
            (work / name).mkdir()
        plan = {
            "entry": deployment["codeConfiguration"]["scoringScript"],
            "input": str(self._input(folder, "data", self.said["inputData"]["data"])),
            "mini_batch": {"files": deployment["miniBatchSize"], "bytes": 0},
            "workers": deployment["maxConcurrencyPerInstance"], "error_threshold": deployment["errorThreshold"],
            "timeout": 600, "max_try": deployment["retrySettings"]["maxRetries"],
            "output": deployment["outputFileName"], "continue": "",
        }  # fmt: skip
        self.status = "Running"
        log = folder / "log.txt"
        with log.open("wb") as stream:
            self.process = subprocess.Popen(
                [sys.executable, str(DRIVER), json.dumps(plan)], cwd=work, stdout=stream, stderr=subprocess.STDOUT,
                env={**os.environ, "AZUREML_MODEL_DIR": str(folder / "model")}, start_new_session=True,
            )  # fmt: skip
            code = self._follow(log)
        target = re.fullmatch(r"azureml://datastores/([^/]+)/paths/(.*)", self.said["outputData"]["score"]["uri"])
        assert target is not None
        rows = (work / "outputs" / deployment["outputFileName"]).read_bytes()
        self.blobs.container(self.workspace.container(target[1])).upload_blob(target[2], rows, overwrite=True)
        return code


_ONE = "/batchEndpoints/([^/]+)"
ROUTES: list[Any] = [
    ("arm", "PUT", _ONE, "", put_endpoint),
    ("arm", "GET", _ONE, "", KIND.get),
    ("arm", "GET", "/batchEndpoints", "", KIND.list),
    ("arm", "DELETE", _ONE, "", KIND.delete),
    ("arm", "GET", f"{_ONE}/deployments", "", list_deployments),
    ("arm", "PUT", f"{_ONE}/deployments/([^/]+)", "", put_deployment),
    ("arm", "GET", f"{_ONE}/deployments/([^/]+)", "", get_deployment),
]
