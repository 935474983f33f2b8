"""From a conda file to a Python interpreter that has its packages, cached by content."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections.abc import Iterator, Sequence
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
from amlrun.spec.spark_settings import SparkSettings

# What changes when environments are built otherwise.
_FORMAT = "4"
# For a Spark job without a conda file: a Python that every Spark since 3.4 takes.
_PYTHON: dict[str, Any] = {"dependencies": ["python=3.11"]}


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


def prepare(
    source: Path | dict[str, Any], *, report: Report, workshop: Workshop | None = None, more: Sequence[str] = ()
) -> Interpreter:
    """The interpreter for a conda file, built on first use and taken from the cache ever after.

    With micromamba, mamba or conda on this machine the file is used as it is; else uv makes the environment from
    PyPI, and every substitution is reported; that another Python is used is reported each time. Two builders of the
    same environment wait for each other. `workshop` is where it is built, this machine by default; `more` are
    requirements that the file lacks.

    Raises AmlError naming file and line for a package that cannot be had (exit code 1 when the build failed).
    """
    from amlrun.prepare import conda_file

    text = "\n".join([conda_file.content(source), *more])
    workshop = workshop or Workshop()
    tool = workshop.tool()
    key = _sha256(f"{_FORMAT}\n{tool}\n{workshop.identity()}\n{text}")
    room = workshop.room(key[:16])
    found = _reuse(room)
    if found is None:
        from amlrun.prepare import build, v1_packages

        with _locked(room.folder, report):
            found = _reuse(room) or build.build(room, v1_packages.read(source), tool, report, more)
    elif found.python_note:
        report(found.python_note)
    found.conda_hash = _sha256(text)
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
    found = of_conda_file(job, report=report, workshop=Workshop())
    if found is not None:
        return found
    if wanted is None:
        return user_managed("python")
    named = wanted.reference or wanted.image
    if wanted.reference:
        why = f"The environment {named} exists only in Azure"
    else:
        why = (
            f"No container is used here: the image {named} has no effect"
            if named
            else "No image is built on this machine"
        )
    return own(named or "image", why, report=report)


def of_conda_file(job: CommandJob, *, report: Report, workshop: Workshop) -> Interpreter | None:
    """The environment of a job's conda file, with what Spark needs beside it; None where nothing is to be built.

    Raises AmlError, with file and line.
    """
    source = job.environment.conda_file if job.environment is not None else None
    if job.local.interpreter is not None:
        return None
    if job.local.spark is not None and not workshop.has_spark:
        return _with_spark(job.local.spark, source, report, workshop)
    return None if source is None else prepare(source, report=report, workshop=workshop)


def _with_spark(
    settings: SparkSettings, source: Path | dict[str, Any] | None, report: Report, workshop: Workshop
) -> Interpreter:
    """The interpreter for a Spark job: pyspark, and Java where there is none, are added to its conda file."""
    from amlrun.prepare import conda_file, spark_packages

    names = None
    if source is not None:
        texts = [one.text for one in conda_file.read(source).requirements]
        names = {re.split(r"[^A-Za-z0-9._-]", text, maxsplit=1)[0].lower() for text in texts}
    more = spark_packages.requirements(settings, names, workshop.java())
    if source is None:
        report(f"The job names no conda file: its environment has {', '.join(more)}.")
    elif more:
        named = source.name if isinstance(source, Path) else "The job's conda file"
        report(f"{named} does not name {', '.join(more)}: added for Spark.")
    return prepare(_PYTHON if source is None else source, report=report, workshop=workshop, more=more)


def own(name: str, why: str, *, report: Report) -> Interpreter:
    """This machine's Python in an environment of its own, for a run whose environment cannot be made here, and `why`.

    It sees the packages of the Python on PATH; what the run installs goes into this environment, kept by `name`.
    """
    base = user_managed("python").python
    key = _sha256(f"{name}\n{base}\n{sys.platform}")[:16]
    folder = cache_folder() / f"own-{key}"
    room = Room(folder)
    report(f"{why}: the script uses the packages of {base}. To give it its own environment, name a conda file.")
    found = _reuse(room)
    if found is None:
        from amlrun.prepare import build

        with _locked(folder, report):
            found = _reuse(room) or build.over(base, folder, folder / READY, name)
    return found


def _sha256(text: str) -> str:
    import hashlib  # OpenSSL takes its time to load

    return hashlib.sha256(text.encode()).hexdigest()
