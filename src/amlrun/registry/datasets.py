"""Named data: of the project (`data/datasets.yml`), or of a workspace (its data assets)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from amlrun import project as projects
from amlrun.azure import assets
from amlrun.dataclass import dataclass, field
from amlrun.errors import AmlError
from amlrun.events import OnEvent, ignore, moving
from amlrun.prepare import data
from amlrun.project import Project
from amlrun.registry.base import split_id
from amlrun.registry.workspace import size_of
from amlrun.workspace import Workspace

if TYPE_CHECKING:
    from amlrun.azure.client import Client


@dataclass(frozen=True)
class Dataset:
    """A named file or folder. `path` is where it is; `exists` is None where that was not looked at."""

    name: str
    path: str = ""
    version: str | None = None
    type: str | None = None
    description: str = ""
    exists: bool | None = None
    tags: dict[str, str] = field(default_factory=dict)
    location: str = ""
    properties: dict[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """What `aml dataset show` prints: what is known."""
        fields = {
            "id": f"azureml:{self.name}:{self.version}" if self.version else None,
            "name": self.name,
            "version": self.version,
            "type": self.type,
            "path": self.path or None,
            "exists": self.exists,
            "description": self.description,
            "tags": self.tags or None,
            "properties": self.properties or None,
        }
        return {key: value for key, value in fields.items() if value is not None}


class LocalDatasets:
    """The project's own, in data/datasets.yml."""

    def __init__(self, project: Project) -> None:
        self.project = project

    def register(self, name: str, place: str, *, version: str | None = None, description: str = "") -> Dataset:
        """Say where a dataset is on this machine. Raises AmlError for a path that does not exist."""
        if "://" in place or place.startswith("azureml:"):
            raise AmlError(
                f"-p: {place} is not a path on this machine",
                hint=f"Give the file or folder of {name} on this machine. To register the URL in a workspace, add -w.",
            )
        return self._dataset(data.register(self.project, name, Path(place), description))

    def get(self, name: str, version: str | None = None) -> Dataset:
        """One dataset. Raises AmlError naming those there are."""
        known = data.load(self.project)
        if name not in known:
            hint = f"Available: {', '.join(known)}." if known else "Register it: aml dataset register -n NAME -p FOLDER"
            raise AmlError(f"no dataset {name!r}", file=self.project.datasets_file, hint=hint)
        return self._dataset(known[name])

    def datasets(self) -> list[Dataset]:
        """All datasets of the project."""
        return [self._dataset(one) for one in data.load(self.project).values()]

    def _dataset(self, one: data.Dataset) -> Dataset:
        file = self.project.datasets_file.relative_to(self.project.root).as_posix()
        return Dataset(
            one.name, str(one.path), description=one.description, exists=one.path.exists(), location=file,
            properties=one.properties,
        )  # fmt: skip


class WorkspaceDatasets:
    """A workspace's data assets."""

    def __init__(self, client: Client, on_event: OnEvent = ignore) -> None:
        self.client, self.on_event = client, on_event

    def register(self, name: str, place: str, *, version: str | None = None, description: str = "") -> Dataset:
        """Register a local file or folder, which is uploaded, an `azureml://datastores/…` path or a URL."""
        if "://" not in place and not Path(place).exists():
            raise AmlError(f"-p: no such file or folder: {place}")
        progress = moving(self.on_event, "Uploading", size_of(Path(place)) if Path(place).exists() else 0)
        return self._dataset(
            assets.register_data(self.client, name, place, version=version, description=description, progress=progress)
        )

    def get(self, name: str, version: str | None = None) -> Dataset:
        """One data asset; the newest version without `version`."""
        name, wanted = split_id(name, version)
        return self._dataset(assets.show_data(self.client, name, wanted))

    def datasets(self) -> list[Dataset]:
        """All data assets, each with its newest version."""
        return [self._dataset(one) for one in assets.list_data(self.client)]

    def _dataset(self, fields: dict[str, Any]) -> Dataset:
        return Dataset(
            name=str(fields["name"]),
            path=str(fields.get("path") or ""),
            version=fields.get("version"),
            type=fields.get("type"),
            description=str(fields.get("description") or ""),
            tags=fields.get("tags") or {},
            location=self.client.workspace.name,
        )


def open_datasets(
    path: str | Path = ".", *, workspace: Workspace | None = None, on_event: OnEvent = ignore
) -> LocalDatasets | WorkspaceDatasets:
    """The datasets of `workspace`, else of the project around `path`. Opens no connection."""
    if workspace is None:
        return LocalDatasets(projects.find(Path(path)))
    from amlrun.azure import client

    return WorkspaceDatasets(client.listening(workspace, on_event), on_event)
