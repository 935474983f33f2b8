"""Write what a migration proposes: all of it or nothing, and only over files that git can bring back."""

from __future__ import annotations

import io
import os
import shutil
import stat
import subprocess
import tokenize
from collections.abc import Sequence
from pathlib import Path

from amlrun.errors import AmlError, os_error
from amlrun.migrate.result import FileChange

_FORCE = "Commit or stash your changes first, or add --force to write anyway."


def check_clean(folder: Path, changes: Sequence[FileChange]) -> None:
    """Raise AmlError unless git has the present state of every file of the folder's repository.

    A file that git does not track yet is only in the way when it would be changed.
    """
    git = shutil.which("git")
    if git is None:
        raise AmlError("git was not found, so the old files could not be restored", hint="Add --force to write.")
    call = [git, "-C", str(folder), "status", "--porcelain", "-z", "--untracked-files=all", "--ignored=matching"]
    found = subprocess.run(call, capture_output=True, check=False)
    if found.returncode != 0:
        raise AmlError(
            f"{folder} is not in a git repository, so the old files could not be restored",
            hint="Add --force to write anyway.",
        )
    top = subprocess.run([git, "-C", str(folder), "rev-parse", "--show-toplevel"], capture_output=True, check=False)
    root = Path(os.fsdecode(top.stdout).rstrip("\n"))
    wanted = {(folder / change.path).resolve() for change in changes if change.old is not None}
    entries = iter(os.fsdecode(found.stdout).split("\0"))
    for entry in entries:
        status, name = entry[:2], entry[3:]
        if not name:
            continue
        if "R" in status or "C" in status:
            next(entries, None)  # where it was renamed from
        path = (root / name).resolve()
        if status not in ("??", "!!"):
            raise AmlError("there are changes that are not committed", file=name, hint=_FORCE)
        below = any(path in one.parents for one in wanted) if name.endswith("/") else path in wanted
        if below:
            raise AmlError("git does not track this file, so it could not be restored", file=name, hint=_FORCE)


def write_changes(folder: Path, changes: Sequence[FileChange]) -> list[Path]:
    """Write every change, each file atomically, and return the files.

    Everything is written beside its file first. When anything fails then, or while the files are put in place, the old
    files are back where they were. Raises AmlError, which names the file.
    """
    staged: list[tuple[Path, Path, FileChange]] = []
    done: list[tuple[Path, FileChange]] = []
    try:
        for change in changes:
            target = folder / change.path
            _check(target, change)
            staged.append((_stage(target, change), target, change))
        for temporary, target, change in staged:
            temporary.replace(target)
            done.append((target, change))
    except (OSError, AmlError) as error:
        for temporary, _, _ in staged:
            temporary.unlink(missing_ok=True)
        for target, change in reversed(done):
            _put_back(target, change)
        if isinstance(error, AmlError):
            raise
        raise os_error(error, f"write {error.filename2 or error.filename or folder}; nothing was changed") from error
    return [target for target, _ in done]


def writable(path: Path) -> bool:
    """Whether a file's permissions let its owner write to it."""
    return bool(path.stat().st_mode & stat.S_IWUSR) and os.access(path, os.W_OK)


def encoded(change: FileChange, text: str) -> bytes:
    """A file's text as bytes: Python in the encoding that it declares, all else as UTF-8."""
    data = text.encode()
    if change.path.endswith(".py"):
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        return text.encode("utf-8" if encoding == "utf-8-sig" else encoding)
    return data


def _check(target: Path, change: FileChange) -> None:
    if change.old is None:
        if target.exists():
            raise AmlError(
                "this file was created in the meantime; nothing was written", file=target, hint="Migrate again."
            )
    elif target.read_bytes() != encoded(change, change.old):
        raise AmlError("has changed in the meantime; nothing was written", file=target, hint="Migrate again.")


def _stage(target: Path, change: FileChange) -> Path:
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.new")
    try:
        temporary.write_bytes(encoded(change, change.new))
        if change.old is not None:
            shutil.copymode(target, temporary)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    return temporary


def _put_back(target: Path, change: FileChange) -> None:
    if change.old is None:
        target.unlink(missing_ok=True)
        return
    temporary = target.with_name(f".{target.name}.{os.getpid()}.old")
    temporary.write_bytes(encoded(change, change.old))
    shutil.copymode(target, temporary)
    temporary.replace(target)
