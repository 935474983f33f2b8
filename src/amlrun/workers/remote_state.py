"""Where runs lie on another machine, and how they are. Part of remote.py: Python 3.7 and newer, nothing else."""

from __future__ import annotations

import json
import os
from typing import Any


def home() -> str:
    return os.path.join(os.path.expanduser("~"), ".amlrun")


def folder_of(run_id: str) -> str:
    return os.path.join(home(), "runs", os.path.basename(run_id))


def part(folder: str, name: str) -> dict[str, Any]:
    try:
        with open(os.path.join(folder, ".run", name + ".json"), encoding="utf-8") as stream:
            value = json.load(stream)
        return value if isinstance(value, dict) else {}
    except (OSError, ValueError):
        return {}


def write(path: str, value: dict[str, Any]) -> None:
    with open(path + ".part", "w", encoding="utf-8") as stream:
        json.dump(value, stream)
    os.replace(path + ".part", path)


def alive(process: Any) -> bool:
    """Whether a process that a record names still runs; a newer one with its pid does not count."""
    if not isinstance(process, dict) or not isinstance(process.get("pid"), int):
        return False
    pid = process["pid"]
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return False
    try:
        with open("/proc/%d/stat" % pid, "rb") as stream:
            if stream.read().rpartition(b")")[2].split()[0] == b"Z":
                return False
        if os.stat("/proc/%d" % pid).st_mtime > float(process.get("seen", 0)) + 5:
            return False
    except OSError:
        pass  # no /proc: macOS
    return True


def processes_of(run_id: str) -> list[int]:
    """The processes with the run's id in their environment: also those that have left its session."""
    wanted, found = ("AZUREML_RUN_ID=" + run_id).encode(), []
    for name in os.listdir("/proc") if os.path.isdir("/proc") else []:
        if name.isdigit() and int(name) != os.getpid():
            try:
                with open("/proc/%s/environ" % name, "rb") as stream:
                    if wanted in stream.read().split(b"\0"):
                        found.append(int(name))
            except OSError:
                continue
    return found


def state(run_id: str) -> dict[str, Any]:
    """How a run is: `ended`, `running`, `preparing`, `lost` (its processes are gone), or `absent`."""
    folder = folder_of(run_id)
    if not os.path.isdir(folder):
        return {"state": "absent"}
    process = part(folder, "process")
    living = alive(process.get("_supervisor")) or alive(process.get("_script"))
    ended = part(folder, "exit")
    begun = process.get("start_time_utc")
    found = {"exit": ended, "cancelled": os.path.exists(os.path.join(folder, ".run", "cancel.json")), "begun": begun}
    if "exit_code" in ended:
        return dict(found, state="ended")
    if process:
        return dict(found, state="running" if living else "lost")
    return dict(found, state="preparing" if alive(part(folder, "remote")) else "lost")
