"""The local sweep: runs its trials side by side, reads their metric live, stops early what cannot win, and ends.

Nothing here has to be remembered: which trials there are and how they ended is in their folders (store.py), so
the driver can be killed at any moment and a new one goes on.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Iterable
from typing import Any

from amlrun.dataclass import dataclass, field
from amlrun.prepare.environment import Interpreter
from amlrun.runs import store as runs
from amlrun.runs.status import RunStatus
from amlrun.spec.job import Scalar
from amlrun.sweep import reports, results, store
from amlrun.sweep.policies import judge
from amlrun.sweep.progress import SweepLog
from amlrun.sweep.publishing import Publisher
from amlrun.sweep.samplers import Bayesian, load_optuna, planned
from amlrun.sweep.store import Settings, Trial
from amlrun.sweep.trials import Starter
from amlrun.sweep.warm import Warm
from amlrun.targets.base import Outcome
from amlrun.targets.local import LocalTarget
from amlrun.targets.stage import Stage

_TICK = 0.05
_PROCESS_CHECK_SECONDS = 0.5
# The next trial is made while others run, where they are shorter than this: a longer wait would show it as preparing.
_QUICK_SECONDS = 1.0
# So many failures from the start, with no trial that reported anything, mean that the script does not work.
_FAILURES = 5


@dataclass
class Driver:
    """One sweep under way. `trials` are all its trials so far, by number; `server` a fork server that was started."""

    draws_ahead = False

    target: LocalTarget
    stage: Stage
    sweep: runs.RunFolder
    settings: Settings
    interpreter: Interpreter
    log: SweepLog
    trials: dict[int, Trial] = field(default_factory=dict)
    running: dict[int, Trial] = field(default_factory=dict)
    server: Warm | None = None

    def __post_init__(self) -> None:
        job = self.settings.job
        self.project = self.target.project
        self.metric = job.objective.primary_metric
        self.failures = _FAILURES
        self.began = time.monotonic()
        self._deadline = math.inf if job.limits.timeout is None else self.began + job.limits.timeout
        self._reports = reports.reader(
            self.sweep.id, self.metric, {**self.stage.inherits, **job.trial.environment_variables}
        )
        self._starter = Starter(
            self.target, self.stage, self.sweep, self.settings, self.interpreter, self.log.line, self.server
        )
        self._publisher = Publisher(self.project, self.sweep, self.log)
        self._planned: list[dict[str, Scalar]] = []
        self._bayesian: Bayesian | None = None
        self._parallel = False
        self._checked = 0.0
        self._ended_here = 0
        self._first_start = 0.0
        self._last_start, self._quick = 0.0, False
        self.queue: deque[int] = deque()
        self._ending: Outcome | None = None

    def run(self) -> Outcome:
        """Run what is still to be run. Returns how it ended; raises what kept a trial from being started."""
        goal = self.settings.job.objective.goal
        self.trials = store.trials(self.project.runs, self.sweep.id, goal, take_over=True)
        self.running = {trial.number: trial for trial in self.trials.values() if trial.state not in runs.FINAL}
        self._by_run = {trial.run.id: trial for trial in self.trials.values()}
        self.queue = deque(self.open_numbers())
        self._poll_metrics(self.trials.values(), last=True)
        try:
            if self.queue:
                self._starter.start_fork_server()
            self._loop()
        except BaseException as error:
            self.stop_all("Ctrl-C" if isinstance(error, KeyboardInterrupt) else "the sweep failed")
            if not isinstance(error, KeyboardInterrupt):
                raise
            self._ending = self._ended_as(RunStatus.CANCELED, "cancelled")
        finally:
            self._starter.close()
            for trial in self.running.values():
                store.refresh(trial)
                trial.run.write_view()
            self._publisher.publish(self.trials)
        if self._ending and self._ending.status != RunStatus.COMPLETED:
            return self._ending
        return self._outcome()

    def close(self) -> None:
        """Wait until all that was started for the sweep has gone."""
        self._starter.wait()

    def _loop(self) -> None:
        while True:
            self._poll_metrics(self.running.values())
            self._poll_processes()
            if self._ending is None:
                self._ending = self.reason_to_end()
            if self._ending is None:
                self._fill()
                self._make_ahead()
            if not self.running and (self._ending or (not self.queue and not self.extend())):
                return
            self.log.draw(self)
            self._publisher.publish_now_and_then(self.trials)
            self._starter.pause(_TICK)

    def open_numbers(self) -> list[int]:
        """The numbers of the trials that are still to be run, in their order."""
        return [n for n in range(self.settings.total) if n not in self.trials or self.trials[n].needs_retry]

    def drop_queue(self) -> None:
        """Start none of the trials that are queued, nor the one that was made ahead of them."""
        self.queue.clear()
        self._starter.drop_ahead()

    def extend(self) -> bool:
        """Add trials to `queue` when none is left and none runs; False: that was all."""
        return False

    def write_results(self) -> None:
        """Write what the sweep leaves in its `outputs/`. Raises OSError when the disk refuses."""
        results.write(self, self.best)

    @property
    def best(self) -> Trial | None:
        """The best of the completed trials; of the stopped ones when none completed; the earlier of equals."""
        for state in ("Completed", "Canceled"):
            usable = [trial for trial in self.trials.values() if trial.state == state and trial.best is not None]
            if usable:
                sign = usable[0].curve.sign
                return max(usable, key=lambda trial: (sign * (trial.best or 0.0), -trial.number))
        return None

    @property
    def ended(self) -> list[Trial]:
        return [trial for trial in self.trials.values() if trial.done]

    def seconds_left(self) -> float | None:
        """An estimate from the trials that ended in this session; None while there are none."""
        if not self._ended_here:
            return None
        # Those that run are half done, taken together.
        halves = len(self.running) / 2
        rate = (time.monotonic() - self._first_start) / (self._ended_here + halves)
        left = rate * (len(self.queue) + halves)
        return min(left, max(self._deadline - time.monotonic(), 0))

    def _poll_metrics(self, trials: Iterable[Trial], last: bool = False) -> None:
        """Take in new reports of these trials, and judge those that made them, report by report."""
        heard = set()
        for run_id, value in self._reports.new([trial.run for trial in trials], last):
            trial = self._by_run.get(run_id)
            if trial is not None:
                trial.curve.add(value)
                heard.add(trial.number)
        policy = self.settings.job.early_termination
        if not policy or not heard:
            return
        curves = {number: trial.curve for number, trial in self.trials.items()}
        for number in sorted(heard & self.running.keys()):
            trial = self.running[number]
            while trial.judged < len(trial.curve) and trial.stopped is None:
                trial.judged += 1
                stop = judge(policy, curves, number, trial.judged)
                if stop is not None:
                    trial.stopped = {"reason": stop.reason}
                    self._starter.stop(trial, stop.reason, stop=stop)

    def _poll_processes(self) -> None:
        check_processes = time.monotonic() - self._checked > _PROCESS_CHECK_SECONDS
        if check_processes:
            self._checked = time.monotonic()
        over = [trial for trial in self.running.values() if self._starter.look(trial, check_processes)]
        if over:
            # Its last reports were written before its exit code.
            self._poll_metrics(over, last=True)
            self._quick = time.monotonic() - self._last_start < _QUICK_SECONDS
        for trial in over:
            del self.running[trial.number]
            self._ended_here += 1
            self.log.line(self.describe(trial))

    def describe(self, trial: Trial) -> str:
        """A trial's end in one line."""
        return trial.summary(self.metric)

    def _fill(self) -> None:
        """Start trials until the slots are full."""
        while self.queue:
            if not self._parallel and self._starter.settled:
                self._parallel = self._reports.ready(self.settings.experiment)
            if len(self.running) >= (self.settings.slots if self._parallel else 1):
                return
            number = self.queue[0]
            made, old = self._starter.ahead, self.trials.get(number)
            if made is not None and made.number == number:
                old = made
            drawn = (old.raw, old.values) if old and old.values else self.draw(number)
            if drawn is None:
                return
            raw, values = drawn
            attempt = 1 if number not in self.trials else self.trials[number].attempt + 1
            trial = self._starter.start(number, values, raw, attempt)
            self.trials[number] = self.running[number] = self._by_run[trial.run.id] = trial
            self.queue.popleft()
            self._last_start = time.monotonic()
            self._first_start = self._first_start or self._last_start

    def _make_ahead(self) -> None:
        """Draw the next trial while others run, if that takes long; of small ones make it, too: half of their time."""
        makes = self._quick and self._starter.can_make_ahead
        if (makes or self.draws_ahead) and self.running and self.queue and self.queue[0] not in self.trials:
            drawn = self.draw(self.queue[0])
            if makes and drawn is not None:
                self._starter.make_ahead(self.queue[0], drawn[1], drawn[0])

    def draw(self, number: int) -> tuple[dict[str, Any] | None, dict[str, Scalar]] | None:
        """A new trial's values; None when bayesian sampling has to wait for an earlier trial's result."""
        job = self.settings.job
        if job.sampling_algorithm.type != "grid" and not self._planned and self._bayesian is None:
            load_optuna()
            self.log.loaded("optuna")
        if job.sampling_algorithm.type != "bayesian":
            total, seed = self.settings.total, self.settings.seed
            self._planned = self._planned or planned(job.sampling_algorithm, job.search_space, total, seed)
            return None, self._planned[number]
        known = [trial for n, trial in self.trials.items() if n <= number - self.settings.slots]
        if not all(trial.done for trial in known):
            return None
        if self._bayesian is None:
            self._bayesian = Bayesian(job.search_space, job.objective.goal, self.settings.seed)
        results = {trial.number: (trial.raw or {}, trial.best if trial.state != "Failed" else None) for trial in known}
        return self._bayesian.draw(number, results)

    def reason_to_end(self) -> Outcome | None:
        if (self.sweep.private / "cancel.json").exists():
            self.stop_all("the sweep was cancelled")
            return self._ended_as(RunStatus.CANCELED, "cancelled")
        if time.monotonic() > self._deadline:
            minutes = (self.settings.job.limits.timeout or 0) / 60
            self.log.line(f"The sweep's time limit ({minutes:g} minutes) has been reached.")
            self.stop_all("the sweep's time limit (max_duration_minutes) was reached")
            return Outcome(RunStatus.COMPLETED)
        if any(len(trial.curve) for trial in self.trials.values()):
            return None
        ended = self.ended
        trials_without_metric = [trial for trial in ended if trial.state == "Completed"]
        failed = [trial for trial in ended if trial.state == "Failed"]
        if trials_without_metric:
            self.stop_all("an earlier trial ended without the metric")
            return results.never_logged(self.project, self.metric, trials_without_metric[0])
        if len(failed) >= min(self.failures, self.settings.total) and len(failed) == len(ended):
            self.stop_all("all earlier trials failed")
            return results.all_failed(failed)
        return None

    def stop_all(self, reason: str) -> None:
        for trial in self.running.values():
            if trial.stopped is None:
                self._starter.stop(trial, reason, with_sweep=True)

    def _ended_as(self, status: RunStatus, message: str = "") -> Outcome:
        best = self.best
        if best is None:
            return Outcome(status, message)
        return Outcome(status, message, best=best.run.id, best_value=best.best)

    def _outcome(self) -> Outcome:
        for trial in self.trials.values():
            store.refresh(trial)
        if self.best is not None:
            return self._ended_as(RunStatus.COMPLETED)
        ended = [trial for trial in self.trials.values() if trial.state in runs.FINAL]
        if ended and all(trial.state == "Failed" for trial in ended):
            return results.all_failed(ended)
        if any(len(trial.curve) for trial in ended):
            hint = "Check a trial's log: the training may diverge."
            return Outcome(RunStatus.FAILED, f"no trial reported a usable {self.metric}: all were NaN", hint)
        return Outcome(
            RunStatus.FAILED, f"no trial reported {self.metric}", "Give the sweep more time, or more trials."
        )
