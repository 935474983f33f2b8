"""Services in a workspace: managed online endpoints."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amlrun.azure import endpoints
from amlrun.errors import AmlError
from amlrun.prepare import snapshot
from amlrun.serving import http
from amlrun.serving.base import Change, Report
from amlrun.serving.once import Request
from amlrun.v1.config import Config
from amlrun.v1.scoring import endpoint
from amlrun.v1.scoring.inference import Inference

if TYPE_CHECKING:
    from amlrun.azure.client import Client

_DEPLOYMENT = "blue"


class WorkspaceService:
    """One managed online endpoint; see `serving.base.Service`."""

    no_keys = ""

    def __init__(self, client: Client, name: str, report: Report = lambda line: None) -> None:
        self.client, self.name, self.report = client, name, report

    def state(self) -> str:
        return str(self.to_dict()["state"])

    @property
    def scoring_uri(self) -> str:
        return str(self.to_dict()["scoringUri"] or "")

    def to_dict(self) -> dict[str, Any]:
        return endpoints.show(self.client, self.name)

    def logs(self, lines: int = 5000, *, init: bool = False) -> list[str]:
        return endpoints.logs(self.client, self.name, lines, init).rstrip().splitlines()

    def keys(self) -> dict[str, Any]:
        return endpoints.keys(self.client, self.name)

    def access_token(self) -> dict[str, Any]:
        return endpoints.token(self.client, self.name)

    def regenerate_key(self, which: str, value: str | None = None) -> None:
        endpoints.regenerate(self.client, self.name, which, value)

    def send(self, request: Request) -> tuple[int | None, Any]:
        status, content = endpoints.invoke(self.client, self.name, request.body, request.content_type)
        return status, http.read(content)

    def stats(self) -> dict[str, Any]:
        hint = f"Its metrics are in Azure Monitor, its log in: aml service get-logs -n {self.name}"
        raise AmlError(f"{self.name} runs in {self.client.workspace.name}: statistics are of local services", hint=hint)

    def update(self, change: Change, *, wait: bool = True) -> WorkspaceService:
        """Change what is given of the endpoint and its deployment; the rest stays as it is."""
        with tempfile.TemporaryDirectory(prefix="aml-endpoint-") as folder:
            script = _uploaded(change.inference, Path(folder)) if change.inference else None
            made = endpoint.changes(change.model, script, change.config)
            for note in made.notes:
                self.report(note)
            # Absolute: the deployment's file is elsewhere.
            _, deployment = endpoint.trees(made, None)
            endpoints.update(self.client, self.name, made.endpoint, deployment, wait=wait, report=self.report)
        return self

    def delete(self) -> None:
        endpoints.delete(self.client, self.name)


class WorkspaceServices:
    """The endpoints of a workspace, with the verbs of `serving.local.LocalServices`."""

    def __init__(self, client: Client, report: Report = lambda line: None) -> None:
        self.client, self.report = client, report

    def deploy(
        self, name: str, model: str, inference: Inference, config: Config, *, overwrite: bool = False, wait: bool = True
    ) -> WorkspaceService:
        """Create the managed endpoint that --ic and --dc describe, with a model of the workspace."""
        if not overwrite and endpoints.exists(self.client, name):
            raise AmlError(
                f"the service {name!r} already exists in {self.client.workspace.name}",
                hint=f"Give --overwrite to replace its deployment, or change it: aml service update -n {name}",
            )
        with tempfile.TemporaryDirectory(prefix="aml-endpoint-") as folder:
            made = endpoint.translate(name, _DEPLOYMENT, model, _uploaded(inference, Path(folder)), config)
            for note in made.notes:
                self.report(note)
            files = endpoint.write(made, Path(folder))
            endpoints.deploy(self.client, files[0], files[1], wait=wait, report=self.report)
        return WorkspaceService(self.client, name, self.report)

    def get(self, name: str) -> WorkspaceService:
        """The endpoint of that name; whether there is one, its verbs find out."""
        return WorkspaceService(self.client, name, self.report)

    def services(self, *, models: bool = False) -> list[dict[str, Any]]:
        return endpoints.list_endpoints(self.client, models=models)


def _uploaded(inference: Inference, folder: Path) -> Inference:
    """With a copy of the code as a run's snapshot would have it: no ignored file, none that looks like a secret."""
    code = folder / "code"
    snapshot.copy(snapshot.build_snapshot(inference.source), code)
    return replace(inference, source=code)
