"""Which part reads which kind of file."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from amlrun.errors import AmlError
from amlrun.migrate.drivers import heal_conda, read_driver, read_notebook
from amlrun.migrate.files import needs
from amlrun.migrate.folder import Reader
from amlrun.migrate.result import FileResult, Kind
from amlrun.prepare.conda_resolve import Resolver, uv_resolver


def readers(offline: bool, say: Callable[[str], None]) -> Mapping[Kind, Reader]:
    """The readers of driver scripts, notebooks and conda files.

    Unless `offline`, conda files are resolved with uv, which asks the package index; `say` is told when it is out of
    reach, and the files are then judged without it.
    """
    conda = CondaReader(None if offline else uv_resolver(), say)
    return {Kind.DRIVER: read_driver, Kind.NOTEBOOK: read_notebook, Kind.CONDA: conda}


class CondaReader:
    """Reads conda files, by resolution as long as the package index answers."""

    def __init__(self, resolver: Resolver | None, say: Callable[[str], None]) -> None:
        self._resolver = resolver
        self._say = say

    def __call__(self, path: str, text: str, files: Mapping[str, str]) -> FileResult:
        """The result for one conda file; nothing is raised for an index that is out of reach."""
        if self._resolver is not None:
            try:
                return heal_conda(path, text, self._resolver, needs(files))
            except AmlError as error:
                self._resolver = None
                self._say(f"{error.message}; conda files are checked without it")
        return heal_conda(path, text, more=needs(files))
