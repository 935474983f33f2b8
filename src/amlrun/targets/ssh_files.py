"""The files of a run on another machine: what goes there, the log piece by piece, and the results that come back."""

from __future__ import annotations

import io
import os
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from amlrun.errors import JOB_FAILED, SERVICE, AmlError, os_error, os_errors
from amlrun.prepare.site import WORKERS
from amlrun.runs import store as runs
from amlrun.runs.record import ExitPart

_SUPERVISOR = ("supervisor.py", "run_record.py", "process_tree.py")
# The mark of a run whose results have come back.
FETCHED = "fetched"
_KEPT = ("outputs", "logs", "user_logs", ".run/mlflow", ".run/artifacts")


def interrupted(state: str) -> ExitPart:
    """The part `exit` of a run whose machine does not know how it ended."""
    why = {"absent": "interrupted before the script was started"}.get(state)
    message = why or "interrupted: the run's processes ended without an exit code"
    return {"exit_code": JOB_FAILED, "end_time_utc": runs.now(), "error": {"message": message}}


def patience(follow: bool) -> Iterator[float | None]:
    """Seconds to wait after each lost connection, for about ten minutes; then None."""
    wait = 0.5
    for _ in range(45 if follow else 0):
        yield wait
        wait = min(wait * 1.5, 15.0)
    yield None


def write_log(run: runs.RunFolder, at: int, data: bytes) -> None:
    """Write a piece of the log at its own place: two who follow one run write the same. Raises AmlError."""
    with os_errors("write the run's log"):
        run.log.parent.mkdir(exist_ok=True)
        handle = os.open(run.log, os.O_WRONLY | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o644)
        with os.fdopen(handle, "wb") as stream:
            stream.seek(at)
            stream.write(data)


def pack(archive: tarfile.TarFile, run: runs.RunFolder, sends: Mapping[str, Path], *, workers: bool) -> None:
    """Put into a tar what goes there: the run's folder and MLflow store, the supervisor, `sends`, all `workers`."""
    for entry in sorted(run.folder.iterdir()):
        if entry.name != ".run":
            archive.add(entry, entry.name)
    for name in ("mlflow", "artifacts", "spark"):
        if (run.private / name).exists():
            archive.add(run.private / name, f".run/{name}")
    for name in _SUPERVISOR:
        archive.add(WORKERS / name, f".run/workers/{name}")
    if workers:
        for entry in sorted(WORKERS.iterdir()):
            if entry.name not in (*_SUPERVISOR, "__pycache__"):
                archive.add(entry, f".run/workers/{entry.name}", filter=_source)
    for inside, place in sends.items():
        archive.add(place.resolve(), inside)
    whole = tarfile.TarInfo(".run/whole")
    archive.addfile(whole, io.BytesIO())


def _source(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    return None if "__pycache__" in entry.name else entry


class Unpacker:
    """Takes a tar in pieces, and puts what belongs to a run into its folder once all of it is there."""

    def __init__(self, run: runs.RunFolder) -> None:
        self._run = run
        self._spool = tempfile.SpooledTemporaryFile(max_size=1 << 24)  # noqa: SIM115 - closed by `close`
        self._size = 0
        self.files: list[Path] = []

    def feed(self, data: bytes) -> None:
        """The next piece."""
        with os_errors("fetch the run's results"):
            self._size += self._spool.write(data)

    def close(self, size: int) -> None:
        """Unpack it, which must have so many bytes. Raises AmlError for a full disk, or a tar that is not whole."""
        with self._spool as stream:
            if self._size != size:
                raise AmlError(f"the run's results arrived incomplete: {self._size} of {size} bytes", exit_code=SERVICE)
            if not size:
                return
            stream.seek(0)
            try:
                with tarfile.open(fileobj=stream) as archive:
                    for entry in archive:
                        self._take(archive, entry)
            except OSError as error:
                raise os_error(error, "fetch the run's results") from error
            except tarfile.TarError as error:
                raise AmlError(f"the run's results arrived incomplete: {error}", file=self._run.folder) from error

    def _take(self, archive: tarfile.TarFile, entry: tarfile.TarInfo) -> None:
        """One entry, if it is a plain file or folder of those that a run brings back."""
        parts = entry.name.split("/")
        known = any(entry.name == one or entry.name.startswith(f"{one}/") for one in _KEPT)
        if not known or ".." in parts or not (entry.isfile() or entry.isdir()):
            return
        place = self._run.folder.joinpath(*parts)
        if entry.isdir():
            place.mkdir(parents=True, exist_ok=True)
            return
        source = archive.extractfile(entry)
        assert source is not None  # noqa: S101 - it is a file
        place.parent.mkdir(parents=True, exist_ok=True)
        with source, place.open("wb") as target:
            while piece := source.read(1 << 20):
                target.write(piece)
        os.utime(place, (entry.mtime, entry.mtime))
        self.files.append(place)
