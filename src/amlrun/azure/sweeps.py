"""What a workspace says of a sweep: its settings, its trials and what they reported.

The trials are the runs whose tag `mlflow.parentRunId` is the sweep's, as Microsoft documents for MLflow's search; one
request answers for a thousand of them.
"""

from __future__ import annotations

import json
import re
from functools import cached_property
from typing import Any

from amlrun.azure import record
from amlrun.azure.client import Client
from amlrun.dataclass import dataclass
from amlrun.errors import SERVICE, AmlError
from amlrun.runs import store as runs
from amlrun.spec.job import CommandJob, EarlyTermination, Limits, Objective, Parameter, Sampling, Scalar, SweepJob

# MLflow's states by v1's names.
_STATES = {"FINISHED": "Completed", "FAILED": "Failed", "KILLED": "Canceled", "RUNNING": "Running"}
_PAGE = 1000
Space = dict[str, Parameter]
# How the REST body's positional arguments are called in the YAML.
_ARGUMENTS: dict[str, tuple[str, ...]] = {
    "choice": ("values",),
    "randint": ("upper",),
    "uniform": ("min_value", "max_value"),
    "normal": ("mu", "sigma"),
}


@dataclass(frozen=True)
class TrialInfo:
    """One trial as the workspace has it now: `metrics` are the last values, `values` the parameters it was given."""

    id: str
    number: int
    state: str
    values: dict[str, Scalar]
    metrics: dict[str, float]
    started: str | None
    ended: str | None


def read(job: dict[str, Any]) -> SweepJob:
    """The sweep that a job of the service is; of its trial only what a watcher needs. Raises AmlError."""
    reply = job.get("properties") or {}
    try:
        objective = reply["objective"]
        space = {name: _parameter(name, *one) for name, one in reply["searchSpace"].items()}
        goal = str(objective["goal"]).lower()
        made = SweepJob(CommandJob(), Objective(str(objective["primaryMetric"]), "maximize"), space)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise AmlError(f"the service's description of {job.get('name')} is not a sweep's", exit_code=3) from error
    if goal == "minimize":
        made.objective.goal = "minimize"
    kind = str((reply.get("samplingAlgorithm") or {}).get("samplingAlgorithmType") or "").lower()
    made.sampling_algorithm = Sampling("grid" if kind == "grid" else "bayesian" if kind == "bayesian" else "random")
    limits = reply.get("limits") or {}
    made.limits = Limits(
        max_total_trials=limits.get("maxTotalTrials"), max_concurrent_trials=limits.get("maxConcurrentTrials")
    )
    if reply.get("earlyTermination"):
        made.early_termination = EarlyTermination(str(reply["earlyTermination"].get("policyType")).lower())
    return made


def _parameter(name: str, kind: str, arguments: list[Any]) -> Parameter:
    names = _ARGUMENTS.get(kind)
    if names is None:
        names = (*_ARGUMENTS["normal" if kind.endswith("normal") else "uniform"], "q")
    return Parameter(kind, f"--{name}", **dict(zip(names, arguments)))


def best_child(job: dict[str, Any]) -> str | None:
    """The id of a sweep's best trial, once the service has named it."""
    found = ((job.get("properties") or {}).get("properties") or {}).get("best_child_run_id")
    return str(found) if found else None


class Reader:
    """Asks for one sweep's trials and reports; what does not change is asked once."""

    def __init__(self, client: Client, run: runs.RunFolder) -> None:
        self._client, self._run = client, run
        self._experiment: str | None = None

    @cached_property
    def _host(self) -> str:
        return record.history_host(self._client, self._run)

    def trials(self, job: dict[str, Any], space: Space) -> list[TrialInfo]:
        """The trials that there are so far, by number; `job` is the sweep as the service describes it now.

        Raises AmlError, also when a sweep that has completed has no experiment.
        """
        reply = job.get("properties") or {}
        if self._experiment is None:
            self._experiment = experiment_id(self._client, self._host, str(reply.get("experimentName") or "Default"))
        if self._experiment is None:
            if reply.get("status") == "Completed":
                why = f"404, no experiment {reply.get('experimentName')} there"
                raise AmlError(f"could not list {self._run.id}'s trials: {why}", exit_code=SERVICE)
            return []
        wanted, doing = f"tags.mlflow.parentRunId = '{self._run.id}'", f"list {self._run.id}'s trials"
        found = {}
        for one in search(self._client, self._host, self._experiment, wanted, doing):
            trial = _found(one, self._run.id, reply.get("tags") or {}, space)
            if trial is not None:
                found[trial.number] = trial
        return [found[number] for number in sorted(found)]

    def reports(self, name: str, metric: str) -> list[float]:
        """Everything that a trial has reported of a metric, in order."""
        found: list[float] = []
        token = ""
        while True:
            params = {"run_id": name, "metric_key": metric, **({"page_token": token} if token else {})}
            doing, path = f"read the reports of {name}", f"{_api(self._client)}/metrics/get-history"
            reply = self._client.ask(doing, "GET", path, host=self._host, params=params, accept=(404,)) or {}
            found += [float(one["value"]) for one in reply.get("metrics") or []]
            token = reply.get("next_page_token") or ""
            if not token:
                return found


