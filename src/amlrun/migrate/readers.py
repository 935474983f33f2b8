"""Which part reads which kind of file."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any

from amlrun.errors import AmlError
from amlrun.migrate.folder import Reader
from amlrun.migrate.result import FileResult, Kind


def readers(offline: bool, say: Callable[[str], None]) -> Mapping[Kind, Reader]:
    """The readers of driver scripts, notebooks and conda files.

    Unless `offline`, conda files are resolved with uv, which asks the package index; `say` is told when it is out of
    reach, and the files are then judged without it.
    """
    drivers = importlib.import_module("amlrun.migrate.drivers")
    return {
        Kind.DRIVER: drivers.read_driver,
        Kind.NOTEBOOK: drivers.read_notebook,
        Kind.CONDA: CondaReader(drivers.heal_conda, offline, say),
    }


class CondaReader:
    """Reads conda files, by resolution as long as the package index answers."""

    def __init__(self, heal: Callable[..., FileResult], offline: bool, say: Callable[[str], None]) -> None:
        self._heal = heal
        self._say = say
        self._resolver: Any = None
        if not offline:
            self._resolver = importlib.import_module("amlrun.prepare.conda_resolve").uv_resolver()

    def __call__(self, path: str, text: str, files: Mapping[str, str]) -> FileResult:
        """The result for one conda file. Raises nothing: without the index, known names and floors are healed."""
        if self._resolver is not None:
            try:
                return self._heal(path, text, self._resolver)
            except AmlError as error:
                self._resolver = None
                self._say(f"{error.message}; conda files are judged without it")
        return self._heal(path, text)
