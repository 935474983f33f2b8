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
# So many results before the estimator is asked: of all trials, and of an algorithm's own.
_STARTUP, _OWN_STARTUP = 8, 3


class Proposals:
    """Draws trials of a task's `algorithms`; `goal` is maximize or minimize.

    One study is of the algorithms, and each algorithm has one of its parameters: a draw asks two of them. Optuna's
    `group=True` means the same, and draws from the parameters of all algorithms each time.
    """

    def __init__(self, task: str, algorithms: Sequence[str], goal: str, seed: int) -> None:
        self._optuna = load_optuna()
        made = self._optuna.distributions
        known = ALGORITHMS[task]
        self._first = {name: known[name]["first"] for name in algorithms}
        self._spaces = {
            name: {parameter: self._distribution(*space) for parameter, space in known[name]["space"].items()}
            for name in algorithms
        }
        self._names = {"algorithm": made.CategoricalDistribution(list(algorithms))}
        self._algorithms = list(algorithms)
        self._seed = seed
        self._goal = goal
        self._choice = self._optuna.create_study(direction=goal)
        self._studies = {name: self._optuna.create_study(direction=goal) for name in algorithms}
        self._told: set[int] = set()
        self._worst: float | None = None

    def draw(self, number: int, results: Mapping[int, tuple[Values, float | None]]) -> Values:
        """The values of trial `number`. `results` has those of the trials to learn from (None: it failed)."""
        if number < len(self._algorithms):
            name = self._algorithms[number]
            return values(name, self._first[name])
        for known in sorted(results.keys() - self._told):
            self._tell(known, *results[known])
        seed = zlib.crc32(f"{self._seed}/{number}".encode())
        name = self._ask(self._choice, self._names, seed, _STARTUP)["algorithm"]
        return values(name, self._ask(self._studies[name], self._spaces[name], seed, _OWN_STARTUP))

    def _ask(self, study: Any, space: Mapping[str, Any], seed: int, startup: int) -> dict[str, Any]:
        """Values drawn from a study by a Parzen estimator over all of its parameters together."""

        class Sampler(self._optuna.samplers.TPESampler):  # type: ignore[misc, name-defined]
            def infer_relative_search_space(self, study: Any, trial: Any) -> dict[str, Any]:
                """The space is known; Optuna would look through all trials for it."""
                return {name: one for name, one in space.items() if not one.single()}

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Optuna calls that experimental, each time
            study.sampler = Sampler(seed=seed, multivariate=True, n_startup_trials=startup)
        trial = study.ask(dict(space))
        # What the study knows are the results alone: a draw under way leaves no trace in the next.
        study.tell(trial, state=self._optuna.trial.TrialState.FAIL)
        return dict(trial.params)

    def _tell(self, number: int, drawn: Values, metric: float | None) -> None:
        """A trial that failed counts as the worst so far, so that the same is not drawn again."""
        self._told.add(number)
        pick = min if self._goal == "maximize" else max
        useful = metric is not None and math.isfinite(metric)
        if metric is not None and useful:
            self._worst = metric if self._worst is None else pick(self._worst, metric)
        elif self._worst is None:
            return
        name, value = str(drawn["algorithm"]), metric if useful else self._worst
        create = self._optuna.trial.create_trial
        self._choice.add_trial(create(params={"algorithm": name}, distributions=self._names, value=value))
        parameters, space = json.loads(str(drawn["parameters"])), self._spaces[name]
        params = {parameter: parameters[parameter] for parameter in space}
        self._studies[name].add_trial(create(params=params, distributions=space, value=value))

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
