"""From a conda file to a Python interpreter that has its packages, cached by content."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from amlrun.errors import AmlError, os_error
from amlrun.prepare.interpreter import TOOL_VARIABLE as TOOL_VARIABLE
from amlrun.prepare.interpreter import Interpreter as Interpreter
from amlrun.prepare.interpreter import Report as Report
from amlrun.prepare.room import READY as READY
from amlrun.prepare.room import Room, Workshop
from amlrun.prepare.room import cache_folder as cache_folder
from amlrun.spec.job import CommandJob

# What changes when environments are built otherwise.
_FORMAT = "3"


def user_managed(interpreter: str) -> Interpreter:
    """The interpreter that the user names (`userManagedDependencies: true`).

    A bare `python` is the one on PATH, leaving out the project's own environment that `aml` itself runs in, unless
    there is no other. Raises AmlError when there is none.
    """
    own = Path(sys.prefix).resolve()
    places = [p for p in os.environ.get("PATH", "").split(os.pathsep) if p and Path(p).resolve().parent != own]
    found = shutil.which(interpreter, path=os.pathsep.join(places)) or shutil.which(interpreter)
    if found is None and interpreter in ("python", "python3"):
        found = sys.executable
    if found is None:
        raise AmlError(
            f"interpreterPath: {interpreter!r} was not found",
            hint="Name an interpreter that exists, or set userManagedDependencies: false to have one created.",
        )
    return Interpreter(Path(found))


def prepare(source: Path | dict[str, Any], *, report: Report, workshop: Workshop | None = None) -> Interpreter:
    """The interpreter for a conda file, built on first use and taken from the cache ever after.

    With micromamba, mamba or conda on this machine the file is used as it is; else uv makes the environment from
    PyPI, and every substitution is reported; that another Python is used is reported each time. Two builders of the
    same environment wait for each other. `workshop` is where it is built, this machine by default.

    Raises AmlError naming file and line for a package that cannot be had (exit code 1 when the build failed).
    """
    from amlrun.prepare import conda_file

    text = conda_file.content(source)
    workshop = workshop or Workshop()
    tool = workshop.tool()
    key = hashlib.sha256(f"{_FORMAT}\n{tool}\n{workshop.identity()}\n{text}".encode()).hexdigest()
    room = workshop.room(key[:16])
    found = _reuse(room)
    if found is None:
        from amlrun.prepare import build, v1_packages

        with _locked(room.folder, report):
            found = _reuse(room) or build.build(room, v1_packages.read(source), tool, report)
    elif found.python_note:
        report(found.python_note)
    found.conda_hash = hashlib.sha256(text.encode()).hexdigest()
    return found


@contextmanager
def _locked(folder: Path, report: Report) -> Iterator[None]:
    """Build while nobody else builds the same environment. Raises AmlError for a disk that refuses."""
    from filelock import FileLock, Timeout

    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(str(folder) + ".lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            report("Another `aml` is building this environment; waiting for it …")
            lock.acquire()
        try:
            yield
        finally:
            lock.release()
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise os_error(error, "make the environment") from error


def _reuse(room: Room) -> Interpreter | None:
    try:
        made = json.loads(room.ready() or "")
        return Interpreter(
            Path(room.python), room.folder, notes=list(made["notes"]), variables=dict(made["variables"]),
            python_note=str(made.get("python_note", "")),
        )  # fmt: skip
    except (ValueError, KeyError, TypeError):
        return None


def of_job(job: CommandJob, *, report: Report) -> Interpreter:
    """The interpreter for a job, its environment built if need be. Raises AmlError, with file and line."""
    wanted = job.environment
    if job.local.interpreter is not None:
        return user_managed(job.local.interpreter)
    if wanted is not None and wanted.conda_file is not None:
        return prepare(wanted.conda_file, report=report)
    if wanted is None:
        return user_managed("python")
    named = wanted.reference or wanted.image
    why = f"The environment {named} exists only in Azure" if named else "No image is built on this machine"
    return own(named or "image", why, report=report)


def own(name: str, why: str, *, report: Report) -> Interpreter:
    """This machine's Python in an environment of its own, for a run whose environment cannot be made here, and `why`.

    It sees the packages of the Python on PATH; what the run installs goes into this environment, kept by `name`.
    """
    base = user_managed("python").python
    key = hashlib.sha256(f"{name}\n{base}\n{sys.platform}".encode()).hexdigest()[:16]
    folder = cache_folder() / f"own-{key}"
    room = Room(folder)
    report(f"{why}: the script uses the packages of {base}. To give it its own, name a conda file.")
    found = _reuse(room)
    if found is None:
        from amlrun.prepare import build

        with _locked(folder, report):
            found = _reuse(room) or build.over(base, folder, folder / READY, name)
    return found
