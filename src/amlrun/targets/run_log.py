"""The lines of a run: those of one that many runs belong to go into its log and to who listens; a log's last line."""

from __future__ import annotations

import os
from pathlib import Path

from amlrun.events import Message, OnEvent
from amlrun.runs import store as runs


class RunLog:
    """A sweep's or a pipeline's lines go into its log, so that they can be followed, and to `on_event`. Without a log
    they are only told.
    """

    def __init__(self, log: Path | None, on_event: OnEvent) -> None:
        self._log, self.on_event = log, on_event

    def line(self, text: str) -> None:
        """Add one line. Raises OSError when the log cannot be written."""
        self._write(text)
        self.on_event(Message(text))

    def warn(self, text: str) -> None:
        """Tell of something that the run goes on without."""
        self._write(f"Warning: {text}")
        self.on_event(Message(text, warning=True))

    def _write(self, text: str) -> None:
        if self._log is not None:
            with self._log.open("a", encoding="utf-8") as log:
                log.write(text + "\n")


def last_line(run: runs.RunFolder) -> str:
    """The last line of a run's log that says something."""
    try:
        with run.log.open("rb") as stream:
            stream.seek(max(os.fstat(stream.fileno()).st_size - 4096, 0))
            lines = stream.read().decode("utf-8", "replace").splitlines()
    except OSError:
        return ""
    return next((line.strip()[:300] for line in reversed(lines) if line.strip()), "")
