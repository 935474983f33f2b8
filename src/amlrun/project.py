"""The project on disk: its root, and where runs, data names and MLflow's database lie below it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

_MARKS = (".copier-answers.yml", "pyproject.toml", ".git")


@dataclass(frozen=True)
class Project:
    """`root` is absolute. Only `exists` touches the disk."""

    root: Path

    def exists(self) -> bool:
        """Whether anything says that this is a project, or a repository with run configurations."""
        marks = (*_MARKS, "runs", "aml_config", ".azureml")
        return any((self.root / mark).exists() for mark in marks)

    @property
    def runs(self) -> Path:
        return self.root / "runs"

    @property
    def datasets_file(self) -> Path:
        return self.root / "data" / "datasets.yml"

    @property
    def database(self) -> Path:
        return self.root / "mlflow.db"

    @property
    def tracking_uri(self) -> str:
        """MLflow's URI of the project's own database."""
        return f"sqlite:///{self.database.as_posix()}"

    @property
    def artifacts(self) -> Path:
        """Where MLflow keeps artifacts, and the registry its model files."""
        return self.root / "mlruns"


def find(path: Path) -> Project:
    """The project that `path` belongs to: the nearest folder above with a mark of one, else `path` itself.

    A Copier answers file anywhere above wins over a `pyproject.toml` or a `.git` nearer by, for a model's
    folder may well have a `pyproject.toml` of its own.
    """
    start = path.absolute()
    if start.is_file():
        start = start.parent
    folders = [start, *start.parents]
    for mark in _MARKS:
        for folder in folders:
            if (folder / mark).exists():
                return Project(folder)
    return Project(start)


def cache_folder() -> Path:
    """Where what can be made again is kept for all projects: the user's cache, or `AML_CACHE_DIR`."""
    named = os.environ.get("AML_CACHE_DIR")
    if named:
        return Path(named)
    from platformdirs import user_cache_path

    return user_cache_path("amlrun")
