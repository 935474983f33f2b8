"""The local target: a run is a folder, a supervisor and the script, with no connection opened (DESIGN.md).

The verbs are those of every target: submit, status, logs, cancel, download. `submit` is made of steps that a
sweep takes one by one: `prepare` once, then `contract.plan` and `start` for each trial.
"""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from amlrun.errors import JOB_FAILED, AmlError, os_error
from amlrun.prepare import environment, launch, snapshot
from amlrun.prepare.environment import Interpreter
from amlrun.project import Project
from amlrun.runs import mlflow_db, provenance, redact
from amlrun.runs import store as runs
from amlrun.spec.job import CommandJob, said
from amlrun.workers import supervisor

Report = Callable[[str], None]
_POLL_SECONDS = 0.002


@dataclass
class Started:
    """A run whose script was started, with the supervisor's process where this process started it."""

    run: runs.Run
    supervisor: subprocess.Popen[bytes]


def submit(
    project: Project,
    job: CommandJob,
    experiment: str,
    *,
    report: Report,
    limits: bool = True,
    created: Callable[[runs.Run], None] = lambda run: None,
    waiting: subprocess.Popen[bytes] | None = None,
) -> Started:
    """Snapshot, environment and data, then start the script. `created` is called once the run can be listed.

    Raises AmlError; when the run is there already its record says how it ended.
    """
    code = check(job)
    git = provenance.git_properties(code)
    files = snapshot.take(code, runs=project.runs, limits=limits)
    check_travels(job, files)
    run = runs.create(project.runs, runs.new_id(experiment), first_record(job, experiment))
    try:
        created(run)
        report(f"RunId: {run.id}")
        mlflow_db.prepare(project)
        for note in job.local.notes:
            report(note)
        report(f"Snapshot: {files}" + (f"; withheld: {', '.join(files.withheld)}" if files.withheld else ""))
        fill(run, files, job)
        interpreter = prepare(job, report=report)
        run.write_part("prepared", prepared_record(interpreter, job, git()))
        return start(run, launch.plan(project, run, job, interpreter, experiment, report=report), waiting)
    except BaseException as error:
        give_up(run, error)
        raise


def check(job: CommandJob) -> Path:
    """What can be checked before anything is written: the code folder and the script. Returns the folder."""
    code = job.code or Path.cwd()
    if not code.is_dir():
        raise AmlError("there is no such folder", file=code, hint="Check --source-directory and --path.")
    if job.script and not (code / job.script).is_file():
        raise AmlError(
            f"script: there is no {job.script} in {code}",
            hint="The script's path starts at --source-directory, else at --path (default: this folder).",
        )
    if not job.command:
        raise AmlError("there is no script to run", hint="Name it in the run configuration (`script:`) or after -c.")
    return code


def check_travels(job: CommandJob, files: snapshot.Snapshot) -> None:
    """Refuse a job whose script the ignore file leaves behind: it would fail here and in the cloud."""
    script = Path(job.script).as_posix() if job.script else None
    if script and ".." not in script and script not in {path for path, _ in files.files}:
        raise AmlError(
            f"script: {job.script} does not travel: an ignore file leaves it out", file=files.root,
            hint="Take it out of .amlignore (or .gitignore where there is no .amlignore).",
        )  # fmt: skip


def first_record(job: CommandJob, experiment: str) -> dict[str, Any]:
    """The `submit` part: what is known before anything is prepared."""
    return {
        "_experiment_name": experiment,
        "script_name": job.script,
        "target": "local",
        "display_name": job.display_name,
        "tags": dict(job.tags),
        "run_definition": redact.masked(said(job)),
        "command_line": redact.masked(["aml", *sys.argv[1:]]),
    }


def prepared_record(interpreter: Interpreter, job: CommandJob, git: dict[str, str]) -> dict[str, Any]:
    """The `prepared` part: the environment that was found, and the state of the code."""
    return {
        "properties": git,
        "environment": {
            "python": str(interpreter.python),
            "conda_file_sha256": interpreter.conda_hash,
            "packages": interpreter.packages(),
            "substitutions": interpreter.notes,
        },
    }


def fill(run: runs.Run, files: snapshot.Snapshot, job: CommandJob) -> None:
    """Put the snapshot and the job's YAML into the run's folder."""
    snapshot.copy(files, run.folder)
    try:
        # JSON is YAML; `aml export` writes the one for people.
        (run.private / "job.yml").write_text(json.dumps(redact.masked(said(job)), indent=2), encoding="utf-8")
    except OSError as error:
        raise os_error(error, "write the job's file") from error


def prepare(job: CommandJob, *, report: Report) -> Interpreter:
    """The interpreter for the job's environment, built if need be."""
    wanted = job.environment
    if job.local.interpreter is not None:
        return environment.user_managed(job.local.interpreter)
    if wanted is None or wanted.conda_file is None:
        named = wanted.reference or wanted.image if wanted else None
        if named:
            report(f"The environment {named} lives in the cloud; here the script runs on this machine's Python.")
        return environment.user_managed("python")
    return environment.prepare(wanted.conda_file, report=report)


