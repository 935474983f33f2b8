"""A sweep that runs in a workspace, as it is watched from here: its trials' runs, its best trial, its results.

What the workspace says is written down as a local sweep would leave it: a run folder a trial, `trials.csv`,
`best.json` and pictures in the sweep's `outputs/`. Nothing here judges a trial: the service's word is what counts.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from amlrun.azure import record, sweeps, watching
from amlrun.azure.client import Client
from amlrun.errors import AmlError
from amlrun.project import Project
from amlrun.runs import store as runs
from amlrun.runs.record import SubmitPart
from amlrun.runs.status import RunStatus
from amlrun.sweep import results, samplers, store
from amlrun.sweep.policies import Curve
from amlrun.sweep.progress import SweepLog
from amlrun.sweep.store import Settings, Trial
from amlrun.targets.base import Outcome
from amlrun.targets.run_log import last_line

# The trials' own states may lag behind the sweep's.
_LAST_LOOKS = 10


class RemoteSweep:
    """One sweep of a workspace: `look` asks how it is, `follow` does so until it has ended, `fetch` brings files."""

    def __init__(self, client: Client, project: Project, run: runs.RunFolder, log: SweepLog) -> None:
        self.client, self.project, self.sweep, self.log = client, project, run, log
        self.job: dict[str, Any] = {}
        self._history: dict[str, Any] = {}
        self.began = time.monotonic()
        self._reader = sweeps.Reader(client, run)
        try:
            self.settings = store.load(run)
        except AmlError:
            self.settings = self._first_settings()
        self.metric = self.settings.job.objective.primary_metric
        self._goal = self.settings.job.objective.goal
        self.trials: dict[int, Trial] = store.trials(project.runs, run.id, self._goal)
        for trial in self.ended:
            kept = _kept(trial.run)
            # A trial that was only asked for by itself has not been read yet.
            trial.state = "" if kept is None else trial.state
            trial.curve = Curve(self._goal, kept or [])
        self._ended_before = len(self.ended)

    def _first_settings(self) -> Settings:
        job = sweeps.read(self._ask())
        total = samplers.total_trials(job)
        experiment = str(self.sweep.part("submit").get("_experiment_name"))
        settings = Settings(job, experiment, 0, total, job.limits.max_concurrent_trials or total, [])
        store.save(self.sweep, settings)
        return settings

    def _ask(self) -> dict[str, Any]:
        job = record.ask(self.client, self.sweep.id)
        if job is None:
            raise record.not_there(self.client, self.sweep)
        self.job = job
        return job

    @property
    def ended(self) -> list[Trial]:
        return [trial for trial in self.trials.values() if trial.state in runs.FINAL]

    @property
    def running(self) -> dict[int, Trial]:
        return {number: trial for number, trial in self.trials.items() if trial.state not in runs.FINAL}

    @property
    def best(self) -> Trial | None:
        """The trial that the service names as the best; while it names none, the best of the completed so far."""
        named = sweeps.best_child(self.job) or (self.sweep.part("exit").get("properties") or {}).get(
            "best_child_run_id"
        )
        for trial in self.trials.values():
            if trial.run.id == named:
                return trial
        usable = [trial for trial in self.trials.values() if trial.state == "Completed" and trial.best is not None]
        return max(usable, key=lambda trial: (trial.curve.sign * (trial.best or 0.0), -trial.number), default=None)

    def seconds_left(self) -> float | None:
        """An estimate from the trials that ended while this was watched; None while there are none."""
        done = len(self.ended) - self._ended_before
        if done < 1:
            return None
        return (time.monotonic() - self.began) / done * (self.settings.total - len(self.ended))

    def look(self) -> RunStatus:
        """Ask for the sweep and its trials, write down what is new, and return the sweep's state."""
        job = self._ask()
        for found in self._reader.trials(job, self.settings.job.search_space):
            self._take(found)
        state = str((job.get("properties") or {}).get("status"))
        if state not in runs.FINAL:
            record.update_from_service(self.sweep, job)
        elif not self.finalized:
            self._history = watching.history(self.client, self.sweep) or {}
            record.update_from_service(self.sweep, job, self._history)
        return self.sweep.state()[0]

    @property
    def finalized(self) -> bool:
        """Whether the sweep has ended, and all that there is to know of it is written down here."""
        return bool(self.sweep.part("process").get("_log_complete"))

    def _take(self, found: sweeps.TrialInfo) -> None:
        trial = self.trials.get(found.number)
        if trial is None:
            run = self._trials_run(found)
            trial = self.trials[found.number] = Trial(
                found.number, found.values, None, run, 1, Curve(self._goal), state=""
            )
        if trial.state in runs.FINAL:
            return
        if found.state in runs.FINAL:
            logged = self._reader.reports(found.id, self.metric) if self.metric in found.metrics else []
            if not logged and self.metric in found.metrics:
                logged = [found.metrics[self.metric]]  # the last one is known, if not the way there
            trial.curve = Curve(self._goal, logged)
            _keep(trial.run, logged)
        elif self.metric in found.metrics:
            value, last = found.metrics[self.metric], trial.curve.values[-1:]
            if not last or repr(last[0]) != repr(value):
                trial.curve.add(value)
        if found.state != trial.state:
            times = {"startTimeUtc": found.started, "endTimeUtc": found.ended, "metrics": found.metrics}
            record.update_from_service(trial.run, {"properties": {"status": found.state}}, times)
            trial.state = found.state
            if trial.state == "Canceled" and self.settings.job.early_termination is not None:
                trial.stopped = {"reason": "stopped by the sweep's policy, or with the sweep"}
            if trial.state in runs.FINAL:
                self.log.line(trial.summary(self.metric))

    def _trials_run(self, found: sweeps.TrialInfo) -> runs.RunFolder:
        more: SubmitPart = {
            "trial": found.number,
            "hyperparameters": found.values,
            "script_name": self.sweep.part("submit").get("script_name"),
        }
        return record.child_run(self.project.runs, self.sweep, found.id, more)

    def follow(self, until: float | None = None) -> Outcome | None:
        """Watch until the sweep has ended; its results are written then. None when `until` (time.monotonic) came first.

        Raises AmlError, also for the service.
        """
        first = wait = watching.first_poll()
        for number in sorted(self.trials):
            if self.trials[number].state in runs.FINAL:
                self.log.line(self.trials[number].summary(self.metric))
        while True:
            before = len(self.ended)
            state = self.look()
            self.log.draw(self)
            if state in runs.FINAL:
                return self._end(first)
            wait = watching.next_poll(wait, len(self.ended) > before)
            if until is not None and time.monotonic() + wait > until:
                return None
            time.sleep(wait)

    def _end(self, wait: float) -> Outcome:
        for _ in range(_LAST_LOOKS):
            if self._known:
                break
            time.sleep(wait)
            self.look()
        outcome = self.outcome()
        results.write(self, self.best if outcome.best else None)
        if self._known:
            record.update_from_service(self.sweep, self.job, {**self._history, "log_complete": True})
        return outcome

    @property
    def _known(self) -> bool:
        """Whether the trials of the ended sweep are all here, as they ended; one that completed has some."""
        return not self.running and (bool(self.trials) or self.sweep.state()[0] != "Completed")

    def outcome(self) -> Outcome:
        """How the ended sweep ended, from what is written down; a sweep that found nothing has failed."""
        state, best = self.sweep.state()[0], self.best
        found = (None, None) if best is None else (best.run.id, best.best)
        if state == RunStatus.CANCELED:
            return Outcome(state, "cancelled", "", *found)
        failed = [trial for trial in self.ended if trial.state == RunStatus.FAILED]
        message = str((self.sweep.record().get("error") or {}).get("message") or "")
        if failed and len(failed) == len(self.trials):
            first = min(failed, key=_number)
            why = f"all {len(failed)} trials failed; {message or 'see their logs'}"
            return Outcome(RunStatus.FAILED, why, self._why(first))
        if state == RunStatus.FAILED:
            return Outcome(state, message, self._why(min(failed, key=_number)) if failed else "", *found)
        if best is not None:
            return Outcome(RunStatus.COMPLETED, "", "", *found)
        if not self.trials:
            hint = f"Try again later: aml run monitor-logs -r {self.sweep.id}"
            return Outcome(RunStatus.FAILED, "the workspace lists none of its trials", hint)
        if any(len(trial.curve) for trial in self.trials.values()):
            hint = "Check a trial's log: the training may diverge."
            return Outcome(RunStatus.FAILED, f"no trial reported a usable {self.metric}: all were NaN", hint)
        return Outcome(RunStatus.FAILED, f"no trial logged the metric {self.metric!r}", self._logged_instead())

    def _why(self, trial: Trial) -> str:
        """The last line of a failed trial's log."""
        try:
            for _ in watching.follow(self.client, trial.run, follow=False):
                continue
        except AmlError:
            return f"Its log: aml run monitor-logs -r {trial.run.id}"
        line = last_line(trial.run)
        return f"Trial {trial.number}'s last line: {line}\nThe whole log: {trial.run.log}" if line else ""

    def _logged_instead(self) -> str:
        logged = sorted({name for trial in self.ended for name in trial.run.record().get("metrics") or {}})
        what = f"They logged {', '.join(logged)}." if logged else "They logged nothing through MLflow."
        return (
            f"{what}\nName one of the script's metrics as the primary metric, or log it: "
            f'mlflow.log_metric("{self.metric}", value)'
        )

    def fetch(self) -> list[Path]:
        """Bring the sweep's own files and its best trial's into their run folders, and write the results anew.

        The best trial's outputs then lie in the sweep's `outputs/` too. Raises AmlError.
        """
        self.look()
        fetched = watching.fetch(self.client, self.sweep, progress=lambda size: None)
        best = self.best
        if best is not None:
            fetched += watching.fetch(self.client, best.run, progress=lambda size: None)
        results.write(self, best)
        return fetched


def _number(trial: Trial) -> int:
    return trial.number


def _kept(run: runs.RunFolder) -> list[float] | None:
    """The reports of an ended trial, when they were read already."""
    try:
        return [float(value) for value in json.loads((run.private / "reports.json").read_text(encoding="utf-8"))]
    except (OSError, ValueError, TypeError):
        return None


def _keep(run: runs.RunFolder, values: list[float]) -> None:
    runs.replace_json(run.private / "reports.json", values)
