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
# An estimator's time grows with what it knows: of all but the latest one or two hundred results it knows the best.
_BEST = 100


class Proposals:
    """Draws trials of a task's `algorithms`; `goal` is maximize or minimize.

    One estimator is of the algorithms, and each algorithm has one of its parameters: a draw asks two of them. Optuna's
    `group=True` means the same, and draws from the parameters of all algorithms each time.
    """

    def __init__(self, task: str, algorithms: Sequence[str], goal: str, seed: int) -> None:
        self._optuna = load_optuna()
        made = self._optuna.distributions
        known = ALGORITHMS[task]
        self._first = {name: known[name]["first"] for name in algorithms}
        spaces = {
            name: {parameter: self._distribution(*space) for parameter, space in known[name]["space"].items()}
            for name in algorithms
        }
        names = {"algorithm": made.CategoricalDistribution(list(algorithms))}
        self._algorithms = list(algorithms)
        self._seed = seed
        self._goal = goal
        self._choice = _Estimator(self._optuna, goal, names, _STARTUP)
        self._own = {name: _Estimator(self._optuna, goal, spaces[name], _OWN_STARTUP) for name in algorithms}
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
        name = self._choice.draw(seed)["algorithm"]
        return values(name, self._own[name].draw(seed))

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
        self._choice.add({"algorithm": name}, value)
        self._own[name].add(json.loads(str(drawn["parameters"])), value)

    def _distribution(self, kind: str, *arguments: Any) -> Any:
        made = self._optuna.distributions
        if kind == "choice":
            return made.CategoricalDistribution(list(arguments))
        if kind in ("int", "logint"):
            return made.IntDistribution(*arguments, log=kind == "logint")
        return made.FloatDistribution(*arguments, log=kind == "log")


class _Estimator:
    """Optuna's Parzen estimator over all parameters of a `space` together."""

    def __init__(self, optuna: Any, goal: str, space: Mapping[str, Any], startup: int) -> None:
        self._optuna, self._goal, self._space, self._startup = optuna, goal, dict(space), startup
        self._results: list[Any] = []
        self._study = optuna.create_study(direction=goal)

    def add(self, parameters: Mapping[str, Any], value: float | None) -> None:
        """Take in a result. What is known then follows from the results alone, in their order."""
        known = {name: parameters[name] for name in self._space}
        create = self._optuna.trial.create_trial
        self._results.append(create(params=known, distributions=self._space, value=value))
        self._study.add_trial(self._results[-1])
        if len(self._results) % _BEST == 0:
            last = len(self._results) - _BEST
            ranked = sorted(self._results[:last], key=lambda one: one.value, reverse=self._goal == "maximize")
            self._study = self._optuna.create_study(direction=self._goal)
            self._study.add_trials([*ranked[:_BEST], *self._results[last:]])

    def draw(self, seed: int) -> dict[str, Any]:
        """New parameters; a draw leaves no trace in the next."""
        space = {name: one for name, one in self._space.items() if not one.single()}

        class Sampler(self._optuna.samplers.TPESampler):  # type: ignore[misc, name-defined]
            def infer_relative_search_space(self, study: Any, trial: Any) -> dict[str, Any]:
                """The space is known; Optuna would look through all trials for it."""
                return space

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Optuna calls that experimental, each time
            self._study.sampler = Sampler(seed=seed, multivariate=True, n_startup_trials=self._startup)
        trial = self._study.ask(self._space)
        self._study.tell(trial, state=self._optuna.trial.TrialState.FAIL)
        return dict(trial.params)


def values(algorithm: str, parameters: Mapping[str, Any]) -> Values:
    """A trial's values as they stand on its command line: floats with twelve digits."""
    rounded = {name: float(f"{one:.12g}") if isinstance(one, float) else one for name, one in parameters.items()}
    return {"algorithm": algorithm, "parameters": json.dumps(rounded)}
