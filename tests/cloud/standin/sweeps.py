"""Sweep jobs: the trials are drawn here, and each runs for real as a child job `<sweep>_N` of its own.

The parent's properties (`best_child_run_id`, `score` as text, `best_metric_status`) are those that published run
details of the service show; the tags that start with `_aml_system_` are named in the recorded exchange.
"""

from __future__ import annotations

import itertools
import json
import math
import random
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from standin.executor import FINAL, KINDS, Job
from standin.network import Reply
from standin.plane import Plane, Refusal, Workspace, _json
from standin.shapes import now

Values = dict[str, Any]
_MLFLOW_STATES = {"Completed": "FINISHED", "Failed": "FAILED", "Canceled": "KILLED", "Running": "RUNNING"}
_MOST = 1000


class Trial(Job):
    """A trial: a command job whose reports can be read while it runs."""

    def __init__(self, plane: Plane, workspace: Workspace, name: str, said: Values, values: Values) -> None:
        super().__init__(plane, workspace, name, said)
        self.values = values
        self._database: Path | None = None
        self._kept: list[tuple[str, float, int]] | None = None

    @property
    def reports(self) -> list[tuple[str, float, int]]:
        """Name, value and step of everything that the script has logged so far."""
        if self._kept is not None:
            return self._kept
        return [] if self._database is None else _reports(self._database)

    def _variables(self, database: Path, command: str, results: dict[str, Path], folder: Path) -> dict[str, str]:
        self._database = database
        own = {f"AZUREML_SWEEP_{name}": str(value) for name, value in self.values.items()}
        return {**super()._variables(database, command, results, folder), **own}

    def _read_metrics(self, database: Path) -> None:
        self._kept = _reports(database)
        self.metrics = {key: value for key, value, _ in self._kept}


def _reports(database: Path) -> list[tuple[str, float, int]]:
    if not database.exists():
        return []
    try:
        with closing(sqlite3.connect(database, timeout=60)) as connection:
            rows = connection.execute("SELECT key, value, step, is_nan FROM metrics ORDER BY rowid").fetchall()
    except sqlite3.OperationalError:
        return []  # MLflow has not made its tables yet
    return [(key, math.nan if nan else float(value), int(step)) for key, value, step, nan in rows]


