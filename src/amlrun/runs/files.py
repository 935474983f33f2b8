"""Files that a reader sees whole, the old one or the new one, whenever the writer is killed."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from amlrun.errors import os_errors

# How a file's name ends while it is written; such a file is in no snapshot.
UNFINISHED = ".aml-tmp"


def json_text(value: Any) -> str:
    """JSON as all files have it: 4 spaces, keys sorted."""
    return json.dumps(value, indent=4, sort_keys=True, default=str) + "\n"


def replace_json(path: Path, value: Any) -> None:
    """Replace a JSON file. Raises OSError; the old file is still whole then."""
    replace_text(path, json_text(value))


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file; empty where the file is missing or damaged."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def pieces(path: Path, at: int = 0) -> Iterator[bytes]:
    """The content of a file from `at` on, piece by piece; nothing where there is no such file."""
    with suppress(FileNotFoundError), path.open("rb") as stream:
        stream.seek(at)
        while piece := stream.read(1 << 16):
            yield piece


def replace_text(path: Path, text: str, *, newline: str | None = None) -> None:
    """Write a text file beside `path` and move it there. On a full disk the old file is still whole.

    A device, a pipe or a link (`-t /dev/stdout`) is written to: moving a file there would take its place.
    """
    if not _is_replaceable(path):
        with path.open("w", encoding="utf-8", newline=newline) as stream:
            stream.write(text)
        return
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(3).hex()}{UNFINISHED}")
    try:
        with temporary.open("w", encoding="utf-8", newline=newline) as stream:
            stream.write(text)
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def _is_replaceable(path: Path) -> bool:
    """Whether a path is a plain file, or nothing yet. One look: records are written on the way of every trial."""
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except OSError:
        return True


def make_ignored(folder: Path) -> None:
    """Make a folder that git leaves out by itself, as a virtual environment does. Raises OSError."""
    if folder.is_dir():
        return
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ".gitignore").write_text("*\n", encoding="utf-8")


def write_text(path: Path, text: str) -> None:
    """Write a text file, replacing it atomically; folders are made. Raises AmlError when it can't be written."""
    with os_errors(f"write {path}"):
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_text(path, text, newline="\n")
