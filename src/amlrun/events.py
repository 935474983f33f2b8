"""Events that report progress: a caller's `on_event` gets them, in the thread that called."""

from __future__ import annotations

from collections.abc import Callable

from amlrun.dataclass import dataclass


@dataclass(frozen=True)
class Event:
    """Base class of all events. Ignore the types that you do not know."""


@dataclass(frozen=True)
class Message(Event):
    """A line of text for the user; `warning` marks one that needs attention."""

    text: str
    warning: bool = False


@dataclass(frozen=True)
class Transfer(Event):
    """`size` more bytes were transferred; `total` is the number of bytes in all, if known."""

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
    """A function that reports so many more bytes of a transfer."""
    return lambda size: on_event(Transfer(action, size, total))


def ignore(event: Event) -> None:
    """The `on_event` of a caller that gave none."""
