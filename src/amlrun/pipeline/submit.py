"""Submits a pipeline on this machine: makes its run, drives it to its end, and writes that down."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from amlrun.errors import CANCELLED, JOB_FAILED, AmlError
from amlrun.pipeline import filling, graph, publish, state, step_job
from amlrun.pipeline.engine import Engine
from amlrun.pipeline.launcher import Launcher, create_pipeline_run
from amlrun.pipeline.options import Options
from amlrun.pipeline.progress import View, draw_page
from amlrun.project import Project
from amlrun.runs import provenance, redact
from amlrun.runs import store as runs
from amlrun.runs.record import SubmitPart
from amlrun.spec.pipeline import PipelineJob, first_of


def preflight(project: Project, job: PipelineJob, only: str | None = None) -> None:
    """Look, before anything is written, whether each step can run here and each data input is on this machine.

    `only`: the one step that will run. Raises AmlError, with file and line, for the first mistake; the others stand
    in its hint.
    """
    wrong: list[AmlError] = []
    for node in graph.nodes(job).values():
        if only is not None and node.name != only:
            continue
        unable = step_job.runnable(node.step)
        if unable:
            wrong.append(node.step.error("", unable))
            continue
        try:
            filling.find_data(project, node)
        except AmlError as error:
            wrong.append(error)
    if wrong:
        unique = {str(error): error for error in wrong}
        raise first_of(list(unique.values()))


def create(project: Project, job: PipelineJob, experiment: str, words: list[str]) -> runs.RunFolder:
    """Make the pipeline's run; `words` is the command line that the record keeps. Raises AmlError."""
    git = provenance.git_properties(job.source.file.parent)
    literals = {name: given.value for name, given in job.inputs.items() if given.value is not None}
    record: SubmitPart = {
        "display_name": job.display_name or job.source.file.stem,
        "tags": dict(job.tags),
        "run_definition": {"type": "pipeline", "file": str(job.source.file), "inputs": redact.masked(literals)},
        "command_line": redact.masked(words),
        "properties": git(),
    }
    return create_pipeline_run(project, experiment, record)


def drive(
    project: Project,
    run: runs.RunFolder,
    job: PipelineJob,
    experiment: str,
    wanted: Options,
    view: View,
    words: list[str],
) -> None:
    """Run the steps to their end, put the outputs in their places, and write the end into the pipeline's run.

    Raises AmlError for what kept it from going on, KeyboardInterrupt after all that ran was ended.
    """
    launcher = Launcher(project, experiment, view.line, words)
    error: BaseException | None = None
    status = state.FAILED
    try:
        engine = Engine(project, run, job, launcher, wanted, view)
        status = engine.go()
        publish.publish(project, job, engine.state, engine.results.new, experiment, view.line)
        engine.state.save(run.private)
    except BaseException as problem:
        error = problem
        raise
    finally:
        launcher.close()
        steps = state.load(run.private)
        launcher.publish([step.run_id for step in steps.steps.values() if step.run_id] if steps else [])
        _write_end(run, status, error, _why(engine) if error is None else "")
        found = state.load(run.private)
        if found is not None:
            draw_page(run, found, str(run.state()[0]))


def _why(engine: Engine) -> str:
    failed = engine.failed()
    names = ", ".join(step.name for step in failed)
    return f"{'a step' if len(failed) == 1 else f'{len(failed)} steps'} failed: {names}" if failed else ""


def _write_end(run: runs.RunFolder, status: str, error: BaseException | None, why: str) -> None:
    cancelled = isinstance(error, KeyboardInterrupt) or (error is None and status == state.CANCELED)
    code = (
        CANCELLED if cancelled else JOB_FAILED if error is not None else 0 if status == state.COMPLETED else JOB_FAILED
    )
    end = runs.now()
    begun = str(run.part("process").get("start_time_utc") or end)
    first, last = (datetime.fromisoformat(text.replace("Z", "+00:00")) for text in (begun, end))
    message = error.message if isinstance(error, AmlError) else str(error) if error else why
    record = {"exit_code": code, "end_time_utc": end, "seconds": round((last - first).total_seconds(), 3)}
    if code == JOB_FAILED and message:
        record["error"] = {"message": message.splitlines()[0]}
    try:
        if cancelled and not (run.private / "cancel.json").exists():
            run.write_part("cancel", {"cancel": {"at": end, "reason": "Ctrl-C"}})
        run.write_part("exit", record)
        Path(run.private / "reserve").unlink(missing_ok=True)
    except OSError:
        return  # a full disk: the state is inferred
