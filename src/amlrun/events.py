"""What the library tells while it works: a caller's `on_event` gets these, in the thread that called."""

from __future__ import annotations

from collections.abc import Callable

from amlrun.dataclass import dataclass


@dataclass(frozen=True)
class Event:
    """Something that happened. Kinds that a caller does not know can be passed over."""


@dataclass(frozen=True)
class Message(Event):
    """One line for a person; a `warning` is worth a second look."""

    text: str
    warning: bool = False


@dataclass(frozen=True)
class Transfer(Event):
    """So many more bytes were moved; `total` is how many it will be, where that is known."""

    action: str
    size: int
    total: int | None = None


@dataclass(frozen=True)
class PackageLoaded(Event):
    """A package that writes to the terminal by itself was imported: a command sets its loggers now, a library not."""

    name: str


@dataclass(frozen=True)
class LogOutput(Event):
    """The next bytes of a run's log."""

    data: bytes


OnEvent = Callable[[Event], None]


def moving(on_event: OnEvent, action: str, total: int | None = None) -> Callable[[int], None]:
    """A function that tells of so many more bytes of a transfer."""
    return lambda size: on_event(Transfer(action, size, total))


def ignore(event: Event) -> None:
    """The `on_event` of a caller that gave none."""
