"""Starts the steps of a pipeline as runs like any other; the one module that knows how this machine runs a job."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from amlrun.pipeline.state import RUN_TYPE
from amlrun.prepare import launch, snapshot
from amlrun.project import Project
from amlrun.runs import provenance
from amlrun.runs import store as runs
from amlrun.spec.job import CommandJob, SweepJob
from amlrun.targets import local
from amlrun.workers import supervisor

Report = Callable[[str], None]
_RUNNING = ("Queued", "Starting", "Preparing", "Running", "Finalizing")


class StepRun(Protocol):
    """A step's run: where it lies, how it is, and how to end it."""

    @property
    def id(self) -> str: ...

    @property
    def folder(self) -> Path: ...

    def status(self) -> str: ...

    def cancel(self, reason: str) -> None: ...

    def record(self) -> dict[str, Any]: ...


class LocalRun:
    """A run on this machine."""

    def __init__(self, run: runs.Run, process: subprocess.Popen[bytes] | None = None) -> None:
        self._run = run
        self._process = process

    @property
    def id(self) -> str:
        return self._run.id

    @property
    def folder(self) -> Path:
        return self._run.folder

    def status(self) -> str:
        """The state; while its supervisor is this process's child nothing is looked up but whether that ended."""
        if self._process is not None and self._process.poll() is None:
            return "Running" if not (self._run.private / "exit.json").exists() else self._run.state()[0]
        return self._run.state()[0]

    def cancel(self, reason: str) -> None:
        local.cancel(self._run, reason)

    def record(self) -> dict[str, Any]:
        return self._run.record()


class Launcher:
    """Starts steps on this machine. `report` is told what a submit says."""

    def __init__(self, project: Project, experiment: str, report: Report) -> None:
        self._project = project
        self._experiment = experiment
        self._report = report
        self._ahead: list[subprocess.Popen[bytes]] = []

    def find(self, run_id: str) -> LocalRun | None:
        """A run of this project; None when its folder is gone."""
        run = runs.Run(self._project.runs / run_id)
        return LocalRun(run) if Path(run_id).name == run_id and run.private.is_dir() else None

    def warm(self, count: int) -> None:
        """Launch supervisors ahead, so that they are ready when the next steps are."""
        while len(self._ahead) < count:
            self._ahead.append(supervisor.launch())

    def close(self) -> None:
        """Let go of the supervisors that got nothing to do: they end by themselves."""
        for process in self._ahead:
            if process.stdin is not None:
                process.stdin.close()
            process.wait()
        self._ahead = []

    def start(self, job: CommandJob | SweepJob, run_id: str, parent: str, created: Callable[[Path], None]) -> LocalRun:
        """Start a step; `created` gets its `.run/` folder before anything runs.

        Raises AmlError; when the run is there already its record says how it ended.
        """
        if isinstance(job, SweepJob):
            return self._sweep(job, created)
        code = local.check(job)
        git = provenance.git_properties(code)
        files = snapshot.take(code, runs=self._project.runs)
        local.check_travels(job, files)
        record = local.first_record(job, self._experiment) | {"parent_run_id": parent}
        run = runs.create(self._project.runs, run_id, record)
        try:
            created(run.private)
            local.fill(run, files, job)
            interpreter = local.prepare(job, report=self._report)
            run.write_part("prepared", local.prepared_record(interpreter, job, git()))
            plan = launch.plan(self._project, run, job, interpreter, self._experiment, report=self._report)
            started = local.start(run, plan, self._ahead.pop() if self._ahead else None)
        except BaseException as error:
            local.give_up(run, error)
            raise
        return LocalRun(run, started.supervisor)

    def _sweep(self, job: SweepJob, created: Callable[[Path], None]) -> LocalRun:
        from amlrun.sweep import local as local_sweep

        run = local_sweep.submit(self._project, job, self._experiment, report=self._report)
        created(run.private)
        words = ["run", "submit-hyperdrive", "--path", str(self._project.root), "--resume", run.id]
        flags: dict[str, Any] = {"start_new_session": True}
        if sys.platform == "win32":
            flags = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW}
        with (run.private / "driver.log").open("wb") as log:
            driver = subprocess.Popen(
                [sys.executable, "-m", "amlrun", *words], stdin=subprocess.DEVNULL, stdout=log, stderr=log, **flags
            )
        return LocalRun(run, driver)


def create_pipeline_run(project: Project, experiment: str, record: dict[str, Any]) -> runs.Run:
    """Make the run of a pipeline, which can be listed from then on. Raises AmlError."""
    run = runs.create(
        project.runs,
        runs.new_id(experiment),
        {"_experiment_name": experiment, "run_type": RUN_TYPE, "target": "local", **record},
    )
    run.write_part("process", {"start_time_utc": runs.now(), "_supervisor": runs.this_process()})
    return run


def is_running(status: str) -> bool:
    """Whether a run in that state may still end."""
    return str(status) in _RUNNING
