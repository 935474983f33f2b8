"""Starts the steps of a pipeline as runs like any other, over the same targets, and looks at how they are."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from amlrun.events import Event, Message, PackageLoaded
from amlrun.pipeline import step_job
from amlrun.pipeline.search_runs import open_search
from amlrun.prepare import machines
from amlrun.project import Project
from amlrun.runs import redact, root_run
from amlrun.runs import store as runs
from amlrun.runs.record import AUTOML_RUN, SWEEP_RUN
from amlrun.runs.status import RunStatus
from amlrun.spec.automl import AutoMLJob
from amlrun.spec.job import CommandJob, SweepJob
from amlrun.targets import Targets, processes
from amlrun.targets.base import Run, RunCreated, SubmitOptions
from amlrun.targets.local import LocalTarget
from amlrun.targets.run_log import RunLog, last_line
from amlrun.workspace import Workspace

_LOOK_SECONDS = 0.25  # between two looks at the processes of a run that has not written its end
# What a submit says of every run, and of a step is said by the pipeline.
_OWN_LINES = ("RunId: ", "Snapshot: ", "Sweep: ")


class StepRun:
    """A step's run."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._looked = 0.0

    @property
    def id(self) -> str:
        return self._run.id

    @property
    def folder(self) -> Path:
        """The run's folder; what the pipeline keeps of it is in `.run/step.json`."""
        return self._run.folder

    def output(self, name: str) -> Path:
        """Where an output lies: in the run's folder, a sweep's best trial's; a search's best model as MLflow's."""
        kind = self._run.files.part("submit").get("run_type")
        if kind == AUTOML_RUN and name == "best_model":
            name = "mlflow-model"
        best = self._run.best_child() if kind == SWEEP_RUN else None
        return (best.folder if best is not None else self.folder) / "outputs" / name

    def status(self) -> RunStatus:
        """The state now. What it logged comes into `mlflow.db` with `Launcher.publish`, for all steps at once."""
        if isinstance(self._run.target, LocalTarget):
            return self._run.files.state()[0]
        return self._run.status()

    def ended(self) -> RunStatus | None:
        """The final state, None while it runs; the processes are not looked up at every call."""
        if not (self.folder / ".run" / "exit.json").exists():
            often = _LOOK_SECONDS if isinstance(self._run.target, LocalTarget) else 4 * _LOOK_SECONDS
            if time.monotonic() - self._looked < often:
                return None
            self._looked = time.monotonic()
        status = self.status()
        if not status.is_final:
            return None
        if not self._run.has_files:
            self._run.download()
        self._run.target.release(self._run.files)
        return status

    def collect(self) -> None:
        """Take over what it logged to the pipeline's run. Raises AmlError."""
        root_run.collect(self._run.files)

    def cancel(self, reason: str) -> None:
        """End the run and all it started."""
        self._run.cancel(reason)

    def last_words(self) -> str:
        """The last line of the log that says something, without secrets; empty when there is none."""
        return redact.masked_text(last_line(self._run.files)[:200])

    def record(self) -> dict[str, Any]:
        """The run's record."""
        return dict(self._run.record())


class Launcher:
    """Starts steps. `log` is told what a submit says, `words` is the command that was typed; `pull`: a container's
    image that is not here is fetched.
    """

    def __init__(self, project: Project, experiment: str, log: RunLog, words: list[str], pull: bool) -> None:
        self._experiment = experiment
        self._log = log
        self._words = words
        self._pull = pull
        self._target = LocalTarget(project, self._on_event)
        self._targets = Targets(project, lambda: Workspace.find(project.root), self._on_event)
        self._machines = machines.load(project)
        self._created: Callable[[Path], None] = lambda private: None
        self._ahead: list[subprocess.Popen[bytes]] = []
        self._reported: set[str] = set()

    def _on_event(self, event: Event) -> None:
        if isinstance(event, RunCreated):
            self._created(event.run.files.private)
        elif isinstance(event, Message) and not event.text.startswith(_OWN_LINES) and event.text not in self._reported:
            # What is true of one step's environment is true of the next one's.
            self._reported.add(event.text)
            self._log.line(event.text)
        elif isinstance(event, PackageLoaded):
            self._log.on_event(event)

    def find(self, run_id: str) -> StepRun | None:
        """A run of this project; None when its folder is gone."""
        files = runs.RunFolder(self._target.project.runs / run_id)
        if Path(run_id).name != run_id or not files.private.is_dir():
            return None
        kind = files.part("submit").get("_target_type")
        target = self._target if kind in (None, "local") else self._targets.for_run(files)
        return StepRun(open_search(files, target) or Run(files, target))

    def place(self, compute: str | None) -> str:
        """Where a step of that compute runs, as `step_job.place` names it."""
        return step_job.place(compute, self._machines)

    def publish(self, run_ids: list[str]) -> None:
        """Bring `mlflow.db` up to date with these runs; a fault there is told."""
        self._target.publish(runs.RunFolder(self._target.project.runs / run_id) for run_id in run_ids)

    def warm(self) -> None:
        """Launch a supervisor ahead, so that it is ready when the step is."""
        if not self._ahead:
            self._ahead.append(processes.launch_supervisor())

    def close(self) -> None:
        """Let go of what was launched and got nothing to do."""
        while self._ahead:
            processes.discard(self._ahead.pop())

    def start(
        self, job: CommandJob | SweepJob | AutoMLJob, run_id: str, parent: str, created: Callable[[Path], None]
    ) -> StepRun:
        """Start a step; `created` gets its `.run/` folder before anything runs.

        Raises AmlError; when the run already exists its record says how it ended.
        """
        options = SubmitOptions(run_id=run_id, parent_run_id=parent, command_line=self._words, pull=self._pull)
        self._created = created
        if isinstance(job, SweepJob):
            from amlrun.sweep import handles as sweeps

            return StepRun(sweeps.submit(self._targets.for_job(job), job, self._experiment, options))
        if isinstance(job, AutoMLJob):
            from amlrun.automl import handles as searches

            return StepRun(searches.submit(self._target, job, self._experiment, options))
        if job.compute != "local" or job.local.container:
            return StepRun(self._targets.for_job(job).submit(job, self._experiment, options))
        options.supervisor = self._ahead.pop() if self._ahead else None
        try:
            return StepRun(self._target.submit(job, self._experiment, options))
        finally:
            processes.discard(options.supervisor)
