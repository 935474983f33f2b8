"""A new model's folder, from the outline of one that the project has: code, run configurations, conda files, tests."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from amlrun.errors import AmlError, os_error, os_errors
from amlrun.project import Project
from amlrun.runs import redact

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,62}")
# Windows keeps these for devices, whatever their case.
_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)", re.IGNORECASE)
_SUFFIXES = {".py", ".yml", ".yaml", ".runconfig", ".toml", ".md", ".txt", ".cfg", ".ini", ".sh"}
_OTHERS = {".amlignore", ".gitignore", "Dockerfile"}
_RESULTS = {"outputs", "logs", "user_logs", "runs", "mlruns", "__pycache__"}


def new_model(project: Project, name: str, source: Path | None = None) -> list[Path]:
    """Make `models/NAME/` and return its files.

    `source` is the folder whose outline is taken: `models/model1`, else the project's only model. What a run wrote,
    data, and files that look like secrets are left out.

    Raises AmlError for a bad name, a folder that already exists, and when there is no source.
    """
    models = project.root / "models"
    if not _NAME.fullmatch(name) or _DEVICES.fullmatch(name):
        raise AmlError(
            f"{name!r} is not a valid name for a model folder",
            hint="Start with a letter; then letters, digits, '-' and '_', at most 63.",
        )
    taken = next((known for known in _entries(models) if known.casefold() == name.casefold()), None)
    if taken is not None:
        raise AmlError("already exists", file=models / taken, hint="Choose another name.")
    outline = source if source is not None else _sample(models)
    if not (outline / "train.py").is_file():
        raise AmlError("has no train.py, which a model's folder needs", file=outline)
    files = list(_files(outline))
    with os_errors(f"make {models / name}"):
        models.mkdir(parents=True, exist_ok=True)
        # Written beside, then renamed: nobody finds half a model.
        unfinished = Path(tempfile.mkdtemp(prefix=".new-", dir=models))
        try:
            folder = unfinished / name
            for file in files:
                _copy(outline / file, folder / file, outline.resolve().name, name)
            folder.rename(models / name)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
    return [models / name / file for file in files]


def _sample(models: Path) -> Path:
    known = [models / name for name in _entries(models) if (models / name / "train.py").is_file()]
    if models / "model1" in known:
        return models / "model1"
    if len(known) == 1:
        return known[0]
    found = f"it has {', '.join(place.name for place in known)}" if known else "it has none"
    raise AmlError(
        f"which model should be copied? ({found})",
        file=models,
        hint="Name its folder: aml model new NAME --from models/OTHER",
    )


def _entries(folder: Path) -> list[str]:
    try:
        return sorted(os.listdir(folder))  # noqa: PTH208 - names are wanted
    except FileNotFoundError:
        return []
    except OSError as error:
        raise os_error(error, f"read {folder}") from error


def _files(folder: Path) -> Iterator[Path]:
    """The files of the outline, relative to the folder."""
    for top, folders, names in os.walk(folder):
        kept = (name for name in folders if name == ".azureml" or not (name in _RESULTS or name.startswith(".")))
        folders[:] = sorted(name for name in kept if not (Path(top, name) / "pyvenv.cfg").exists())
        for name in sorted(names):
            if (Path(name).suffix in _SUFFIXES or name in _OTHERS) and not redact.secret_file(name):
                yield Path(top, name).relative_to(folder)


def _copy(source: Path, target: Path, old: str, new: str) -> None:
    """Copy a file; a conda environment's name, and paths into the old model's folder, become the new one's."""
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copymode(source, shutil.copyfile(source, target))
    try:
        text = source.read_bytes().decode()
    except UnicodeDecodeError:
        return
    changed = re.sub(rf"\bmodels/{re.escape(old)}(?![\w-])", f"models/{new}", text)
    if source.suffix in (".yml", ".yaml"):
        changed = re.sub(rf"^(name: *){re.escape(old)}(?=-|\s|$)", rf"\g<1>{new}", changed, flags=re.MULTILINE)
    if changed != text:
        target.write_bytes(changed.encode())
