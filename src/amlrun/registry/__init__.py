"""Registered models and named data: of the project here, or of a workspace."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from amlrun import project as projects
from amlrun.events import OnEvent, ignore
from amlrun.registry.base import Description, HasFiles, Model, Registry, RunFile
from amlrun.workspace import Workspace

if TYPE_CHECKING:
    from amlrun.runs.store import RunFolder

__all__ = ["Model", "Registry", "get_model", "list_models", "open_registry", "register_model"]


def open_registry(
    path: str | Path = ".",
    *,
    workspace: Workspace | None = None,
    run: HasFiles | None = None,
    on_event: OnEvent = ignore,
) -> Registry:
    """The registry of `workspace`, else of the workspace that `run` lives in, else of the project around `path`.

    Opens no connection. Raises AmlError when a workspace is meant and azure-ai-ml is not installed.
    """
    if workspace is None and run is not None:
        workspace = _workspace_of(run.files)
    if workspace is None:
        from amlrun.registry.local import LocalRegistry

        return LocalRegistry(projects.find(Path(path)))
    from amlrun.azure import client
    from amlrun.registry.workspace import WorkspaceRegistry

    return WorkspaceRegistry(client.listening(workspace, on_event), on_event)


def _workspace_of(run: RunFolder) -> Workspace | None:
    record = run.record()
    ids = record.get("workspace")
    if not record.get("remote") or not ids:
        return None
    return Workspace(ids["subscription_id"], ids["resource_group"], ids["workspace_name"])


def register_model(
    source: HasFiles | str | Path,
    name: str,
    *,
    asset_path: str | None = None,
    tags: dict[str, str] | None = None,
    properties: dict[str, str] | None = None,
    description: str = "",
    framework: str = "",
    framework_version: str = "",
    path: str | Path = ".",
    workspace: Workspace | None = None,
    on_event: OnEvent = ignore,
) -> Model:
    """Register a file or folder as the next version of the model `name`.

    `source` is a path, or a run; then `asset_path` names a file or folder that it wrote (`outputs/model.pkl`). The
    model of a run in a workspace is registered there, without a download; any other in the project that contains
    `path`, unless `workspace` is given. `on_event` gets the progress of uploads.

    Raises AmlError for a name that Azure ML would reject, and for a file that does not exist.

    >>> run = amlrun.get_run("latest")
    >>> amlrun.register_model(run, "demo-model", asset_path="outputs/model.pkl", tags={"stage": "test"}).id
    'demo-model:1'
    """
    about = Description(description, framework, framework_version, tags or {}, properties or {})
    if isinstance(source, (str, Path)):
        return open_registry(path, workspace=workspace, on_event=on_event).register(name, Path(source), about)
    registry = open_registry(source.files.folder, workspace=workspace, run=source, on_event=on_event)
    return registry.register(name, RunFile(*source.owner_of(asset_path or "")), about)


def get_model(
    name: str, version: int | str | None = None, *, path: str | Path = ".", workspace: Workspace | None = None
) -> Model:
    """The registered model `name`, its latest version unless `version` is given; `name` may be `NAME:VERSION`.

    Looked up in the project that contains `path`, or in `workspace`. Raises AmlError if there is none.

    >>> amlrun.get_model("demo-model:1").tags
    {'stage': 'test'}
    """
    return open_registry(path, workspace=workspace).get(name, version)


def list_models(
    name: str | None = None, *, latest: bool = False, path: str | Path = ".", workspace: Workspace | None = None
) -> list[Model]:
    """The registered models, newest first: all versions (of `name`), or with `latest` only the highest of each.

    Those of the project that contains `path`, or of `workspace` (without `name`, only the latest version of each).

    >>> [model.id for model in amlrun.list_models(latest=True)]
    ['demo-model:1']
    """
    return open_registry(path, workspace=workspace).models(name, latest=latest)
