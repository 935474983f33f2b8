"""The stand-in answers recorded exchanges of the real service with the recorded status and keys.

`exchanges.json` has the shapes of those exchanges, trimmed; where the full recordings lie beside the repository they
are replayed too. Made by: python tests/cloud/test_recordings.py
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from standin import entra
from standin.exchange import Reply, Request
from standin.executor import Job
from standin.plane import Plane, Workspace
from standin.world import GROUP, SUBSCRIPTION, World

OWN = Path(__file__).with_name("exchanges.json")
SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "recordings"
_ROOT = re.compile(
    r"/subscriptions/[^/?]+/resourceGroups/[^/?]+/providers/Microsoft.MachineLearningServices/workspaces/[^/?]+", re.I
)


def bearer() -> str:
    """What a request of someone who is signed in has."""
    return f"Bearer {entra.access_token(entra.TENANT, 'https://management.azure.com', 'secret')}"


def shape(value: Any) -> Any:
    """The keys of a body, nested; a list is what its first item is."""
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value and isinstance(value[0], dict) else []
    return None


def exchanges() -> list[Any]:
    found = [(f"own {name}", entries) for name, entries in json.loads(OWN.read_text(encoding="utf-8")).items()]
    for file in sorted(SHARED.glob("*.json")) if SHARED.is_dir() else []:
        found.append((file.stem, shortened(json.loads(file.read_text(encoding="utf-8"))["entries"])))
    return [pytest.param(entries, id=name) for name, entries in found]


def shortened(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Recorded entries as this test wants them: the path without a workspace, the answer's keys."""
    made = []
    for entry in entries:
        partial = isinstance(entry["response"], dict) and "_partial" in entry["response"]
        uri = re.sub(r"^https://[^/]+", "", entry["uri"])
        body = json.dumps(entry["request"])
        made.append(
            {
                "method": entry["method"],
                "host": "westeurope.api.azureml.ms" if "api.azureml.ms" in entry["uri"] else "management.azure.com",
                "path": _ROOT.sub("{WS}", uri),
                "request": json.loads(_ROOT.sub("{WS}", body)),
                "status": entry["status"],
                "keys": None if partial else shape(entry["response"]),
                "headers": sorted(entry.get("responseHeaders") or {}),
            }
        )
    return made


def prepare(plane: Plane, workspace: Workspace, entry: dict[str, Any]) -> None:
    """What the service had already when an exchange was recorded."""
    job = re.search(r"/jobs/([^/?]+)\?", entry["path"])
    code = re.search(r"/codes/([^/?]+)/versions(/1)?\?", entry["path"])
    if entry["method"] == "GET" and job and job[1] not in workspace.jobs:
        nodes = {name: {} for name in entry["keys"]["properties"]["jobs"]}
        said = {"jobType": "Pipeline", "tags": {"tag": "", "owner": ""}, "description": "", "settings": {"_source": ""}}
        said["outputs"] = {"job_out_path_1": {"jobOutputType": "uri_folder"}}
        said["jobs"], said["properties"] = nodes, entry["keys"]["properties"]["properties"]
        made = workspace.jobs[job[1]] = Job(plane, workspace, job[1], said)
        made.said["jobs"] = entry["keys"]["properties"]["jobs"]
        made.status = "Failed"
    if entry["method"] == "PUT" and entry["status"] == 200 and job:
        # This was the second of two creates.
        workspace.jobs[job[1]] = Job(plane, workspace, job[1], entry["request"]["properties"])
    if code:
        wanted = re.search(r"hash=([0-9a-f]+)", entry["path"])
        properties = {"hash_sha256": wanted[1] if wanted else "", "hash_version": "202208"}
        there = workspace.assets["codes"].setdefault(code[1], {})
        there.setdefault("1", {"codeUri": "https://x/y/z", "properties": properties})


def play(world: World, workspace: Workspace, entry: dict[str, Any], before: Reply | None) -> Reply:
    prepare(world.plane, workspace, entry)
    target = entry["path"].replace("{WS}", workspace.root)
    if target.startswith("<Azure-AsyncOperation"):
        assert before is not None
        target = before.headers["Azure-AsyncOperation"].removeprefix("https://management.azure.com")
    body = entry["request"]
    sent = b"" if body is None else json.dumps(body).replace("{WS}", workspace.root).encode()
    headers = {"Authorization": bearer(), "Host": entry["host"]}
    return world.plane.answer(Request(entry["method"], entry["host"], target, headers, sent))


@pytest.mark.parametrize("entries", exchanges())
def test_the_stand_in_answers_as_recorded(world: World, entries: list[dict[str, Any]]) -> None:
    workspace = world.workspace()
    workspace.runs_jobs = False
    before = None
    for entry in entries:
        reply = play(world, workspace, entry, before)
        where = f"{entry['method']} {entry['path']}"
        assert reply.status == entry["status"], f"{where}: {reply.body!r}"
        if entry["keys"] is not None:
            assert shape(json.loads(reply.body)) == entry["keys"], where
        if "Azure-AsyncOperation" in entry["headers"]:
            assert "Azure-AsyncOperation" in reply.headers
            assert "Retry-After" not in reply.headers
        before = reply


def test_there_are_twenty_exchanges() -> None:
    assert sum(len(entries) for entries in json.loads(OWN.read_text(encoding="utf-8")).values()) == 20


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/jobs/j?api-version=2019-01-01", {"properties": {"jobType": "Command", "computeId": "testx"}}),
        ("/jobs/j?api-version=2025-01-01-preview", {"properties": {"jobType": "Command", "surprise": 1}}),
        ("/models/m/versions/1?api-version=2023-08-01-preview", {"properties": {"modelUri": "x", "extra": 1}}),
        ("/codes/c/versions/1?api-version=2024-10-01-preview", {"properties": {"codeUri": "x"}}),
        ("/computes/c?api-version=2023-08-01-preview", {"properties": {"properties": {"vmsize": "x"}}}),
    ],
)
def test_the_stand_in_refuses_what_it_does_not_know(world: World, path: str, body: dict[str, Any]) -> None:
    workspace = world.workspace()
    headers = {"Authorization": bearer()}
    target = workspace.root + path
    asked = Request("PUT", "management.azure.com", target, headers, json.dumps(body).encode())
    assert world.plane.answer(asked).status == 400
    assert not workspace.jobs and not workspace.assets["models"]


def test_the_stand_in_wants_a_token(world: World) -> None:
    root = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}"
    target = f"{root}/providers/Microsoft.MachineLearningServices/workspaces/ws1?api-version=2024-10-01-preview"
    for headers in ({}, {"Authorization": "Bearer x"}):
        assert world.plane.answer(Request("GET", "management.azure.com", target, headers, b"")).status == 401
