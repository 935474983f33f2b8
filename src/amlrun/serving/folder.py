"""The folder that a service on this machine is: its record, a copy of the scoring code and of the model, its log.

`runs/.services/NAME/` holds `service.json` and the rest.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

from amlrun.dataclass import dataclass, field
from amlrun.errors import AmlError
from amlrun.prepare import snapshot, v1_sdk
from amlrun.project import Project
from amlrun.runs.files import read_json
from amlrun.serving import environment
from amlrun.serving.base import Report
from amlrun.serving.model_file import ModelFile
from amlrun.v1.config import Config
from amlrun.v1.scoring.inference import Inference


@dataclass
class ServiceSettings:
    """What a deployment asks for here. `port` 0 takes the first free one from 32000; times are in seconds.

    `scoring_timeout_ms` is honoured by the server except on Windows; `request_log` keeps what is sent.
    """

    port: int = 0
    workers: int = 1
    scoring_timeout_ms: int = 60_000
    start_timeout: float = 120.0
    request_log: bool = False
    description: str = ""
    tags: dict[str, str] = field(default_factory=dict)
    properties: dict[str, str] = field(default_factory=dict)

    def changed(self, config: Config) -> ServiceSettings:
        """These settings with what a deployment configuration says of them."""
        storage = config.get("dataCollection.storageEnabled")
        return ServiceSettings(
            port=config.get("port") or self.port,
            workers=config.get("numReplicas") or self.workers,
            scoring_timeout_ms=config.get("scoringTimeoutMs") or self.scoring_timeout_ms,
            start_timeout=self.start_timeout,
            request_log=self.request_log if storage is None else storage,
            description=config.get("description") or self.description,
            tags={**self.tags, **(config.get("tags") or {})},
            properties={**self.properties, **(config.get("properties") or {})},
        )


@dataclass
class ServiceFiles:
    """What a service's folder is made of: the model, and the code with its interpreter and variables."""

    model: ModelFile
    code: snapshot.Snapshot
    entry: str
    python: str
    variables: dict[str, str]


class ServiceFolder:
    """A service by its folder, whether it runs or not."""

    def __init__(self, project: Project, name: str, report: Report = lambda line: None) -> None:
        self.project, self.name, self.report = project, name, report
        self.folder = folder_of(project) / name

    @property
    def log(self) -> Path:
        return self.folder / "service.log"

    @property
    def request_log(self) -> Path:
        return self.folder / "requests.jsonl"

    @property
    def record(self) -> dict[str, Any]:
        """What was deployed; empty when the record is missing or damaged."""
        return read_json(self.folder / "service.json")

    def damaged(self) -> AmlError:
        """The error for a record that is missing or cut off."""
        return AmlError(
            "the service's record is damaged", file=self.folder / "service.json",
            hint=f"Deploy it again with --overwrite, or remove it: aml service delete -n {self.name}",
        )  # fmt: skip

    def settings(self) -> ServiceSettings:
        """The settings it runs with; what only another version of amlrun knows is left out."""
        known = {one.name for one in fields(ServiceSettings)}
        return ServiceSettings(**{key: value for key, value in self.record.get("settings", {}).items() if key in known})

    def files(self) -> ServiceFiles:
        """What it was laid out from, to start from for an update. Raises AmlError when the record is damaged."""
        record = self.record
        try:
            model = {key: str(record["model"][key]) for key in ("file", "sha256", "source", "name", "version")}
            path = self.folder / f"azureml-models/{model['name']}/{model['version']}" / model["file"]
            return ServiceFiles(
                ModelFile(path, model["sha256"], model["source"], model["name"], model["version"]),
                snapshot.build_snapshot(self.folder / "code"),
                record["entryScript"], record["python"], record["variables"],
            )  # fmt: skip
        except (KeyError, TypeError):
            raise self.damaged() from None


def folder_of(project: Project) -> Path:
    return project.runs / ".services"


def service_folders(project: Project) -> list[ServiceFolder]:
    """All services of the project, by name."""
    folder = folder_of(project)
    if not folder.is_dir():
        return []
    # A hidden one is being laid out, or was when it was killed.
    names = [path.name for path in sorted(folder.iterdir()) if path.is_dir() and path.name[0] != "."]
    return [ServiceFolder(project, name) for name in names]


def new_files(
    project: Project, model: ModelFile, inference: Inference, *, report: Callable[[str], None]
) -> ServiceFiles:
    """What a new service is made of; makes the environment. See `environment.interpreter` for errors."""
    python, conda = environment.interpreter(inference, report=report)
    code = snapshot.build_snapshot(inference.source, runs=project.runs)
    v1 = v1_sdk.for_scoring(project, inference.source, inference.entry, python, report=report)
    together = {**conda, **v1, **inference.variables}
    return ServiceFiles(model, code, inference.entry, str(python), together)
