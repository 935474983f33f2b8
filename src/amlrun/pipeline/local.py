"""A pipeline on this machine: submit one, drive it to its end. The pipeline's run is its steps' parent."""

from __future__ import annotations

import os

from amlrun.dataclass import dataclass
from amlrun.errors import CANCELLED, JOB_FAILED, AmlError, first_of
from amlrun.events import Message
from amlrun.pipeline import filling, graph, state, step_job
from amlrun.pipeline.engine import Engine
from amlrun.pipeline.launcher import Launcher
from amlrun.pipeline.options import Options, choose
from amlrun.pipeline.progress import PipelineLog, draw_page
from amlrun.pipeline.state import StepState
from amlrun.prepare import machines
from amlrun.project import Project
from amlrun.runs import provenance, tracking
from amlrun.runs import store as runs
from amlrun.runs.process import cores
from amlrun.runs.record import ErrorPart, ExitPart
from amlrun.spec.pipeline import PipelineJob
from amlrun.targets import processes, steps
from amlrun.targets.base import Run, SubmitOptions, Target
from amlrun.targets.parents import write_end
from amlrun.workspace import Workspace


@dataclass
class Work:
    """What drives a pipeline; `command_line` is what its steps' records call the command that was typed."""

    job: PipelineJob
    experiment: str
    options: Options
    command_line: list[str]


def _require_automl(node: graph.Node) -> None:
    from amlrun.automl import request

    try:
        request.require()
    except AmlError as error:
        raise node.step.error("", error.message, error.hint) from error


def preflight(project: Project, job: PipelineJob, only: str | None = None) -> None:
    """Look, before anything is written, whether each step can run here and each data input is on this machine.

    `only`: the one step that will run. Raises AmlError, with file and line, for the first mistake; the others stand
    in its hint.
    """
    wrong: list[AmlError] = []
    known = machines.load(project)
    for node in graph.nodes(job).values():
        if only is not None and node.name != only:
            continue
        compute = step_job.place(node.compute, known)
        unable = step_job.runnable(node.step, compute)
        if not unable and compute.startswith("azureml:"):
            unable = _unattached(project, compute)
        if unable:
            wrong.append(node.step.error("", unable))
            continue
        try:
            if node.step.type == "automl":
                _require_automl(node)
            filling.find_data(project, node)
        except AmlError as error:
            wrong.append(error)
    if wrong:
        unique = {str(error): error for error in wrong}
        raise first_of(list(unique.values()))


def _unattached(project: Project, compute: str) -> str:
    """Why a step can't run on a compute of the workspace; empty when the project is attached to one."""
    try:
        Workspace.find(project.root)
    except AmlError as error:
        return f"runs on {compute.removeprefix('azureml:')}: {error.message}\n{error.hint}"
    return ""


def submit(target: Target, job: PipelineJob, experiment: str, options: SubmitOptions) -> tuple[runs.RunFolder, Work]:
    """Make the pipeline's run, which can be listed from then on. No step is started. Raises AmlError."""
    git = provenance.git_properties(job.source.file.parent)
    first = steps.first_pipeline_record(job, experiment, "local", options.command_line)
    first |= {"_target_type": target.type, "properties": git()}
    slots = options.max_steps or cores()
    chosen = choose(job, slots=slots, start=options.from_step, only=options.only_step, pull=options.pull)
    preflight(target.project, job, chosen.only)
    run = steps.create_run(target.project, first, runs.new_id(experiment, job.name), options)
    if not os.environ.get("MLFLOW_TRACKING_URI"):
        tracking.create(run, experiment, {})
    steps.announce(Run(run, target))
    for note in dict.fromkeys(job.local.notes):
        target.on_event(Message(note, warning=True))
    return run, Work(job, experiment, chosen, list(options.command_line))


def drive_in_background(run: runs.RunFolder, work: Work) -> None:
    """Start a process that drives the pipeline, and return once it has signed the record. Raises AmlError."""
    import pickle

    processes.start_driver(run, "amlrun.pipeline", pickle.dumps(work))


def drive(project: Project, run: runs.RunFolder, work: Work, log: PipelineLog) -> None:
    """Run the steps to their end, put the outputs in their places, and write the end into the pipeline's run.

    Raises AmlError for what kept it from going on, KeyboardInterrupt after all that ran was ended.
    """
    run.write_part("process", {"start_time_utc": runs.now(), "_supervisor": runs.this_process()})
    launcher = Launcher(project, work.experiment, log, work.command_line, work.options.pull)
    error: BaseException | None = None
    failed: list[StepState] = []
    status = state.FAILED
    try:
        engine = Engine(project, run, work.job, launcher, work.options, log)
        status = engine.go()
        failed = engine.failed()
        if engine.results.new:
            from amlrun.pipeline import publish

            publish.publish(project, work.job, engine.state, engine.results.new, engine.cache.lock, log.line)
        engine.state.save(run.private)
    except BaseException as problem:
        error = problem
        raise
    finally:
        launcher.close()
        known = state.load(run.private)
        _write_end(run, status, error, failed)
        launcher.publish([run.id, *(step.run_id for step in known.steps.values() if step.run_id)] if known else [])
        if known is not None:
            draw_page(run, known, str(run.state()[0]))


def _write_end(run: runs.RunFolder, status: str, error: BaseException | None, failed: list[StepState]) -> None:
    cancelled = isinstance(error, KeyboardInterrupt) or (error is None and status == state.CANCELED)
    good = error is None and status == state.COMPLETED
    end = runs.now()
    begun = str(run.part("process").get("start_time_utc") or end)
    ended: ExitPart = {
        "exit_code": CANCELLED if cancelled else 0 if good else JOB_FAILED,
        "end_time_utc": end,
        "seconds": runs.seconds_between(begun, end) or 0.0,
    }
    if not cancelled and not good:
        ended["error"] = _why(error, failed)
    write_end(run, ended, cancelled=cancelled)


def _why(error: BaseException | None, failed: list[StepState]) -> ErrorPart:
    if error is not None:
        message = error.message if isinstance(error, AmlError) else str(error) or type(error).__name__
        return {"message": message.splitlines()[0]}
    names = ", ".join(step.name for step in failed)
    message = f"{'a step' if len(failed) == 1 else f'{len(failed)} steps'} failed: {names}"
    return {"message": message, "hint": "\n".join(f"{step.name}: {step.reason}" for step in failed)}
