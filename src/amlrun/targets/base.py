"""Where a job runs: the protocol of a target, and `Run`, the handle with the same verbs on every one of them.

A target works on run folders (`runs/store.py`); `Run` joins a folder with its target. What makes many runs out of one
job (a sweep, a pipeline) has a handle of its own below `Run`, in its own package.
"""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from amlrun.dataclass import dataclass, field
from amlrun.errors import os_errors
from amlrun.events import Event, LogOutput, OnEvent
from amlrun.prepare import code
from amlrun.prepare.snapshot import Snapshot
from amlrun.project import Project
from amlrun.runs import store as runs
from amlrun.runs.record import RunRecord
from amlrun.runs.status import RunStatus
from amlrun.spec.job import CommandJob

if TYPE_CHECKING:
    from amlrun.spec.jobs import Job

LOG_FOLDERS = ("user_logs", "azureml-logs", "logs")
FOLDERS = ("outputs", *LOG_FOLDERS)


@dataclass
class SubmitOptions:
    """Options of a submit. Every target accepts all of them; some have no effect on some targets.

    `snapshot_limits`: refuse more than 2,000 files or 300 MB. `exclude`: a file to leave out of the snapshot.
    `command_line`: the command for the run's record. `run_id`, `parent_run_id`: for a run that is part of another.
    `detach`: run a local sweep or pipeline in a separate process. `warm`: fork a local sweep's trials from a server
    that has imported their packages. `supervisor`: a supervisor that was started ahead (`targets.local`). `from_step`,
    `only_step`: the pipeline step to rerun with those after it, or alone; `max_steps`: how many run at once, by
    default one per processor. `pull`: pull a missing image; otherwise `confirm` is called with the question, and None
    means no.
    """

    snapshot_limits: bool = True
    exclude: Path | None = None
    command_line: Sequence[str] = ()
    run_id: str | None = None
    parent_run_id: str | None = None
    detach: bool = True
    warm: bool = True
    from_step: str | None = None
    only_step: str | None = None
    max_steps: int | None = None
    supervisor: subprocess.Popen[bytes] | None = None
    pull: bool = False
    confirm: Callable[[str], bool] | None = None

    def take_snapshot(self, job: CommandJob, code_folder: Path, project: Project) -> Snapshot:
        """The snapshot of a job's code folder, as these options want it. Raises AmlError."""
        return code.build_snapshot(
            job, code_folder, runs=project.runs, limits=self.snapshot_limits, exclude=self.exclude
        )


@dataclass
class Plan:
    """A job that passed all checks: what a submit would do. `calls` are the requests it would make, none if local.

    A pipeline has no `snapshot`: each of its steps takes its own.
    """

    job: dict[str, Any]
    snapshot: Snapshot | None
    location: str
    calls: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class RunCreated(Event):
    """The run has a folder and can be listed; it may not have started."""

    run: Run


@dataclass
class Outcome:
    """How a run ended: its status, why it failed and what to do; for a sweep also the best trial's id and metric."""

    status: RunStatus
    message: str = ""
    hint: str = ""
    best: str | None = None
    best_value: float | None = None


class Target(Protocol):
    """One place where jobs run. `type` is how records name the kind, `location` how a person is told the place.

    `runs_sweeps`, `runs_pipelines`: whether one can be given to it whole; else its children are started from this
    machine. `runs_batches`: whether it has batch endpoints. `interrupt_cancels`: whether a run ends with the command
    that follows it; its supervisor is then of this machine. `on_event` is told what goes on. Every method raises
    AmlError; a service that cannot be asked has exit code 3.
    """

    type: str
    project: Project
    on_event: OnEvent
    runs_sweeps: bool
    runs_pipelines: bool
    runs_batches: bool
    interrupt_cancels: bool

    @property
    def location(self) -> str: ...

    def plan(self, job: Job, experiment: str, options: SubmitOptions) -> Plan:
        """Make every check of a submit and send nothing."""

    def submit(self, job: Job, experiment: str, options: SubmitOptions) -> Run:
        """Start a job. The run's record says how it ended when this raises after the run was created."""

    def status(self, run: runs.RunFolder) -> RunStatus:
        """The state now, written into the record where the target had to be asked."""

    def logs(self, run: runs.RunFolder, *, follow: bool, until: float | None = None) -> Iterator[bytes]:
        """The log: what there is, with `follow` also what comes until the run ends or `until` (time.monotonic)."""

    def cancel(self, run: runs.RunFolder, reason: str) -> RunStatus:
        """End a run and all it started; the state after that. An ended run is left as it is."""

    def metrics(self, run: runs.RunFolder) -> dict[str, float]:
        """The last value of each metric that the script logged."""

    def download(self, run: runs.RunFolder) -> list[Path]:
        """Bring outputs and logs that are elsewhere into the run's folder; the files that were brought."""

    def has_files(self, run: runs.RunFolder) -> bool:
        """Whether a run's outputs are in its folder, or still have to be downloaded."""

    def tag(self, run: runs.RunFolder, tags: Mapping[str, str]) -> None:
        """Add tags where the target keeps its own record; the run folder's is written by `Run.tag`."""

    def why_waiting(self, run: runs.RunFolder) -> str:
        """Why a queued run has not begun, as far as its place says; else empty."""

    def release(self, run: runs.RunFolder) -> None:
        """Nobody waits for this run any more in this process: let go of what was kept for that."""


