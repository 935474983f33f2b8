"""A service on this machine: Microsoft's inference server in the background, with a folder that is all of it.

`runs/.services/NAME/` holds the record (`service.json`), a copy of the scoring code and of the model, and the log.
The state is inferred from the process and its health, never written down.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from amlrun.errors import AmlError
from amlrun.project import Project
from amlrun.runs import store as runs
from amlrun.serving import process

_NAME = re.compile(r"[a-z][a-z0-9-]{1,30}[a-z0-9]")


@dataclass
class Settings:
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


@dataclass(frozen=True)
class Service:
    """One service by its folder."""

    folder: Path

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def log(self) -> Path:
        return self.folder / "service.log"

    @property
    def request_log(self) -> Path:
        return self.folder / "requests.jsonl"

    @property
    def record(self) -> dict[str, Any]:
        """What was deployed; empty when the record is missing or damaged."""
        try:
            found = json.loads((self.folder / "service.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    @property
    def url(self) -> str:
        """Where it takes requests. Raises AmlError when the record is damaged."""
        port = self.record.get("port")
        if not isinstance(port, int):
            raise self.damaged()
        return f"http://{process.HOST}:{port}/score"

    def damaged(self) -> AmlError:
        """What to say, and to do, when the record is missing or cut off."""
        return AmlError(
            "the service's record is damaged", file=self.folder / "service.json",
            hint=f"Deploy it again with --overwrite, or remove it: aml service delete -n {self.name}",
        )  # fmt: skip

    def state(self) -> str:
        """v1's names: Healthy, Transitioning (no answer yet) or Failed (no process)."""
        record = self.record
        if not runs.alive(record.get("process")):
            return "Failed"
        return "Healthy" if process.healthy(int(record.get("port", 0))) else "Transitioning"

    def shown(self) -> dict[str, Any]:
        """The record as v1 shows a service."""
        record = self.record
        hidden = ("process", "python", "settings")
        shown = {key: value for key, value in record.items() if key not in hidden}
        settings = record.get("settings", {})
        url = self.url if record else ""
        return {
            **shown,
            "name": self.name,
            "computeType": "LOCAL",
            "state": self.state(),
            "scoringUri": url or None,
            "swaggerUri": url.replace("/score", "/swagger.json") or None,
            "tags": settings.get("tags", {}),
            "properties": settings.get("properties", {}),
            "description": settings.get("description", ""),
        }


def folder_of(project: Project) -> Path:
    return project.runs / ".services"


def listing(project: Project) -> list[Service]:
    """All services of the project, by name."""
    folder = folder_of(project)
    if not folder.is_dir():
        return []
    # A hidden one is being laid out, or was when it was killed.
    return [Service(path) for path in sorted(folder.iterdir()) if path.is_dir() and path.name[0] != "."]


def find(project: Project, name: str) -> Service:
    """The service of that name. Raises AmlError naming those there are."""
    names = [one.name for one in listing(project)]
    if name in names:
        return Service(folder_of(project) / name)
    hint = f"There are: {', '.join(names)}." if names else "There are none: aml model deploy starts one."
    raise AmlError(f"-n: there is no service {name!r} on this machine", hint=hint)


def check_name(name: str) -> None:
    """v1's rule for a service's name. Raises AmlError."""
    if not _NAME.fullmatch(name):
        raise AmlError(
            f"-n: {name!r} can't be a service's name",
            hint="3 to 32 lowercase letters, digits and dashes; begin with a letter, end with a letter or digit.",
        )


def settings_of(service: Service) -> Settings:
    """The settings a service runs with; what only another version of amlrun knows is left out."""
    known = {one.name for one in fields(Settings)}
    return Settings(**{key: value for key, value in service.record.get("settings", {}).items() if key in known})
