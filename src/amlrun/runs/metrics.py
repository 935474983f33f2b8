"""What the script told MLflow, read from the project's database without importing MLflow (2 s).

The tables and columns are those that MLflow has kept since 1.0 (`mlflow/store/tracking/dbmodels/models.py`); runs
are found by the tag that `environment_of` asks MLflow to set on every run that the script starts.
"""

from __future__ import annotations

import json
import os
from contextlib import closing
from dataclasses import dataclass

from amlrun.project import Project

RUN_ID_TAG = "azureml.run_id"


@dataclass(frozen=True)
class Point:
    """One report of a metric: its value (may be NaN or infinite), step, and time in ms since 1970."""

    value: float
    step: int
    timestamp: int


def environment_of(project: Project, run_id: str, experiment: str) -> dict[str, str]:
    """The variables that make plain `mlflow.log_metric` land in the run; a tracking URI of the user's own wins."""
    # `mlflow.runName` names the run unless the script gives it a name of its own.
    tags = json.dumps({RUN_ID_TAG: run_id, "mlflow.runName": run_id})
    variables = {"MLFLOW_EXPERIMENT_NAME": experiment, "MLFLOW_RUN_CONTEXT": tags}
    if "MLFLOW_DISABLE_TELEMETRY" not in os.environ:
        # MLflow 3 reports its use over the network unless told not to: local is offline.
        variables["MLFLOW_DISABLE_TELEMETRY"] = "true"
    if not os.environ.get("MLFLOW_TRACKING_URI"):
        variables["MLFLOW_TRACKING_URI"] = project.tracking_uri
        # Without it MLflow would keep the artifacts of a new experiment in the first run's folder.
        variables["_MLFLOW_SERVER_ARTIFACT_ROOT"] = project.artifacts.as_uri()
    return variables


def metrics(project: Project, run_id: str) -> dict[str, float]:
    """The last value of each metric that the run logged; empty when it logged none."""
    rows = _query(
        project,
        "SELECT m.key, m.value, m.is_nan FROM latest_metrics m JOIN tags t ON t.run_uuid = m.run_uuid "
        "WHERE t.key = ? AND t.value = ? ORDER BY m.timestamp",
        run_id,
    )
    return {key: float("nan") if is_nan else float(value) for key, value, is_nan in rows}


def latest(project: Project, metric: str) -> dict[str, float]:
    """The last value of one metric of every run that logged it, by run id."""
    rows = _query(
        project,
        "SELECT t.value, m.value, m.is_nan FROM latest_metrics m JOIN tags t ON t.run_uuid = m.run_uuid "
        "WHERE t.key = ? AND m.key = ? ORDER BY m.timestamp",
        metric,
    )
    return {run_id: float("nan") if is_nan else float(value) for run_id, value, is_nan in rows}


def history(project: Project, run_id: str, metric: str) -> list[Point]:
    """Every report of one metric, in the order in which the script made them."""
    rows = _query(
        project,
        "SELECT m.value, m.is_nan, m.step, m.timestamp FROM metrics m JOIN tags t ON t.run_uuid = m.run_uuid "
        "WHERE t.key = ? AND t.value = ? AND m.key = ? ORDER BY m.timestamp, m.step, m.rowid",
        run_id,
        metric,
    )
    return [Point(float("nan") if nan else float(value), int(step), int(at)) for value, nan, step, at in rows]


def mlflow_run(project: Project, run_id: str) -> str | None:
    """MLflow's own id of the (last) MLflow run that the script made, None when it made none."""
    rows = _query(
        project,
        "SELECT r.run_uuid FROM runs r JOIN tags t ON t.run_uuid = r.run_uuid "
        "WHERE t.key = ? AND t.value = ? ORDER BY r.start_time DESC",
        run_id,
    )
    return str(rows[0][0]) if rows else None


def _query(project: Project, sql: str, *values: str) -> list[tuple]:  # type: ignore[type-arg]
    if not project.database.exists():
        return []
    import sqlite3

    try:
        # Not read-only: what a killed script left half written must be rolled back before it can be read.
        with closing(sqlite3.connect(f"{project.database.as_uri()}?mode=rw", uri=True, timeout=5)) as database:
            return database.execute(sql, (RUN_ID_TAG, *values)).fetchall()
    except sqlite3.Error:
        # A script that has MLflow but has not written yet: the tables are not there.
        return []
