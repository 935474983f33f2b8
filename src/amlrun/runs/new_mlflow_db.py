"""Makes the project's `mlflow.db`: a copy of an empty one, which MLflow made once on this machine."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from amlrun.errors import JOB_FAILED, AmlError
from amlrun.project import Project, cache_folder
from amlrun.runs import files
from amlrun.runs.process import detached

_MAKE = (
    "import sys; from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore; "
    "SqlAlchemyStore(sys.argv[1], sys.argv[2])"
)


def make(project: Project) -> None:
    """Make the project's database, as a copy of one that MLflow made once; two that do it at once get one."""
    if project.database.exists() and project.database.stat().st_size:
        return
    model = empty_database()
    copy = project.database.with_name(f".{project.database.name}.{os.getpid()}{files.UNFINISHED}")
    try:
        shutil.copy2(model, copy)
        with closing(sqlite3.connect(copy)) as database, database:
            place = (project.artifacts / "0").as_uri()
            database.execute("UPDATE experiments SET artifact_location = ? WHERE experiment_id = 0", (place,))
        if project.database.exists() and not project.database.stat().st_size:  # as a killed MLflow leaves it
            copy.replace(project.database)
            return
        try:
            os.link(copy, project.database)
        except FileExistsError:
            return
        except OSError:
            copy.replace(project.database)
    finally:
        copy.unlink(missing_ok=True)


def prepare(project: Project) -> None:
    """Begin to make the database, where none was made on this machine before: it takes MLflow some seconds."""
    if project.database.exists() or _kept().exists():
        return
    nowhere = subprocess.DEVNULL
    words = [sys.executable, "-m", "amlrun.runs.new_mlflow_db"]
    subprocess.Popen(words, stdin=nowhere, stdout=nowhere, stderr=nowhere, **detached())


def _kept() -> Path:
    from importlib import metadata

    return cache_folder() / f"mlflow-{metadata.version('mlflow-skinny')}.db"


def empty_database() -> Path:
    """A database of MLflow's with nothing in it, made by the MLflow beside `aml` on first use."""
    from filelock import FileLock

    made = _kept()
    if made.exists():
        return made
    made.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{made}.lock"):
        if not made.exists():
            _make_empty(made)
    return made


def _make_empty(made: Path) -> None:
    new = made.with_name(f".{made.name}.{os.getpid()}{files.UNFINISHED}")
    words = [sys.executable, "-c", _MAKE, f"sqlite:///{new.as_posix()}", (made.parent / "mlruns").as_uri()]
    environment = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true"}
    try:
        done = subprocess.run(words, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if done.returncode:
            lines = done.stderr.strip().splitlines() or ["no message"]
            raise AmlError(
                f"MLflow could not create a database: {lines[-1]}",
                hint="Reinstall amlrun: the MLflow installed with it does not work.",
                exit_code=JOB_FAILED,
            )
        new.replace(made)
    finally:
        new.unlink(missing_ok=True)


if __name__ == "__main__":
    empty_database()
