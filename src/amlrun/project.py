"""The project on disk: its root, and where runs, data names and MLflow's database lie below it."""

from __future__ import annotations

import functools
import os
import re
from pathlib import Path

from amlrun.dataclass import dataclass
from amlrun.errors import AmlError

_MARKS = (".copier-answers.yml", "pyproject.toml", ".git")


@dataclass(frozen=True)
class Project:
    """`root` is absolute. Only `exists` and `container` touch the disk."""

    root: Path

    def exists(self) -> bool:
        """Whether anything says that this is a project, or a repository with run configurations."""
        marks = (*_MARKS, "runs", "aml_config", ".azureml")
        return any((self.root / mark).exists() for mark in marks)

    @property
    def container(self) -> bool:
        """Whether runs of this machine run in containers: `[tool.amlrun] container = true` in pyproject.toml."""
        try:
            return bool(_CONTAINER.search((self.root / "pyproject.toml").read_text(encoding="utf-8")))
        except (OSError, UnicodeDecodeError):
            return False

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
    folder may well have a `pyproject.toml` of its own. Raises AmlError if the project needs a newer amlrun.
    """
    start = path.absolute()
    if start.is_file():
        start = start.parent
    folders = [start, *start.parents]
    for mark in _MARKS:
        for folder in folders:
            if (folder / mark).exists():
                _check_version(folder / "pyproject.toml")
                return Project(folder)
    return Project(start)


# TOML's reader is in the standard library from 3.11 only; these are single lines.
_CONTAINER = re.compile(r"^\[tool\.amlrun\][^\[]*?^container *= *true\b", re.MULTILINE)
_REQUIRED = re.compile(r"^\[tool\.amlrun\][^\[]*?^required-version *= *[\"']>= *([0-9.]+)[\"']", re.MULTILINE)


@functools.cache
def _check_version(file: Path) -> None:
    """Raise AmlError if `[tool.amlrun] required-version` of a project's pyproject.toml names a newer amlrun."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return
    found = _REQUIRED.search(text)
    if found is None:
        return
    from importlib.metadata import version

    ours = version("amlrun")
    if _release(ours) < _release(found[1]):
        raise AmlError(
            f"this project needs amlrun {found[1]} or newer; this is {ours} in {Path(__file__).parent}",
            file=file,
            line=text.count("\n", 0, found.start(1)) + 1,
            field="tool.amlrun.required-version",
            hint="Run `uv sync` in the project and call `uv run aml …`; an `aml` of its own: `uv tool upgrade amlrun`.",
        )


def _release(version: str) -> tuple[int, ...]:
    """The numbers of a version: 0.10.0 is newer than 0.9; what follows them (rc1, .dev0) does not count."""
    return tuple(int(part) for part in re.split(r"[^\d.]", version)[0].split(".") if part)


def cache_folder() -> Path:
    """Where what can be made again is kept for all projects: the user's cache, or `AML_CACHE_DIR`."""
    named = os.environ.get("AML_CACHE_DIR")
    if named:
        return Path(named)
    from platformdirs import user_cache_path

    return user_cache_path("amlrun")