def start(run: runs.Run, plan: dict[str, Any], waiting: subprocess.Popen[bytes] | None = None) -> Started:
    """Give a supervisor its plan (`contract.plan`), and return once it has signed the record.

    `waiting` is one that was launched before, so that it is ready by now.
    """
    if (run.private / "cancel.json").exists():
        raise KeyboardInterrupt
    launched = waiting or supervisor.launch()
    assert launched.stdin is not None  # noqa: S101 - `launch` asks for a pipe
    try:
        with launched.stdin as stream:
            stream.write(json.dumps(plan).encode())
    except BrokenPipeError:
        pass  # it died: the caller sees that by its exit code
    while not (run.private / "process.json").exists() and launched.poll() is None:
        time.sleep(0.002)
    return Started(run, launched)


def give_up(run: runs.Run, error: BaseException) -> None:
    """Write down that a run ended before its script was started. A full disk leaves that to be inferred."""
    if (run.private / "exit.json").exists():
        return
    try:
        (run.private / "reserve").unlink(missing_ok=True)
        if isinstance(error, KeyboardInterrupt):
            run.write_part("cancel", {"cancel": {"at": runs.now(), "reason": "Ctrl-C"}})
        message = str(error).splitlines()[0] if str(error) else type(error).__name__
        run.write_part("exit", {"exit_code": JOB_FAILED, "end_time_utc": runs.now(), "error": {"message": message}})
    except OSError:
        return


def status(run: runs.Run) -> str:
    """The run's state, in v1's names."""
    return run.state()[0]


def logs(run: runs.Run, *, follow: bool = True, supervised: subprocess.Popen[bytes] | None = None) -> Iterator[bytes]:
    """The script's output as it is written, until the run has ended; what is there already without `follow`."""
    wait, asked = _POLL_SECONDS, 0.0
    ended = False
    at = 0
    while True:
        try:
            with run.log.open("rb") as stream:
                stream.seek(at)
                while chunk := stream.read(1 << 16):
                    at += len(chunk)
                    wait = _POLL_SECONDS
                    yield chunk
        except FileNotFoundError:
            pass
        if ended or not follow:
            return
        if supervised is not None:
            ended = supervised.poll() is not None or (run.private / "exit.json").exists()
        elif time.monotonic() - asked > 0.25:
            asked, ended = time.monotonic(), status(run) not in ("Running", "Preparing", "Queued")
        if not ended:
            time.sleep(wait)
            wait = min(wait * 1.3, 0.1)


def cancel(run: runs.Run, reason: str = "aml run cancel", details: dict[str, Any] | None = None) -> str:
    """End the whole process tree of a run: asked first, made after five seconds. Returns the state after that.

    `details` go into the record beside the reason.
    """
    state = status(run)
    if state in runs.FINAL or state == "NotResponding":
        return state
    try:
        run.write_part("cancel", {"cancel": {"at": runs.now(), "reason": reason, **(details or {})}})
    except OSError as error:
        raise os_error(error, "write the run's record") from error
    process = run.part("process")
    if not process:
        return status(run)  # its submitter sees the mark before it starts the script
    _end_tree(process.get("_script"))
    # A sweep has no script: its driver sees the mark and ends its trials, which may take them their five seconds.
    for _ in range(2000 if run.part("submit").get("run_type") == "hyperdrive" else 200):
        if "exit_code" in run.part("exit") or not runs.alive(process.get("_supervisor")):
            break
        time.sleep(0.01)
    if "exit_code" not in run.part("exit"):
        # A fork server supervises other trials too.
        if not process.get("_shared"):
            _end_tree(process.get("_supervisor"))
        run.write_part("exit", {"exit_code": -int(signal.SIGTERM), "end_time_utc": runs.now()})
    run.write_view()
    return status(run)


def _end_tree(process: Any) -> None:
    if not runs.alive(process):
        return
    import psutil

    try:
        top = psutil.Process(process["pid"])
        family = [*top.children(recursive=True), top]
    except psutil.NoSuchProcess:
        return
    for action in ("terminate", "kill"):
        for member in family:
            try:
                getattr(member, action)()
            except psutil.Error:
                continue
        _, family = psutil.wait_procs(family, timeout=5)


def download(run: runs.Run, destination: Path) -> list[Path]:
    """Copy the run's logs (`user_logs/`, `logs/`, v1's `azureml-logs/`) below `destination`, sub-paths kept."""
    copied = []
    for top in ("user_logs", "azureml-logs", "logs"):
        for file in sorted((run.folder / top).rglob("*")):
            if file.is_file():
                target = destination / file.relative_to(run.folder)
                try:
                    target.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copy2(file, target)
                except OSError as error:
                    raise os_error(error, "copy the logs") from error
                copied.append(target)
    return copied
