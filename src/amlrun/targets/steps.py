"""The steps of a submit that targets and a sweep's trials share: records, files, environment, and how it went wrong."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from amlrun.errors import JOB_FAILED, AmlError, os_errors
from amlrun.prepare import ranks, snapshot
from amlrun.prepare.environment import Interpreter
from amlrun.runs import redact
from amlrun.runs import store as runs
from amlrun.runs.record import PreparedPart, SubmitPart
from amlrun.spec.job import CommandJob, to_dict

if TYPE_CHECKING:
    from amlrun.spec.jobs import Job

Report = Callable[[str], None]


def notes(job: CommandJob) -> list[str]:
    """What is said once, before a job starts on one machine. Raises AmlError for too many ranks."""
    from amlrun.prepare import spark

    return [*job.local.notes, *ranks.check(job), *spark.notes(job, ranks.cores())]


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
        text += f"\nLeft out, because each run starts with its own: {'/, '.join(files.run_folders)}/"
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
