"""Scoring: one request, services here or in a workspace, batches of files."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Union

from amlrun import project as projects
from amlrun.errors import AmlError
from amlrun.events import Message, OnEvent, ignore
from amlrun.serving.base import Service
from amlrun.workspace import Workspace

if TYPE_CHECKING:
    from amlrun.registry.base import Model
    from amlrun.serving.local import LocalServices
    from amlrun.serving.workspace import WorkspaceServices
    from amlrun.v1.config import Config

__all__ = ["Service", "deploy", "find_service", "list_services", "open_services", "open_services_for", "score"]

# A workspace, or the function that finds it, which is called only when one is needed.
AnyWorkspace = Union[Workspace, Callable[[], Workspace], None]


def open_services(
    path: str | Path = ".", *, workspace: Workspace | None = None, on_event: OnEvent = ignore
) -> LocalServices | WorkspaceServices:
    """The services of `workspace`, else those of the project around `path` on this machine. Opens no connection."""
    report = reporting(on_event)
    if workspace is None:
        from amlrun.serving.local import LocalServices

        return LocalServices(projects.find(Path(path)), report)
    from amlrun.azure import client
    from amlrun.serving.workspace import WorkspaceServices

    return WorkspaceServices(client.listening(workspace, on_event), report)


def open_services_for(
    config: Config, path: str | Path, *, workspace: AnyWorkspace = None, on_event: OnEvent = ignore
) -> LocalServices | WorkspaceServices:
    """Where a deployment configuration's computeType wants the service: this machine (`local`, the default), or
    `workspace`, which is asked for only then; without one, the workspace that `path` is attached to.
    """
    from amlrun.serving.configuration import compute_type

    if compute_type(config) == "local":
        return open_services(path, on_event=on_event)
    found = workspace() if callable(workspace) else workspace or Workspace.find(path)
    return open_services(path, workspace=found, on_event=on_event)


def list_services(
    path: str | Path = ".",
    *,
    workspace: Workspace | None = None,
    model: str | None = None,
    compute_type: str | None = None,
    on_event: OnEvent = ignore,
) -> list[dict[str, Any]]:
    """What `aml service list` prints of the services on this machine, and of `workspace`'s when one is given.

    `model`: only services of that model. `compute_type` is v1's filter: local, or anything else.
    """
    places = [open_services(path, workspace=one, on_event=on_event) for one in dict.fromkeys((None, workspace))]
    found = [one for place in places for one in place.services(models=bool(model))]
    if model:
        found = [one for one in found if any(name.split(":")[0] == model for name in one.get("models", []))]
    if compute_type:
        found = [one for one in found if (one["computeType"] == "LOCAL") == (compute_type.lower() == "local")]
    return found


def reporting(on_event: OnEvent) -> Callable[[str], None]:
    """A function that tells `on_event` a line."""
    return lambda text: on_event(Message(text))


def find_service(
    name: str, *, path: str | Path = ".", workspace: Workspace | None = None, on_event: OnEvent = ignore
) -> Service:
    """The service `name` on this machine, otherwise in `workspace`. Raises AmlError if there is no such service.

    >>> amlrun.find_service("demo").delete()
    """
    try:
        return open_services(path, on_event=on_event).get(name)
    except AmlError:
        if workspace is None:
            raise
        return open_services(path, workspace=workspace, on_event=on_event).get(name)


def score(
    model: Model | str | Path,
    request: Any,
    *,
    inference_config: str | Path | None = None,
    content_type: str = "application/json",
    path: str | Path = ".",
    on_event: OnEvent = ignore,
) -> Any:
    """Score one request with a scoring script (`init()`, `run()`), as a service would, and return the answer.

    `model` is a registered model of the project that contains `path` (a `Model`, `NAME`, `NAME:VERSION`), or the `Path`
    of a file or folder. `request` is sent as JSON; bytes are sent as they are, with `content_type`. `inference_config`
    is v1's inference configuration, by default `aml_config/inference-config.yml`. The script's output, and the
    progress of building its environment, go to `on_event` as messages.

    Raises AmlError: with exit code 1 and the script's message if it fails, 2 for missing or invalid input.

    >>> request = json.loads(Path("../../deployment/sample-request.json").read_text())
    >>> amlrun.score("demo-model", request)
    {'probabilities': [[0.9..., ...]]}
    """
    from amlrun.registry.local import LocalRegistry
    from amlrun.serving import model_file, once
    from amlrun.serving.configuration import read_inference

    here = Path(path).absolute()
    project = projects.find(here)
    if isinstance(model, Path):
        chosen = model_file.at_path(model)
    else:
        chosen = model_file.registered(LocalRegistry(project).get(model if isinstance(model, str) else model.id))
    body = request if isinstance(request, bytes) else json.dumps(request).encode()
    inference = read_inference(here, inference_config)
    report = reporting(on_event)
    return once.score(project, inference, chosen, once.Request(body, content_type), report=report, log=report)


def deploy(
    model: Model | str,
    name: str,
    *,
    inference_config: str | Path | None = None,
    deployment_config: str | Path | None = None,
    overwrite: bool = False,
    wait: bool = True,
    path: str | Path = ".",
    workspace: Workspace | None = None,
    on_event: OnEvent = ignore,
) -> Service:
    """Deploy a registered model as the service `name`, and wait until it is healthy.

    The deployment configuration's computeType says where: `local`, the default, is this machine; ACI and AKS become a
    managed online endpoint in `workspace`, or in the workspace that `path` is attached to.

    Raises AmlError if the name is taken and `overwrite` is not set, and with exit code 1 if the script does not start.

    >>> service = amlrun.deploy("demo-model:1", "demo")
    >>> service.state(), service.scoring_uri
    ('Healthy', 'http://127.0.0.1:.../score')
    """
    from amlrun.serving.configuration import read_deployment, read_inference

    here = Path(path).absolute()
    config = read_deployment(here, deployment_config)
    services = open_services_for(config, here, workspace=workspace, on_event=on_event)
    inference = read_inference(here, inference_config)
    reference = model if isinstance(model, str) else model.id
    return services.deploy(name, reference, inference, config, overwrite=overwrite, wait=wait)
