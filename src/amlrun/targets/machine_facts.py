"""What a machine said of itself, kept for an hour: a submit need not ask again."""

from __future__ import annotations

import contextlib
import hashlib
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from amlrun import project
from amlrun.prepare.machines import Machine
from amlrun.runs.files import replace_json

_SECONDS = 3600


def _file(machine: Machine) -> Path:
    key = hashlib.sha256(json.dumps([machine.address, machine.port, machine.python]).encode()).hexdigest()
    return project.cache_folder() / "machines" / f"{key[:16]}.json"


def kept(machine: Machine) -> dict[str, Any] | None:
    """What is known; None when that is nothing, or too old."""
    file = _file(machine)
    try:
        if time.time() - file.stat().st_mtime > _SECONDS:
            return None
        found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found


def keep(machine: Machine, facts: dict[str, Any]) -> None:
    """Keep what a machine said; a disk that can't take it is no fault."""
    file = _file(machine)
    with contextlib.suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        replace_json(file, facts)


def cores(facts: Mapping[str, Any]) -> int:
    """How many cores it has; one where it is known from before an update."""
    return int(facts.get("cores", 1))


def spark_submit(facts: Mapping[str, Any]) -> str:
    """Its spark-submit, which starts Spark jobs there; empty without one."""
    return str(facts["tools"].get("spark-submit", ""))


def forget(machine: Machine) -> None:
    """Ask anew the next time."""
    with contextlib.suppress(OSError):
        _file(machine).unlink()
