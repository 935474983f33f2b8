"""How a record names a process, and whether that process still runs."""

from __future__ import annotations

import os
import sys
import time
from typing import Any

from amlrun.runs.record import ProcessMark

# A process may be seen as a little older or younger than its record says: clocks are adjusted.
_CLOCK_SLACK = 5.0
_TOKEN = os.urandom(8).hex()


def detached() -> dict[str, Any]:
    """The arguments of `subprocess.Popen` for a process that outlives its terminal and whoever started it."""
    if sys.platform == "win32":
        import subprocess

        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW}
    return {"start_new_session": True}


def host() -> str:
    """The name of this machine."""
    return os.uname().nodename if hasattr(os, "uname") else os.environ.get("COMPUTERNAME", "")


def this_process(pid: int | None = None) -> ProcessMark:
    """The mark of this process, or of another that it has just started; pids are used again, so it says when."""
    if pid is None:
        return {"pid": os.getpid(), "seen": time.time(), "token": _TOKEN}
    return {"pid": pid, "seen": time.time()}


def alive(process: Any) -> bool:
    """Whether a process named by `this_process` still runs, and is not a newer one with the same pid."""
    if not isinstance(process, dict) or not isinstance(process.get("pid"), int):
        return False
    if process["pid"] == os.getpid() and process.get("token") == _TOKEN:
        return True
    import psutil  # not there in the supervisor, which only ever asks about itself

    try:
        found = psutil.Process(process["pid"])
        if found.create_time() > float(process.get("seen", 0)) + _CLOCK_SLACK:
            return False
        # Another token under this very pid: an earlier process of a container whose pids begin anew.
        if process["pid"] == os.getpid() and "token" in process:
            return False
        return bool(found.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
    except psutil.Error:
        return True


def cores() -> int:
    """The processors that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS and Windows
        return os.cpu_count() or 1