class Run:
    """A run: its id, folder and status, and the operations on it. Returned by `amlrun.submit`,
    `amlrun.get_run` and `amlrun.list_runs`.
    """

    # The type of its job: command, sweep or pipeline.
    type = "command"
    # Whether `amlrun.resume` can take up what was interrupted.
    can_resume = False
    resume_command = ""

    def __init__(self, files: runs.RunFolder, target: Target) -> None:
        self.files = files
        self.target = target

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.id!r})"

    @property
    def id(self) -> str:
        """The run id: `<experiment>_<unix seconds>_<8 hex>`."""
        return self.files.id

    @property
    def folder(self) -> Path:
        """The run's folder: the script's working directory, with `outputs/`, `logs/` and `user_logs/`."""
        return self.files.folder

    @property
    def experiment(self) -> str:
        """The experiment's name."""
        return str(self.files.part("submit").get("_experiment_name") or "")

    @property
    def in_process(self) -> bool:
        """Whether the run is executed by `wait`, in this process."""
        return False

    def status(self) -> RunStatus:
        """The current status. Raises AmlError (exit code 3) if a service cannot be reached."""
        return self.target.status(self.files)

    def wait(self, timeout: float | None = None, on_event: OnEvent | None = None) -> RunStatus:
        """Wait until the run has finished, at most `timeout` seconds. Returns its status.

        `on_event` gets the log; without it the listener that the run was made with.
        """
        tell = on_event or self.target.on_event
        until = None if timeout is None else time.monotonic() + timeout
        try:
            for data in self.target.logs(self.files, follow=True, until=until):
                tell(LogOutput(data))
            status = self.status()
        except KeyboardInterrupt:
            self.target.release(self.files)
            raise
        if status.is_final:
            self.target.release(self.files)
        return status

    def logs(self, follow: bool = False) -> Iterator[bytes]:
        """The log so far, as bytes; with `follow`, until the run has finished."""
        return self.target.logs(self.files, follow=follow)

    def cancel(self, reason: str = "cancelled") -> RunStatus:
        """Cancel the run: stop the script and every process it started. Returns the new status."""
        return self.target.cancel(self.files, reason)

    def metrics(self) -> dict[str, float]:
        """The last value of each metric that the script logged with MLflow."""
        return self.target.metrics(self.files)

    def outputs(self) -> list[Path]:
        """The files in the run's `outputs/` that are on this machine; `download` fetches the others."""
        return sorted(file for file in (self.folder / "outputs").rglob("*") if file.is_file())

    def owner_of(self, path: str) -> tuple[runs.RunFolder, str]:
        """The run that wrote what this one has as `path`, and its path there. Raises AmlError when none did."""
        return self.files, path

    @property
    def has_files(self) -> bool:
        """Whether the outputs are on this machine; if not, `download` fetches them."""
        return self.target.has_files(self.files)

    def download(self, dest: str | Path | None = None, *, folders: Sequence[str] = FOLDERS) -> list[Path]:
        """Download the run's files into its own folder, or, with `dest`, copy its `folders` there.

        Returns the downloaded files, or the copies.
        """
        fetched = self.target.download(self.files)
        return fetched if dest is None else self._copy(Path(dest), folders)

    def _copy(self, dest: Path, folders: Sequence[str]) -> list[Path]:
        return [place for top in folders for place in self.copy_files(self.folder / top, dest / top)]

    @staticmethod
    def copy_files(source: Path, dest: Path) -> list[Path]:
        """Copy a file, or the files of a folder, to `dest`. Returns the copies. Raises AmlError."""
        copied = []
        for file in [source] if source.is_file() else sorted(source.rglob("*")):
            if file.is_file():
                place = dest / file.relative_to(source)
                with os_errors("copy the run's files"):
                    place.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copy2(file, place)
                copied.append(place)
        return copied

    def tag(self, **tags: str) -> None:
        """Add or change tags of the run."""
        self.target.tag(self.files, tags)
        known = self.files.part("tags").get("tags", {})
        with os_errors("write the run's record"):
            self.files.write_part("tags", {"tags": {**known, **tags}})

    def record(self) -> RunRecord:
        """The content of run.json, with v1's keys; no service is contacted."""
        return self.files.record()

    def children(self) -> list[Run]:
        """The runs that this one started, oldest first: a sweep's trials, a pipeline's steps."""
        found = (run for run in runs.list_runs(self.target.project.runs) if run.id != self.id)
        own = [run for run in found if run.part("submit").get("parent_run_id") == self.id]
        return [Run(run, self.target) for run in reversed(own)]

    def best_child(self) -> Run | None:
        """The child with the best primary metric, for a run that has one."""
        named = (self.record().get("properties") or {}).get("best_child_run_id")
        return next((child for child in self.children() if child.id == named), None)

    def why_waiting(self) -> str:
        """Why a queued run has not started, if the target knows: busy nodes, quota. Otherwise empty."""
        return self.target.why_waiting(self.files) if self.status() == RunStatus.QUEUED else ""

    def outcome(self) -> Outcome:
        """How the run ended, from its record."""
        record = self.record()
        error, properties = record.get("error") or {}, record.get("properties") or {}
        best, score = properties.get("best_child_run_id"), properties.get("score")
        return Outcome(
            RunStatus.of(record["status"]),
            error.get("message", ""),
            error.get("hint", ""),
            None if best is None else str(best),
            None if score is None else float(score),
        )
