"""Whether a schedule is due on this machine: what fired last, and what its data held, is kept beside the runs.

`runs/.schedules/NAME.json` is written before the pipeline starts: a run that fails or is killed is not begun again by
the next call of the timer.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from amlrun.dataclass import dataclass, field
from amlrun.errors import AmlError, os_error, os_errors
from amlrun.project import Project
from amlrun.runs.files import replace_json
from amlrun.schedule import times
from amlrun.spec.schedule import OnChange, Schedule

# A timer calls a little after the time it was told; before the first call there is nothing to count from.
_FIRST_CALL = timedelta(minutes=10)


@dataclass
class Memory:
    """What is known of a schedule: until when its times were looked at, and the digest of each watched input."""

    file: Path
    checked: datetime | None = None
    data: dict[str, str] = field(default_factory=dict)

    def save(self) -> None:
        """Write it. Raises AmlError."""
        checked = None if self.checked is None else self.checked.astimezone(timezone.utc).isoformat()
        with os_errors("note that the schedule has fired"):
            replace_json(self.file, {"checked": checked, "data": self.data})


@contextmanager
def held(project: Project, schedule: Schedule) -> Iterator[Memory | None]:
    """What is known of a schedule, for one process at a time; None when another one holds it."""
    from filelock import FileLock, Timeout

    folder = project.runs / ".schedules"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(str(folder / f"{schedule.name}.lock"), timeout=0)
        lock.acquire()
    except Timeout:
        yield None
        return
    except OSError as error:
        raise os_error(error, "note that the schedule has fired") from error
    try:
        yield _read(folder / f"{schedule.name}.json")
    finally:
        lock.release()


def _read(file: Path) -> Memory:
    try:
        value: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        checked = value.get("checked")
        return Memory(file, None if checked is None else datetime.fromisoformat(checked), dict(value.get("data") or {}))
    except FileNotFoundError:
        return Memory(file)
    except (OSError, ValueError, AttributeError, TypeError):
        # Damaged: as if it had never run, which costs one run at most.
        return Memory(file)


def fire_time(schedule: Schedule, memory: Memory, now: datetime) -> datetime | None:
    """The time that is due: the newest since the last call, else since shortly before the first one.

    After a machine's long sleep that is one time, not all that were missed. `memory.checked` becomes `now`.
    """
    if isinstance(schedule.trigger, OnChange):
        return None
    since = memory.checked or now - _FIRST_CALL
    if schedule.start is None and memory.checked is not None and getattr(schedule.trigger, "interval", 1) > 1:
        raise AmlError(
            f"{schedule.name} has an interval of {schedule.trigger.interval} and no start_time to count from",  # type: ignore[union-attr]
            file=schedule.source.file, field="trigger.start_time", hint="Write a start_time.",
        )  # fmt: skip
    found = times.last_due(schedule, since, now)
    memory.checked = now
    return found


def changed(memory: Memory, name: str, digest: str) -> bool:
    """Whether an input's data is other than at the last call; `memory` knows it then."""
    before = memory.data.get(name)
    memory.data[name] = digest
    return before != digest
