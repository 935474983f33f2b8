"""Which Python an environment gets: the one its conda file asks for, else the nearest there is."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path

from amlrun.dataclass import dataclass
from amlrun.prepare.conda_version import allows, minor_of
from amlrun.prepare.room import Room

# Where pyenv, asdf and mise keep the Pythons that they have installed; uv sees only the active ones on PATH.
_MANAGERS = (
    ("PYENV_ROOT", "~/.pyenv", "versions"),
    ("PYENV", "~/.pyenv/pyenv-win", "versions"),
    ("ASDF_DATA_DIR", "~/.asdf", "installs/python"),
    ("MISE_DATA_DIR", "~/.local/share/mise", "installs/python"),
)


# What runs beside the script in its own Python (`workers/`) needs this one.
OLDEST = (3, 7)


@dataclass(frozen=True)
class Python:
    """`path` is empty for one that uv would have to download."""

    version: tuple[int, int, int]
    path: str = ""

    @property
    def minor(self) -> str:
        return f"{self.version[0]}.{self.version[1]}"

    @property
    def name(self) -> str:
        return ".".join(map(str, self.version))


def choices(room: Room, specifier: str, environment: Mapping[str, str]) -> list[Python]:
    """The Pythons to try, best first: those that meet `specifier`, here before downloadable ones; then the nearest.

    Within bounds (`>=3.8,<3.11`) the newest is the best, as for conda; without any, the version that runs `aml`.
    """
    found = [*(_of_managers(environment) if room.here else []), *_of_uv(room, environment)]
    best: dict[tuple[tuple[int, int], bool], Python] = {}
    for python in found:
        if python.version < OLDEST or python.version[0] != 3:
            continue
        key = python.version[:2], bool(python.path)
        if key not in best or python.version > best[key].version:
            best[key] = python
    own = sys.version_info[:2]
    allowed = [minor for minor in range(5, 30) if _allows_minor(specifier, minor)]

    def order(python: Python) -> tuple[object, ...]:
        minor, away_from_here = python.version[1], not python.path
        if minor in allowed:
            newest = -minor if specifier else (python.version[:2] != own, -minor)
            return (0, away_from_here, newest)
        distance = min((abs(minor - one) for one in allowed), default=minor)
        # Of two as near the older: what is pinned for 3.12 rather has a package for 3.11 than for 3.13.
        return (1, distance, minor > max(allowed, default=0), away_from_here)

    return sorted(best.values(), key=order)


def meets(specifier: str, python: Python) -> bool:
    """Whether a Python is one that the conda file asks for."""
    return allows(specifier, python.version) or _allows_minor(specifier, python.version[1])


def instead(specifier: str, python: Python) -> str:
    """What to say where `python` is used, which is not the one asked for."""
    minor = minor_of(specifier)
    if minor is not None and minor < OLDEST:
        return f"Python {shown(specifier)} is too old to run here; using {python.name} instead"
    return f"Python {shown(specifier)} was not found and could not be downloaded; using {python.name} instead"


def shown(specifier: str) -> str:
    """A specifier as a person would say it: 3.11, or <3.11."""
    minor = minor_of(specifier)
    return specifier if minor is None else ".".join(map(str, minor))


def _allows_minor(specifier: str, minor: int) -> bool:
    """Whether any release of 3.MINOR meets the specifier."""
    return any(allows(specifier, (3, minor, patch)) for patch in (0, 1, 99))


def _of_managers(environment: Mapping[str, str]) -> list[Python]:
    found = []
    for variable, usual, below in _MANAGERS:
        folder = Path(environment.get(variable) or usual).expanduser() / below
        try:
            entries = sorted(folder.iterdir())
        except OSError:
            continue
        for entry in entries:
            version = _version(entry.name)
            program = entry / "python.exe" if os.name == "nt" else entry / "bin" / "python"
            if version and program.exists():
                found.append(Python(version, str(program)))
    return found


def _of_uv(room: Room, environment: Mapping[str, str]) -> list[Python]:
    """What `uv python list` knows: Pythons on PATH, its own, the Windows registry's, and those that it can download."""
    # A manager's shims answer slowly, and only for its active versions, which are found in its folder anyway.
    path = [one for one in environment.get("PATH", "").split(os.pathsep) if Path(one).name != "shims"]
    settings = {**environment, "PATH": os.pathsep.join(path)} if any(path) else environment
    done = room.run([room.uv, "python", "list", "--output-format", "json"], settings)
    try:
        rows = json.loads(done.stdout)
    except ValueError:
        return []
    found = []
    for row in rows:
        version = _version(str(row.get("version")))
        usual = row.get("implementation") == "cpython" and row.get("variant", "default") == "default"
        if version and usual:
            found.append(Python(version, str(row.get("path") or "")))
    return found


def _version(text: str) -> tuple[int, int, int] | None:
    """A release's version; None for a pre-release and for what is no version."""
    found = re.fullmatch(r"(\d+)\.(\d+)\.(\d+)", text)
    return (int(found[1]), int(found[2]), int(found[3])) if found else None
