"""The process between `aml` and the script: starts it, waits, and writes down how it ended.

Started detached, so that a run goes on, and is told right, when the terminal or `aml` itself is gone. Standard
library only, Python 3.7 and newer, and no site packages: it must start at once. What to start is read from standard
input, as JSON, so that no value of the script's environment touches the disk or a command line; without it, it ends.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from typing import Any

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import process_tree  # type: ignore[import-not-found]
import run_record  # type: ignore[import-not-found]


def supervise(plan: dict[str, Any]) -> int:
    """Run the script of a plan (`prepare.launch.plan`) and record it. Returns its exit code."""
    folder, started, error = plan["folder"], time.monotonic(), ""
    begun = {"start_time_utc": run_record.utc(), "_supervisor": run_record.process()}
    run_record.write(folder, "process", begun)
    ranks = plan.get("ranks")
    if ranks:
        process_tree.adopt()  # a launcher that is killed leaves its ranks to this process
    try:
        with open(os.path.join(folder, "user_logs", "std_log.txt"), "ab") as log:
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
        code, error = 127, "could not start %s: %s" % (plan["command"][0], failure.strerror)
    else:
        begun["_script"] = run_record.process(script.pid)
        run_record.write(folder, "process", begun)
        run_record.update_view(folder, dict(begun, status="Running"))
        try:
            code = script.wait(plan.get("timeout"))
        except subprocess.TimeoutExpired:
            error = (
                "ran longer than %s s (limits.timeout, v1's maxRunDurationSeconds) and was stopped" % plan["timeout"]
            )
            end_tree(script)
            code = script.wait()
        if ranks:
            process_tree.end_below(os.getpid(), 0)
            process_tree.reap()
            error = error or (run_record.reason(folder, ranks) if code else "")
    run_record.end(folder, run_record.ending(folder, code, time.monotonic() - started, error))
    return code


def end_tree(script: subprocess.Popen[bytes]) -> None:
    """Ask the script's process group to end; after five seconds, make it."""
    if os.name == "nt":
        subprocess.run(["taskkill", "/F", "/T", "/PID", str(script.pid)], stdout=subprocess.DEVNULL, check=False)
        return
    for sign in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(script.pid, sign)
            script.wait(5)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            continue


def main() -> None:
    """Read the plan, if one comes, and supervise it."""
    text = sys.stdin.buffer.read()
    if not text:
        return
    plan = json.loads(text.decode("utf-8"))
    with open(os.path.join(plan["folder"], ".run", "supervisor.log"), "wb") as log:
        os.dup2(log.fileno(), 2)
    code = supervise(plan)
    # All is written: `aml` waits for this process, so nothing is tidied up first.
    os._exit(code if code >= 0 else 128 - code)


if __name__ == "__main__":
    main()
