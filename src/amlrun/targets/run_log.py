"""Where the lines of a run that many runs belong to go: into its log, and to who listens."""

from __future__ import annotations

from pathlib import Path

from amlrun.events import Message, OnEvent


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
