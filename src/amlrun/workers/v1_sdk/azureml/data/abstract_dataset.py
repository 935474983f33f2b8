"""Datasets by name: the files that `data/datasets.yml` names. Written from documentation; not Microsoft's code."""

from __future__ import annotations

import datetime
import glob
import os
from typing import Any

from azureml._amlrun import context
from azureml._amlrun.notes import V1Class, say_once

# Datasets that this script registered, by name; nobody else sees them.
_registered: dict[str, AbstractDataset] = {}


def place_of(name: str) -> str | None:
    """Where a dataset lies on this machine, None for a name that datasets.yml lacks."""
    datasets = context.facts().get("datasets") or {}
    place = datasets.get(name)
    return None if place is None else os.path.join(context.root(), os.path.expanduser(place))


def is_address(path: str) -> bool:
    return path.lower().startswith(("http://", "https://"))


def files_of(path: str) -> list[str]:
    """The files that a path stands for: a file, all below a folder, or a pattern's (`**` goes into folders)."""
    if is_address(path):
        return [path]
    if os.path.isfile(path):
        return [path]
    pattern = os.path.join(path, "**") if os.path.isdir(path) else path
    found = sorted(one for one in glob.glob(pattern, recursive=True) if os.path.isfile(one))
    if not found:
        raise FileNotFoundError(f"there are no files at {path}")
    return found


class AbstractDataset(V1Class):
    """What tables and folders have in common: a name and the paths of the files."""

    def __init__(self, paths: list[str], name: str | None = None) -> None:
        self._paths = paths
        self.name = name
        self.id = name or (paths[0] if paths else "")
        self.version = 1
        self.description = ""
        self.tags: dict[str, str] = {}

    @property
    def _folder(self) -> str:
        """The folder that paths are shown relative to."""
        first = self._paths[0] if self._paths else "."
        while glob.has_magic(first):
            first = os.path.dirname(first)
        return first if os.path.isdir(first) else os.path.dirname(os.path.abspath(first))

    def _files(self) -> list[str]:
        return [file for path in self._paths for file in files_of(path)]

    @property
    def data_changed_time(self) -> datetime.datetime:
        """When the newest file was last written."""
        newest = max(os.path.getmtime(file) for file in self._files())
        return datetime.datetime.fromtimestamp(newest, datetime.timezone.utc)

    @classmethod
    def get_by_name(cls, workspace: Any, name: str, version: Any = "latest") -> Any:
        """The dataset of that name in data/datasets.yml. Raises KeyError saying how to name it."""
        from azureml.data.any_dataset import AnyDataset

        if name in _registered:
            return _registered[name]
        place = place_of(name)
        if place is None:
            known = ", ".join(sorted(context.facts().get("datasets") or {})) or "nothing yet"
            raise KeyError(
                f"dataset {name!r} is not registered here (data/datasets.yml has: {known}). Register its location: "
                f"aml dataset register -n {name} -p FOLDER"
            )
        if version not in (None, "latest"):
            say_once(f"dataset {name!r}: the version is ignored; datasets.yml has one path for each dataset.")
        return AnyDataset([place], name)

    @classmethod
    def get_by_id(cls, workspace: Any, id: str, **kwargs: Any) -> Any:
        """The dataset of that id in datasets.yml, or at that path: `aml` puts paths where v1 put ids."""
        from azureml.data.any_dataset import AnyDataset

        if os.path.exists(id):
            return AnyDataset([id])
        return cls.get_by_name(workspace, id)

    get = get_by_id

    @classmethod
    def get_all(cls, workspace: Any) -> dict[str, Any]:
        return {name: cls.get_by_name(workspace, name) for name in context.facts().get("datasets") or {}}

    def register(self, workspace: Any, name: str, *args: Any, **kwargs: Any) -> Any:
        """Name the dataset for this script; nothing is written."""
        where = self._paths[0] if self._paths else "FOLDER"
        say_once(
            f"dataset.register({name!r}) lasts as long as this script. To keep it: "
            f"aml dataset register -n {name} -p {where}"
        )
        self.name = name
        _registered[name] = self
        return self

    def unregister_all_versions(self) -> None:
        _registered.pop(self.name or "", None)

    def add_tags(self, tags: dict[str, str] | None = None) -> Any:
        self.tags.update(tags or {})
        return self


class Input(str):
    """A run's input: a path, as mounted in v1, that also has the methods of a dataset, as passed directly in v1."""

    def __getattr__(self, name: str) -> Any:
        from azureml.data.any_dataset import AnyDataset

        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(AnyDataset([str(self)]), name)
