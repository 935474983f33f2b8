"""A run's metrics, tags and files in MLflow, with the environment's own MLflow.

Written from documentation; not Microsoft's code.
"""

from __future__ import annotations

import atexit
import json
import os
import shutil
import sys
import tempfile
import threading
import time
from typing import Any

from azureml._amlrun import context
from azureml._amlrun.notes import say_once
from azureml._amlrun.values import columns, file_for, name_for, plain

_PARENT = "mlflow.parentRunId"
_TABLES = "mlflow.loggedArtifacts"
# A table that grows row by row is written at most so often (seconds), and at the end.
_EVERY = 0.5
_lock = threading.RLock()
_current: Tracked | None = None
_parents: dict[str, Tracked] = {}


class Tracked:
    """One MLflow run. `created`: this process made it, so it ends it, and nobody else has logged to it."""

    def __init__(self, client: Any, run_id: str, created: bool) -> None:
        self.client = client
        self.run_id = run_id
        self.created = created
        self.texts: dict[str, list[str]] = {}
        self._steps: dict[str, int] = {}
        self._params: dict[str, str] = {}
        self._tables: dict[str, dict[str, list[Any]]] = {}
        self._written: dict[str, float] = {}
        self._files: dict[str, int] = {}
        if created:
            atexit.register(self.end)

    def metric(self, name: str, value: float, step: int | None = None) -> None:
        """A point of a metric. Without a step the same name again is the next point of a series, as in v1."""
        with _lock:
            key = self._checked(name)
            if step is None:
                step = self._steps.get(key, -1) + 1 if key in self._steps or self.created else self._points(key)
            self._steps[key] = max(step, self._steps.get(key, -1))
            try:
                self.client.log_metric(self.run_id, key, value, step=step)
            except _refused():
                self.client.log_metric(self.run_id, name_for(key, colons=False), value, step=step)

    def text(self, name: str, value: str) -> None:
        """A text: a parameter; another text under the same name is a tag, because parameters cannot change."""
        with _lock:
            key = name_for(self._checked(name), colons=False)
            self.texts.setdefault(name, []).append(value)
            if self._params.setdefault(key, value) == value:
                try:
                    self.client.log_param(self.run_id, key, value)
                    return
                except _refused():
                    pass  # logged before by another process, or longer than this MLflow takes
            self.tag(key, value)

    def tag(self, name: str, value: str) -> None:
        self.client.set_tag(self.run_id, name_for(name, colons=False), value)

    def file(self, path: str, name: str) -> None:
        """Keep a copy of a file among the run's artifacts as `name`."""
        kept = file_for(name)
        folder, _, last = kept.rpartition("/")
        if os.path.basename(path) == last:
            self.client.log_artifact(self.run_id, path, folder or None)
            return
        with tempfile.TemporaryDirectory() as place:
            copy = os.path.join(place, last)
            shutil.copyfile(path, copy)
            self.client.log_artifact(self.run_id, copy, folder or None)

    def json(self, value: Any, name: str) -> None:
        """Keep a value among the run's artifacts, as JSON."""
        with tempfile.TemporaryDirectory() as place:
            path = os.path.join(place, "value.json")
            with open(path, "w", encoding="utf-8") as stream:
                json.dump(plain(value), stream)
            self.file(path, name)

    def unused(self, name: str, ending: str) -> str:
        """A file's name that no image of this run has had yet."""
        with _lock:
            base = file_for(name, ending)[: -len(ending)]
            seen = self._files.get(base, 0)
            self._files[base] = seen + 1
            return base + (f"_{seen}" if seen else "") + ending

    def rows(self, name: str, table: dict[str, Any]) -> None:
        """Append rows to the table `name`.json, in the form of `mlflow.log_table`."""
        with _lock:
            added = columns(table)
            known = self._tables.setdefault(name, {})
            before = max([len(one) for one in known.values()] or [0])
            count = max([len(one) for one in added.values()] or [0])
            for key in list(known) + [key for key in added if key not in known]:
                column = known.setdefault(key, [None] * before)
                column.extend(added.get(key, [None] * count))
            if time.monotonic() - self._written.get(name, 0.0) > _EVERY or name not in self._written:
                self._write(name)

    def _write(self, name: str) -> None:
        table = self._tables[name]
        file = file_for(name, ".json")
        names = list(table)
        data = [list(row) for row in zip(*table.values())]
        self.json({"columns": names, "index": list(range(len(data))), "data": data}, file)
        listed = [{"path": file_for(one, ".json"), "type": "table"} for one in self._tables]
        self.client.set_tag(self.run_id, _TABLES, json.dumps(listed))
        self._written[name] = time.monotonic()

    def flush(self) -> None:
        """Write the tables whose last rows are not in their files yet."""
        with _lock:
            for name in self._tables:
                self._write(name)

    def end(self, status: str = "") -> None:
        """Set the run's end in MLflow. The state of aml's run is its script's exit code."""
        if not self.created:
            return
        atexit.unregister(self.end)
        self.flush()
        failed = getattr(sys, "last_type", None) is not None
        self.client.set_terminated(self.run_id, status or ("FAILED" if failed else "FINISHED"))

    def child(self, name: str | None) -> Tracked:
        """A nested MLflow run."""
        experiment = self.client.get_run(self.run_id).info.experiment_id
        return _create(self.client, experiment, name, {_PARENT: self.run_id})

    def _checked(self, name: str) -> str:
        key = name_for(name)
        if key != name:
            say_once(f"{name!r} is logged as {key!r}: MLflow does not take that name.")
        return key

    def _points(self, key: str) -> int:
        """The next step of a metric that another process may have logged to."""
        try:
            history = self.client.get_metric_history(self.run_id, key)
        except _refused():
            return 0  # MLflow 1.x does not know a metric that has no point yet
        return int(max([point.step for point in history] or [-1])) + 1