class Sweep(Job):
    """A sweep job; its thread starts the trials, stops the hopeless, and names the best."""

    def __init__(self, plane: Plane, workspace: Workspace, name: str, said: Values) -> None:
        super().__init__(plane, workspace, name, said)
        _refuse(said)
        self.limits, self.metric = said.get("limits") or {}, said["objective"]["primaryMetric"]
        self.sign = 1 if str(said["objective"]["goal"]).lower() == "maximize" else -1
        self.trials: list[Trial] = []
        said["tags"] = {
            **(said.get("tags") or {}),
            "_aml_system_max_concurrent_jobs": str(self.limits.get("maxConcurrentTrials") or ""),
            "_aml_system_max_total_jobs": str(self.limits.get("maxTotalTrials") or ""),
            "_aml_system_primary_metric_config": json.dumps({"name": self.metric, "goal": said["objective"]["goal"]}),
            "_aml_system_generator_config": json.dumps({"parameter_space": said["searchSpace"]}),
        }
        said["properties"] = {**(said.get("properties") or {}), "runTemplate": "HyperDrive"}

    def cancel(self) -> None:
        super().cancel()
        for trial in self.trials:
            if trial.status not in FINAL:
                trial.cancel()

    def _run(self) -> None:
        try:
            self.started, self.status = now(), "Running"
            self._log("Experiment created")
            draws = self._draws()
            together = int(self.limits.get("maxConcurrentTrials") or _MOST)
            while not self._cancel.wait(0.05):
                running = [trial for trial in self.trials if trial.status not in FINAL]
                for trial in running:
                    self._judge(trial)
                if len(running) < together:
                    values = next(draws, None)
                    if values is not None:
                        self._start(values)
                    elif not running:
                        break
            for trial in self.trials:
                trial.done.wait()
            ended = self._outcome()
        except Exception as problem:
            ended, self.error = "Failed", f"the stand-in could not run the sweep: {problem!r}"
        self.ended, self.status = now(), ended
        self.done.set()

    def _draws(self) -> Iterator[Values]:
        space, total = self.said["searchSpace"], int(self.limits.get("maxTotalTrials") or _MOST)
        sampling = self.said["samplingAlgorithm"]
        if sampling["samplingAlgorithmType"] == "Grid":
            rows = itertools.product(*(arguments[0] for _, arguments in space.values()))
            return itertools.islice((dict(zip(space, row)) for row in rows), total)
        chance = random.Random(sampling.get("seed"))  # noqa: S311
        return ({name: _draw(chance, *one) for name, one in space.items()} for _ in range(total))

    def _start(self, values: Values) -> None:
        name = f"{self.name}_{len(self.trials)}"
        kept = ("experimentName", "computeId", "inputs", "outputs", "identity")
        command = str(self.said["trial"]["command"])
        for parameter, value in values.items():
            binding = r"\$\{\{\s*search_space\." + re.escape(parameter) + r"\s*\}\}"
            command = re.sub(binding, lambda _, v=value: str(v), command)
        said = {key: self.said[key] for key in kept if self.said.get(key) is not None}
        said |= {key: item for key, item in self.said["trial"].items() if item is not None}
        said |= {"jobType": "Command", "command": command, "parentJobName": self.name, "displayName": name}
        said["tags"] = {"hyperparameters": json.dumps(values)}
        trial = Trial(self.plane, self.workspace, name, said, values)
        with self.plane._lock:
            self.workspace.jobs[name] = trial
            self.trials.append(trial)
            self.said["tags"][f"_aml_system_{name}"] = json.dumps(values)
        self._log(f"Successfully scheduled a job. Id='{name}'")
        trial.start()

    def _judge(self, trial: Trial) -> None:
        """Bandit with a slack factor, on metrics above zero: enough to see trials that are stopped.

        The others count with as many reports as this one has.
        """
        policy = self.said.get("earlyTermination") or {}
        values = self._values(trial)
        if policy.get("policyType") != "Bandit" or len(values) < max(int(policy.get("delayEvaluation") or 0), 1):
            return
        best = max(self.sign * value for other in self.trials for value in self._values(other)[: len(values)])
        if max(self.sign * value for value in values) * (1 + float(policy.get("slackFactor") or 0)) < best:
            trial.cancel()

    def _values(self, trial: Trial) -> list[float]:
        return [value for key, value, _ in trial.reports if key == self.metric and not math.isnan(value)]

    def _outcome(self) -> str:
        if self._cancel.is_set():
            return "Canceled"
        if all(trial.status == "Failed" for trial in self.trials):
            self.error = "User errors were found in at least one of the child runs."
            return "Failed"
        usable = [trial for trial in self.trials if trial.status == "Completed" and self._values(trial)]
        if usable:
            best = max(usable, key=lambda trial: max(self.sign * value for value in self._values(trial)))
            score = self.sign * max(self.sign * value for value in self._values(best))
            found = {"best_child_run_id": best.name, "score": repr(score), "best_metric_status": "Succeeded"}
            self.said["properties"] |= {**found, "best_data_container_id": f"dcid.{best.name}"}
        return "Completed"

    def _log(self, text: str) -> None:
        container = self.blobs.container(self.workspace.container("workspaceartifactstore"))
        blob = container.get_blob_client(f"ExperimentRun/dcid.{self.name}/azureml-logs/hyperdrive.txt")
        self._text = getattr(self, "_text", "") + f"[{now()}][API][INFO]{text}\n"
        blob.upload_blob(self._text.encode(), overwrite=True)


KINDS["Sweep"] = Sweep


def _refuse(said: Values) -> None:
    """What the service refuses of a sweep: names with `.` or `/`, and a command that names no parameter of it."""
    space = said.get("searchSpace") or {}
    if not space:
        raise Refusal(400, "UserError", "SearchSpace is required.")
    for name in space:
        if re.search(r"[./]", name):
            raise Refusal(400, "UserError", f"Parameter name '{name}' must not contain '.' or '/'.")
    for name in re.findall(r"\$\{\{\s*search_space\.([^}\s]+)\s*\}\}", str((said.get("trial") or {}).get("command"))):
        if name not in space:
            raise Refusal(400, "UserError", f"search_space.{name} is not defined.")


