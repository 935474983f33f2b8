"""Which values the next trial gets: Optuna's samplers behind HyperDrive's three (and Sobol's rule).

Random, Sobol and grid know all their trials before the first one runs. Bayesian learns from ended trials; so that
a seed repeats a sweep whatever finishes first, trial n is drawn from the results of the trials before n minus
the number that run side by side, and only these, and each draw has its own seed.
"""

from __future__ import annotations

import itertools
import math
import zlib
from collections.abc import Mapping
from typing import Any

from amlrun.errors import AmlError
from amlrun.spec.job import Parameter, Sampling, Scalar, SweepJob
from amlrun.spec.search_space import MOST_TRIALS
from amlrun.sweep.space import quantised, value_at

Values = dict[str, Scalar]


def total_trials(job: SweepJob) -> int:
    """How many trials the sweep has: the file's number (1,000 when it says none), for a grid at most its points."""
    total = min(job.limits.max_total_trials or MOST_TRIALS, MOST_TRIALS)
    if job.sampling_algorithm.type == "grid":
        return min(total, math.prod(len(parameter.values or []) for parameter in job.search_space.values()))
    return total


def planned(sampling: Sampling, space: Mapping[str, Parameter], count: int, seed: int) -> list[Values]:
    """All `count` trials' values of a random, Sobol or grid sweep; bayesian has to see results.

    A grid runs through its points in the order of the file, the last parameter turning fastest; when `count` is
    smaller than the grid, the first `count` of them.
    """
    if sampling.type == "grid":
        points = itertools.product(*(parameter.values or [] for parameter in space.values()))
        return [dict(zip(space, point)) for point in itertools.islice(points, count)]
    optuna = load_optuna()
    sobol = sampling.rule == "sobol"
    if sobol:
        sampler = optuna.samplers.QMCSampler(
            qmc_type="sobol", scramble=True, seed=seed, warn_independent_sampling=False
        )
    else:
        sampler = optuna.samplers.RandomSampler(seed=seed)
    study = optuna.create_study(sampler=sampler)
    quantiles = {name: optuna.distributions.FloatDistribution(0.0, 1.0) for name in space}
    if sobol:
        # Optuna draws a study's first trial without the sequence: this one is thrown away.
        study.add_trial(optuna.trial.create_trial(params=dict.fromkeys(space, 0.5), distributions=quantiles, value=0))
    found = []
    for _ in range(count):
        trial = study.ask(quantiles)
        found.append({name: value_at(parameter, trial.params[name]) for name, parameter in space.items()})
        study.tell(trial, state=optuna.trial.TrialState.FAIL)
    return found


class Bayesian:
    """Draws by a Parzen estimator (Optuna's TPE) that maximises or minimises the trials' best metric."""

    def __init__(self, space: Mapping[str, Parameter], goal: str, seed: int) -> None:
        self._optuna = load_optuna()
        self._space = space
        self._seed = seed
        self._study = self._optuna.create_study(direction=goal)
        self._known: set[int] = set()
        distributions = self._optuna.distributions
        self._distributions: dict[str, Any] = {}
        for name, parameter in space.items():
            if parameter.type == "choice":
                # By position: Optuna would take 1, 1.0 and True for one choice.
                positions = range(len(parameter.values or []))
                self._distributions[name] = distributions.CategoricalDistribution(list(positions))
            else:
                low, high = parameter.min_value or 0.0, parameter.max_value or 0.0
                self._distributions[name] = distributions.FloatDistribution(low, high)

    def draw(
        self, number: int, results: Mapping[int, tuple[dict[str, Any], float | None]]
    ) -> tuple[dict[str, Any], Values]:
        """Trial `number`'s raw draw and the values made of it.

        `results` has, for each trial to learn from, its raw draw and its best metric (None: it gave none).
        """
        trials = self._optuna.trial
        for known in sorted(results.keys() - self._known):
            raw, metric = results[known]
            useless = metric is None or not math.isfinite(metric)
            self._study.add_trial(
                trials.create_trial(
                    params=raw,
                    distributions=self._distributions,
                    state=trials.TrialState.FAIL if useless else trials.TrialState.COMPLETE,
                    value=None if useless else metric,
                )
            )
            self._known.add(known)
        self._study.sampler = self._optuna.samplers.TPESampler(seed=zlib.crc32(f"{self._seed}/{number}".encode()))
        asked = self._study.ask(self._distributions)
        # What the study knows are the results alone: a draw under way leaves no trace in the next.
        self._study.tell(asked, state=trials.TrialState.FAIL)
        raw = dict(asked.params)
        return raw, {name: self._value(name, drawn) for name, drawn in raw.items()}

    def _value(self, name: str, drawn: Any) -> Scalar:
        parameter = self._space[name]
        if parameter.type == "choice":
            return (parameter.values or [])[int(drawn)]
        return quantised(drawn, parameter.q) if parameter.type == "quniform" else float(drawn)


def check_optuna(sampling: Sampling) -> None:
    """Raise AmlError where a sampling needs Optuna and it is not installed, without the half second of its import."""
    from importlib.util import find_spec

    if sampling.type != "grid" and find_spec("optuna") is None:
        raise _no_optuna()


def load_optuna() -> Any:
    """Optuna, imported now. Raises AmlError where it is not installed."""
    try:
        import optuna
    except ImportError as error:
        raise _no_optuna() from error
    return optuna


def _no_optuna() -> AmlError:
    from amlrun import extras

    hint = f"Add it: {extras.how_to_add('sweep')}"
    return AmlError("a sweep on this machine needs optuna, which is not installed", hint=hint)
