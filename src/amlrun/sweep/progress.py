"""What a sweep tells while it goes on: lines for its log, and its state for a live table."""

from __future__ import annotations

from typing import Protocol

from amlrun.dataclass import dataclass
from amlrun.events import Event, Message, PackageLoaded
from amlrun.runs import store as runs
from amlrun.sweep.store import Settings, Trial
from amlrun.targets.run_log import RunLog


class SweepState(Protocol):
    """A sweep under way: one that is driven here, or one that is watched in a workspace."""

    metric: str
    sweep: runs.RunFolder
    log: SweepLog

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


class SweepLog(RunLog):
    """A sweep's log, which also tells how it is."""

    def message(self, event: Event) -> None:
        """Tell what another part of the library reports, where it is a line."""
        if isinstance(event, Message):
            (self.warn if event.warning else self.line)(event.text)

    def loaded(self, package: str) -> None:
        """Tell that a package was imported."""
        self.on_event(PackageLoaded(package))

    def draw(self, sweep: SweepState) -> None:
        """Tell how the sweep is now."""
        self.on_event(SweepProgress(sweep))
