"""Datastores, and versions of code, environments, models and data."""

from __future__ import annotations

import uuid
from typing import Any

from standin import azurite as blobs
from standin import shapes
from standin.exchange import Reply
from standin.plane import _KINDS, Plane, Query, Refusal, Workspace, _json, check_members


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


ROUTES: list[Any] = [
    ("arm", "GET", "/datastores", "datastores", list_datastores),
    ("arm", "GET", "/datastores/([^/]+)", "datastores", get_datastore),
    ("arm", "POST", "/datastores/([^/]+)/listSecrets", "datastores", datastore_secrets),
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
