"""The early-termination policies against a second, naive reading of the formulas, and their edges by hand."""

from __future__ import annotations

import math
import random

import pytest

from amlrun.spec.job import EarlyTermination
from amlrun.sweep.policies import Curve, applies, judge

HISTORIES = 2000


def naive(kind: str, option: float, goal: str, reports: list[list[float]], trial: int, n: int) -> bool:
    """Whether `trial` is stopped at `n`: loops and comparisons only, each goal written out by itself."""
    up = goal == "maximize"
    heads = []
    for values in reports:
        head = []
        for k, value in enumerate(values):
            if k < n:
                head.append((-math.inf if up else math.inf) if value != value else value)
        heads.append(head)

    def best_of(head: list[float]) -> float:
        found = head[0]
        for value in head:
            if (up and value > found) or (not up and value < found):
                found = value
        return found

    mine = best_of(heads[trial])
    everyone = [best_of(head) for head in heads if head]
    if kind in ("bandit_factor", "bandit_amount"):
        top = best_of(everyone)
        if kind == "bandit_amount":
            return mine < top - option if up else mine > top + option
        if up:
            return mine < (top / (1 + option) if top > 0 else top * (1 + option))
        return mine > (top * (1 + option) if top >= 0 else top / (1 + option))
    if kind == "median_stopping":
        means = []
        for head in heads:
            if head:
                total = 0.0
                for value in head:
                    total += value
                means.append(total / len(head))
        means.sort()
        half = len(means) // 2
        middle = means[half] if len(means) % 2 else (means[half - 1] + means[half]) / 2
        return mine < middle if up else mine > middle
    # Truncation: count the trials that are no better; all of them must fit among the worst.
    no_better = 0
    for value in everyone:
        if (value <= mine) if up else (value >= mine):
            no_better += 1
    return no_better <= math.floor(len(everyone) * option / 100)


def policy_for(kind: str, option: float, interval: int, delay: int) -> EarlyTermination:
    common = {"evaluation_interval": interval, "delay_evaluation": delay}
    if kind == "bandit_factor":
        return EarlyTermination("bandit", slack_factor=option, **common)
    if kind == "bandit_amount":
        return EarlyTermination("bandit", slack_amount=option, **common)
    if kind == "truncation_selection":
        return EarlyTermination(kind, truncation_percentage=int(option), **common)
    return EarlyTermination(kind, **common)


def histories(rng: random.Random) -> list[list[float]]:
    """Random reports of 1 to 8 trials, of unequal lengths (some none), with ties, negatives, zeros and NaN."""
    scale, shift = rng.choice([(1, 0), (1, -0.5), (10, -10), (0.01, 0)])
    found = []
    for _ in range(rng.randint(1, 8)):
        values = []
        for _ in range(rng.randint(0, 12)):
            value = scale * rng.random() + shift
            if rng.random() < 0.3:
                value = round(value, 1)  # ties
            values.append(math.nan if rng.random() < 0.03 else value)
        found.append(values)
    return found


@pytest.mark.parametrize("goal", ["maximize", "minimize"])
@pytest.mark.parametrize("kind", ["bandit_factor", "bandit_amount", "median_stopping", "truncation_selection"])
def test_every_decision_agrees_with_the_naive_reading(kind: str, goal: str) -> None:
    rng = random.Random(f"{kind}-{goal}")  # noqa: S311
    decisions = stopped = 0
    for _ in range(HISTORIES):
        reports = histories(rng)
        option = float(rng.randint(1, 99)) if kind == "truncation_selection" else rng.choice([0.0, 0.05, 0.2, 1.0])
        interval, delay = rng.randint(1, 4), rng.randint(0, 6)
        policy = policy_for(kind, option, interval, delay)
        curves = {number: Curve(goal, values) for number, values in enumerate(reports)}  # type: ignore[arg-type]
        for trial, values in enumerate(reports):
            for n in range(1, len(values) + 1):
                wanted = n >= delay and n % interval == 0 and naive(kind, option, goal, reports, trial, n)
                found = judge(policy, curves, trial, n)
                assert (found is not None) == wanted, (policy, goal, reports, trial, n, found)
                decisions += 1
                stopped += wanted
    # The histories must put both answers to the test.
    assert decisions > 10 * HISTORIES
    assert decisions / 100 < stopped < decisions * 0.9