def _draw(chance: random.Random, kind: str, arguments: list[Any]) -> Any:
    if kind == "choice":
        return chance.choice(arguments[0])
    if kind == "randint":
        return chance.randrange(arguments[0])
    low, high, *step = arguments
    drawn = chance.gauss(low, high) if kind.endswith("normal") else chance.uniform(low, high)
    drawn = math.exp(drawn) if "log" in kind else drawn
    return round(drawn / step[0]) * step[0] if step else drawn


def experiment_by_name(plane: Plane, ws: Workspace, query: dict[str, str], body: Any) -> Reply:
    name = query["experiment_name"]
    if not any(_experiment(job) == name for job in ws.jobs.values()):
        return _json(404, {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": f"no experiment {name}"})
    return _json(200, {"experiment": {"experiment_id": f"id-{name}", "name": name, "lifecycle_stage": "active"}})


def _experiment(job: Job) -> str:
    return str(job.said.get("experimentName") or "Default")


def search_runs(plane: Plane, ws: Workspace, query: dict[str, str], body: Any) -> Reply:
    """Runs of experiments, all or a run's children: the one filter that is played."""
    strangers = body.keys() - {"experiment_ids", "filter", "max_results", "page_token", "order_by", "run_view_type"}
    parent = re.fullmatch(r"\s*|tags\.mlflow\.parentRunId\s*=\s*'([^']+)'", body.get("filter") or "")
    if strangers or parent is None or not body.get("experiment_ids"):
        return _json(400, {"error_code": "INVALID_PARAMETER_VALUE", "message": f"not understood: {body}"})
    found = [job for job in ws.jobs.values() if f"id-{_experiment(job)}" in body["experiment_ids"]]
    if parent[1]:
        found = [job for job in found if job.said.get("parentJobName") == parent[1]]
    first, most = int(body.get("page_token") or 0), int(body.get("max_results") or 100)
    page = found[::-1][first : first + most]
    more = {"next_page_token": str(first + most)} if len(found) > first + most else {}
    return _json(200, {"runs": [_run(job) for job in page], **more})


def _run(job: Job) -> Values:
    metrics = {key: value for key, value, _ in job.reports} if isinstance(job, Trial) else job.metrics
    tags = {**(job.said.get("tags") or {}), "mlflow.rootRunId": job.name}
    if job.said.get("parentJobName"):
        tags |= {"mlflow.parentRunId": job.said["parentJobName"], "mlflow.rootRunId": job.said["parentJobName"]}
    info = {"run_id": job.name, "run_uuid": job.name, "experiment_id": f"id-{_experiment(job)}"}
    info |= {"status": _MLFLOW_STATES.get(job.status, "SCHEDULED"), "lifecycle_stage": "active"}
    return {
        "info": {**info, "start_time": _milliseconds(job.started), "end_time": _milliseconds(job.ended)},
        "data": {
            "metrics": [{"key": key, "value": _number(value)} for key, value in metrics.items()],
            "tags": [{"key": key, "value": str(value)} for key, value in tags.items()],
            "params": [],
        },
    }


def _milliseconds(at: str | None) -> int | None:
    from datetime import datetime

    return None if at is None else int(datetime.fromisoformat(at).timestamp() * 1000)


def _number(value: float) -> Any:
    # JSON has no NaN: protobuf's JSON, which MLflow's REST is, writes the word.
    return value if math.isfinite(value) else {math.inf: "Infinity", -math.inf: "-Infinity"}.get(value, "NaN")


def metric_history(plane: Plane, ws: Workspace, query: dict[str, str], body: Any) -> Reply:
    job = ws.jobs.get(query["run_id"])
    if job is None:
        return _json(404, {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": f"no run {query['run_id']}"})
    reports = job.reports if isinstance(job, Trial) else []
    first, most = int(query.get("page_token") or 0), int(query.get("max_results") or 25000)
    found = [
        {"key": key, "value": _number(value), "step": step, "timestamp": at}
        for at, (key, value, step) in enumerate(reports)
        if key == query["metric_key"]
    ]
    more = {"next_page_token": str(first + most)} if len(found) > first + most else {}
    return _json(200, {"metrics": found[first : first + most], **more})


ROUTES: list[Any] = [
    ("mlflow", "GET", "/api/2.0/mlflow/experiments/get-by-name", "", experiment_by_name),
    ("mlflow", "POST", "/api/2.0/mlflow/runs/search", "", search_runs),
    ("mlflow", "GET", "/api/2.0/mlflow/metrics/get-history", "", metric_history),
]
