"""The steps of a submit that targets and a sweep's trials share: records, files, environment, and how it went wrong."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from amlrun.errors import JOB_FAILED, AmlError, os_errors
from amlrun.events import Message
from amlrun.prepare import ranks, snapshot
from amlrun.prepare.environment import Interpreter
from amlrun.project import Project
from amlrun.runs import new_mlflow_db, redact
from amlrun.runs import store as runs
from amlrun.runs.process import cores
from amlrun.runs.record import PIPELINE_RUN, PreparedPart, SubmitPart
from amlrun.spec.job import CommandJob, to_dict
from amlrun.targets.base import Run, RunCreated, SubmitOptions
from amlrun.targets.stage import Stage

if TYPE_CHECKING:
    from amlrun.spec.jobs import Job
    from amlrun.spec.pipeline import PipelineJob

GitProperties = Callable[[], dict[str, str]]


def notes(job: CommandJob) -> list[str]:
    """What is said once, before a job starts on one machine. Raises AmlError for too many ranks."""
    from amlrun.prepare import spark

    return [*job.local.notes, *ranks.check(job), *spark.notes(job, cores())]


def first_record(job: CommandJob, whole: Job, experiment: str, target: str | None, words: Sequence[str]) -> SubmitPart:
    """The `submit` part: what is known before anything is prepared.

    `job` is what runs on the compute, `whole` what was submitted (a sweep, or the same); `words` is the command line.
    """
    return {
        "_experiment_name": experiment,
        "script_name": job.script,
        "target": target,
        "display_name": job.display_name,
        "tags": dict(job.tags),
        "run_definition": redact.masked(to_dict(whole)),
        "command_line": redact.masked(list(words)),
    }


def first_pipeline_record(job: PipelineJob, experiment: str, target: str | None, words: Sequence[str]) -> SubmitPart:
    """The `submit` part of a pipeline, wherever its steps run."""
    literals = {name: given.value for name, given in job.inputs.items() if given.value is not None}
    return {
        "_experiment_name": experiment,
        "run_type": PIPELINE_RUN,
        "target": target,
        "display_name": job.display_name or job.source.file.stem,
        "tags": dict(job.tags),
        "run_definition": {"type": "pipeline", "file": str(job.source.file), "inputs": redact.masked(literals)},
        "command_line": redact.masked(list(words)),
    }


def create_run(project: Project, first: SubmitPart, name: str, options: SubmitOptions) -> runs.RunFolder:
    """The folder of a new run called `name`, unless the options name it, with its first record. Raises AmlError."""
    if options.parent_run_id is not None:
        first["parent_run_id"] = options.parent_run_id
    return runs.create(project.runs, options.run_id or name, first)


def announce(run: Run) -> None:
    """Tell who listens that there is a run, and its id."""
    run.target.on_event(RunCreated(run))
    run.target.on_event(Message(f"RunId: {run.id}"))


def prepare(
    run: Run, job: CommandJob, files: snapshot.Snapshot, stage: Stage, notes: Sequence[str], git: GitProperties
) -> Interpreter:
    """Put the snapshot into a run's folder, and find its Python, its environment built if need be; the notes are told.

    Raises AmlError, with file and line.
    """

    def report(text: str) -> None:
        run.target.on_event(Message(text))

    new_mlflow_db.prepare(run.target.project)
    for note in [*notes, *stage.notes()]:
        report(note)
    report(describe(files))
    materialize(run.files, files, job)
    interpreter = stage.interpreter(job, report)
    run.files.write_part("prepared", prepared_record(interpreter, git()))
    return interpreter


def prepared_record(interpreter: Interpreter, git: dict[str, str]) -> PreparedPart:
    """The `prepared` part: the environment that was found, and the state of the code."""
    return {
        "properties": dict(git),
        "environment": {
            "python": str(interpreter.python),
            "conda_file_sha256": interpreter.conda_hash,
            "packages": interpreter.packages(),
            "substitutions": interpreter.notes,
        },
    }


def describe(files: snapshot.Snapshot) -> str:
    """The snapshot in one line."""
    text = files.summary()
    if files.run_folders:
        text += f"\nLeft out, because every run starts with its own: {'/, '.join(files.run_folders)}/"
    return text


def materialize(run: runs.RunFolder, files: snapshot.Snapshot, job: Job) -> None:
    """Put the snapshot and the job's YAML into the run's folder."""
    snapshot.copy(files, run.folder)
    with os_errors("write the job's file"):
        # JSON is YAML; `aml export` writes the one for people.
        text = json.dumps(redact.masked(to_dict(job)), indent=2)
        (run.private / "job.yml").write_text(text, encoding="utf-8")


def mark_failed(run: runs.RunFolder, error: BaseException) -> None:
    """Write down that a run ended before its script was started. A full disk leaves that to be inferred."""
    if (run.private / "exit.json").exists():
        return
    try:
        (run.private / "reserve").unlink(missing_ok=True)
        if isinstance(error, KeyboardInterrupt):
            run.write_part("cancel", {"cancel": {"at": runs.now(), "reason": "Ctrl-C"}})
        message = error.message if isinstance(error, AmlError) else str(error) or type(error).__name__
        ended = {"message": message.splitlines()[0] if message else type(error).__name__}
        run.write_part("exit", {"exit_code": JOB_FAILED, "end_time_utc": runs.now(), "error": ended})
    except OSError:
        return
