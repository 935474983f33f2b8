"""Azure ML's names of time zones, which are Windows', and what the rest of the world calls them."""

from __future__ import annotations

from datetime import tzinfo
from functools import lru_cache

from amlrun.errors import nearest

# In Windows' own list no longer, and in Azure ML's still; both have a fixed offset.
_OLD = {"Mid-Atlantic Standard Time": "Etc/GMT+2", "Kamchatka Standard Time": "Asia/Kamchatka"}


@lru_cache(maxsize=1)
def names() -> dict[str, str]:
    """The IANA name of each Windows name."""
    from tzlocal.windows_tz import win_tz

    return {**win_tz, **_OLD}


def iana(name: str) -> str | None:
    """The IANA name of a Windows name, whatever its case; None for one that Windows does not have."""
    known = {windows.lower(): other for windows, other in names().items()}
    return known.get(name.lower())


def zone(name: str) -> tzinfo:
    """The zone of a Windows name. Raises KeyError for one that `iana` does not know."""
    from zoneinfo import ZoneInfo

    found = iana(name)
    if found is None:
        raise KeyError(name)
    return ZoneInfo(found)


def suggest(name: str) -> str:
    """What to write instead of a name that Windows does not have."""
    from tzlocal.windows_tz import tz_win

    windows = tz_win.get(name)
    if windows is None:
        windows = nearest(name, names(), 0.5)
    return f"Write {windows!r}." if windows else "Write Windows' name of the zone, such as 'W. Europe Standard Time'."
