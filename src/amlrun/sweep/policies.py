"""Early termination: pure functions of the reported metrics (V1 and V2 share these rules).

A report is one `mlflow.log_metric` of the primary metric, so report n of a trial is its interval n. A policy is
applied at interval n if `n % evaluation_interval == 0` and `n >= delay_evaluation`. `best(n)` is the best value
among a trial's first n reports, `mean(n)` their mean. If the goal is maximize, a trial is stopped if

- `bandit`: its best(n) is below B / (1 + `slack_factor`), or below B - `slack_amount`, where B is the best of all
  trials' best(n);
- `median_stopping`: its best(n) is below the median of all trials' mean(n);
- `truncation_selection`: its best(n) is among the worst `truncation_percentage` percent of all trials' best(n).

Azure's documentation leaves some details open. The choices made here:

- Compared trials: every trial that has reported, the evaluated one included, running or finished (v1 always
  sent `exclude_finished_jobs: false`). A trial with fewer than n reports counts with those it has; of a trial
  with more, only the first n count, so that a new trial is not compared with the later reports of an old one.
- A tie never stops a trial: it has to be worse than the bound.
- If the goal is minimize, `bandit` stops above B * (1 + `slack_factor`), or above B + `slack_amount`; in the
  other two, below becomes above.
- If B is negative, the ratio would be reversed and stop even the best trial, so multiplication and division are
  swapped: the slack always loosens the bound, and maximizing x equals minimizing -x.
- Truncation: the number of trials to stop is rounded down, and of equal trials none is stopped unless all of
  them are among the worst.
- The median of an even number of means is the mean of the middle two.
- A NaN is a report, and the worst possible value.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Mapping
from statistics import median
from typing import Literal, TypeVar

from amlrun.dataclass import dataclass
from amlrun.spec.job import EarlyTermination

Goal = Literal["maximize", "minimize"]
Trial = TypeVar("Trial", bound=Hashable)


@dataclass(frozen=True)
class Stop:
    """Why a trial was stopped: at `interval` its `value` was worse than `bound` by the policy `rule`."""

    rule: str
    interval: int
    value: float
    bound: float
    reason: str


def applies(policy: EarlyTermination, interval: int) -> bool:
    """Whether `policy` judges a trial at its report number `interval` (1-based)."""
    return interval > 0 and interval % max(policy.evaluation_interval, 1) == 0 and interval >= policy.delay_evaluation


class Curve:
    """One trial's reports, with what the rules ask of their beginnings kept ready (so a verdict is cheap).

    Inside, a metric to be minimised is negated and a NaN is minus infinity: larger is always better.
    """

    def __init__(self, goal: Goal, values: Iterable[float] = ()) -> None:
        self.sign = 1.0 if goal == "maximize" else -1.0
        self.values: list[float] = []
        self._bests: list[float] = []
        self._sums: list[float] = []
        for value in values:
            self.add(value)

    def add(self, value: float) -> None:
        """Append a report."""
        self.values.append(value)
        inner = -math.inf if math.isnan(value) else self.sign * value
        self._bests.append(max(inner, self._bests[-1]) if self._bests else inner)
        self._sums.append(inner + self._sums[-1] if self._sums else inner)

    def __len__(self) -> int:
        return len(self.values)

    def best(self, interval: int) -> float:
        """The best of the first `interval` reports, larger is better."""
        return self._bests[min(interval, len(self)) - 1]

    def mean(self, interval: int) -> float:
        """The mean of the first `interval` reports, larger is better."""
        count = min(interval, len(self))
        return self._sums[count - 1] / count


def judge(policy: EarlyTermination | None, curves: Mapping[Trial, Curve], trial: Trial, interval: int) -> Stop | None:
    """The verdict on `trial` at its report number `interval`, given every trial's reports so far.

    None means that it goes on. `curves` may hold more of any trial than `interval`: what a rule must not see
    is cut off here.
    """
    if policy is None or not applies(policy, interval) or len(curves[trial]) < interval:
        return None
    sign = curves[trial].sign
    bests = {name: curve.best(interval) for name, curve in curves.items() if len(curve)}
    mine = bests[trial]
    if policy.type == "bandit":
        best = max(bests.values())
        bound = _bandit_bound(policy, best)
        stopped = mine < bound
        rule = f"bandit: {_slack(policy)} of the best trial's {_number(sign * best)}"
    elif policy.type == "median_stopping":
        bound = median(curve.mean(interval) for curve in curves.values() if len(curve))
        stopped = mine < bound
        rule = f"median stopping: the median of {len(bests)} trials' running means"
    elif policy.type == "truncation_selection":
        percentage = policy.truncation_percentage or 0
        doomed = len(bests) * percentage // 100
        ranked = sorted(bests.values())
        # The first value that is safe; a trial is among the worst only if all that equal it are too.
        bound = ranked[doomed] if doomed < len(ranked) else math.inf
        stopped = doomed > 0 and mine < bound
        rule = f"truncation selection: the worst {percentage} % of {len(bests)} trials"
    else:
        raise ValueError(f"no such early termination policy: {policy.type}")
    if not stopped:
        return None
    worse = "below" if sign > 0 else "above"
    reason = f"best of {interval} reports {_number(sign * mine)} is {worse} {_number(sign * bound)} ({rule})"
    return Stop(policy.type, interval, sign * mine, sign * bound, reason)


def _bandit_bound(policy: EarlyTermination, best: float) -> float:
    if policy.slack_amount is not None:
        return best - policy.slack_amount
    factor = 1 + (policy.slack_factor or 0.0)
    return best / factor if best > 0 else best * factor


def _slack(policy: EarlyTermination) -> str:
    if policy.slack_amount is not None:
        return f"slack_amount {policy.slack_amount:g}"
    return f"slack_factor {policy.slack_factor or 0:g}"


def _number(value: float) -> str:
    return "NaN" if math.isinf(value) else f"{value:.6g}"
