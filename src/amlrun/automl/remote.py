"""A search that a workspace's AutoML runs, as it is watched from here: its children are told and kept as trials.

The service's children have a number in their id; it names the best in the parent's tag `automl_best_child_run_id`,
and what a child was in its properties `run_algorithm` and `run_preprocessor` (run history).
"""

from __future__ import annotations

from typing import Any

from amlrun.azure import sweeps, watching
from amlrun.runs import store as runs
from amlrun.spec.automl import METRICS, MINIMIZED
from amlrun.spec.job import CommandJob, Limits, Objective, Parameter, SweepJob
from amlrun.spec.search_space import MOST_TRIALS
from amlrun.sweep import store
from amlrun.sweep.remote import RemoteSweep
from amlrun.sweep.store import Settings, Trial

_BEST = "automl_best_child_run_id"


class RemoteSearch(RemoteSweep):
    """One search of a workspace."""

    def _first_settings(self) -> Settings:
        """What a watcher needs of the job, as the service describes it."""
        job = self._ask()
        reply = job.get("properties") or {}
        details = reply.get("taskDetails") or {}
        task = str(details.get("taskType") or "Classification").lower()
        metric = _metric(task, str(details.get("primaryMetric") or ""))
        made = SweepJob(CommandJob(), Objective(metric, "minimize" if metric in MINIMIZED else "maximize"), _space())
        limits = details.get("limitSettings") or {}
        made.limits = Limits(max_total_trials=limits.get("maxTrials"))
        total = int(limits.get("maxTrials") or MOST_TRIALS)
        experiment = str(self.sweep.part("submit").get("_experiment_name"))
        settings = Settings(made, experiment, 0, total, int(limits.get("maxConcurrentTrials") or 1), [])
        store.save(self.sweep, settings)
        return settings

    @property
    def best(self) -> Trial | None:
        """The child that the service names as the best; while it names none, the best of the completed so far."""
        tags = (self.job.get("properties") or {}).get("tags") or {}
        named = tags.get(_BEST) or (self.sweep.part("exit").get("properties") or {}).get("best_child_run_id")
        found = next((trial for trial in self.trials.values() if trial.run.id == named), None)
        return found or super().best

    def _take(self, found: sweeps.TrialInfo) -> None:
        known = self.trials.get(found.number)
        if found.state in runs.FINAL and (known is None or known.state not in runs.FINAL):
            values = self._algorithm(found.id)
            found.values.update(values)
            if known is not None:
                known.values.update(values)
        super()._take(found)
        # The pictures place a trial by its algorithm.
        seen = dict.fromkeys(str(one.values["algorithm"]) for one in self.trials.values() if "algorithm" in one.values)
        self.settings.job.search_space["algorithm"].values = [*seen]

    def _algorithm(self, run_id: str) -> dict[str, Any]:
        """What a child was: the service says it in the run's history."""
        properties = (watching.history(self.client, runs.RunFolder(self.project.runs / run_id)) or {}).get("properties")
        named = properties or {}
        words = [str(named[key]) for key in ("run_preprocessor", "run_algorithm") if named.get(key)]
        return {"algorithm": ", ".join(words)} if words else {}


def _space() -> dict[str, Parameter]:
    return {"algorithm": Parameter("choice", "--algorithm", values=[])}


def _metric(task: str, answer: str) -> str:
    """The metric as the children log it, from whatever case style the service answers in."""
    from amlrun.errors import folded

    known = {folded(name): name for names in METRICS.values() for name in names}
    return known.get(folded(answer), answer or METRICS.get(task, METRICS["classification"])[0])
