"""The handles of searches: a `Run` whose children are trials, driven on this machine or watched in a workspace."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from amlrun.errors import AmlError
from amlrun.events import OnEvent, ignore
from amlrun.runs import redact
from amlrun.runs import store as runs
from amlrun.spec.automl import AutoMLJob
from amlrun.spec.job import to_dict
from amlrun.sweep import handles as sweeps
from amlrun.sweep.progress import SweepLog
from amlrun.targets.base import Plan, Run, SubmitOptions, Target

if TYPE_CHECKING:
    from amlrun.automl.remote import RemoteSearch
    from amlrun.sweep.driver import Driver
    from amlrun.sweep.warm import Warm


def open_search(files: runs.RunFolder, target: Target) -> Run:
    """The handle of a search's run."""
    return RemoteSearchRun(files, target) if target.runs_sweeps else LocalSearchRun(files, target)


def submit(target: Target, job: AutoMLJob, experiment: str, options: SubmitOptions) -> Run:
    """Submit a search. With `options.detach` a process of its own drives it; else `wait` does, in the process that
    calls it. Raises AmlError.
    """
    if target.runs_sweeps:
        return RemoteSearchRun(target.submit(job, experiment, options).files, target)
    from amlrun.automl import local

    files, settings, server = local.submit(sweeps.of_this_machine(target, "a search"), job, experiment, options)
    run = LocalSearchRun(files, target)
    run.server = server
    return sweeps.start(run, settings, options)


def plan(target: Target, job: AutoMLJob, experiment: str, options: SubmitOptions) -> Plan:
    """The job as it would be submitted; here its tables must be there. Raises AmlError."""
    if target.runs_sweeps:
        return target.plan(job, experiment, options)
    from amlrun.automl import request, tables

    request.require()
    sweeps.of_this_machine(target, "a search")
    tables.sources(target.project, job)
    value = to_dict(job)
    value.pop("source")
    return Plan(redact.masked(value), None, target.location)


def resume(run: Run, options: SubmitOptions) -> Run:
    """Resume a local search that was interrupted or cancelled. Raises AmlError for any other run."""
    if not isinstance(run, LocalSearchRun):
        hint = f"Watch it: aml run monitor-logs -r {run.id}"
        raise AmlError(f"--resume: {run.id} runs in a workspace, not on this machine", hint=hint)
    from amlrun.automl import settings
    from amlrun.sweep import local

    settings.load(run.files)
    return sweeps.start(LocalSearchRun(run.files, run.target), local.reopen(run.files), options)


class LocalSearchRun(sweeps.LocalSweepRun):
    """A search whose trials run on this machine."""

    resume_command = "aml automl submit --resume"
    driver_module = "amlrun.automl"

    # Started while the table was read, for the driver of this process.
    server: Warm | None = None

    def _driver(self) -> Callable[..., Driver]:
        from amlrun.automl.search import Search

        return partial(Search, server=self.server)


class RemoteSearchRun(sweeps.RemoteSweepRun):
    """A search that a workspace's own AutoML runs."""

    def _sweep(self, on_event: OnEvent = ignore, log: Path | None = None) -> RemoteSearch:
        from amlrun.automl.remote import RemoteSearch
        from amlrun.targets.azureml import AzureMLTarget

        assert isinstance(self.target, AzureMLTarget)  # noqa: S101 - the only one that runs searches whole
        return RemoteSearch(self.target.client, self.target.project, self.files, SweepLog(log, on_event))
