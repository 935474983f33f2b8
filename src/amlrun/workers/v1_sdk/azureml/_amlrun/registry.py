"""The project's model registry: read from `mlflow.db` as SQLite, written by `aml` alone.

Written from documentation; not Microsoft's code.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import os
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlparse
from urllib.request import url2pathname

from azureml._amlrun import context

_PROPERTY = "property."


def versions(name: str | None = None) -> list[dict[str, Any]]:
    """The registered versions (of `name`), highest first; empty where there is no registry yet."""
    database = Path(str(context.facts().get("database") or ""))
    if not database.is_file():
        return []
    query = "SELECT name, version, creation_time, description, source FROM model_versions"
    try:
        # Not read-only: what a killed process left half written must be rolled back before it can be read.
        with closing(sqlite3.connect(database.as_uri() + "?mode=rw", uri=True, timeout=10)) as store:
            rows = store.execute(query).fetchall()
            tags: dict[Any, dict[str, str]] = {}
            for key, value, of, version in store.execute("SELECT key, value, name, version FROM model_version_tags"):
                tags.setdefault((of, int(version)), {})[key] = value
    except sqlite3.OperationalError as error:
        if "no such table" in str(error):
            return []
        raise
    found = [_record(row, tags.get((row[0], int(row[1])), {})) for row in rows if name in (None, row[0])]
    return sorted(found, key=lambda one: int(one["version"]), reverse=True)


def _record(row: Any, tags: dict[str, str]) -> dict[str, Any]:
    name, version, created, description, source = row
    start = len(_PROPERTY)
    moment = datetime.datetime.fromtimestamp((created or 0) / 1000, datetime.timezone.utc)
    return {
        "name": name,
        "version": int(version),
        "path": url2pathname(urlparse(source).path) if source else "",
        "created": moment,
        "description": description or "",
        "run_id": tags.get("run_id"),
        "experiment": tags.get("experiment_name"),
        "framework": tags.get("framework"),
        "framework_version": tags.get("framework_version"),
        "sha256": tags.get("sha256", ""),
        "properties": {key[start:]: value for key, value in tags.items() if key.startswith(_PROPERTY)},
        "tags": {key: value for key, value in tags.items() if not key.startswith(_PROPERTY) and key not in _OURS},
    }


_OURS = ("sha256", "run_id", "experiment_name", "asset_path", "framework", "framework_version")


def changed(record: dict[str, Any]) -> bool:
    """Whether a version's file or folder is no longer what was registered; it must not be opened then."""
    return bool(record["sha256"]) and _sha256(Path(record["path"])) != record["sha256"]


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    for file in [path] if path.is_file() else sorted(one for one in path.rglob("*") if one.is_file()):
        if path.is_dir():
            digest.update(file.relative_to(path).as_posix().encode() + b"\0")
        with file.open("rb") as stream:
            for chunk in iter(lambda: stream.read(1 << 20), b""):
                digest.update(chunk)
    return digest.hexdigest()


def register(words: list[str]) -> dict[str, Any]:
    """Register a model: `aml model register` with these words, in aml's own environment. Returns its record.

    Raises RuntimeError with aml's own message, or with the command to type when aml cannot be started from here.
    """
    command = ["model", "register", *words]
    python = context.facts().get("aml")
    by_hand = "Register it after the run: aml " + " ".join(command)
    if not python or not os.path.exists(str(python)):
        raise RuntimeError("aml cannot be started from this script. " + by_hand)
    # aml's environment is not the script's.
    other = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "CONDA_PREFIX", "MLFLOW_RUN_ID", context.VARIABLE)
    variables = {key: value for key, value in os.environ.items() if key not in other}
    done = subprocess.run(
        [str(python), "-I", "-m", "amlrun", *command, "--path", context.root(), "-o", "json"],
        stdin=subprocess.DEVNULL, capture_output=True, env=variables, check=False,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(done.stderr.decode("utf-8", "replace").strip() or by_hand)
    record = json.loads(done.stdout.decode("utf-8"))
    return next(one for one in versions(record["name"]) if one["version"] == int(record["version"]))