def experiment_id(client: Client, host: str, name: str) -> str | None:
    """MLflow's id of an experiment; None when there is none of that name."""
    path, params = f"{_api(client)}/experiments/get-by-name", {"experiment_name": name}
    reply = client.ask(f"find the experiment {name}", "GET", path, host=host, params=params, accept=(404,))
    return str(reply["experiment"]["experiment_id"]) if reply else None


def search(client: Client, host: str, experiment: str, wanted: str, doing: str) -> list[dict[str, Any]]:
    """The runs of an experiment that MLflow's filter `wanted` picks, page after page."""
    found: list[dict[str, Any]] = []
    token = ""
    while True:
        body = {"experiment_ids": [experiment], "filter": wanted, "max_results": _PAGE}
        body |= {"page_token": token} if token else {}
        reply = client.ask(doing, "POST", f"{_api(client)}/runs/search", host=host, body=body) or {}
        found += reply.get("runs") or []
        token = reply.get("next_page_token") or ""
        if not token:
            return found


def _api(client: Client) -> str:
    return f"/mlflow/v1.0{client.workspace.arm}/api/2.0/mlflow"


def _found(run: dict[str, Any], sweep_id: str, parent_tags: dict[str, Any], space: Space) -> TrialInfo | None:
    info, data = run.get("info") or {}, run.get("data") or {}
    name = str(info.get("run_id"))
    number = re.fullmatch(re.escape(sweep_id) + r"_(\d+)", name)
    if number is None:
        return None  # something that a trial's script started under the sweep
    tags = {str(one["key"]): one.get("value") for one in data.get("tags") or []}
    return TrialInfo(
        name,
        int(number[1]),
        _STATES.get(str(info.get("status")), "Queued"),
        # The service has kept a trial's values in each of these places.
        values(space, tags.get("hyperparameters"), parent_tags.get(f"_aml_system_{name}"), parent_tags.get(name)),
        metrics(run),
        _time(info.get("start_time")),
        _time(info.get("end_time")),
    )


def metrics(run: dict[str, Any]) -> dict[str, float]:
    """The last values of a run that MLflow's search found."""
    return {str(one["key"]): float(one["value"]) for one in (run.get("data") or {}).get("metrics") or []}


def values(space: Space, *texts: Any) -> dict[str, Scalar]:
    """A trial's parameters from the first text that is a JSON object: its names may have v1's dashes, its numbers may
    be texts. What is no value of the search space is left out.
    """
    for text in texts:
        named = _object(text)
        if named:
            pairs = ((name, _value(parameter, named.get(name))) for name, parameter in space.items())
            return {name: value for name, value in pairs if value is not None}
    return {}


def _value(parameter: Parameter, reply: Any) -> Scalar | None:
    if parameter.type == "choice":
        known = {_folded(value): value for value in parameter.values or []}
        return known.get(_folded(reply))
    if isinstance(reply, int) and not isinstance(reply, bool):
        return reply
    try:
        return float(reply)
    except (TypeError, ValueError):
        return None


def _folded(value: Any) -> Any:
    """A value without its spelling: 1, 1.0 and "1" are one choice, true and "True" too."""
    try:
        return float(value) if not isinstance(value, bool) else str(value).lower()
    except (TypeError, ValueError):
        return str(value).lower()


def _time(milliseconds: Any) -> str | None:
    from datetime import datetime, timezone

    try:
        at = datetime.fromtimestamp(int(milliseconds) / 1000, timezone.utc)
    except (TypeError, ValueError, OverflowError, OSError):
        return None
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def completed(client: Client, experiment: str, metric: str) -> list[dict[str, Any]]:
    """The completed runs of an experiment of the workspace that logged a metric, whoever submitted them."""
    host = record.history_host(client)
    number = experiment_id(client, host, experiment)
    found = []
    for run in search(client, host, number, "", f"list the runs of {experiment}") if number else []:
        info, value = run.get("info") or {}, metrics(run).get(metric)
        if info.get("status") != "FINISHED" or value is None or value != value:
            continue
        tags = {str(one["key"]): one.get("value") for one in (run.get("data") or {}).get("tags") or []}
        about = {"run_id": str(info.get("run_id")), "_experiment_name": experiment, "status": "Completed"}
        found.append({**about, "metrics": {metric: value}, "hyperparameters": _object(tags.get("hyperparameters"))})
    return found


def _object(text: Any) -> dict[str, Any]:
    """A JSON object's pairs, without the dashes that v1's names have; none when it is not one."""
    try:
        reply = json.loads(text)
    except (TypeError, ValueError):
        return {}
    return {str(name).lstrip("-"): value for name, value in reply.items()} if isinstance(reply, dict) else {}
