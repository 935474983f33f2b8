"""The project's `mlflow.db`: what `mlflow ui` shows, copied from the runs' own stores by `aml` alone.

Scripts never open it, so their versions of MLflow cannot change it, and nothing in a run waits for it. Rows are
written by SQL into the tables that MLflow has kept since 1.0 (mlflow/store/tracking/dbmodels/models.py), for importing
MLflow takes two seconds; a table's other columns keep their defaults. Copying a run again changes nothing.
"""

from __future__ import annotations

import math
import sqlite3
import sys
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from amlrun.errors import AmlError, os_error
from amlrun.project import Project
from amlrun.runs import logged, new_mlflow_db, tracking
from amlrun.runs import store as runs

_PATIENCE = 30.0  # seconds for another writer
_DONE = "published"
_STATUS = {"Completed": "FINISHED", "Failed": "FAILED", "Canceled": "KILLED"}
_OF_NUMBER = {1: "RUNNING", 2: "SCHEDULED", 3: "FINISHED", 4: "FAILED", 5: "KILLED"}
_MODEL_READY = 2


def pending(project: Project, found: Iterable[runs.RunFolder]) -> list[runs.RunFolder]:
    """The runs that have ended and are not, or not as they are now, in the project's database.

    Without a database that is every run: one that was moved away or deleted is filled again.
    """
    gone = not project.database.exists()
    return [
        run
        for run in found
        if (gone or not (run.private / _DONE).exists()) and tracking.exists(run) and run.state()[0] in runs.FINAL
    ]


def changed(run: runs.RunFolder) -> None:
    """Have a run copied again: its tags are others now."""
    (run.private / _DONE).unlink(missing_ok=True)


def publish(project: Project, found: Iterable[runs.RunFolder]) -> None:
    """Copy runs with stores of their own into `mlflow.db`, in one transaction; it is made when it isn't there.

    A run that has ended is marked as done, and its files are gathered for MLflow's page of it. Raises AmlError when
    the database is damaged or cannot be written; the runs are whole then, and the next call tries again.
    """
    found = [run for run in found if tracking.exists(run)]
    if not found:
        return
    ended = [run for run in found if run.state()[0] in runs.FINAL]
    try:
        for run in ended:
            logged.gather_files(run)
        new_mlflow_db.make(project)
        with closing(sqlite3.connect(project.database, timeout=_PATIENCE, isolation_level=None)) as database:
            database.execute("BEGIN IMMEDIATE")
            writer = _Writer(project, database)
            for run in found:
                writer.write(run)
            database.execute("COMMIT")
        for run in ended:
            (run.private / _DONE).touch()
    except OSError as error:
        raise os_error(error, "write mlflow.db") from error
    except sqlite3.Error as error:
        raise _database_error(project, error) from error


def _database_error(project: Project, error: sqlite3.Error) -> AmlError:
    if "locked" in str(error):
        hint = "Another process writes to it: run the command again when it has finished."
    elif "full" in str(error):
        hint = "The disk is full: free some space, then run the command again."
    else:
        hint = "Move it; `aml run list` creates it again from the runs. It also holds the registered models: keep it."
    return AmlError(f"MLflow's database cannot be written: {error}", file=project.database, hint=hint)


