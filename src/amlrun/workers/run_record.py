"""What a supervisor writes into a run's folder: its parts `process` and `exit`, and the view of them, `run.json`.

Part of supervisor.py and fork_server.py: standard library, Python 3.7 and newer. Each file is written whole beside
itself and moved there, as `runs.files` does it.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import time
from typing import Any

_FULL = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))
_NO_ROOM = 1 << 20


def utc() -> str:
    """UTC as v1 writes it: 2026-01-01T12:00:00.000Z."""
    whole, part = divmod(time.time(), 1)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole)) + ".%03dZ" % int(part * 1000)


def process(pid: int | None = None) -> dict[str, Any]:
    """How a record names a process: its pid, and when that was written, for pids are used again."""
    return {"pid": os.getpid() if pid is None else pid, "seen": time.time()}


def write(folder: str, part: str, value: dict[str, Any]) -> None:
    """Write one part; on a full disk the block that was kept for this is given up. Raises OSError."""
    place = os.path.join(folder, ".run")
    temporary = os.path.join(place, ".%s.%d.aml-tmp" % (part, os.getpid()))
    for last in (False, True):
        try:
            with open(temporary, "w", encoding="utf-8") as stream:
                json.dump(value, stream, indent=4, sort_keys=True)
                stream.write("\n")
            os.replace(temporary, os.path.join(place, part + ".json"))
            return
        except OSError as error:
            forget(temporary)
            if last or error.errno not in _FULL:
                raise
            release(folder)


def update_view(folder: str, value: dict[str, Any]) -> None:
    """Bring `run.json` up to date; when it can't be, the next command makes it from the parts."""
    try:
        with open(os.path.join(folder, ".run", "run.json"), encoding="utf-8") as stream:
            view = json.load(stream)
        view.update((key, item) for key, item in value.items() if not key.startswith("_"))
        write(folder, "run", view)
    except (OSError, ValueError, AttributeError):
        return


def cancelled(folder: str) -> bool:
    """Whether somebody asked for the run's end."""
    return os.path.exists(os.path.join(folder, ".run", "cancel.json"))


def ending(folder: str, code: int, seconds: float, error: str = "") -> dict[str, Any]:
    """The part `exit`. `error` says why a supervisor ended the run, or could not start it."""
    value: dict[str, Any] = {"exit_code": code, "end_time_utc": utc(), "seconds": round(seconds, 3)}
    error = error or (reason(folder) if code else "")
    if error:
        value["exit_code"] = code or 1
    elif code:
        error = (
            "the script was killed by signal %d" % -code if code < 0 else "the script ended with exit code %d" % code
        )
        if full(folder):
            error += ", and the disk is full"
    if error:
        value["error"] = {"message": error}
    return value


def reason(folder: str, file: str = ".run/reason.json") -> str:
    """Why the run failed, where what stood for its script (or the launcher of its ranks, in `file`) wrote that down;
    else empty.
    """
    try:
        with open(os.path.join(folder, file), encoding="utf-8") as stream:
            return str(json.load(stream)["message"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def full(folder: str) -> bool:
    """Whether there is next to no room for a file in that folder."""
    try:
        return shutil.disk_usage(folder).free < _NO_ROOM
    except OSError:
        return False


def end(folder: str, value: dict[str, Any]) -> None:
    """Write the part `exit` and the view of it, and give up the block that was kept for that. Raises OSError."""
    write(folder, "exit", value)
    release(folder)
    status = "Canceled" if cancelled(folder) else "Failed" if value["exit_code"] else "Completed"
    update_view(folder, dict(value, status=status))


def release(folder: str) -> None:
    """Free the block that is kept so that the end can be recorded on a full disk."""
    forget(os.path.join(folder, ".run", "reserve"))


def forget(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        pass
