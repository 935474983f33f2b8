"""The driver of a search: a sweep's, whose trials are drawn by proposals.py, and which ends in ensembles and a model.

Its phases: the trials, until one of the limits is reached; the ensembles of their best; and the winner, trained on all
training rows. Which phase it is in is told by the trials' own folders, so it goes on wherever it was killed.
"""

from __future__ import annotations

import json
import math
import time
from typing import Any, Literal

from amlrun.automl import results, settings
from amlrun.automl.proposals import Proposals, values
from amlrun.dataclass import dataclass, field
from amlrun.runs import store as runs
from amlrun.runs.status import RunStatus
from amlrun.spec.automl import AutoMLJob
from amlrun.spec.job import Scalar
from amlrun.sweep.driver import Driver
from amlrun.sweep.samplers import load_optuna
from amlrun.sweep.store import Trial
from amlrun.targets.base import Outcome
from amlrun.workers.automl.spaces import BEST, STACK, VOTE

# Seconds that the last step takes beside the training: measured with the model of a small table.
_LAST_STEP = 3.0
# A trial finds its features made; a training on all rows makes them too.
_FEATURES = 1.5
# What explaining a model takes of the time of training it: one fold's training rows, and predictions.
_EXPLAINING = 0.7
# An ensemble's members by their rank: the later ones seldom get a weight.
_LIKELY_MEMBERS = 3
# Seconds that the command takes to end; and those for the explanation where no time limit is said.
_CLOSING, _UNHURRIED = 1.0, 60.0
# Trials without improvement after which enable_early_termination ends a search.
_PATIENCE = 20
_MOST_MEMBERS = 5
# At most this share of a time limit is kept for what comes after the trials.
_MOST_RESERVED = 0.25
Phase = Literal["search", "ensembles", "best", "done"]


