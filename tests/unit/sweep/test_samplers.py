"""The ten expressions' distributions by statistical tests with fixed seeds, and seeds that repeat a sweep."""

from __future__ import annotations

import collections
import itertools
import math
from typing import Any

import numpy as np
import pytest
from scipy import stats

from amlrun.errors import AmlError
from amlrun.spec.job import CommandJob, Limits, Objective, Parameter, Sampling, SweepJob
from amlrun.sweep.samplers import Bayesian, check_optuna, planned, total_trials
from amlrun.sweep.space import fill, quantised, value_at, word

DRAWS = 1000
# With fixed seeds a test either always passes or always fails; this is how sure a rejection has to be.
SURE = 0.001

PARAMETERS = {
    "choice": Parameter("choice", "--c", values=["a", "b", "c"]),
    "randint": Parameter("randint", "--r", upper=7),
    "uniform": Parameter("uniform", "--u", min_value=-2.0, max_value=3.0),
    "quniform": Parameter("quniform", "--qu", min_value=0, max_value=50, q=5),
    "loguniform": Parameter("loguniform", "--lu", min_value=-4.0, max_value=1.0),
    "qloguniform": Parameter("qloguniform", "--qlu", min_value=0.0, max_value=4.0, q=2),
    "normal": Parameter("normal", "--n", mu=10.0, sigma=3.0),
    "qnormal": Parameter("qnormal", "--qn", mu=10.0, sigma=3.0, q=2),
    "lognormal": Parameter("lognormal", "--ln", mu=0.5, sigma=0.4),
    "qlognormal": Parameter("qlognormal", "--qln", mu=2.0, sigma=0.5, q=1),
}

CONTINUOUS = {
    "uniform": stats.uniform(-2.0, 5.0).cdf,
    "loguniform": stats.loguniform(math.exp(-4.0), math.exp(1.0)).cdf,
    "normal": stats.norm(10.0, 3.0).cdf,
    "lognormal": stats.lognorm(0.4, scale=math.exp(0.5)).cdf,
}
# The law before rounding, for the q-expressions: P(value = k·q) = F(k·q + q/2) - F(k·q - q/2).
ROUNDED = {
    "quniform": stats.uniform(0, 50).cdf,
    "qloguniform": stats.loguniform(1.0, math.exp(4.0)).cdf,
    "qnormal": stats.norm(10.0, 3.0).cdf,
    "qlognormal": stats.lognorm(0.5, scale=math.exp(2.0)).cdf,
}


@pytest.fixture(scope="module")
def draws() -> dict[str, list[Any]]:
    rows = planned(Sampling("random"), PARAMETERS, DRAWS, seed=20240501)
    assert rows is not None
    return {name: [row[name] for row in rows] for name in PARAMETERS}


def chi_square(observed: dict[Any, int], expected: dict[Any, float]) -> float:
    """The p-value, with the rare values put together so that each bin expects at least five."""
    pairs, rest = [], [0.0, 0.0]
    for key, share in expected.items():
        if share * DRAWS >= 5:
            pairs.append((observed.get(key, 0), share * DRAWS))
        else:
            rest[0] += observed.get(key, 0)
            rest[1] += share * DRAWS
    if rest[1] > 0:
        pairs.append((rest[0], rest[1]))
    seen = np.array([pair[0] for pair in pairs], float)
    wanted = np.array([pair[1] for pair in pairs])
    return float(stats.chisquare(seen, wanted * seen.sum() / wanted.sum()).pvalue)


@pytest.mark.parametrize("name", CONTINUOUS)
def test_continuous_expressions_follow_their_law(name: str, draws: dict[str, list[float]]) -> None:
    assert stats.kstest(draws[name], CONTINUOUS[name]).pvalue > SURE
    # The test sees a law that is a little off.
    assert stats.kstest([value * 1.2 for value in draws[name]], CONTINUOUS[name]).pvalue < SURE


@pytest.mark.parametrize("name", ROUNDED)
def test_rounded_expressions_follow_their_law(name: str, draws: dict[str, list[int]]) -> None:
    q, law = PARAMETERS[name].q or 1, ROUNDED[name]
    assert all(isinstance(value, int) and value % q == 0 for value in draws[name])
    keys = range(-5 * int(q), 200, int(q))
    expected = {key: float(law(key + q / 2) - law(key - q / 2)) for key in keys}
    assert set(draws[name]) <= {key for key, share in expected.items() if share > 0}
    assert chi_square(collections.Counter(draws[name]), expected) > SURE
    shifted = collections.Counter(value + int(q) for value in draws[name])
    assert chi_square(shifted, expected) < SURE


@pytest.mark.parametrize(("name", "values"), [("choice", ["a", "b", "c"]), ("randint", list(range(7)))])
def test_choices_are_equally_likely(name: str, values: list[Any], draws: dict[str, list[Any]]) -> None:
    counted = collections.Counter(draws[name])
    assert set(counted) == set(values)
    assert chi_square(counted, {value: 1 / len(values) for value in values}) > SURE


def test_parameters_are_drawn_independently(draws: dict[str, list[Any]]) -> None:
    numbers = [name for name in PARAMETERS if name != "choice"]
    for one, other in itertools.combinations(numbers, 2):
        assert stats.spearmanr(draws[one], draws[other]).pvalue > SURE / 36


