"""The control plane that is stood in for: sign-in, ARM, discovery and run history, one workspace a test.

It is strict: unknown members, unknown api-versions and unknown routes are refused. What it answers has the keys of
the recorded exchanges of the real service (test_recordings.py compares them).
"""

from __future__ import annotations

import http.client
import json
import re
import ssl
import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from standin import azurite as blobs
from standin import entra, schema, shapes
from standin.exchange import Reply, Request
from standin.executor import FINAL, Job

_PROVIDER = "/providers/Microsoft.MachineLearningServices"
_ROOT = re.compile(r"(/subscriptions/[^/]+/resourceGroups/[^/]+" + _PROVIDER + r"/workspaces/([^/]+))(/.*|)", re.I)
_HERE = "/subscriptions/[^/]+(?:/resourceGroups/[^/]+)?/providers/Microsoft.MachineLearningServices"
Query = dict[str, str]
_KINDS = {
    "codes": schema.CODE,
    "environments": schema.ENVIRONMENT,
    "models": schema.MODEL,
    "data": schema.DATA,
}


class Refusal(Exception):
    """An error answer, raised from anywhere below `answer`."""

    def __init__(self, status: int, code: str, message: str, details: list[tuple[str, str]] | None = None) -> None:
        super().__init__(message)
        inner = details is not None and any(c == "RequestInvalid" for c, _ in details)
        self.reply = _json(status, shapes.error(code, message, details or [], inner))


def _json(status: int, body: Any, headers: dict[str, str] | None = None) -> Reply:
    return Reply(status, json.dumps(body).encode(), {"Content-Type": "application/json", **(headers or {})})


class Workspace:
    """What one workspace holds: `assets` is kind → name → version → properties.

    `runs_jobs` False leaves every job where it was created. `signed_in` has the ways by which callers signed in.
    """

    def __init__(self, root: str, name: str) -> None:
        self.root, self.name = root, name
        self.jobs: dict[str, Job] = {}
        self.assets: dict[str, dict[str, dict[str, dict[str, Any]]]] = {kind: {} for kind in _KINDS}
        cluster = {"osType": "Linux", "vmSize": "Standard_DS2_v2", "vmPriority": "Dedicated"}
        cluster |= {"remoteLoginPortPublicAccess": "Enabled"}
        scale = {"maxNodeCount": 4, "minNodeCount": 0, "nodeIdleTimeBeforeScaleDown": "PT2M"}
        self.computes: dict[str, dict[str, Any]] = {
            "cpu-cluster": {"computeType": "AmlCompute", "properties": {**cluster, "scaleSettings": scale}}
        }
        self.compute_identities: dict[str, Any] = {}
        # Cluster → what each of its nodes works on, None for an idle one.
        self.nodes: dict[str, list[str | None]] = {}
        # Cluster → what differs from an idle one in what the service says of its nodes.
        self.capacity: dict[str, dict[str, Any]] = {}
        self.creates: list[str] = []
        self.signed_in: set[str] = set()
        self.operations: dict[str, int] = {}
        self.runs_jobs = True

    def container(self, datastore: str) -> str:
        names = {"workspaceblobstore": "blobstore", "workspaceartifactstore": "artifacts"}
        if datastore not in names:
            raise Refusal(404, "UserError", f"Could not find datastore {datastore}")
        return f"{self.name.lower()}-{names[datastore]}"


