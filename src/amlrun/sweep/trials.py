"""Starts, watches and ends single trials: each a run like any other, a child of the sweep's run."""

from __future__ import annotations

import contextlib
import gc
import json
import shutil
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

from amlrun.errors import SERVICE, AmlError
from amlrun.prepare import launch, snapshot
from amlrun.prepare.environment import Interpreter
from amlrun.runs import redact
from amlrun.runs import store as runs
from amlrun.runs.record import SubmitPart
from amlrun.spec.job import CommandJob, Scalar, to_dict
from amlrun.sweep import pictures, store, warm
from amlrun.sweep.policies import Curve, Stop
from amlrun.sweep.space import fill, fill_variables, word
from amlrun.sweep.store import Settings, Trial
from amlrun.targets import processes, steps
from amlrun.targets.local import LocalTarget
from amlrun.targets.stage import Stage

Report = Callable[[str], None]


class Starter:
    """Starts the trials of one sweep, forked from a warm server where that can be, else as plain processes."""

    def __init__(
        self,
        target: LocalTarget,
        stage: Stage,
        sweep: runs.RunFolder,
        settings: Settings,
        interpreter: Interpreter,
        report: Report,
        server: warm.Warm | None = None,
    ) -> None:
        self._target, self._stage = target, stage
        self._project = target.project
        self._sweep = sweep
        self._settings = settings
        self._interpreter = interpreter
        self._report = report
        self._files = store.snapshot_of(sweep, settings)
        # What all trials share is worked out once; their own record says what they differ in.
        self._prepared = steps.prepared_record(interpreter, {})
        trial, words = settings.job.trial, sweep.part("submit").get("command_line", [])
        self._first = steps.first_record(trial, trial, settings.experiment, "local", words)
        self._first["_target_type"] = target.type
        stage.note(self._first)
        self._definition = redact.masked(to_dict(settings.job.trial))
        self._first["tags"] = {**settings.job.tags, **settings.job.trial.tags}
        self._server = server
        self._ready = False
        self._supervisors: dict[str, subprocess.Popen[bytes]] = {}
        self._endings: list[threading.Thread] = []
        self.ahead: Trial | None = None

    def start_fork_server(self) -> None:
        """Let a fork server begin to import the script's packages, where trials can be forked; `start` waits for it.

        Raises AmlError or OSError for what would keep every trial from being started.
        """
        settings = self._settings
        job = settings.job.trial
        nothing = dict.fromkeys(settings.job.search_space, "")
        variables = fill_variables(job.environment_variables, nothing)
        job = replace(job, command=fill(job.command, nothing), environment_variables=variables)
        plan = self._plan(self._sweep, job, self._report)
        if not settings.warm or not self._stage.forks:
            return
        reason = warm.refusal(plan, self._interpreter.python)
        if reason:
            self._disable_fork_server(reason)
            return
        try:
            if self._server is None:
                self._server = warm.Warm(plan, self._sweep)
            self._server.set_up(settings.setup)
        except OSError as error:
            self._disable_fork_server(f"the fork server could not be started: {error.strerror}")
            return
        self._report("Importing the script's packages, once for all trials.")

    def start(self, number: int, values: dict[str, Scalar], raw: dict[str, Any] | None, attempt: int) -> Trial:
        """Make the trial's run and start it. Raises AmlError or OSError; the run's record says so then."""
        trial = self.ahead
        if trial is None or (trial.number, trial.attempt) != (number, attempt):
            self.drop_ahead()
            trial = self._make(number, values, raw, attempt)
        self.ahead = None
        try:
            self._launch(trial)
        except BaseException as error:
            steps.mark_failed(trial.run, error)
            raise
        return trial

    @property
    def settled(self) -> bool:
        """Whether no fork server is at its imports, during which it opens MLflow's store, and creates a new one."""
        return self._server is None or self._ready

    @property
    def can_make_ahead(self) -> bool:
        """Whether the next trial's run may be made before there is room for it."""
        return self._ready and self.ahead is None

    def make_ahead(self, number: int, values: dict[str, Scalar], raw: dict[str, Any] | None) -> None:
        """Make the run of the next trial, to be started as soon as there is room. Raises as `start`."""
        self.ahead = self._make(number, values, raw, 1)

    def drop_ahead(self) -> None:
        """Leave nothing of the run that was made ahead."""
        if self.ahead is not None:
            shutil.rmtree(self.ahead.run.folder, ignore_errors=True)
            self.ahead = None

    def _make(self, number: int, values: dict[str, Scalar], raw: dict[str, Any] | None, attempt: int) -> Trial:
        settings = self._settings
        job = self._job(values)
        submit: SubmitPart = {
            **self._first,
            "parent_run_id": self._sweep.id,
            "run_definition": {"command": redact.masked(job.command), "sweep": self._sweep.id},
            "trial": number,
            "hyperparameters": values,
            "_draw": raw,
        }
        run = runs.create(self._project.runs, store.trial_id(self._sweep.id, number, attempt), submit)
        trial = Trial(number, values, raw, run, attempt, Curve(settings.job.objective.goal))
        try:
            snapshot.copy(self._files, run.folder)
            definition = {**self._definition, "command": redact.masked(job.command)}
            runs.replace_text(run.private / "job.yml", json.dumps(definition))
            runs.replace_json(run.private / "prepared.json", self._prepared)
            trial.plan = self._plan(run, job, lambda line: None)
        except BaseException as error:
            steps.mark_failed(run, error)
            raise
        return trial

    def _plan(self, run: runs.RunFolder, job: CommandJob, report: Report) -> dict[str, Any]:
        site = self._stage.site(self._project, run, self._interpreter)
        experiment = self._settings.experiment
        plan = launch.plan(self._project, run, job, self._interpreter, experiment, report=report, site=site)
        return self._stage.wrap(plan, site)

    def _job(self, values: dict[str, Scalar]) -> CommandJob:
        job, limits = self._settings.job.trial, self._settings.job.limits
        times = [limit for limit in (limits.trial_timeout, job.limits and job.limits.timeout) if limit]
        return replace(
            job,
            command=fill(job.command, values),
            limits=replace(job.limits or limits, timeout=min(times, default=None)),
            # As Azure ML does for a sweep's trials (azure-ai-ml's SweepJob says so).
            environment_variables={
                **fill_variables(job.environment_variables, values),
                **{f"AZUREML_SWEEP_{name}": word(value) for name, value in values.items()},
            },
            tags={**self._settings.job.tags, **job.tags},
        )

    def _launch(self, trial: Trial) -> None:
        plan = trial.plan
        assert plan is not None  # noqa: S101 - made by start
        if self._server is not None and not self._ready:
            pictures.load()  # needed at the end, and there is nothing else to do while the server imports
            gc.freeze()  # what all this imported stays, and is not to be looked through for garbage
            reason = self._server.wait_ready()
            self._ready = not reason
            if reason:
                self._disable_fork_server(reason)
        if self._server is not None:
            try:
                self._server.start(trial.run, plan)
                return
            except OSError:
                self._disable_fork_server("the fork server exited")
        self._supervisors[trial.run.id] = processes.start(trial.run, plan)

    def _disable_fork_server(self, reason: str) -> None:
        self._report(f"Trials run as plain processes: {reason}.")
        if self._server is not None:
            self._server.close()
            self._server = None

    def look(self, trial: Trial, check_processes: bool) -> bool:
        """Whether a running trial has ended; its state is up to date then.

        `check_processes` also looks whether its processes are still there, which costs a little more.
        """
        run = trial.run
        supervisor = self._supervisors.get(run.id)
        gone = supervisor is not None and supervisor.poll() is not None
        if not (run.private / "exit.json").exists() and not gone and not check_processes:
            return False
        if check_processes and self._server is not None and not self._server.alive:
            self._disable_fork_server("the fork server exited")
        if trial.plan and self._server is None and not supervisor and not (run.private / "process.json").exists():
            # Ordered from a server that died before it started it.
            self._supervisors[run.id] = processes.start(run, trial.plan)
            return False
        self.attend(trial)
        if trial.state not in runs.FINAL:
            return False
        self._supervisors.pop(run.id, None)
        trial.plan = None
        run.write_view()
        return True

    def attend(self, trial: Trial) -> None:
        """Read a trial's state; what went on when its supervisor was killed is supervised again."""
        # A service that is away now is asked again the next time.
        with contextlib.suppress(AmlError):
            self._target.attend(trial.run)
        store.refresh(trial)

    def pause(self, seconds: float) -> None:
        """Sleep for so long, or until a forked trial ends."""
        if self._server is None:
            time.sleep(seconds)
        else:
            self._server.pause(seconds)

    def stop(self, trial: Trial, reason: str, *, stop: Stop | None = None, with_sweep: bool = False) -> None:
        """Cancel a trial, in the background: its script is asked to end, and made to after five seconds."""
        details: dict[str, Any] = {"with_sweep": True} if with_sweep else {}
        if stop is not None:
            details["stopped"] = asdict(stop)
        ending = threading.Thread(target=self._end, args=(trial.run, reason, details), daemon=True)
        ending.start()
        self._endings.append(ending)

    def _end(self, run: runs.RunFolder, reason: str, details: dict[str, Any]) -> None:
        told = False
        while True:
            try:
                self._target.cancel(run, reason, details)
                return
            except AmlError as error:
                if not told:
                    self._report(f"{run.id} could not be stopped: {error}")
                told = True
                if error.exit_code != SERVICE:
                    return
                time.sleep(1)

    def close(self) -> None:
        """Wait for what is being cancelled, and let the server go."""
        self.drop_ahead()
        for ending in self._endings:
            ending.join()
        if self._server is not None:
            self._server.close()

    def wait(self) -> None:
        """Wait until the server has gone, which takes it a moment: it frees much memory."""
        if self._server is not None:
            self._server.wait(5)