class _Writer:
    """Writes runs into an open database, whichever version of MLflow made its tables."""

    def __init__(self, project: Project, database: sqlite3.Connection) -> None:
        self._project = project
        self._database = database
        self._columns: dict[str, set[str]] = {}

    def write(self, run: runs.RunFolder) -> None:
        """The run itself, and the MLflow runs and models that its script made beside it."""
        top = tracking.folder(run)
        record = run.record()
        for meta in sorted(top.glob("*/*/meta.yaml")):
            place = meta.parent
            own = place == tracking.own_folder(run)
            about = {} if own else tracking.read_meta(place)
            # The pipeline's run is in the stores of its steps too (root_run.py).
            if not own and about.get("run_id") in (None, record.get("parent_run_id")):
                continue
            name = str(record.get("_experiment_name") if own else _experiment_name(run, place.parent, record))
            facts = _own_facts(run, record) if own else _facts(run, about)
            self._run(place, facts | {"experiment_id": self._experiment(name)})
            if own:
                self._tags(run.id, _own_tags(run, record))
        self._models(run, self._experiment(str(record.get("_experiment_name"))))

    def _run(self, place: Path, facts: Mapping[str, Any]) -> None:
        run_id = facts["run_uuid"]
        self._put("runs", facts)
        for key, points in tracking.histories(place).items():
            for point in points:
                self._put("metrics", {"key": key, "run_uuid": run_id, **_row(point)}, "IGNORE")
            self._put("latest_metrics", {"key": key, "run_uuid": run_id, **_row(tracking.last(points))})
        for key, value in tracking.values(place, "params").items():
            self._put("params", {"key": key, "value": value, "run_uuid": run_id})
        self._tags(run_id, tracking.values(place, "tags"))

    def _tags(self, run_id: str, tags: Mapping[str, str]) -> None:
        for key, value in tags.items():
            self._put("tags", {"key": key, "value": value, "run_uuid": run_id})

    def _models(self, run: runs.RunFolder, experiment: int) -> None:
        """The models that MLflow 3 tells apart from a run's artifacts."""
        if not self._has("logged_models"):
            return
        for meta in sorted(tracking.folder(run).glob("*/models/*/meta.yaml")):
            about = tracking.read_meta(meta.parent)
            if "model_id" not in about or "artifact_location" not in about:
                continue
            kept = ("model_id", "name", "model_type", "source_run_id", "status_message", "artifact_location")
            facts: dict[str, Any] = {key: about.get(key) for key in kept}
            facts |= {"experiment_id": experiment, "lifecycle_stage": "active", "status": _MODEL_READY}
            facts["artifact_location"] = tracking.uri_here(run, about["artifact_location"])
            facts["creation_timestamp_ms"] = about.get("creation_timestamp", 0)
            facts["last_updated_timestamp_ms"] = about.get("last_updated_timestamp", 0)
            self._put("logged_models", facts)
            own = {"model_id": about["model_id"], "experiment_id": experiment}
            for part in ("param", "tag"):
                for key, value in tracking.values(meta.parent, f"{part}s").items():
                    self._put(f"logged_model_{part}s", own | {f"{part}_key": key, f"{part}_value": value})

    def _experiment(self, name: str) -> int:
        """The experiment's number; it is made, or taken out of MLflow's bin, if need be."""
        ask = "SELECT experiment_id, lifecycle_stage FROM experiments WHERE name = ?"
        found = self._database.execute(ask, (name,)).fetchone()
        if found is None:
            now = runs.milliseconds(runs.now())
            stamps = {"lifecycle_stage": "active", "creation_time": now, "last_update_time": now}
            self._put("experiments", {"name": name, "artifact_location": ""} | stamps)
            found = self._database.execute(ask, (name,)).fetchone()
            place = (self._project.artifacts / str(found[0])).as_uri()
            self._change("artifact_location", place, found[0])
            # MLflow's pages then show training runs, not traces of a language model.
            kind = {"key": "mlflow.experimentKind", "value": "custom_model_development", "experiment_id": found[0]}
            if self._has("experiment_tags"):
                self._put("experiment_tags", kind)
        elif found[1] != "active":
            self._change("lifecycle_stage", "active", found[0])
        return int(found[0])

    def _change(self, column: str, value: Any, experiment: int) -> None:
        self._database.execute(f"UPDATE experiments SET {column} = ? WHERE experiment_id = ?", (value, experiment))  # noqa: S608

    def _put(self, table: str, row: Mapping[str, Any], conflict: str = "REPLACE") -> None:
        """Insert a row, of the columns that this database's table has."""
        self._has(table)
        row = {key: value for key, value in row.items() if key in self._columns[table]}
        names, marks = ", ".join(f'"{key}"' for key in row), ", ".join("?" * len(row))
        self._database.execute(f"INSERT OR {conflict} INTO {table} ({names}) VALUES ({marks})", tuple(row.values()))  # noqa: S608

    def _has(self, table: str) -> bool:
        if table not in self._columns:
            found = self._database.execute(f"PRAGMA table_info({table})").fetchall()
            self._columns[table] = {str(column[1]) for column in found}
        return bool(self._columns[table])


def _row(point: tracking.Point) -> dict[str, Any]:
    """A point as MLflow's tables keep it: NaN as a mark, infinity as the largest number."""
    value = 0.0 if math.isnan(point.value) else point.value
    if math.isinf(value):
        value = math.copysign(sys.float_info.max, value)
    return {"value": value, "is_nan": math.isnan(point.value), "step": point.step, "timestamp": point.timestamp}


def _own_facts(run: runs.RunFolder, record: Mapping[str, Any]) -> dict[str, Any]:
    """The row of a run itself, from its record: its script's MLflow may not have lived to say how it ended."""
    ended = record.get("end_time_utc")
    return {
        "run_uuid": run.id,
        "name": tracking.values(tracking.own_folder(run), "tags").get("mlflow.runName", run.id),
        "source_type": "JOB",
        "source_name": str(record.get("script_name") or ""),
        "entry_point_name": "",
        "user_id": "",
        "status": _STATUS.get(str(record.get("status")), "RUNNING"),
        "start_time": runs.milliseconds(record.get("start_time_utc") or record["created_utc"]),
        "end_time": runs.milliseconds(ended) if ended else None,
        "source_version": "",
        "lifecycle_stage": "active",
        "artifact_uri": tracking.artifacts(run).as_uri(),
    }


def _facts(run: runs.RunFolder, about: Mapping[str, Any]) -> dict[str, Any]:
    """The row of an MLflow run that the script made, from the `meta.yaml` that MLflow wrote."""
    return {
        "run_uuid": about["run_id"],
        "name": about.get("run_name") or "",
        "source_type": "JOB",
        "source_name": "",
        "entry_point_name": "",
        "user_id": about.get("user_id") or "",
        "status": _OF_NUMBER.get(about.get("status") or 1, "RUNNING"),
        "start_time": about.get("start_time"),
        "end_time": about.get("end_time"),
        "source_version": "",
        "lifecycle_stage": about.get("lifecycle_stage") or "active",
        "artifact_uri": tracking.uri_here(run, about.get("artifact_uri")),
    }


def _experiment_name(run: runs.RunFolder, place: Path, record: Mapping[str, Any]) -> Any:
    if place == tracking.own_folder(run).parent:
        return record.get("_experiment_name")
    return tracking.read_meta(place).get("name") or record.get("_experiment_name")


def _own_tags(run: runs.RunFolder, record: Mapping[str, Any]) -> dict[str, str]:
    tags = {tracking.RUN_ID_TAG: run.id}
    if record.get("parent_run_id"):
        tags["mlflow.parentRunId"] = str(record["parent_run_id"])
    commit = (record.get("properties") or {}).get("azureml.git.commit")
    if commit:
        tags["mlflow.source.git.commit"] = str(commit)
    return tags | {str(key): str(value) for key, value in (record.get("tags") or {}).items()}
