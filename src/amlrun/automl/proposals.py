"""Which algorithm and parameters the next trial gets: each algorithm once with its first ones, then Optuna's TPE.

So that a seed repeats a search whatever finishes first, trial n is drawn from the results of trials well before it
(more than run side by side), and only these, and each draw has its own seed.
"""

from __future__ import annotations

import json
import math
import warnings
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

from amlrun.spec.job import Scalar
from amlrun.sweep.samplers import load_optuna
from amlrun.workers.automl.spaces import ALGORITHMS

Values = dict[str, Scalar]
_STARTUP = 8


class Proposals:
    """Draws trials of a task's `algorithms`; `goal` is maximize or minimize."""

    def __init__(self, task: str, algorithms: Sequence[str], goal: str, seed: int) -> None:
        self._optuna = load_optuna()
        self._known = ALGORITHMS[task]
        self._algorithms = list(algorithms)
        self._seed = seed
        self._goal = goal
        self._study = self._optuna.create_study(direction=goal)
        self._told: set[int] = set()
        self._worst: float | None = None

    def draw(self, number: int, results: Mapping[int, tuple[Values, float | None]]) -> Values:
        """The values of trial `number`. `results` has those of the trials to learn from (None: it failed)."""
        if number < len(self._algorithms):
            name = self._algorithms[number]
            return values(name, self._known[name]["first"])
        for known in sorted(results.keys() - self._told):
            self._tell(known, *results[known])
        self._study.sampler = self._sampler(zlib.crc32(f"{self._seed}/{number}".encode()))
        trial = self._study.ask()
        name = trial.suggest_categorical("algorithm", self._algorithms)
        found = {
            parameter: self._suggest(trial, f"{name}.{parameter}", *space)
            for parameter, space in self._known[name]["space"].items()
        }
        # What the study knows are the results alone: a draw under way leaves no trace in the next.
        self._study.tell(trial, state=self._optuna.trial.TrialState.FAIL)
        return values(name, found)

    def _sampler(self, seed: int) -> Any:
        """A Parzen estimator over each algorithm's parameters together; Optuna calls that experimental, each time."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return self._optuna.samplers.TPESampler(seed=seed, multivariate=True, group=True, n_startup_trials=_STARTUP)

    def _suggest(self, trial: Any, name: str, kind: str, *arguments: Any) -> Any:
        if kind == "choice":
            return trial.suggest_categorical(name, list(arguments))
        if kind in ("int", "logint"):
            return trial.suggest_int(name, *arguments, log=kind == "logint")
        return trial.suggest_float(name, *arguments, log=kind == "log")

    def _tell(self, number: int, drawn: Values, metric: float | None) -> None:
        """A trial that failed counts as the worst so far, so that the same is not drawn again."""
        self._told.add(number)
        pick = min if self._goal == "maximize" else max
        if metric is not None and math.isfinite(metric):
            self._worst = metric if self._worst is None else pick(self._worst, metric)
        elif self._worst is None:
            return
        name = str(drawn["algorithm"])
        parameters = json.loads(str(drawn["parameters"]))
        distributions = {"algorithm": self._optuna.distributions.CategoricalDistribution(self._algorithms)}
        params: dict[str, Any] = {"algorithm": name}
        for parameter, space in self._known[name]["space"].items():
            distributions[f"{name}.{parameter}"] = self._distribution(*space)
            params[f"{name}.{parameter}"] = parameters[parameter]
        useful = metric is not None and math.isfinite(metric)
        self._study.add_trial(
            self._optuna.trial.create_trial(
                params=params, distributions=distributions, value=metric if useful else self._worst
            )
        )

    def _distribution(self, kind: str, *arguments: Any) -> Any:
        made = self._optuna.distributions
        if kind == "choice":
            return made.CategoricalDistribution(list(arguments))
        if kind in ("int", "logint"):
            return made.IntDistribution(*arguments, log=kind == "logint")
        return made.FloatDistribution(*arguments, log=kind == "log")


def values(algorithm: str, parameters: Mapping[str, Any]) -> Values:
    """A trial's values as they stand on its command line: floats with twelve digits."""
    rounded = {name: float(f"{one:.12g}") if isinstance(one, float) else one for name, one in parameters.items()}
    return {"algorithm": algorithm, "parameters": json.dumps(rounded)}
