"""The model that is scored with: its file or folder on this machine, and the folder that AZUREML_MODEL_DIR names."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from amlrun.dataclass import dataclass
from amlrun.errors import AmlError, os_errors
from amlrun.project import Project
from amlrun.registry import base, content
from amlrun.runs import store as runs
from amlrun.workers.batch_files import lay_out

SEVERAL = "For several files register their folder."


@dataclass(frozen=True)
class ModelFile:
    """A model's file or folder. `source` says where it is from: `name:version`, a run's file, or a path.

    `name` and `version` are those of the registry; a model that is not registered has the file's name, version 1.
    """

    path: Path
    sha256: str
    source: str
    name: str
    version: str = "1"

    @property
    def directory(self) -> str:
        """The model's directory below `azureml-models/`, as Azure ML lays it out in a container."""
        return f"azureml-models/{self.name}/{self.version}"

    def lay_out(self, root: Path, *, link: bool = False) -> Path:
        """Put the model below `root` as Azure ML does: the file, or the folder under its own name.

        Returns what AZUREML_MODEL_DIR is to name, `root/azureml-models/NAME/VERSION`. With `link` no bytes are copied
        where the disk allows it. Raises OSError.
        """
        return lay_out(self.path, root / self.directory, link=link)


@dataclass(frozen=True)
class Choice:
    """The one model that is meant: registered (`NAME[:VERSION]`), the file `asset_path` of a run, or a file or folder
    anywhere.
    """

    names: tuple[str, ...] = ()
    run_id: str | None = None
    asset_path: str = ""
    path: Path | None = None

    @property
    def local_only(self) -> dict[str, object]:
        """What a workspace's own registry does not have."""
        return {"-f": self.run_id, "-p": self.path}

    def registered(self) -> str:
        """The registered model. Raises AmlError when none or several are named."""
        if len(self.names) != 1:
            raise AmlError("name one model", hint=f"Give -m NAME[:VERSION]. {SEVERAL}")
        return self.names[0]

    def find(self, project: Project) -> ModelFile:
        """Its file or folder on this machine. Raises AmlError for none, several, or one that is not there."""
        from amlrun.registry.local import LocalRegistry

        if len(self.names) + (self.run_id is not None) + (self.path is not None) != 1:
            hint = f"Give -m NAME[:VERSION], -f run.json or --model-path FILE. {SEVERAL}"
            raise AmlError("name one model", hint=hint)
        if self.run_id is not None:
            return of_run(runs.find(project.runs, self.run_id), self.asset_path)
        if self.path is not None:
            return at_path(self.path)
        return registered(LocalRegistry(project).get(self.names[0]))


def registered(model: base.Model) -> ModelFile:
    """A model of the project's registry, once its content is seen to be what was registered. Raises AmlError."""
    path = content.verify(model)
    return ModelFile(path, model.sha256 or digest(path), model.id, model.name, str(model.version))


def of_run(run: Any, asset_path: str) -> ModelFile:
    """The file or folder that a run wrote. Raises AmlError naming what there is."""
    path = base.file_in_run(run, asset_path)
    return ModelFile(path, digest(path), f"{run.id}/{asset_path}", _name(path))


def at_path(path: Path) -> ModelFile:
    """A model file or folder anywhere on this machine. Raises AmlError when there is none."""
    if not path.exists():
        raise AmlError("there is no such model", file=path)
    return ModelFile(path.resolve(), digest(path), str(path), _name(path.resolve()))


def _name(path: Path) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", path.stem).strip("-.") or "model"


def digest(path: Path) -> str:
    """The SHA-256 of a file, of a folder's content as the registry counts it. Raises AmlError if unreadable."""
    with os_errors(f"read the model {path}"):
        return content.sha256(path)
