"""Services on this machine: Microsoft's inference server in the background, with a folder that is all of it.

`runs/.services/NAME/` holds the record (`service.json`), a copy of the scoring code and of the model, and the log.
The state is inferred from the process and its health, never written down.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from amlrun.errors import AmlError
from amlrun.project import Project
from amlrun.registry.local import LocalRegistry
from amlrun.runs import store as runs
from amlrun.serving import http, model_file, process, start
from amlrun.serving.base import Change, Report, check_name
from amlrun.serving.folder import ServiceFolder, ServiceSettings, new_files, service_folders
from amlrun.serving.model_file import ModelFile
from amlrun.serving.once import Request
from amlrun.v1.config import Config
from amlrun.v1.scoring.inference import Inference


class LocalService(ServiceFolder):
    """One service; see `serving.base.Service`."""

    @property
    def no_keys(self) -> str:
        return f"it is reachable from this machine only ({process.HOST})"

    @property
    def scoring_uri(self) -> str:
        """Where it takes requests. Raises AmlError when the record is damaged."""
        port = self.record.get("port")
        if not isinstance(port, int):
            raise self.damaged()
        return f"http://{process.HOST}:{port}/score"

    def state(self) -> str:
        """v1's names: Healthy, Transitioning (no answer yet) or Failed (no process)."""
        record = self.record
        if not runs.alive(record.get("process")):
            return "Failed"
        return "Healthy" if process.healthy(int(record.get("port", 0))) else "Transitioning"

    def to_dict(self) -> dict[str, Any]:
        """The record as v1 shows a service."""
        record = self.record
        hidden = ("process", "python", "settings", "token", "model", "variables")
        settings = record.get("settings", {})
        url = self.scoring_uri if record else ""
        return {
            **{key: value for key, value in record.items() if key not in hidden},
            "name": self.name,
            "computeType": "LOCAL",
            "state": self.state(),
            "models": [record["model"]["source"]] if "model" in record else [],
            "sha256": record.get("model", {}).get("sha256"),
            "scoringUri": url or None,
            "swaggerUri": url.replace("/score", "/swagger.json") or None,
            "tags": settings.get("tags", {}),
            "properties": settings.get("properties", {}),
            "description": settings.get("description", ""),
        }

    def logs(self, lines: int = 5000, *, init: bool = False) -> list[str]:
        """See `Service.logs`; `init` is what came before the first request."""
        text = self.log.read_text(encoding="utf-8", errors="replace") if self.log.exists() else ""
        kept = text.splitlines()
        if init:
            ready = [number for number, line in enumerate(kept) if "ready for serving traffic" in line]
            kept = kept[: ready[0] + 1] if ready else kept
        return kept[-lines:]

    def keys(self) -> dict[str, Any]:
        return {"primaryKey": None, "secondaryKey": None}

    def access_token(self) -> dict[str, Any]:
        return {"accessToken": None}

    def regenerate_key(self, which: str, value: str | None = None) -> None:
        raise AmlError(f"{self.name} has no keys: {self.no_keys}")

    def send(self, request: Request) -> tuple[int | None, Any]:
        return http.post(self.scoring_uri, request)

    def stats(self) -> dict[str, Any]:
        from amlrun.serving import stats

        found = stats.read(self.log, self.request_log).record()
        return {**found, "requestLog": self.settings().request_log}

    def update(self, change: Change, *, wait: bool = True) -> LocalService:
        files = self.files()
        if change.model is not None:
            files.model = _registered(self.project, change.model)
        if change.inference is not None:
            files = new_files(self.project, files.model, change.inference, report=self.report)
        settings = self.settings().changed(change.config)
        with blamed(change.config):
            start.start(self, files, settings, overwrite=True, wait=wait)
        return self

    def delete(self) -> None:
        start.remove(self)


class LocalServices:
    """The services of a project on this machine."""

    def __init__(self, project: Project, report: Report = lambda line: None) -> None:
        self.project, self.report = project, report

    def deploy(
        self, name: str, model: str, inference: Inference, config: Config, *, overwrite: bool = False, wait: bool = True
    ) -> LocalService:
        """Lay a service out, start it, and wait until it answers.

        Raises AmlError for a name or port that is taken (exit code 2), and with the cause from the log when the
        server ends before it is healthy (exit code 1); the log stays for `aml service get-logs` then.
        """
        check_name(name)
        chosen = _registered(self.project, model)
        for note in [*inference.config.remarks(), *config.remarks()]:
            self.report(note)
        service = LocalService(self.project, name, self.report)
        files = new_files(self.project, chosen, inference, report=self.report)
        with blamed(config):
            start.start(service, files, ServiceSettings().changed(config), overwrite=overwrite, wait=wait)
        return service

    def get(self, name: str) -> LocalService:
        """The service of that name. Raises AmlError naming those there are."""
        names = [one.name for one in self.all()]
        if name in names:
            return LocalService(self.project, name, self.report)
        hint = (
            f"Available: {', '.join(names)}." if names else "There are no services here; `aml model deploy` starts one."
        )
        raise AmlError(f"-n: there is no service {name!r} on this machine", hint=hint)

    def all(self) -> list[LocalService]:
        """All services of the project, by name."""
        return [LocalService(self.project, one.name, self.report) for one in service_folders(self.project)]

    def services(self, *, models: bool = False) -> list[dict[str, Any]]:
        """What `aml service list` prints of each; `models` asks for their models, too."""
        return [one.to_dict() for one in self.all()]


def _registered(project: Project, reference: str) -> ModelFile:
    return model_file.registered(LocalRegistry(project).get(reference))


@contextlib.contextmanager
def blamed(config: Config) -> Iterator[None]:
    """Name the flag or the line of the file that an error about the port is due to."""
    try:
        yield
    except AmlError as error:
        if error.field != "port" or error.file is not None:
            raise
        given = config.value("port")
        if given is not None and given.line:
            raise config.error("port", error.message, error.hint) from error
        raise AmlError(f"--port: {error.message}" if given else error.message, hint=error.hint) from error