def test_the_pages_own_examples() -> None:
    # Azure's Bandit example: best 0.8 and slack 0.2: stopped below 0.66… with a factor, below 0.6 with an amount.
    def stops(value: float, policy: EarlyTermination) -> bool:
        curves = {"best": Curve("maximize", [0.8]), "mine": Curve("maximize", [value])}
        return judge(policy, curves, "mine", 1) is not None

    factor = EarlyTermination("bandit", slack_factor=0.2)
    assert stops(0.66, factor) and not stops(0.667, factor)
    amount = EarlyTermination("bandit", slack_amount=0.2)
    assert stops(0.59, amount) and not stops(0.61, amount)


def test_the_interval_and_the_delay_say_when_a_policy_speaks() -> None:
    policy = EarlyTermination("bandit", evaluation_interval=3, delay_evaluation=5, slack_factor=0.1)
    assert [n for n in range(1, 13) if applies(policy, n)] == [6, 9, 12]
    assert not applies(policy, 0)


def test_no_policy_stops_nothing() -> None:
    assert judge(None, {1: Curve("maximize", [0.0]), 2: Curve("maximize", [9.0])}, 1, 1) is None


@pytest.mark.parametrize("goal", ["maximize", "minimize"])
@pytest.mark.parametrize("level", [-3.0, 0.0, 3.0])
@pytest.mark.parametrize("kind", ["bandit_factor", "bandit_amount", "truncation_selection"])
def test_the_best_trial_and_its_equals_are_never_stopped(kind: str, level: float, goal: str) -> None:
    curves = {number: Curve(goal, [level] * 4) for number in range(5)}  # type: ignore[arg-type]
    policy = policy_for(kind, 50.0 if kind == "truncation_selection" else 0.2, 1, 0)
    assert all(judge(policy, curves, number, 4) is None for number in range(5))


def test_an_old_trials_later_reports_do_not_count_against_a_young_one() -> None:
    old = Curve("maximize", [0.1, 0.2, 0.9, 0.95])
    young = Curve("maximize", [0.15, 0.25])
    for policy in (
        EarlyTermination("bandit", slack_factor=0.1),
        EarlyTermination("median_stopping"),
        EarlyTermination("truncation_selection", truncation_percentage=50),
    ):
        assert judge(policy, {"old": old, "young": young}, "young", 2) is None


def test_a_stop_says_the_rule_and_the_numbers() -> None:
    curves = {"a": Curve("minimize", [1.0, 0.5]), "b": Curve("minimize", [2.0, 1.5])}
    stop = judge(EarlyTermination("bandit", slack_factor=0.2), curves, "b", 2)
    assert stop is not None
    assert (stop.rule, stop.interval, stop.value) == ("bandit", 2, 1.5)
    assert stop.bound == pytest.approx(0.6)
    assert "1.5" in stop.reason and "above 0.6" in stop.reason and "slack_factor 0.2" in stop.reason


def test_a_nan_is_the_worst_value_and_counts_as_a_report() -> None:
    curves = {"nan": Curve("maximize", [math.nan, math.nan]), "b": Curve("maximize", [-5.0, -4.0])}
    stop = judge(EarlyTermination("bandit", slack_amount=1.0, evaluation_interval=2), curves, "nan", 2)
    assert stop is not None and "NaN" in stop.reason
    assert judge(EarlyTermination("bandit", slack_amount=1.0), {"nan": curves["nan"]}, "nan", 2) is None
