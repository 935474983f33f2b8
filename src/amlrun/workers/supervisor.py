"""The process between `aml` and the script: starts it, waits, and writes down how it ended.

Started detached, so that a run goes on, and is told right, when the terminal or `aml` itself is gone. It uses the
standard library only and no site packages: it must start at once. What to start is read from standard input, as
JSON, so that no value of the script's environment touches the disk or a command line; without it, it ends.
"""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from amlrun.errors import os_error
from amlrun.runs import store as runs


def launch() -> subprocess.Popen[bytes]:
    """Start a supervisor, which makes itself ready while the run is prepared, and ends if it gets no plan."""
    flags: dict[str, Any] = {"start_new_session": True}
    if sys.platform == "win32":
        flags = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW}
    words = [sys.executable, "-I", "-S", str(Path(__file__).resolve())]
    nowhere = subprocess.DEVNULL
    try:
        return subprocess.Popen(words, stdin=subprocess.PIPE, stdout=nowhere, stderr=nowhere, **flags)
    except OSError as error:
        raise os_error(error, "start the run's supervisor") from error


def supervise(run: runs.RunFolder, plan: dict[str, Any]) -> int:
    """Run the script of `plan` (`contract.plan`) and record it. Returns its exit code."""
    started = time.monotonic()
    begun = {"start_time_utc": runs.now(), "_supervisor": runs.this_process()}
    run.write_part("process", begun)
    error = ""
    try:
        with run.log.open("ab") as log:
            script = subprocess.Popen(
                plan["command"],
                cwd=plan["cwd"],
                env=plan["env"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=os.name != "nt",
            )
    except OSError as failure:
        code, error = 127, f"could not start {plan['command'][0]}: {failure.strerror}"
    else:
        write_or_make_room(run, "process", {**begun, "_script": runs.this_process(script.pid)})
        try:
            code = script.wait(plan.get("timeout"))
        except subprocess.TimeoutExpired:
            error = f"ran longer than {plan['timeout']} s (limits.timeout, v1's maxRunDurationSeconds) and was ended"
            end_tree(script)
            code = script.wait()
    ended: dict[str, Any] = {
        "exit_code": code if not error else code or 1,
        "end_time_utc": runs.now(),
        "seconds": round(time.monotonic() - started, 3),
    }
    if code and not error:
        error = f"the script was ended by signal {-code}" if code < 0 else f"the script ended with exit code {code}"
    if error:
        ended["error"] = {"message": error}
    write_or_make_room(run, "exit", ended)
    (run.private / "reserve").unlink(missing_ok=True)
    return code


def write_or_make_room(run: runs.RunFolder, part: str, value: dict[str, Any]) -> None:
    """Write a part; on a full disk give up the room kept for this and write again."""
    try:
        run.write_part(part, value)
    except OSError as failure:
        if failure.errno not in (errno.ENOSPC, errno.EDQUOT if hasattr(errno, "EDQUOT") else errno.ENOSPC):
            raise
        (run.private / "reserve").unlink(missing_ok=True)
        runs.replace_json(run.private / f"{part}.json", value)
        run.write_view()


def end_tree(script: subprocess.Popen[bytes]) -> None:
    """Ask the script's process group to end; after five seconds, make it."""
    if os.name == "nt":
        subprocess.run(["taskkill", "/F", "/T", "/PID", str(script.pid)], capture_output=True, check=False)
        return
    for sign in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(script.pid, sign)
            script.wait(5)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            continue


def main() -> int:
    """Read the plan, if one comes, and supervise it."""
    text = sys.stdin.buffer.read()
    if not text:
        return 0
    plan = json.loads(text)
    run = runs.RunFolder(Path(plan["folder"]))
    with (run.private / "supervisor.log").open("wb") as log:
        os.dup2(log.fileno(), 2)
    code = supervise(run, plan)
    # All is written: `aml` waits for this process, so nothing is tidied up first.
    os._exit(code if code >= 0 else 128 - code)


if __name__ == "__main__":
    sys.exit(main())
