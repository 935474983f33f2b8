"""What a sweep tells while it goes on: lines for its log, and its state for a live table."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from amlrun.events import Event, Message, OnEvent, PackageLoaded
from amlrun.sweep.store import Settings, Trial


class SweepState(Protocol):
    """A sweep under way: one that is driven here, or one that is watched in a workspace."""

    metric: str

    @property
    def settings(self) -> Settings: ...

    @property
    def trials(self) -> dict[int, Trial]: ...

    @property
    def running(self) -> dict[int, Trial]: ...

    @property
    def best(self) -> Trial | None: ...

    @property
    def ended(self) -> list[Trial]: ...

    def seconds_left(self) -> float | None: ...


@dataclass(frozen=True)
class SweepProgress(Event):
    """How a sweep is now; it comes many times a second."""

    sweep: SweepState


class SweepLog:
    """Where a sweep's lines go: into its log, so that they can be followed, and to who listens. Without a log they
    are only told.
    """

    def __init__(self, log: Path | None, on_event: OnEvent) -> None:
        self._log, self._on_event = log, on_event

    def line(self, text: str) -> None:
        """Add one line. Raises OSError when the log cannot be written."""
        if self._log is not None:
            with self._log.open("a", encoding="utf-8") as log:
                log.write(text + "\n")
        self._on_event(Message(text))

    def warn(self, text: str) -> None:
        """Tell of something that the sweep goes on without."""
        if self._log is not None:
            with self._log.open("a", encoding="utf-8") as log:
                log.write(f"Warning: {text}\n")
        self._on_event(Message(text, warning=True))

    def loaded(self, package: str) -> None:
        """Tell that a package was imported."""
        self._on_event(PackageLoaded(package))

    def draw(self, sweep: SweepState) -> None:
        """Tell how the sweep is now."""
        self._on_event(SweepProgress(sweep))
