"""The public functions on jobs and runs: load a job, submit it, find runs. Re-exported by `amlrun`.

Nothing here prints, reads the command line, or changes the process: what goes on is told to `on_event`, and two
threads may submit at once. `path` is the project's or the model's folder, as the command's `--path`. Every function
raises AmlError, which says what was wrong, where, and what to do.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Union

from amlrun import handles
from amlrun import project as projects
from amlrun.errors import AmlError
from amlrun.events import Event, LogOutput, Message, OnEvent, Transfer, ignore
from amlrun.loading import dump_job, explain, load_hyperdrive, load_job, load_runconfig
from amlrun.runs import store as runs
from amlrun.runs.record import AUTOML_RUN, RunRecord
from amlrun.runs.status import RunStatus
from amlrun.spec.job import CommandJob, SparkJob, SweepJob
from amlrun.targets import Targets, processes
from amlrun.targets.base import Outcome, Plan, Run, RunCreated, SubmitOptions
from amlrun.workspace import Workspace, discover

if TYPE_CHECKING:
    from amlrun.spec.jobs import Job

# A workspace, or the function that finds it, which is called only when one is needed.
AnyWorkspace = Union[Workspace, Callable[[], Workspace], None]


def plan(
    job: Job,
    *,
    experiment: str | None = None,
    path: str | Path = ".",
    workspace: AnyWorkspace = None,
    options: SubmitOptions | None = None,
) -> Plan:
    """Make all checks of a submit without sending anything: the job, its snapshot, and the requests it would make.

    >>> amlrun.plan(amlrun.load_runconfig("train-local")).calls
    []
    """
    options = options or SubmitOptions()
    name = handles.experiment_name(job, experiment, Path(path).absolute())
    targets = _targets(path, workspace, ignore)
    if job.type == "automl":
        from amlrun.automl import handles as automl

        return automl.plan(targets.for_job(job), job, name, options)
    if job.type == "pipeline":
        from amlrun.pipeline import handles as pipelines

        return pipelines.plan(pipelines.target_of(job, targets), job, name, options)
    target = targets.for_job(job)
    if isinstance(job, SweepJob) and not target.runs_sweeps:
        return target.plan(job.trial, name, options)
    return target.plan(job, name, options)


def submit(
    job: Job,
    *,
    experiment: str | None = None,
    path: str | Path = ".",
    workspace: AnyWorkspace = None,
    on_event: OnEvent | None = None,
    options: SubmitOptions | None = None,
) -> Run:
    """Submit a job to its `compute`, and return the run, which continues independently of this process.

    `experiment` defaults to the job's, then the attached project's, then the folder's name. If this raises after the
    run was created (`RunCreated`), the run's record has the reason.

    >>> run = amlrun.submit(amlrun.load_runconfig("train-local"), experiment="first")
    >>> run.wait(), run.metrics()["auc"]
    (<RunStatus.COMPLETED: 'Completed'>, 0.9...)
    """
    options = options or SubmitOptions()
    name = handles.experiment_name(job, experiment, Path(path).absolute())
    targets = _targets(path, workspace, on_event or ignore)
    if job.type == "automl":
        from amlrun.automl import handles as automl

        return automl.submit(targets.for_job(job), job, name, options)
    if job.type == "pipeline":
        from amlrun.pipeline import handles as pipelines

        return pipelines.submit(pipelines.target_of(job, targets), job, name, options)
    target = targets.for_job(job)
    if isinstance(job, SweepJob):
        from amlrun.sweep import handles as sweeps

        return sweeps.submit(target, job, name, options)
    try:
        return target.submit(job, name, options)
    finally:
        # One that was launched ahead, and that this target had no use for.
        processes.discard(options.supervisor)


def resume(
    run_id: str, *, path: str | Path = ".", on_event: OnEvent | None = None, options: SubmitOptions | None = None
) -> Run:
    """Resume a local sweep or AutoML search that was interrupted or cancelled.

    Finished trials are not run again.

    >>> amlrun.resume("latest").wait()
    <RunStatus.COMPLETED: 'Completed'>
    """
    targets = _targets(path, None, on_event or ignore)
    run = handles.open_run(runs.find(targets.project.runs, run_id), targets)
    if run.files.part("submit").get("run_type") == AUTOML_RUN:
        from amlrun.automl import handles as automl

        return automl.resume(run, options or SubmitOptions())
    from amlrun.sweep import handles as sweeps

    return sweeps.resume(run, options or SubmitOptions())


def get_run(
    run_id: str = "latest",
    *,
    path: str | Path = ".",
    workspace: AnyWorkspace = None,
    on_event: OnEvent | None = None,
) -> Run:
    """The run with that id; `latest` is the last one submitted here. Runs unknown here are looked up in the workspace.

    >>> [file.name for file in amlrun.get_run("latest").outputs()]
    [..., 'model.pkl', ...]
    """
    targets = _targets(path, workspace, on_event or ignore)
    try:
        return handles.open_run(runs.find(targets.project.runs, run_id), targets)
    except AmlError:
        known = workspace is not None or discover(Path(path).absolute()) is not None
        if not known or Path(run_id).name != run_id or run_id in ("latest", "", ".", ".."):
            raise
    return handles.open_run(handles.import_run(run_id, targets), targets)


def list_runs(
    *,
    experiment: str | None = None,
    status: str | RunStatus | None = None,
    tags: Mapping[str, str | None] | None = None,
    parent: str | None = None,
    compute: str | None = None,
    path: str | Path = ".",
    last: int | None = 10,
    workspace: AnyWorkspace = None,
    on_event: OnEvent | None = None,
) -> list[Run]:
    """The newest `last` runs (None: all) of this project that match, newest first; child runs only with `parent`.

    A tag with the value None matches any value. Records of unfinished remote runs are refreshed first; if a workspace
    cannot be reached, a warning (`Message`) says so, and they have their last known status.

    >>> for run in amlrun.list_runs(experiment="first", status="Completed"):
    ...     print(run.id, run.metrics()["auc"])
    first_... 0.9...
    """
    targets = _targets(path, workspace, on_event or ignore)
    known = runs.list_runs(targets.project.runs)
    handles.publish(targets, known)
    if parent is None:
        own = (run for run in known if "parent_run_id" not in run.part("submit"))
        handles.refresh([*itertools.islice(own, None if last is None else max(last, 20))], targets)
    wanted = {"_experiment_name": experiment, "parent_run_id": parent, "target": compute}
    matching = (run for run in known if handles.matches(run, wanted, status, tags or {}))
    return [handles.open_run(run, targets) for run in itertools.islice(matching, last)]


def best_runs(
    experiment: str,
    metric: str,
    *,
    minimize: bool = False,
    last: int = 1,
    path: str | Path = ".",
    workspace: AnyWorkspace = None,
    on_event: OnEvent | None = None,
) -> list[RunRecord]:
    """The records of the `last` best completed runs of an experiment, trials included, by the metric's last value.

    Searches the runs known to this project, local and on Azure ML; with `workspace`, all runs of that workspace.

    >>> [record["run_id"] for record in amlrun.best_runs("first", "auc")]
    ['first_...']
    """
    targets = _targets(path, workspace, on_event or ignore)
    if workspace is None:
        found = handles.completed(targets, experiment, metric)
    else:
        found = handles.completed_in_workspace(targets, experiment, metric)
    return sorted(found, key=lambda record: record["metrics"][metric], reverse=not minimize)[:last]


def _targets(path: str | Path, workspace: AnyWorkspace, on_event: OnEvent) -> Targets:
    folder = Path(path).absolute()

    def find() -> Workspace:
        if isinstance(workspace, Workspace):
            return workspace
        return Workspace.find(folder) if workspace is None else workspace()

    return Targets(projects.find(folder), find, on_event)


__all__ = [
    "AmlError", "CommandJob", "Event", "LogOutput", "Message", "Outcome", "Plan", "Run",
    "RunCreated", "RunStatus", "SparkJob", "SubmitOptions", "SweepJob", "Transfer", "Workspace", "best_runs",
    "dump_job", "explain", "get_run", "list_runs", "load_hyperdrive", "load_job", "load_runconfig", "plan", "resume",
    "submit",
]  # fmt: skip
