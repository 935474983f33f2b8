"""What a search leaves in its `outputs/`, and what is said of its trials."""

from __future__ import annotations

import json
from typing import Any

from amlrun.spec.job import Parameter
from amlrun.sweep import results
from amlrun.sweep.progress import SweepState
from amlrun.sweep.store import Trial
from amlrun.workers.automl.spaces import BEST, STACK, VOTE


def write(search: SweepState, best: Trial | None) -> None:
    """As a sweep's results; in the pictures a trial is its algorithm."""
    job = search.settings.job
    space = job.search_space
    names = [*dict.fromkeys(str(one.values["algorithm"]) for one in search.trials.values())]
    job.search_space = {"algorithm": Parameter("choice", "--algorithm", values=[*names])}
    try:
        results.write(search, best, ["algorithm", "parameters", "seconds"])
    finally:
        job.search_space = space


def seconds(trial: Trial) -> float:
    """How long a trial took."""
    return float(trial.run.part("exit").get("seconds", 0.0))


def recipe(trial: Trial) -> dict[str, Any]:
    """The algorithm and parameters of a trial; of an ensemble with the weights that it found."""
    parameters = json.loads(str(trial.values["parameters"]))
    if trial.values["algorithm"] == VOTE:
        found = trial.run.private / "ensemble.json"
        parameters = json.loads(found.read_text(encoding="utf-8"))
    return {"algorithm": trial.values["algorithm"], "parameters": parameters}


def describe(trial: Trial, metric: str) -> str:
    """A trial's end in one line."""
    score = "no metric" if trial.best is None else f"{metric} {trial.best:.6g}"
    why = f": {why_of(trial)}" if trial.why or trial.state == "Failed" else ""
    return f"trial {trial.number} {trial.state}{why}; {score}; {recipe_line(trial)}"


def why_of(trial: Trial) -> str:
    """Why a trial failed: where its script says so, the last line of its log."""
    from amlrun.targets.run_log import last_line

    own = trial.why.startswith("the script ended with exit code")
    return (last_line(trial.run) if own else "") or trial.why


def recipe_line(trial: Trial) -> str:
    """What a trial was, in one line."""
    name = str(trial.values.get("algorithm", ""))
    parameters = json.loads(str(trial.values.get("parameters") or "{}"))
    if name == BEST:
        return f"{parameters['algorithm']} of trial {parameters['trial']}, trained on all rows"
    if name in (VOTE, STACK):
        return f"{name} of {', '.join(one['algorithm'] for one in parameters['members'])}"
    return " ".join([name, *(f"{key}={_short(value)}" for key, value in parameters.items())])


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