def current() -> Tracked:
    """The MLflow run of the job: the existing one, else a new one that MLflow's own calls join."""
    global _current
    with _lock:
        if _current is None:
            _current = _join() or _begin()
        return _current


def parent(run_id: str) -> Tracked:
    """The MLflow run of the pipeline's run, which `aml` puts into the step's store; else one under that name."""
    with _lock:
        if run_id not in _parents:
            client = _client()
            _parents[run_id] = _known(client, run_id) or _create(
                client, _experiment(client), run_id, {"azureml.run_id": run_id}
            )
        return _parents[run_id]


def _known(client: Any, run_id: str) -> Tracked | None:
    try:
        return Tracked(client, client.get_run(run_id).info.run_id, False)
    except _refused():
        return None


def _client() -> Any:
    try:
        from mlflow.tracking import MlflowClient
    except ImportError as error:
        raise ImportError(
            f"MLflow keeps what SDK v1's run logs, and this environment lacks it ({error}). Add azureml-mlflow (or "
            "mlflow-skinny, sqlalchemy and alembic) to the conda file, or install it."
        ) from error
    return MlflowClient()


def _refused() -> Any:
    from mlflow.exceptions import MlflowException

    return MlflowException


def _join() -> Tracked | None:
    client = _client()
    import mlflow

    # `aml` makes the MLflow run before the script starts, under the run's own id.
    for named in (os.environ.get("MLFLOW_RUN_ID"), context.run_id()):
        if named:
            try:
                return Tracked(client, client.get_run(named).info.run_id, False)
            except _refused():
                continue
    active = mlflow.active_run()
    if active is None:
        return None
    return Tracked(client, active.data.tags.get(_PARENT) or active.info.run_id, False)


def _begin() -> Tracked:
    client = _client()
    made = _create(client, _experiment(client), context.run_id(), {})
    # MLflow's own calls, here and in processes that the script starts, join the run by this variable.
    os.environ["MLFLOW_RUN_ID"] = made.run_id
    return made


def _experiment(client: Any) -> str:
    from mlflow.tracking import fluent

    chosen = getattr(fluent, "_active_experiment_id", None) or os.environ.get("MLFLOW_EXPERIMENT_ID")
    if chosen:
        return str(chosen)
    name = os.environ.get("MLFLOW_EXPERIMENT_NAME") or context.experiment()
    for attempt in range(2):
        found = client.get_experiment_by_name(name)
        if found is not None:
            return str(found.experiment_id)
        try:
            return str(client.create_experiment(name))
        except _refused():
            if attempt:
                raise
    raise RuntimeError("unreachable")


def _create(client: Any, experiment: str, name: str | None, tags: dict[str, str]) -> Tracked:
    try:
        from mlflow.tracking.context.registry import resolve_tags

        known = resolve_tags()  # the source, the commit, and what aml puts into MLFLOW_RUN_CONTEXT
    except ImportError:
        known = json.loads(os.environ.get("MLFLOW_RUN_CONTEXT") or "{}")
    named = {"mlflow.runName": name} if name else {}
    run = client.create_run(experiment, start_time=int(time.time() * 1000), tags={**known, **named, **tags})
    return Tracked(client, run.info.run_id, True)
