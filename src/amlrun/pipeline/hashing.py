"""Content hashes of files and folders; a file whose size, time and inode are known is not read again."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from amlrun.errors import AmlError, os_errors
from amlrun.runs.files import replace_text

# A file that was written so short a time ago may be written again without its time being seen to change.
_SETTLED_SECONDS = 2.0
_CHUNK = 1 << 20


class Content(NamedTuple):
    """What a file or folder holds: `digest` of its bytes and names, `signature` of its sizes, times and inodes."""

    digest: str
    signature: str


class FileHashes:
    """Hashes files once; `file` keeps what is known between commands, and may be deleted at any time."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._known: dict[str, list[object]] = {}
        self._new: dict[str, list[object]] = {}
        with suppress(OSError, ValueError):
            value = json.loads(file.read_text(encoding="utf-8"))
            self._known = value if isinstance(value, dict) else {}

    def save(self) -> None:
        """Keep what was hashed. A full or read-only disk costs time at the next command, nothing else."""
        if not self._new:
            return
        with suppress(OSError):
            self._file.parent.mkdir(parents=True, exist_ok=True)
            replace_text(self._file, json.dumps({**self._known, **self._new}, separators=(",", ":")))
        self._known |= self._new
        self._new = {}

    def content(self, place: Path) -> Content:
        """The content of a file or folder. Raises AmlError when it is gone, or changes while it is read."""
        with os_errors("read the data"):
            if not place.is_dir():
                facts = os.stat(place)  # noqa: PTH116 - one call for thousands of files
                return Content(self.file(str(place), facts), _signature("", facts))
            digest, signature = hashlib.sha256(), hashlib.sha256()
            for name, path, facts in _walk(str(place), ""):
                digest.update(f"{name}\0{facts.st_size}\0{self.file(path, facts)}\n".encode("utf-8", "surrogateescape"))
                signature.update(_signature(name, facts).encode("utf-8", "surrogateescape"))
            return Content(digest.hexdigest(), signature.hexdigest())

    def signature(self, place: Path) -> str:
        """The signature of a file or folder, without reading it; empty when it is gone."""
        try:
            if not place.is_dir():
                return _signature("", os.stat(place))  # noqa: PTH116
            signature = hashlib.sha256()
            for name, _, facts in _walk(str(place), ""):
                signature.update(_signature(name, facts).encode("utf-8", "surrogateescape"))
            return signature.hexdigest()
        except OSError:
            return ""

    def file(self, path: str, facts: os.stat_result) -> str:
        """The SHA-256 of a file that `facts` were just asked of. Raises AmlError when it changes meanwhile."""
        mark = [facts.st_size, facts.st_mtime_ns, facts.st_ino]
        known = self._new.get(path) or self._known.get(path)
        if known is not None and known[:3] == mark:
            return str(known[3])
        digest = hashlib.sha256()
        with open(path, "rb") as stream:  # noqa: PTH123
            while chunk := stream.read(_CHUNK):
                digest.update(chunk)
            after = os.fstat(stream.fileno())
        if [after.st_size, after.st_mtime_ns, after.st_ino] != mark:
            raise AmlError(
                "changed while it was being hashed", file=path, hint="Submit again when nothing writes to it."
            )
        if time.time() - facts.st_mtime > _SETTLED_SECONDS:
            self._new[path] = [*mark, digest.hexdigest()]
        return digest.hexdigest()


def _signature(name: str, facts: os.stat_result) -> str:
    return f"{name}\0{facts.st_size}\0{facts.st_mtime_ns}\0{facts.st_ino}\n"


def _walk(folder: str, prefix: str, above: frozenset[str] = frozenset()) -> Iterator[tuple[str, str, os.stat_result]]:
    """The files below a folder in a fixed order, links followed: relative name, path and facts."""
    real = os.path.realpath(folder)
    if real in above:
        return
    with os.scandir(folder) as entries:
        listing = sorted(entries, key=lambda entry: entry.name)
    for entry in listing:
        if entry.is_dir():
            yield from _walk(entry.path, f"{prefix}{entry.name}/", above | {real})
            continue
        facts = os.stat(entry.path)  # noqa: PTH116 - on Windows a directory entry knows no inode
        if stat.S_ISREG(facts.st_mode):
            yield prefix + entry.name, entry.path, facts
