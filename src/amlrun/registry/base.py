"""A registered model, and what every registry can do: the one of a project here, or a workspace's."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Protocol

from amlrun.dataclass import dataclass, field
from amlrun.errors import AmlError
from amlrun.runs import logged
from amlrun.runs.store import RunFolder

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,254}")


@dataclass(frozen=True)
class Model:
    """One version of a registered model.

    `version` is a number in the project's registry; a workspace has its own version strings. `uri` is the path of the
    file or folder in the project's registry, or an `azureml://` URI in a workspace. `sha256` is the hash of its
    content; empty if the registry does not know it.
    """

    name: str
    version: int | str
    uri: str
    registry: Registry = field(repr=False, compare=False)
    sha256: str = ""
    created_time: str = ""
    description: str = ""
    run_id: str | None = None
    experiment_name: str | None = None
    framework: str | None = None
    framework_version: str | None = None
    tags: dict[str, str] = field(default_factory=dict)
    properties: dict[str, str] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """`name:version`, as in commands and `model.json`."""
        return f"{self.name}:{self.version}"

    def to_dict(self) -> dict[str, Any]:
        """The model with v1's keys, as `aml model show -o json` prints it."""
        record = {
            "id": self.id,
            "name": self.name,
            "version": self.version,
            "createdTime": self.created_time,
            "description": self.description,
            "framework": self.framework,
            "frameworkVersion": self.framework_version,
            "runId": self.run_id,
            "experimentName": self.experiment_name,
            "tags": self.tags,
            "properties": self.properties,
            "path": self.uri,
        }
        return {**record, "sha256": self.sha256} if self.sha256 else record

    def download(self, folder: str | Path, *, overwrite: bool = False) -> list[Path]:
        """Copy the model's file or folder into `folder`. Returns what was written.

        Raises AmlError for an existing destination, unless `overwrite`, and for a model whose content has changed.
        """
        return self.registry.download(self, Path(folder), overwrite=overwrite)

    def update(
        self,
        *,
        tags: dict[str, str] | None = None,
        remove_tags: tuple[str, ...] = (),
        properties: dict[str, str] | None = None,
        description: str | None = None,
    ) -> Model:
        """Add or change tags, add properties, or change the description. Returns the updated model."""
        return self.registry.update(self, Change(tags or {}, remove_tags, properties or {}, description))

    def delete(self) -> None:
        """Delete this version from the registry."""
        self.registry.delete(self)


@dataclass(frozen=True)
class Change:
    """What is to change of a model: tags and properties to add, tags to remove, the description unless it is None."""

    tags: dict[str, str]
    remove_tags: tuple[str, ...]
    properties: dict[str, str]
    description: str | None


@dataclass(frozen=True)
class Description:
    """What is said of a model when it is registered."""

    description: str = ""
    framework: str = ""
    framework_version: str = ""
    tags: dict[str, str] = field(default_factory=dict)
    properties: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class RunFile:
    """A file or folder that a run wrote: `path` is relative to the run's folder."""

    run: RunFolder
    path: str


class HasFiles(Protocol):
    """A run, as `amlrun.submit` and `amlrun.get_run` give it."""

    files: RunFolder

    def owner_of(self, path: str) -> tuple[RunFolder, str]: ...


class Registry(Protocol):
    """Models by name and version."""

    def register(self, name: str, source: Path | RunFile, about: Description) -> Model:
        """Register a file or folder as the next version of `name`. Raises AmlError when there is none."""
        ...

    def get(self, name: str, version: int | str | None = None) -> Model:
        """One version of a model; the newest without `version`. Raises AmlError when there is none."""
        ...

    def models(self, name: str | None = None, *, latest: bool = False) -> list[Model]:
        """The versions of every model (or of `name`), newest first; `latest` leaves the highest of each."""
        ...

    def update(self, model: Model, change: Change) -> Model:
        """See `Model.update`."""
        ...

    def delete(self, model: Model) -> None:
        """See `Model.delete`."""
        ...

    def download(self, model: Model, folder: Path, *, overwrite: bool) -> list[Path]:
        """See `Model.download`."""
        ...

    def metadata(self, model: Model) -> dict[str, str]:
        """v1's model.json, which `aml model deploy -f` reads (V1_CLI §4)."""
        ...


def check_name(name: str) -> str:
    """The name, if Azure ML takes it as a model's. Raises AmlError."""
    if not is_name(name):
        raise AmlError(
            f"-n: {name!r} is not a valid model name",
            hint="Start with a letter or digit; then letters, digits, '-', '_' and '.', at most 255.",
        )
    return name


def is_name(name: str) -> bool:
    """Whether Azure ML takes it as a model's name."""
    return _NAME.fullmatch(name) is not None


def split_id(reference: str, version: int | str | None = None) -> tuple[str, str | None]:
    """`NAME` or `NAME:VERSION` as its two parts; a `version` given beside it counts. `latest` is no version."""
    name, _, written = reference.partition(":")
    chosen = str(version) if version is not None else written
    return name, None if chosen in ("", "latest") else chosen


def highest(models: list[Model]) -> list[Model]:
    """The highest version of each model, in the order they are given in."""
    best: dict[str, Model] = {}
    for model in models:
        known = best.get(model.name)
        if known is None or _rank(model) > _rank(known):
            best[model.name] = model
    return [model for model in models if best[model.name] is model]


def _rank(model: Model) -> tuple[int, str]:
    version = str(model.version)
    return (int(version), "") if version.isdecimal() else (-1, model.created_time)


def place_of(source: Path | RunFile) -> Path:
    """The file or folder on this machine that `source` names. Raises AmlError when it is missing, or has no files."""
    place = file_in_run(source.run, source.path) if isinstance(source, RunFile) else source.resolve()
    if not place.exists():
        raise AmlError("there is nothing to register", file=place)
    if place.is_dir() and not any(file.is_file() for file in place.rglob("*")):
        hint = "Name the file or folder that the model was saved to."
        raise AmlError("there is nothing to register: the folder has no files", file=place, hint=hint)
    return place


def file_in_run(run: RunFolder, path: str | None) -> Path:
    """The file or folder of a run on this machine. Raises AmlError for one that is missing, or outside of the run."""
    written = (file for file in (run.folder / "outputs").rglob("*") if file.is_file())
    offered = sorted(file.relative_to(run.folder).as_posix() for file in written) + logged.artifact_names(run)
    hint = f"The run's files are: {', '.join(offered[:10]) or 'none'}"
    if not path:
        raise AmlError("--asset-path: which file of the run?", hint=hint)
    if not (run.folder / path).resolve().is_relative_to(run.folder.resolve()):
        raise AmlError(f"--asset-path: {path} is outside the run", hint=hint)
    found = logged.file_of(run, path)
    if found is None:
        raise AmlError(f"--asset-path: run {run.id} ({run.record()['status']}) has no {path}", hint=hint)
    return found.resolve()
