"""The local target: a run is a folder, a supervisor and the script, with no connection opened (DESIGN.md)."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amlrun.errors import JOB_FAILED, AmlError
from amlrun.events import Message, OnEvent, ignore
from amlrun.prepare import code, data, launch, ranks, script_options, script_tracking
from amlrun.prepare.site import Site
from amlrun.project import Project
from amlrun.runs import metrics, mlflow_db, provenance, redact
from amlrun.runs import store as runs
from amlrun.runs.status import RunStatus
from amlrun.spec.job import CommandJob, to_dict
from amlrun.targets import processes, steps
from amlrun.targets.base import Plan, Run, SubmitOptions
from amlrun.targets.stage import Stage

if TYPE_CHECKING:
    from amlrun.spec.jobs import Job


class LocalTarget:
    """Runs jobs on this machine. It remembers the supervisors that it has started, to see their end at once."""

    type = "local"
    location = "this machine"
    runs_sweeps = False
    runs_pipelines = False
    runs_batches = False
    interrupt_cancels = True

    def __init__(self, project: Project, on_event: OnEvent = ignore) -> None:
        self.project = project
        self.on_event = on_event
        self._supervisors: dict[str, subprocess.Popen[bytes]] = {}
        self._remarks: dict[str, Callable[[], list[str]]] = {}

    def report(self, text: str) -> None:
        """Tell one line."""
        self.on_event(Message(text))

    def plan(self, job: Job, experiment: str, options: SubmitOptions) -> Plan:
        """The code and the snapshot, checked. Raises AmlError."""
        command = _command(job)
        files = options.take_snapshot(command, code.find(command), self.project)
        ranks.check(command)
        several = ranks.of_job(command)
        self.stage(command, options)
        where = self.location if several is None else f"{self.location}, {several}"
        return Plan(redact.masked(to_dict(job)), files, where)

    def stage(self, job: CommandJob, options: SubmitOptions) -> Stage:
        """Where the job's runs are prepared and run. Raises AmlError when they can't be; nothing is written before."""
        return Stage()

    def submit(self, job: Job, experiment: str, options: SubmitOptions) -> Run:
        """Snapshot, environment and data, then the script is started. Raises AmlError."""
        job = _command(job)
        notes = steps.notes(job)
        folder = code.find(job)
        git = provenance.git_properties(folder)
        files = options.take_snapshot(job, folder, self.project)
        stage = self.stage(job, options)
        first = steps.first_record(job, job, experiment, "local", options.command_line)
        first["_target_type"] = self.type
        stage.note(first)
        run = Run(steps.create_run(self.project, first, runs.new_id(experiment, job.name), options), self)
        try:
            steps.announce(run)
            interpreter = steps.prepare(run, job, files, stage, notes, git)
            if any(one.type.endswith("_model") for one in job.inputs.values()):
                from amlrun.registry.inputs import with_models

                job = with_models(self.project, job)
            site = stage.site(self.project, run.files, interpreter)
            plan = launch.plan(self.project, run.files, job, interpreter, experiment, report=self.report, site=site)
            self._remarks[run.id] = _remarks(job, site)
            self._supervisors[run.id] = processes.start(run.files, stage.wrap(plan, site), options.supervisor)
        except BaseException as error:
            steps.mark_failed(run.files, error)
            raise
        return run

    def status(self, run: runs.RunFolder) -> RunStatus:
        """The state, inferred from the folder and the processes; an ended run is in MLflow's database after that."""
        state = run.state()[0]
        if state.is_final:
            self.publish([run])
        return state

    def publish(self, found: Iterable[runs.RunFolder]) -> None:
        """Bring `mlflow.db` up to date with the runs that have ended; a fault there is a warning."""
        try:
            ended = mlflow_db.pending(self.project, found)
            if ended:
                from amlrun.registry import from_runs

                from_runs.take_over(self.project, ended, self.on_event)
            mlflow_db.publish(self.project, ended)
        except AmlError as error:
            self.on_event(Message(str(error), warning=True))

    def logs(self, run: runs.RunFolder, *, follow: bool, until: float | None = None) -> Iterator[bytes]:
        """The script's output."""
        started = self._supervisors.get(run.id)
        ended = None if started is None else lambda: started.poll() is not None
        return processes.follow_log(run, follow=follow, until=until, ended=ended)

    def attend(self, run: runs.RunFolder) -> None:
        """Take up again what of a run goes on after its supervisor was killed: nothing here. Raises AmlError."""

    def cancel(self, run: runs.RunFolder, reason: str, details: Mapping[str, Any] | None = None) -> RunStatus:
        """End the script and every process it started; `details` go into the record beside the reason."""
        return processes.cancel(run, reason, details)

    def metrics(self, run: runs.RunFolder) -> dict[str, float]:
        """From the run's own MLflow store, or the tracking server that the user named."""
        return metrics.metrics(self.project, run.id)

    def download(self, run: runs.RunFolder) -> list[Path]:
        """Nothing: the files are here."""
        return []

    def has_files(self, run: runs.RunFolder) -> bool:
        """The files are here."""
        return True

    def tag(self, run: runs.RunFolder, tags: Mapping[str, str]) -> None:
        """MLflow's database gets them the next time."""
        mlflow_db.changed(run)

    def why_waiting(self, run: runs.RunFolder) -> str:
        """Nothing is queued here."""
        return ""

    def release(self, run: runs.RunFolder) -> None:
        """Wait for the supervisor of an ended run to go. Raises AmlError when it could not write how the run ended."""
        started = self._supervisors.pop(run.id, None)
        if started is None or not run.state()[0].is_final:
            return
        for remark in self._remarks.pop(run.id)():
            self.on_event(Message(remark, warning=True))
        if not started.wait():
            return
        try:
            lines = (run.private / "supervisor.log").read_text(encoding="utf-8", errors="replace").strip().splitlines()
        except FileNotFoundError:
            return
        if lines and "exit_code" not in run.part("exit"):
            raise AmlError(
                f"the run's record could not be written: {lines[-1]}",
                hint="Free some space on the disk; what the script wrote is in the run's folder.",
                file=run.folder,
                exit_code=JOB_FAILED,
            )


def _remarks(job: CommandJob, site: Site) -> Callable[[], list[str]]:
    """What is to be said once the script has ended: options that it ignored, inputs that it changed, metrics that it
    sent elsewhere. Nothing is looked at before it starts.
    """
    places = {name: place for name, place in site.inputs.items() if job.inputs[name].path}
    start = time.time_ns()

    def after() -> list[str]:
        words = job.command[2:] if isinstance(job.command, list) else []
        from amlrun.prepare import spark

        found = spark.unresolved(job, site.run.log)
        found += script_options.ignored(site.run.folder / job.script, words) if job.script else []
        found += script_tracking.elsewhere(site.run.folder / job.script) if job.script else []
        for name, place in places.items():
            if data.changed_since(place, start):
                found.append(
                    f"input {name} changed during the run; scripts must not write to it: in Azure ML it is read-only"
                )
        return found

    return after


def _command(job: Job) -> CommandJob:
    if not isinstance(job, CommandJob):
        raise AmlError(f"a {job.type} job can't run on this machine", hint="Submit it with --ct NAME of a cluster.")
    return job
