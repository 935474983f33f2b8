"""Brings a sweep's trials into MLflow's database while it goes on; the sweep does not depend on it."""

from __future__ import annotations

import time
from collections.abc import Mapping

from amlrun.errors import AmlError
from amlrun.project import Project
from amlrun.registry import from_runs
from amlrun.runs import mlflow_db
from amlrun.runs import store as runs
from amlrun.sweep.progress import SweepLog
from amlrun.sweep.store import Trial

_SECONDS = 2.0


class Publisher:
    """Publishes the trials that are not in the database as they ended; a fault there is told once."""

    def __init__(self, project: Project, sweep: runs.RunFolder, log: SweepLog) -> None:
        self._project, self._sweep, self._log = project, sweep, log
        self._last = time.monotonic()
        self._done: set[int] = set()
        self._warned = False

    def publish_now_and_then(self, trials: Mapping[int, Trial]) -> None:
        """Publish, but not more often than every two seconds."""
        if time.monotonic() - self._last > _SECONDS:
            self.publish(trials)

    def publish(self, trials: Mapping[int, Trial]) -> None:
        """Bring the database up to date."""
        new = [trial for trial in trials.values() if trial.number not in self._done]
        ended = [trial.run for trial in new if trial.done]
        try:
            from_runs.take_over(self._project, ended, self._log.message)
            mlflow_db.publish(self._project, [self._sweep, *(trial.run for trial in new)])
            self._done |= {trial.number for trial in new if trial.done}
        except AmlError as error:
            if not self._warned:
                self._log.warn(str(error))
            self._warned = True
        self._last = time.monotonic()
