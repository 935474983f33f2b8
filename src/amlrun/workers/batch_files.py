"""Runs inside the scoring environment, and in `aml`: the files of a batch, and the model's. Standard library only."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path


def lay_out(model: Path, place: Path, *, link: bool) -> Path:
    """Put the model into a new folder as Azure ML does: the file, or the folder under its own name.

    With `link` no bytes are copied where the disk allows it. Returns `place`, what AZUREML_MODEL_DIR is to name. Raises
    OSError.
    """
    place.mkdir(parents=True)
    copy = _link if link else shutil.copy2
    if model.is_dir():
        shutil.copytree(str(model), str(place / model.name), copy_function=copy)
    else:
        copy(str(model), str(place / model.name))
    return place


def _link(source: str, target: str) -> None:
    try:
        os.link(os.path.realpath(source), target)
    except OSError:  # another disk, or a file system without links
        shutil.copy2(source, target)


def list_files(folder: Path) -> list[tuple[str, int]]:
    """Every file below the folder, by path, with its size. Hidden ones are somebody's bookkeeping."""
    if folder.is_file():
        return [(str(folder), folder.stat().st_size)]
    found = []
    for path in folder.rglob("*"):
        name = path.relative_to(folder)
        if path.is_file() and not any(part.startswith(".") for part in name.parts):
            with contextlib.suppress(FileNotFoundError):  # it was there a moment ago
                found.append((name.as_posix(), path.stat().st_size))
    return sorted(found)


def mini_batches(files: list[tuple[str, int]], size: dict[str, int]) -> list[list[str]]:
    """The files in mini-batches of so many files, or of about so many bytes."""
    made: list[list[str]] = []
    weight = 0
    for name, length in files:
        full = not made or (len(made[-1]) >= size["files"] if size.get("files") else weight + length > size["bytes"])
        if full:
            made.append([])
            weight = 0
        made[-1].append(name)
        weight += length
    return made
