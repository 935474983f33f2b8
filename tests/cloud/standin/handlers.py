"""Workspaces, and which handler answers what; a handler gets (plane, workspace, query, body, parts of the path)."""

from __future__ import annotations

from typing import Any

from standin import assets, computes, jobs, shapes
from standin.exchange import Reply
from standin.plane import _HERE, Plane, Query, Workspace, _json


def get_workspace(plane: Plane, ws: Workspace, query: Query, body: Any) -> Reply:
    return _json(200, shapes.workspace(ws.root, ws.name))


def list_workspaces(plane: Plane, ws: None, query: Query, body: Any, *scope: str) -> Reply:
    found = [shapes.workspace(one.root, one.name) for one in plane.workspaces.values()]
    return _json(200, {"value": found})


# (where, method, path, which api-versions, handler)
ROUTES: list[Any] = [
    ("arm", "GET", "", "workspace", get_workspace),
    ("arm", "GET", f"{_HERE}/workspaces", "workspace", list_workspaces),
    *jobs.ROUTES,
    *assets.ROUTES,
    *computes.ROUTES,
]