@pytest.mark.parametrize("rule", [None, "sobol"])
def test_a_seed_repeats_a_sweep_and_another_does_not(rule: str | None) -> None:
    sampling = Sampling("random", rule=rule)
    first = planned(sampling, PARAMETERS, 40, seed=5)
    assert planned(sampling, PARAMETERS, 40, seed=5) == first
    assert planned(sampling, PARAMETERS, 40, seed=6) != first
    # A longer sweep begins like a shorter one.
    longer = planned(sampling, PARAMETERS, 60, seed=5)
    assert longer is not None and longer[:40] == first


def test_sobol_fills_the_space_more_evenly_than_chance() -> None:
    space = {"a": PARAMETERS["uniform"], "b": Parameter("uniform", "--b", min_value=0, max_value=1)}

    def discrepancy(rule: str | None) -> float:
        rows = planned(Sampling("random", rule=rule), space, 64, seed=3)
        assert rows is not None
        points = np.array([[(row["a"] + 2) / 5, row["b"]] for row in rows])  # type: ignore[operator]
        return float(stats.qmc.discrepancy(points))

    assert discrepancy("sobol") < discrepancy(None) / 2


def test_a_grid_is_every_point_once_in_the_files_order() -> None:
    space = {"x": Parameter("choice", "--x", values=[1, 2]), "y": Parameter("choice", "--y", values=["a", "b", "c"])}
    rows = planned(Sampling("grid"), space, 6, seed=1)
    assert rows == [{"x": x, "y": y} for x in (1, 2) for y in "abc"]
    assert planned(Sampling("grid"), space, 2, seed=1) == rows[:2]


def test_the_number_of_trials() -> None:
    space = {"x": Parameter("choice", "--x", values=[1, 2, 3])}

    def job(kind: Any, most: int | None) -> SweepJob:
        return SweepJob(
            CommandJob(), Objective("m", "maximize"), space, Sampling(kind), limits=Limits(max_total_trials=most)
        )

    assert total_trials(job("grid", None)) == 3
    assert total_trials(job("grid", 2)) == 2
    assert total_trials(job("random", 8)) == 8
    assert total_trials(job("random", None)) == 1000


BAYESIAN = {
    "x": Parameter("uniform", "--x", min_value=-5.0, max_value=5.0),
    "n": Parameter("quniform", "--n", min_value=0, max_value=10, q=2),
    "c": Parameter("choice", "--c", values=["good", "bad"]),
}


def bayesian_sweep(seed: int, count: int, goal: str, side_by_side: int) -> list[dict[str, Any]]:
    """A sweep of a known function, each trial drawn from the results before it as the driver does."""
    sampler = Bayesian(BAYESIAN, goal, seed)
    results: dict[int, Any] = {}
    rows = []
    for number in range(count):
        known = {n: result for n, result in results.items() if n <= number - side_by_side}
        raw, values = sampler.draw(number, known)
        loss = (values["x"] - 1.5) ** 2 + (values["n"] - 4) ** 2 / 10 + (values["c"] == "bad")  # type: ignore[operator]
        metric = None if number == 3 else math.nan if number == 4 else loss if goal == "minimize" else -loss
        results[number] = (raw, metric)
        rows.append({**values, "loss": loss})
    return rows


@pytest.mark.parametrize("goal", ["maximize", "minimize"])
def test_bayesian_learns_where_the_good_values_are(goal: str) -> None:
    rows = bayesian_sweep(1, 60, goal, 2)
    early = sum(row["loss"] for row in rows[:20]) / 20
    late = sum(row["loss"] for row in rows[40:]) / 20
    assert late < early / 3
    assert {row["n"] for row in rows} <= {0, 2, 4, 6, 8, 10}
    assert {row["c"] for row in rows} == {"good", "bad"}


def test_bayesian_repeats_with_a_seed_and_continues_after_a_stop() -> None:
    first = bayesian_sweep(7, 25, "maximize", 2)
    assert bayesian_sweep(7, 25, "maximize", 2) == first
    assert bayesian_sweep(8, 25, "maximize", 2) != first
    # A new sampler that is told the results in one go (a resumed sweep) draws the same next trial.
    one, other = Bayesian(BAYESIAN, "maximize", 7), Bayesian(BAYESIAN, "maximize", 7)
    results: dict[int, Any] = {}
    for number in range(15):
        raw, values = one.draw(number, dict(results))
        results[number] = (raw, float(values["x"]))
    assert one.draw(15, dict(results)) == other.draw(15, dict(results))


def test_values_at_the_ends_and_on_the_command_line() -> None:
    for parameter in PARAMETERS.values():
        for quantile in (0.0, 1.0 - 1e-17, 1.0):
            value = value_at(parameter, quantile)
            assert isinstance(value, str) or math.isfinite(value)
    assert value_at(PARAMETERS["randint"], 1.0) == 6
    assert quantised(0.31, 0.1) == 0.3
    assert [word(value) for value in ("l2", 3, 0.1, 1e-05, True)] == ["l2", "3", "0.1", "1e-05", "True"]
    command = ["python", "t.py", "--a", "${{search_space.a}}", "--d=${{ search_space.d }}", "${{inputs.a}}"]
    assert fill(command, {"a": 0.5, "d": "x y"}) == ["python", "t.py", "--a", "0.5", "--d=x y", "${{inputs.a}}"]
    with pytest.raises(ValueError, match="no such expression"):
        value_at(Parameter("zipf", "--z"), 0.5)


def test_optuna_is_missed_before_a_sweep_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    check_optuna(Sampling("random"))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    check_optuna(Sampling("grid"))
    with pytest.raises(AmlError, match="needs optuna"):
        check_optuna(Sampling("bayesian"))
