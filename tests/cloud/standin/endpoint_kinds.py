"""What online and batch endpoints have in common: they are kept, found and deleted, and have a model and code."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from standin import shapes
from standin.executor import Job
from standin.network import Reply
from standin.plane import Plane, Refusal, Workspace, _json


@dataclass
class Kind:
    """A kind of endpoints: `place` is where a workspace holds them, `shape` what the service says of one."""

    place: str
    shape: Callable[[Workspace, str], dict[str, Any]]

    def held(self, ws: Workspace) -> dict[str, dict[str, Any]]:
        held: dict[str, dict[str, Any]] = ws.__dict__.setdefault(self.place, {})
        return held

    def endpoint(self, ws: Workspace, name: str) -> dict[str, Any]:
        if name not in self.held(ws):
            raise Refusal(404, "UserError", f"Endpoint {name} was not found.", [("EndpointNotFound", "not found")])
        return self.held(ws)[name]

    def deployment(self, ws: Workspace, name: str, deployment: str) -> dict[str, Any]:
        there: dict[str, dict[str, Any]] = self.endpoint(ws, name)["deployments"]
        if deployment not in there:
            raise Refusal(404, "UserError", f"Deployment {deployment} was not found.", [("DeploymentNotFound", "no")])
        return there[deployment]

    def get(self, plane: Plane, ws: Workspace, query: Any, body: Any, name: str) -> Reply:
        self.endpoint(ws, name)
        return _json(200, self.shape(ws, name))

    def list(self, plane: Plane, ws: Workspace, query: Any, body: Any) -> Reply:
        return _json(200, {"value": [self.shape(ws, name) for name in self.held(ws)]})

    def delete(self, plane: Plane, ws: Workspace, query: Any, body: Any, name: str) -> Reply:
        self.endpoint(ws, name)
        del self.held(ws)[name]
        return Reply(202, b"", operation_of(ws, name))


def operation_of(ws: Workspace, name: str, deployment: str = "") -> dict[str, str]:
    """The header that says where to ask how it goes."""
    subscription = ws.root.split("/resourceGroups")[0]
    where = f"providers/Microsoft.MachineLearningServices/locations/{shapes.REGION}/mfeOperationsStatus"
    address = f"https://management.azure.com{subscription}/{where}/od:{ws.name}:{name}:{deployment}"
    return {"Azure-AsyncOperation": f"{address}?api-version=2023-04-01-preview"}


def check_model(ws: Workspace, model: str, said: Any) -> None:
    """Refuse a deployment of a model that the workspace has not; `said` is how the body names it."""
    match = re.fullmatch(r".*/models/([^/]+)/versions/([^/]+)", model)
    if match is None or match[2] not in ws.assets["models"].get(match[1], {}):
        raise Refusal(400, "UserError", f"Model {said} was not found.")


def fetch(job: Job, deployment: dict[str, Any], model: str, code: Path, models: Path) -> None:
    """Bring a deployment's code and its model's file or folder to two folders here."""
    match = re.fullmatch(r"https://[^/]+/([^/]+)/(.*)", job.plane.code_uri(deployment["codeConfiguration"]["codeId"]))
    assert match is not None
    job.fetch(match[1], match[2], code)
    _, name, _, version = model.rsplit("/", 3)
    place = re.search(r"/datastores/([^/]+)/paths/(.*)", job.workspace.assets["models"][name][version]["modelUri"])
    assert place is not None
    job.fetch(job.workspace.container(place[1]), place[2], models / place[2].rsplit("/", 1)[-1])
