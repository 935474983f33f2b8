"""The primary metric of a sweep's trials, read while they run: each `mlflow.log_metric` is one report.

From the project's SQLite database directly, without importing MLflow; where the user's own `MLFLOW_TRACKING_URI`
points elsewhere, through MLflow's client, which costs its import once and a request a second.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import unquote

from amlrun.project import Project
from amlrun.runs.metrics import RUN_ID_TAG

_CLIENT_SECONDS = 1.0
_LAST_SECONDS = 30.0


class Reports(Protocol):
    """Reads the reports of one metric."""

    def ready(self, experiment: str) -> bool:
        """Whether the store and the experiment are there, so that trials side by side need not create them."""

    def new(self, last: bool = False) -> list[tuple[str, float]]:
        """(run id, value) of every report since the last call, in order; `last` asks even where asking is dear."""

    def close(self) -> None:
        """Leave the store as it was found."""


def reader(project: Project, sweep_id: str, metric: str, variables: Mapping[str, str]) -> Reports:
    """The reader for where the trials' MLflow writes; `variables` are those that their job sets."""
    uri = variables.get("MLFLOW_TRACKING_URI") or os.environ.get("MLFLOW_TRACKING_URI")
    if not uri:
        return Sqlite(project.database, sweep_id, metric, own=True)
    if uri.startswith("sqlite:///"):
        return Sqlite(Path(unquote(uri.removeprefix("sqlite:///"))), sweep_id, metric)
    return Client(uri, sweep_id, metric)


class Sqlite:
    """Reads MLflow's tables `metrics` and `tags`. One query for all trials, asked only when the database changed.

    The project's `own` database keeps a write-ahead log while the sweep runs: trials that report, and the driver that
    reads, then do not wait for one another (https://sqlite.org/wal.html), and a report costs half the disk writes.
    """

    def __init__(self, database: Path, sweep_id: str, metric: str, own: bool = False) -> None:
        self._own = own
        self._there = False
        self._changed = False
        self._file = database.absolute()
        self._metric = metric
        self._like = sweep_id.replace("\\", "\\\\").replace("_", "\\_").replace("%", "\\%") + "\\_%"
        self._row = 0
        self._version = -1
        self._open: sqlite3.Connection | None = None

    def ready(self, experiment: str) -> bool:
        try:
            found = self._connection().execute("SELECT 1 FROM experiments WHERE name = ?", (experiment,)).fetchone()
        except (sqlite3.Error, OSError):
            return False
        self._there = found is not None
        self._begin_log()
        return self._there

    def close(self) -> None:
        if self._changed:
            self._journal("DELETE")
        if self._open is not None:
            self._open.close()
            self._open = None

    def _begin_log(self) -> None:
        """Begin the write-ahead log. Tried again at each look: it can't begin while a trial writes."""
        if self._own and self._there and not self._changed and self._journal() == "delete":
            self._changed = self._journal("WAL") == "wal"

    def _journal(self, mode: str = "") -> str:
        """Change the journal mode, if one is named. Returns the one that it is; nothing where another is at work."""
        with contextlib.suppress(sqlite3.Error, OSError):
            return str(self._connection().execute("PRAGMA journal_mode" + (f" = {mode}" if mode else "")).fetchone()[0])
        return ""

    def new(self, last: bool = False) -> list[tuple[str, float]]:
        self._begin_log()
        patience = time.monotonic() + (_LAST_SECONDS if last else 0)
        while True:
            try:
                return self._read(last)
            except sqlite3.Error as error:
                # No file or no tables yet, or locked just now. The next look finds it; the last has to.
                if not self._file.exists() or "no such table" in str(error) or time.monotonic() > patience:
                    return []
                time.sleep(0.05)

    def _read(self, anyway: bool) -> list[tuple[str, float]]:
        connection = self._connection()
        version = connection.execute("PRAGMA data_version").fetchone()[0]
        if version == self._version and not anyway:
            return []
        # CROSS JOIN and the + make SQLite begin with the few new rows, not with all tags or the metric's index.
        rows = connection.execute(
            "SELECT m.rowid, t.value, m.value, m.is_nan FROM metrics m CROSS JOIN tags t ON t.run_uuid = m.run_uuid "
            "WHERE m.rowid > ? AND +m.key = ? AND t.key = ? AND t.value LIKE ? ESCAPE '\\' ORDER BY m.rowid",
            (self._row, self._metric, RUN_ID_TAG, self._like),
        ).fetchall()
        self._version = version
        if rows:
            self._row = rows[-1][0]
        return [(run_id, float("nan") if is_nan else float(value)) for _, run_id, value, is_nan in rows]

    def _connection(self) -> sqlite3.Connection:
        if self._open is None:
            # Not read-only: what a killed script left half written must be rolled back before it can be read.
            self._open = sqlite3.connect(f"{self._file.as_uri()}?mode=rw", uri=True, timeout=5)
        return self._open


class Client:
    """Asks a tracking server (or any other store) through MLflow's own client."""

    def __init__(self, uri: str, sweep_id: str, metric: str) -> None:
        self._uri = uri
        self._sweep = sweep_id
        self._metric = metric
        self._seen: dict[str, int] = {}
        self._asked = 0.0
        self._client: Any = None
        self._experiments: list[str] = []

    def ready(self, experiment: str) -> bool:
        found = self._mlflow().get_experiment_by_name(experiment)
        if found is None:
            return False
        self._experiments = [found.experiment_id]
        return True

    def new(self, last: bool = False) -> list[tuple[str, float]]:
        if not self._experiments or (time.monotonic() - self._asked < _CLIENT_SECONDS and not last):
            return []
        self._asked = time.monotonic()
        found = []
        query = f"tags.`{RUN_ID_TAG}` LIKE '{self._sweep}_%'"
        for run in self._mlflow().search_runs(self._experiments, query, max_results=1000):
            if self._metric not in run.data.metrics:
                continue
            history = self._mlflow().get_metric_history(run.info.run_id, self._metric)
            old = self._seen.get(run.info.run_id, 0)
            self._seen[run.info.run_id] = len(history)
            found += [(run.data.tags[RUN_ID_TAG], float(point.value)) for point in history[old:]]
        return found

    def close(self) -> None:
        return

    def _mlflow(self) -> Any:
        if self._client is None:
            from mlflow import MlflowClient

            self._client = MlflowClient(self._uri)
        return self._client