class Plane:
    """Answers requests."""

    def __init__(self) -> None:
        self.azurite: blobs.Azurite
        self.authority = ""
        self.workspaces: dict[str, Workspace] = {}
        # Whose tokens are taken; `organizations` stands for the tenant of who signs in.
        self.tenants = {entra.TENANT, "organizations"}
        self._lock = threading.RLock()
        self._local = threading.local()

    def workspace(self, root: str, name: str) -> Workspace:
        """A workspace whose name starts with `ws` exists as soon as it is named."""
        with self._lock:
            if name not in self.workspaces:
                if not name.startswith("ws"):
                    raise Refusal(404, "ResourceNotFound", f"The Resource 'workspaces/{name}' was not found.")
                self.workspaces[name] = Workspace(root, name)
            return self.workspaces[name]

    def answer(self, request: Request) -> Reply:
        try:
            if request.host == blobs.HOST:
                return self._forward(request)
            if request.host == entra.HOST:
                found = entra.answer(request)
                if found is None:
                    raise Refusal(404, "NotFound", f"the stand-in has no {request.line}")
                return found
            if request.target == "/discovery":
                return _json(200, shapes.discovery())
            if request.host.endswith(".inference.ml.azure.com"):
                from standin import endpoints

                return endpoints.score(self, request)
            way = entra.way_of(request.headers.get("Authorization", ""))
            if not way:
                raise Refusal(401, "InvalidAuthenticationToken", "The access token is missing or invalid.")
            tenant = entra.tenant_of(request.headers.get("Authorization", ""))
            if tenant not in self.tenants:
                wrong = f"The access token is from the wrong issuer 'https://sts.windows.net/{tenant}/'."
                raise Refusal(401, "InvalidAuthenticationTokenTenant", wrong)
            return self._route(request, way)
        except Refusal as refusal:
            return refusal.reply

    def _forward(self, request: Request) -> Reply:
        """To Azurite, with the Host that the signature was made for."""
        port = self.azurite.port
        for fresh in (False, True):
            held = getattr(self._local, "connection", None)
            if held is None or fresh:
                context = ssl.create_default_context(cafile=self.authority)
                held = http.client.HTTPSConnection("127.0.0.1", port, context=context)
                self._local.connection = held
            try:
                held.request(request.method, request.target, request.body or None, request.headers)
                answer = held.getresponse()
                body = answer.read()
                break
            except (OSError, http.client.HTTPException):
                if fresh:
                    raise
        skip = ("connection", "keep-alive", "transfer-encoding", "content-length")
        headers = {name: value for name, value in answer.getheaders() if name.lower() not in skip}
        if request.method == "HEAD":
            headers["Content-Length"] = answer.getheader("Content-Length") or "0"
        return Reply(answer.status, body, headers)

    def _route(self, request: Request, way: str) -> Reply:
        from standin import handlers

        parts = urlsplit(request.target)
        path = unquote(parts.path)
        query = {key: value[0] for key, value in parse_qs(parts.query).items()}
        body = json.loads(request.body) if request.body else None
        area = "arm"
        for prefix in ("/history/v1.0", "/mlflow/v1.0", "/data/v1.0", "/modelregistry/v1.0"):
            if path.startswith(prefix):
                area, path = prefix.split("/")[1], path.removeprefix(prefix)
        table: list[tuple[str, str, str, str, Callable[..., Reply]]] = handlers.ROUTES
        match = _ROOT.fullmatch(path)
        workspace, rest = None, path
        if match is not None:
            workspace, rest = self.workspace(match[1], match[2]), match[3]
            workspace.signed_in.add(way)
        for where, method, pattern, versions, handler in table:
            found = re.fullmatch(pattern, rest, re.I)
            if where != area or method != request.method or found is None:
                continue
            if versions:
                _check_version(query, versions)
            with self._lock:
                return handler(self, workspace, query, body, *found.groups())
        raise Refusal(404, "NotFound", f"the stand-in has no {request.line}")

    def code_uri(self, code_id: str) -> str:
        """Where a code asset lies, by its ARM id."""
        match = re.fullmatch(r".*/workspaces/([^/]+)/codes/([^/]+)/versions/([^/]+)", code_id)
        assert match is not None, code_id
        return str(self.workspaces[match[1]].assets["codes"][match[2]][match[3]]["codeUri"])

    def resolve_uri(self, workspace: Workspace, uri: str) -> str:
        """A data asset's own URI for `azureml:NAME:VERSION` or its ARM id; other URIs as they are."""
        match = re.fullmatch(r"(?:azureml:)?(?:/subscriptions/.*/data/([^/]+)/versions/([^/]+)|([^/:]+):([^/:]+))", uri)
        if match is None:
            return uri
        name, version = match[1] or match[3], match[2] or match[4]
        return str(workspace.assets["data"][name][version]["dataUri"])

    def state(self, job: Job) -> str:
        return job.status

    def finished(self, job: Job) -> bool:
        return job.status in FINAL


def _check_version(query: dict[str, str], versions: str) -> None:
    said = query.get("api-version")
    if said not in schema.VERSIONS[versions]:
        known = ", ".join(sorted(schema.VERSIONS[versions]))
        raise Refusal(
            400, "InvalidApiVersionParameter", f"The api-version '{said}' is invalid for {versions}. Known: {known}"
        )


def check_members(body: Any, shape: schema.Schema, kind: str) -> dict[str, Any]:
    """The body's `properties`, if it has no member the service does not know."""
    if not isinstance(body, dict) or not isinstance(body.get("properties"), dict):
        raise Refusal(400, "UserError", "Request is invalid and/or missing fields.", [("RequestInvalid", "no body")])
    allowed = {"properties", "location", "tags", "identity", "sku", "id", "name", "type"}
    strangers = [key for key in body if key not in allowed] + schema.unknown(body["properties"], shape)
    if strangers:
        details = [
            (
                "RequestInvalid",
                f"Could not find member '{path.rsplit('.', 1)[-1]}' on object of type '{kind}'. Path '{path}'.",
            )
            for path in strangers
        ]
        raise Refusal(400, "UserError", "Request is invalid and/or missing fields.", details)
    found: dict[str, Any] = body["properties"]
    return found
