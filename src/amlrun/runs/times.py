"""Times as records have them: UTC, in the form that v1 writes."""

from __future__ import annotations

from datetime import datetime, timezone


def now() -> str:
    """UTC as v1 writes it: 2026-01-01T12:00:00.000Z."""
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def milliseconds(utc: str) -> int:
    """A time that `now` wrote, as milliseconds since 1970."""
    return round(datetime.fromisoformat(utc.replace("Z", "+00:00")).timestamp() * 1000)


def seconds_between(begun: object, ended: object) -> float | None:
    """The seconds between two times as `now` or the service writes them; None where one of them is no time."""
    try:
        return (milliseconds(str(ended)) - milliseconds(str(begun))) / 1000
    except ValueError:
        return None
