"""The handles of sweeps: a `Run` whose children are trials, driven on this machine or watched in a workspace."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from amlrun.errors import AmlError, os_errors
from amlrun.events import LogOutput, Message, OnEvent, ignore
from amlrun.runs import store as runs
from amlrun.runs.status import RunStatus
from amlrun.spec.job import SweepJob
from amlrun.sweep.progress import SweepLog
from amlrun.sweep.store import Settings
from amlrun.targets.base import FOLDERS, Outcome, Run, SubmitOptions, Target
from amlrun.targets.parents import DrivenRun, WatchedRun

if TYPE_CHECKING:
    from amlrun.sweep.driver import Driver
    from amlrun.sweep.remote import RemoteSweep
    from amlrun.targets.local import LocalTarget


def open_sweep(files: runs.RunFolder, target: Target) -> Run:
    """The handle of a sweep's run."""
    return RemoteSweepRun(files, target) if target.runs_sweeps else LocalSweepRun(files, target)


def submit(target: Target, job: SweepJob, experiment: str, options: SubmitOptions) -> Run:
    """Submit a sweep: whole where the target takes it so, else its trials are started from this machine.

    With `options.detach` a process of its own drives it; else `wait` does, in the process that calls it.
    """
    if target.runs_sweeps:
        return RemoteSweepRun(target.submit(job, experiment, options).files, target)
    from amlrun.sweep import local

    files, settings = local.submit(of_this_machine(target, "a sweep"), job, experiment, options)
    return start(LocalSweepRun(files, target), settings, options)


def of_this_machine(target: Target, what: str) -> LocalTarget:
    """The target, where this machine can start the trials of `what`. Raises AmlError for a machine over ssh."""
    from amlrun.targets.local import LocalTarget

    if not isinstance(target, LocalTarget):
        hint = "Run it on this machine (--ct local), or on a cluster of a workspace."
        raise AmlError(f"{what} can't run on {target.location}: its trials are started from this machine", hint=hint)
    return target


def resume(run: Run, options: SubmitOptions) -> Run:
    """Resume a local sweep that was interrupted or cancelled. Raises AmlError for any other run."""
    if run.target.runs_sweeps:
        hint = f"Watch it: aml run monitor-logs -r {run.id}"
        raise AmlError(f"--resume: {run.id} runs in a workspace, not on this machine", hint=hint)
    from amlrun.sweep import local

    return start(LocalSweepRun(run.files, run.target), local.reopen(run.files), options)


def start(run: LocalSweepRun, settings: Settings, options: SubmitOptions) -> LocalSweepRun:
    """Drive a sweep: in a process of its own with `options.detach`, else in the next `wait`."""
    if options.detach:
        from amlrun.sweep import local

        local.drive_in_background(run.files, settings, run.driver_module)
    else:
        run.drive_with(settings)
    return run


class LocalSweepRun(DrivenRun[Settings]):
    """A sweep whose trials run on this machine."""

    noun = "sweep"
    can_resume = True
    resume_command = "aml run submit-hyperdrive --resume"
    driver_module = "amlrun.sweep"

    def _driver(self) -> Callable[..., Driver]:
        from amlrun.sweep.driver import Driver

        return Driver

    def drive(self, work: Settings, on_event: OnEvent) -> None:
        """Run the trials to their end."""
        from amlrun.sweep import local
        from amlrun.targets.local import LocalTarget

        assert isinstance(self.target, LocalTarget)  # noqa: S101 - submit looked
        local.drive(self.target, self.files, work, SweepLog(self.files.log, on_event), self._driver())


class RemoteSweepRun(WatchedRun):
    """A sweep that a workspace runs: what it says of the trials is written down as a local sweep would leave it."""

    results = "sweep's results"
    _outcome: Outcome | None = None

    def _sweep(self, on_event: OnEvent = ignore, log: Path | None = None) -> RemoteSweep:
        from amlrun.sweep.remote import RemoteSweep
        from amlrun.targets.azureml import AzureMLTarget

        assert isinstance(self.target, AzureMLTarget)  # noqa: S101 - the only one that runs sweeps whole
        return RemoteSweep(self.target.client, self.target.project, self.files, SweepLog(log, on_event))

    def watch(self, on_event: OnEvent, until: float | None) -> RunStatus | None:
        """Follow the sweep; `on_event` gets a line a trial, and its state (`SweepProgress`)."""
        sweep = self._sweep(on_event, self.files.log)
        if sweep.finalized:
            for lines in self.logs():
                on_event(LogOutput(lines))
            self._outcome = sweep.outcome()
        else:
            # All lines are written again, from what the workspace knows.
            self.files.log.write_text("", encoding="utf-8")
            self._outcome = sweep.follow(until)
        return None if self._outcome is None else self._outcome.status

    def children(self) -> list[Run]:
        """The trials, oldest first, as the workspace lists them now."""
        sweep = self._sweep()
        if not sweep.finalized:
            sweep.look()
        return super().children()

    def best_child(self) -> Run | None:
        """The trial that the workspace names as the best; while it names none, the best of the completed so far."""
        sweep = self._sweep()
        if not sweep.finalized:
            sweep.look()
        return None if sweep.best is None else Run(sweep.best.run, self.target)

    def download(self, dest: str | Path | None = None, *, folders: Sequence[str] = FOLDERS) -> list[Path]:
        """Bring the sweep's own files and its best trial's into their run folders; the best's outputs to its own."""
        sweep = self._sweep(self.target.on_event)
        with os_errors("write the sweep's results"):
            fetched = sweep.fetch()
        if sweep.best is None:
            self.target.on_event(Message(f"{self.id} has no best trial: only its own files were fetched", warning=True))
        return fetched if dest is None else self._copy(Path(dest), folders)

    def outcome(self) -> Outcome:
        """How the sweep ended; one that found nothing has failed, whatever the service calls it."""
        return self._outcome or super().outcome()
