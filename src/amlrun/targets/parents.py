"""The handles of runs that have many runs below them: driven from this machine, or watched in a workspace.

Also the frame of the process that drives such a run in the background.
"""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Generic, TypeVar

from amlrun.errors import CANCELLED, JOB_FAILED, AmlError, os_error
from amlrun.events import OnEvent, ignore
from amlrun.runs import store as runs
from amlrun.runs.record import ExitPart
from amlrun.runs.status import RunStatus
from amlrun.targets.base import Run

Work = TypeVar("Work")


class DrivenRun(Run, Generic[Work]):
    """A run whose children this machine starts. `noun` is what it is called."""

    noun: str
    _work: Work | None = None

    @property
    def in_process(self) -> bool:
        """Whether the next `wait` drives it."""
        return self._work is not None

    def drive_with(self, work: Work) -> None:
        """Have the next `wait` drive it in its own process and thread."""
        self._work = work

    def drive(self, work: Work, on_event: OnEvent) -> None:
        """Run the children to their end, and write the end into the run."""
        raise NotImplementedError

    def wait(self, timeout: float | None = None, on_event: OnEvent | None = None) -> RunStatus:
        """Wait until it has ended; drive it where it was submitted with `detach=False`: without a timeout."""
        if self._work is None:
            return super().wait(timeout, on_event)
        if timeout is not None:
            hint = f"Omit the timeout, or submit the {self.noun} with detach=True."
            raise AmlError(f"wait() has no timeout for a {self.noun} that runs in this process", hint=hint)
        work, self._work = self._work, None
        self.drive(work, on_event or self.target.on_event)
        return self.status()


class WatchedRun(Run):
    """A run whose children a workspace starts. `results` is what is written here of it."""

    results: str

    def watch(self, on_event: OnEvent, until: float | None) -> RunStatus | None:
        """Write down what the workspace says until the run has ended, at most until then (time.monotonic); its end."""
        raise NotImplementedError

    def wait(self, timeout: float | None = None, on_event: OnEvent | None = None) -> RunStatus:
        """Watch it until it has ended; `on_event` gets a line a child, and how all of it is."""
        until = None if timeout is None else time.monotonic() + timeout
        try:
            ended = self.watch(on_event or self.target.on_event, until)
        except KeyboardInterrupt:
            self.target.release(self.files)
            raise
        except OSError as error:
            raise os_error(error, f"write the {self.results}") from error
        if ended is None:
            return self.files.state()[0]
        self.target.release(self.files)
        return ended

    def logs(self, follow: bool = False) -> Iterator[bytes]:
        """The lines of its children, as `wait` has written them; with `follow` it waits first."""
        if follow:
            self.wait(on_event=ignore)
        with suppress(FileNotFoundError):
            yield self.files.log.read_bytes()


def write_end(run: runs.RunFolder, ended: ExitPart, *, cancelled: bool) -> None:
    """Write down how a run ended that was driven here. A full disk leaves that to be inferred."""
    with suppress(OSError):
        if cancelled and not (run.private / "cancel.json").exists():
            run.write_part("cancel", {"cancel": {"at": ended["end_time_utc"], "reason": "Ctrl-C"}})
        run.write_part("exit", ended)
        (run.private / "reserve").unlink(missing_ok=True)


def drive_alone(folder: Path, drive: Callable[[runs.RunFolder], None]) -> int:
    """Drive the run of that folder in a process of its own; the exit code. SIGTERM ends it as Ctrl-C does.

    What goes wrong is written to stderr, which is `.run/driver.log`.
    """
    signal.signal(signal.SIGTERM, _interrupt)
    run = runs.RunFolder(folder)
    try:
        drive(run)
    except AmlError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    except KeyboardInterrupt:
        return CANCELLED
    return 0 if run.part("exit").get("exit_code") == 0 else JOB_FAILED


def _interrupt(*_: Any) -> None:
    raise KeyboardInterrupt
