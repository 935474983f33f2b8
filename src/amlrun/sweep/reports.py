"""The primary metric of a sweep's trials, read while they run: each `mlflow.log_metric` is one report.

From the trials' own stores, without importing MLflow; where `MLFLOW_TRACKING_URI` points elsewhere, through MLflow's
client, which costs its import once and a request a second.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from amlrun.runs import store as runs
from amlrun.runs import tracking

_CLIENT_SECONDS = 1.0


class Reports(Protocol):
    """Reads the reports of one metric."""

    def ready(self, experiment: str) -> bool:
        """Whether trials may start side by side: on a server, the first one makes the experiment."""

    def new(self, trials: Iterable[runs.RunFolder], last: bool = False) -> list[tuple[str, float]]:
        """(run id, value) of every report of these trials since the last call, in the order in which they were made.

        `last` asks even where asking is dear.
        """


def reader(sweep_id: str, metric: str, variables: Mapping[str, str]) -> Reports:
    """The reader for where the trials' MLflow writes; `variables` are those that they inherit and their job sets."""
    uri = variables.get("MLFLOW_TRACKING_URI")
    return Client(uri, sweep_id, metric) if uri else Files(metric)


class Files:
    """Reads the metric's file in each trial's own store, from where it was read to before."""

    def __init__(self, metric: str) -> None:
        self._metric = metric
        self._at: dict[str, int] = {}

    def ready(self, experiment: str) -> bool:
        return True

    def new(self, trials: Iterable[runs.RunFolder], last: bool = False) -> list[tuple[str, float]]:
        found = [(point.timestamp, run.id, point.value) for run in trials for point in self._read(run)]
        # Stable: one trial's own reports keep their order.
        return [(run_id, value) for _, run_id, value in sorted(found, key=lambda report: report[0])]

    def _read(self, run: runs.RunFolder) -> list[tracking.Point]:
        at = self._at.get(run.id, 0)
        try:
            with (tracking.own_folder(run) / "metrics" / self._metric).open("rb") as stream:
                stream.seek(at)
                text = stream.read()
        except OSError:  # nothing was logged yet
            return []
        whole = text[: text.rfind(b"\n") + 1]
        self._at[run.id] = at + len(whole)
        return [point for line in whole.splitlines(keepends=True) if (point := tracking.parse(line)) is not None]


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
        try:
            found = self._mlflow().get_experiment_by_name(experiment)
        except Exception as error:
            if "already exists" not in str(error):
                raise
            # A new database, whose tables another process is creating: it is opened again the next time.
            self._client = found = None
        if found is None:
            return False
        self._experiments = [found.experiment_id]
        return True

    def new(self, trials: Iterable[runs.RunFolder], last: bool = False) -> list[tuple[str, float]]:
        if not self._experiments or (time.monotonic() - self._asked < _CLIENT_SECONDS and not last):
            return []
        self._asked = time.monotonic()
        found = []
        query = f"tags.`{tracking.RUN_ID_TAG}` LIKE '{self._sweep}_%'"
        for run in self._mlflow().search_runs(self._experiments, query, max_results=1000):
            # A nested run's metrics are its own (azure-sdk-for-python#39198).
            if self._metric not in run.data.metrics or "mlflow.parentRunId" in run.data.tags:
                continue
            history = self._mlflow().get_metric_history(run.info.run_id, self._metric)
            old = self._seen.get(run.info.run_id, 0)
            self._seen[run.info.run_id] = len(history)
            found += [(run.data.tags[tracking.RUN_ID_TAG], float(point.value)) for point in history[old:]]
        return found

    def _mlflow(self) -> Any:
        if self._client is None:
            from mlflow import MlflowClient

            self._client = MlflowClient(self._uri)
        return self._client