@dataclass
class Search(Driver):
    """A search under way."""

    # A draw takes as long as a small trial.
    draws_ahead = True

    job: AutoMLJob = field(init=False)
    plan: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.job, self.plan = settings.load(self.sweep)
        self.failures = len(self.plan["algorithms"])
        self._proposals: Proposals | None = None
        self._given: dict[int, dict[str, Scalar]] = {}
        self._afforded: dict[int, bool] = {}
        self._ahead: tuple[int, dict[str, Scalar]] | None = None
        # What follows from the trials that have ended, of which there were so many then.
        self._judged, self._kept, self._why = -1, 0.0, ""
        self._phase: Phase = "search"
        minutes = settings.minutes(self.job)
        self._end = math.inf if minutes is None else self.began + 60 * minutes - settings.take_spent(self.sweep)

    # ---- which trials there are

    @property
    def searched(self) -> dict[int, Trial]:
        """The trials of the search itself."""
        return {n: one for n, one in self.trials.items() if one.values.get("algorithm") not in (VOTE, STACK, BEST)}

    def open_numbers(self) -> list[int]:
        """Numbers of the search: those that were interrupted, then new ones."""
        mine = self.searched
        again = [number for number, trial in mine.items() if trial.needs_retry]
        after = max(self.trials, default=-1) + 1
        return [*again, *range(after, after + self.settings.total - len(mine))]

    def draw(self, number: int) -> tuple[dict[str, Any] | None, dict[str, Scalar]] | None:
        if number in self._given:
            return None, self._given[number]
        if self._ahead is not None and self._ahead[0] == number:
            return None, self._ahead[1]
        if self._proposals is None:
            load_optuna()
            self.log.loaded("optuna")
            task, algorithms = self.plan["task"], self.plan["algorithms"]
            self._proposals = Proposals(task, algorithms, self.job.goal, self.settings.seed)
        # One more than run at a time, so that the next can be drawn while they run.
        known = [one for n, one in self.searched.items() if n < number - self.settings.slots]
        if number >= len(self.plan["algorithms"]) and not all(one.done for one in known):
            return None
        told = {one.number: (one.values, one.best if one.state == "Completed" else None) for one in known}
        self._ahead = (number, self._proposals.draw(number, told))
        return None, self._ahead[1]

    # ---- when each phase ends

    def reason_to_end(self) -> Outcome | None:
        ending = super().reason_to_end()
        if ending is not None or self._phase != "search":
            return ending
        if self._judged != self._ended_here:
            self._judged, self._kept, self._why = self._ended_here, self._reserve(), self._enough()
        late = time.monotonic() > self._end - self._kept
        why = "the time limit is near" if late else self._why
        if not why:
            return None
        if self.queue or self.running:
            self.log.line(f"Stopping the search: {why}.")
        self.drop_queue()
        if late:
            self.stop_all("the search's time limit was reached")
        self._phase = "ensembles"
        return None

    def _enough(self) -> str:
        """Why the trials so far are enough, or nothing."""
        sign, exit_score = (1 if self.job.goal == "maximize" else -1), self.job.limits.exit_score
        if exit_score is None and not self.job.limits.enable_early_termination:
            return ""
        ended = []
        for number in sorted(self.searched):
            if not self.trials[number].done:
                break
            ended.append(self.trials[number])
        best, at = -math.inf, 0
        for place, trial in enumerate(ended):
            score = -math.inf if trial.best is None or trial.state != "Completed" else sign * trial.best
            if score > best:
                best, at = score, place
            if exit_score is not None and score >= sign * exit_score:
                return f"exit_score {exit_score:g} is reached"
        waited = len(ended) - 1 - max(at, len(self.plan["algorithms"]) - 1)
        if self.job.limits.enable_early_termination and waited >= _PATIENCE:
            return f"no improvement in {_PATIENCE} trials (enable_early_termination)"
        return ""

    def seconds_left(self) -> float | None:
        left = super().seconds_left()
        if self._phase != "search" or self._end == math.inf:
            return left
        until = max(self._end - time.monotonic(), 0.0)
        return until if left is None else min(left, until)

    # ---- what comes after the trials

    def extend(self) -> bool:
        """Queue the next phase's trials."""
        if self._phase == "search":
            self._phase = "ensembles"
        if self._phase == "ensembles":
            self._phase = "best"
            # What comes now is part of the search's end: it is not cut off as a trial is.
            self.settings.job.limits.trial_timeout = None
            self._queue_all(self._ensembles())
            if self.queue:
                return True
        if self._phase == "best":
            self._phase = "done"
            winner = self.winner
            if winner is not None:
                self._queue_all([self._order(winner)])
        return bool(self.queue)

    def _queue_all(self, orders: list[dict[str, Scalar]]) -> None:
        after = max(self.trials, default=-1) + 1
        self._given.update(enumerate(orders, after))
        self.queue.extend(range(after, after + len(orders)))

    def _ensembles(self) -> list[dict[str, Scalar]]:
        """The vote and the stack of the best of each algorithm, as the job wants them and time allows."""
        members = self._members()
        if len(members) < 2:
            return []
        wanted = self.job.training
        if self.job.weight_column_name is not None:
            if wanted.enable_vote_ensemble or wanted.enable_stack_ensemble:
                self.log.line("No ensembles: scikit-learn's do not support sample weights with pipelines.")
            return []
        list_of = [
            {"run": str(one.run.folder), "algorithm": one.values["algorithm"],
             "parameters": json.loads(str(one.values["parameters"]))} for one in members
        ]  # fmt: skip
        orders = []
        if wanted.enable_vote_ensemble is not False:
            orders.append(values(VOTE, {"members": list_of}))
        if wanted.enable_stack_ensemble:
            # Each member is fitted four times in each fold: once on all its rows, three times for the layer above.
            cost = 4 * sum(results.seconds(one) for one in members[:3])
            if time.monotonic() + cost + self._reserve() > self._end:
                self.log.line(f"No stacking ensemble: it would take about {cost:.0f} s, more than the time left.")
            else:
                orders.append(values(STACK, {"members": list_of[:3]}))
        return orders

    def _members(self) -> list[Trial]:
        """The best completed trial of each algorithm, best first."""
        best: dict[str, tuple[float, int, Trial]] = {}
        sign = 1 if self.job.goal == "maximize" else -1
        for number, trial in self.searched.items():
            score = trial.best if trial.state == "Completed" else None
            if score is not None:
                found, name = (-sign * score, number, trial), str(trial.values["algorithm"])
                best[name] = min(best.get(name, found), found)
        return [trial for _, _, trial in sorted(best.values())[:_MOST_MEMBERS]]

    @property
    def winner(self) -> Trial | None:
        """The best of the trials and the ensembles: an ensemble has to be better, not as good."""
        sign = 1 if self.job.goal == "maximize" else -1
        usable = [
            one for one in self.trials.values()
            if one.state == "Completed" and one.best is not None and one.values.get("algorithm") != BEST
            and (one.values.get("algorithm") not in (VOTE, STACK) or self._affordable(one))
        ]  # fmt: skip
        return max(usable, key=lambda one: (sign * (one.best or 0.0), -one.number), default=None)

    def _affordable(self, ensemble: Trial) -> bool:
        """Whether there is time to train an ensemble's members on all rows."""
        if ensemble.number not in self._afforded:
            fits = time.monotonic() + self._training_seconds(ensemble) < self._end
            self._afforded[ensemble.number] = fits
            if not fits:
                self.log.line(f"Trial {ensemble.number} can't win: there is no time left to train its members.")
        return self._afforded[ensemble.number]

    @property
    def best(self) -> Trial | None:
        """The model that was made of the winner; until then the winner."""
        made = [one for one in self.trials.values() if one.values.get("algorithm") == BEST and one.state == "Completed"]
        return max(made, key=lambda one: one.number) if made else self.winner

    def _order(self, winner: Trial) -> dict[str, Scalar]:
        """The last trial: the winner, to be trained on all training rows. The order itself is a file."""
        chosen = results.recipe(winner)
        explain = self.job.training.enable_model_explainability is not False
        left = self._end - time.monotonic() - _CLOSING
        if self._end == math.inf:
            left = _UNHURRIED + 2 * self._training_seconds(winner)
        order = {**chosen, "score": winner.best, "explain": explain, "seconds": round(max(left, 0.0), 1)}
        runs.replace_json(settings.folder(self.sweep) / "best.json", order)
        return values(BEST, {"algorithm": chosen["algorithm"], "trial": winner.number})

    def _training_seconds(self, trial: Trial) -> float:
        """What one training on all rows may take, from what the folds took."""
        folds = int(self.plan["folds"])
        if trial.values["algorithm"] in (VOTE, STACK):
            chosen = {str(one["algorithm"]) for one in results.recipe(trial)["parameters"]["members"]}
            return sum(self._training_seconds(one) for one in self._members() if one.values["algorithm"] in chosen)
        return _FEATURES * results.seconds(trial) / max(folds - 1, 0.9)

    def _reserve(self) -> float:
        """Seconds to keep for what comes after the trials: training the likely winner, and explaining it."""
        voting = self.job.training.enable_vote_ensemble is not False
        members = self._members()[: _LIKELY_MEMBERS if voting else 1]
        explaining = 0.0 if self.job.training.enable_model_explainability is False else _EXPLAINING
        needed = (1 + explaining) * sum(self._training_seconds(one) for one in members)
        return _LAST_STEP + min(needed, _MOST_RESERVED * 60 * (settings.minutes(self.job) or 0))

    # ---- what is told and left

    def describe(self, trial: Trial) -> str:
        return results.describe(trial, self.metric)

    def _outcome(self) -> Outcome:
        made = [one for one in self.trials.values() if one.values.get("algorithm") == BEST]
        outcome = super()._outcome()
        if outcome.status == RunStatus.COMPLETED and made and made[-1].state == "Failed":
            hint = f"Its log: {made[-1].run.log}"
            return Outcome(
                RunStatus.FAILED,
                "the best model could not be trained on all rows",
                hint,
                outcome.best,
                outcome.best_value,
            )
        if outcome.status != RunStatus.COMPLETED and not self.trials_ended_well and self._end < time.monotonic():
            hint = "Give it more time: limits.timeout_minutes, or fewer rows: validation_data_size: 0.2"
            return Outcome(RunStatus.FAILED, "no trial completed within the time limit", hint)
        return outcome

    @property
    def trials_ended_well(self) -> bool:
        return any(one.state == "Completed" for one in self.trials.values())

    def write_results(self) -> None:
        results.write(self, self.best)
