"""The public functions on jobs and runs: load a job, submit it, find runs. Re-exported by `amlrun`.

Nothing here prints, reads the command line, or changes the process: what goes on is told to `on_event`, and two
threads may submit at once. `path` is the project's or the model's folder, as the command's `--path`. Every function
raises AmlError, which says what was wrong, where, and what to do.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Union

from amlrun import handles
from amlrun import project as projects
from amlrun.errors import AmlError
from amlrun.events import Event, LogOutput, Message, OnEvent, Transfer, ignore
from amlrun.runs import store as runs
from amlrun.runs.record import RunRecord
from amlrun.runs.status import RunStatus
from amlrun.spec.job import CommandJob, SparkJob, SweepJob
from amlrun.targets import Targets, processes
from amlrun.targets.base import Outcome, Plan, Run, RunCreated, SubmitOptions
from amlrun.workspace import Workspace, discover

if TYPE_CHECKING:
    from amlrun.spec.jobs import Job
    from amlrun.v1.config import Row

# A workspace, or the function that finds it, which is called only when one is needed.
AnyWorkspace = Union[Workspace, Callable[[], Workspace], None]


def load_runconfig(
    name: str | None,
    *,
    path: str | Path = ".",
    target: str | None = None,
    arguments: Sequence[str] = (),
    conda_file: str | Path | None = None,
    source_directory: str | Path | None = None,
) -> CommandJob | SparkJob:
    """The job that v1's run configuration `name` describes; None means v1's default (local, this Python).

    `target` ("local" or a compute's name), `conda_file` and `arguments` (the script and its arguments) replace the
    file's. What is worth knowing about the file is in `job.local.notes`.

        job = amlrun.load_runconfig("train-local", path="models/model1", arguments=["train.py", "--epochs", "5"])
    """
    from amlrun.v1.runconfig import to_job

    job = to_job.load(
        name,
        Path(path).absolute(),
        source_directory=None if source_directory is None else Path(source_directory),
        target=target,
        conda_file=None if conda_file is None else Path(conda_file),
        script_and_arguments=tuple(arguments),
    )
    assert not isinstance(job, SweepJob)  # noqa: S101 - a run configuration is no sweep
    return job


def load_hyperdrive(
    file: str | Path, trial: CommandJob | SparkJob, *, path: str | Path = ".", seed: int | None = None
) -> SweepJob:
    """The sweep that a HyperDrive file describes over the job `trial`. `seed` repeats a sweep's values.

    sweep = amlrun.load_hyperdrive("sweep.yml", amlrun.load_runconfig("train-local"))
    """
    from amlrun.v1.hyperdrive import to_sweep

    if not isinstance(trial, CommandJob):
        raise AmlError(f"a {trial.type} job can't be swept", hint="A sweep runs Python scripts and commands.")
    job = to_sweep.load(to_sweep.find(str(file), Path(path).absolute()), trial)
    if seed is not None:
        job.sampling_algorithm.seed = seed
    return job


def load_job(
    file: str | Path,
    *,
    target: str | None = None,
    path: str | Path = ".",
    settings: Mapping[str, str] | Iterable[tuple[str, str]] = (),
) -> Job:
    """The job in a v2 YAML, as `az ml job create --file` reads it; a v1 pipeline's YAML is read too.

    `target` replaces its compute, and every step's. `settings` are set over a pipeline's file: keys such as
    `inputs.NAME`, `settings.NAME` and `jobs.STEP.inputs.NAME`. `path` is where a v1 pipeline's paths start.

    job = amlrun.load_job("job.yml", target="local")
    """
    from amlrun.spec import node, read
    from amlrun.spec.pipeline import is_pipeline

    place = Path(file)
    if place.is_dir():
        raise AmlError("is a folder", file=place, hint="Name the job's YAML file.")
    if is_pipeline(node.read(place)[0]):
        from amlrun.pipeline import load

        return load.load(place, Path(path).absolute(), target=target, settings=settings)
    if settings:
        raise AmlError("is no pipeline: only a pipeline's keys can be set", file=place)
    return read.read(place, target)


def dump_job(job: Job, file: str | Path | None = None) -> str:
    """The job as Azure ML v2's own YAML, written to `file` too when one is given. Paths are relative to the file.

    print(amlrun.dump_job(job, "job.yml"))
    """
    from amlrun.errors import os_error
    from amlrun.runs.files import replace_text
    from amlrun.spec import write

    folder = Path.cwd() if file is None else Path(file).absolute().parent
    text = write.text(job, folder)
    if file is not None:
        try:
            for place, content in {Path(file).absolute(): text, **write.side_files(job, folder)}.items():
                place.parent.mkdir(parents=True, exist_ok=True)
                replace_text(place, content)
        except OSError as error:
            raise os_error(error, f"write {file}") from error
    return text


def explain(name: str, *, path: str | Path = ".", target: str | None = None) -> list[Row]:
    """Every key of a run configuration: its value, its line, and what it becomes in v2 (`status`, `becomes`).

    for row in amlrun.explain("train-amlcompute"): print(row.key, row.status, row.becomes)
    """
    from amlrun.v1.runconfig import explaining, to_job

    folder = Path(path).absolute()
    config = to_job.read(to_job.find(folder, name), folder)
    return explaining.rows(to_job.translate(config, folder, target=target))


def plan(
    job: Job,
    *,
    experiment: str | None = None,
    path: str | Path = ".",
    workspace: AnyWorkspace = None,
    options: SubmitOptions | None = None,
) -> Plan:
    """Make every check of a submit, and send nothing: the job, its snapshot, and the calls a submit would make."""
    options = options or SubmitOptions()
    name = handles.experiment_name(job, experiment, Path(path).absolute())
    targets = _targets(path, workspace, ignore)
    if job.type == "pipeline":
        from amlrun.pipeline import handles as pipelines

        return pipelines.plan(pipelines.target_of(job, targets), job, name, options)
    target = targets.for_compute(job.compute)
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
    """Submit a job to the target that its `compute` names, and return its run, which goes on by itself.

    `experiment` is the job's own when not given, else the attached project's, else the folder's name. When this raises
    after the run was created (`RunCreated`), the run's record says why.

        run = amlrun.submit(job, experiment="first")
        print(run.wait(), run.metrics())
    """
    options = options or SubmitOptions()
    name = handles.experiment_name(job, experiment, Path(path).absolute())
    targets = _targets(path, workspace, on_event or ignore)
    if job.type == "pipeline":
        from amlrun.pipeline import handles as pipelines

        return pipelines.submit(pipelines.target_of(job, targets), job, name, options)
    target = targets.for_compute(job.compute)
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
    """Resume a sweep of this machine that was interrupted or cancelled: no trial that ended is run again."""
    from amlrun.sweep import handles as sweeps

    targets = _targets(path, None, on_event or ignore)
    run = handles.open_run(runs.find(targets.project.runs, run_id), targets)
    return sweeps.resume(run, options or SubmitOptions())


def get_run(
    run_id: str = "latest",
    *,
    path: str | Path = ".",
    workspace: AnyWorkspace = None,
    on_event: OnEvent | None = None,
) -> Run:
    """The run of that id; `latest` is the newest submitted here. One that is not here is asked for in the workspace.

    amlrun.get_run("first_1767225600_0a1b2c3d").metrics()
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
    """The newest `last` runs (None: all) of this project that match, newest first; children only with `parent`.

    A tag's value None means any. The records of unfinished remote runs are brought up to date first; where a workspace
    cannot be asked a warning (`Message`) says so, and they are as last seen.

        for run in amlrun.list_runs(experiment="first", status="Completed"): print(run.id, run.metrics())
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

    The runs that are known here, also those on Azure ML; with a `workspace` all of that workspace's.
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
