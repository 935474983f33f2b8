"""The processes of a run on this machine: its supervisor is started, its log followed, its process tree ended."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from amlrun.errors import CANCELLED, JOB_FAILED, AmlError, os_errors
from amlrun.runs import store as runs
from amlrun.runs.process import detached
from amlrun.runs.record import AUTOML_RUN, PIPELINE_RUN, SWEEP_RUN, ExitPart, ProcessMark
from amlrun.runs.status import RunStatus

_SUPERVISOR = Path(__file__).parents[1] / "workers" / "supervisor.py"
_POLL_SECONDS = 0.002
_STATE_SECONDS = 0.25
# Runs without a script: what drives a sweep's trials or a pipeline's steps.
_DRIVEN = (SWEEP_RUN, AUTOML_RUN, PIPELINE_RUN)


def launch_supervisor() -> subprocess.Popen[bytes]:
    """A supervisor that makes itself ready while a run is prepared; `start` gives it its plan, `discard` ends it."""
    nowhere = subprocess.DEVNULL
    with os_errors("start the run's supervisor"):
        # Isolated, and without site packages: it starts at once.
        words = [sys.executable, "-I", "-S", str(_SUPERVISOR)]
        return subprocess.Popen(words, stdin=subprocess.PIPE, stdout=nowhere, stderr=nowhere, **detached())


def discard(launched: subprocess.Popen[bytes] | None) -> None:
    """End a supervisor that was launched and is not needed: without a plan it ends by itself."""
    if launched is not None and launched.stdin is not None and not launched.stdin.closed:
        launched.stdin.close()
        launched.wait()


def start(
    run: runs.RunFolder, plan: dict[str, Any], launched: subprocess.Popen[bytes] | None = None
) -> subprocess.Popen[bytes]:
    """Give a supervisor its plan (`prepare.launch.plan`), and return it once it has signed the record.

    `launched` is one that was launched before, so that it is ready by now. One that is killed before it signs leaves
    the run failed. Raises AmlError for a run that was cancelled meanwhile.
    """
    if (run.private / "cancel.json").exists():
        discard(launched)
        raise AmlError(f"{run.id} was cancelled before its script was started", exit_code=CANCELLED)
    process = launched or launch_supervisor()
    assert process.stdin is not None  # noqa: S101 - it was launched with a pipe
    try:
        with process.stdin as stream:
            stream.write(json.dumps(plan).encode())
    except BrokenPipeError:
        pass  # it died, which is seen below
    while not (run.private / "process.json").exists() and process.poll() is None:
        time.sleep(_POLL_SECONDS)
    if not (run.private / "process.json").exists():
        from amlrun.targets import steps

        steps.mark_failed(run, AmlError("its supervisor was killed before it started the script"))
    return process


def start_driver(run: runs.RunFolder, module: str, work: bytes) -> None:
    """Start `python -m module RUN_FOLDER`, which drives the run's children, and return once it has signed the record.

    `work` goes over its standard input, so that no secret in it touches the disk. Raises AmlError.
    """
    words = [sys.executable, "-m", module, str(run.folder)]
    before = run.part("process").get("_supervisor")
    with (run.private / "driver.log").open("wb") as log:
        driver = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=log, stderr=log, **detached())
    assert driver.stdin is not None  # noqa: S101 - PIPE was asked for
    try:
        with driver.stdin as stream:
            stream.write(work)
    except BrokenPipeError:
        pass  # it died: its exit code says so below
    while run.part("process").get("_supervisor") == before:
        if driver.poll() is not None:
            from amlrun.targets import steps

            error = AmlError("the run's driver did not start", file=run.private / "driver.log", exit_code=JOB_FAILED)
            steps.mark_failed(run, error)
            raise error
        time.sleep(0.01)


def follow_log(
    run: runs.RunFolder, *, follow: bool, until: float | None, ended: Callable[[], bool] | None = None
) -> Iterator[bytes]:
    """The run's log as it is written, until the run has ended or `until` (time.monotonic); else what is there.

    `ended` is a quick way to know the end, for a caller that has one; otherwise the run's state is looked up.
    """
    wait, asked, at = _POLL_SECONDS, 0.0, 0
    over = False
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
        now = time.monotonic()
        if over or not follow or (until is not None and now >= until):
            return
        # A supervisor that was killed may leave its script behind for a moment.
        if (ended is not None and (ended() or (run.private / "exit.json").exists())) or (
            ended is None and now - asked > _STATE_SECONDS
        ):
            asked = now
            over = run.state()[0] not in (RunStatus.RUNNING, RunStatus.PREPARING, RunStatus.QUEUED)
        if not over:
            time.sleep(wait if until is None else max(0.0, min(wait, until - now)))
            wait = min(wait * 1.3, 0.1)


def cancel(run: runs.RunFolder, reason: str, details: Mapping[str, Any] | None = None) -> RunStatus:
    """End the whole process tree of a run: asked first, made after five seconds. Returns the state after that.

    `details` go into the record beside the reason.
    """
    state = run.state()[0]
    if state.is_final or state == RunStatus.NOT_RESPONDING:
        return state
    with os_errors("write the run's record"):
        run.write_part("cancel", {"cancel": {"at": runs.now(), "reason": reason, **(details or {})}})
    process = run.part("process")
    if not process:
        return run.state()[0]  # its submitter sees the mark before it starts the script
    _end_tree(process.get("_script"))
    # A driver sees the mark and ends its children, which may take them their five seconds.
    for _ in range(2000 if run.part("submit").get("run_type") in _DRIVEN else 200):
        if "exit_code" in run.part("exit") or not runs.alive(process.get("_supervisor")):
            break
        time.sleep(0.01)
    if "exit_code" not in run.part("exit"):
        # A fork server supervises other trials too.
        if not process.get("_shared"):
            _end_tree(process.get("_supervisor"))
        run.write_part("exit", {"exit_code": -int(signal.SIGTERM), "end_time_utc": runs.now()})
    run.write_view()
    return run.state()[0]


def interrupted(run: runs.RunFolder) -> ExitPart:
    """The part `exit` of a run that ended with nobody there to see how."""
    return {
        "exit_code": JOB_FAILED,
        "end_time_utc": runs.now(),
        "error": {"message": "interrupted: its exit code was not recorded"},
    }


def _end_tree(process: ProcessMark | None) -> None:
    if process is None or not runs.alive(process):
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
