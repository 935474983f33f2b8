"""The environments that are kept on this machine: which there are, and clearing them."""

from __future__ import annotations

import json
import os
import shutil
import time
from pathlib import Path

from amlrun.dataclass import dataclass, field
from amlrun.errors import AmlError, os_error
from amlrun.prepare.environment import READY, cache_folder


@dataclass
class LocalEnvironment:
    """One environment: `source` is the file (or the cloud's environment) it was made of, `used` a Unix time."""

    name: str
    folder: Path
    source: str
    python: str
    size: int
    used: float
    packages: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, object]:
        return {
            "name": self.name, "source": self.source, "python": self.python, "bytes": self.size,
            "last_used": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.used)), "packages": self.packages,
            "folder": str(self.folder),
        }  # fmt: skip


def find_all() -> list[LocalEnvironment]:
    """The environments that are ready, the one that was used last first."""
    found = []
    for ready in [*cache_folder().glob(f"*/{READY}"), *(cache_folder().parent / "containers").glob(f"*/{READY}")]:
        folder = ready.parent
        try:
            made, used = json.loads(ready.read_text(encoding="utf-8")), ready.stat().st_mtime
        except (OSError, ValueError):
            made, used = {}, 0.0
        packages = [str(one) for one in made.get("packages", [])]
        source = str(made.get("source", ""))
        found.append(LocalEnvironment(folder.name, folder, source, _version(folder), _size(folder), used, packages))
    return sorted(found, key=lambda one: -one.used)


def clear(names: list[str], *, older_than: float | None = None) -> list[LocalEnvironment]:
    """Remove the environments of these names, all without any; with `older_than` those not used for so many days.

    Returns what was removed. An environment that is being built is left alone. Raises AmlError for an unknown name.
    """
    from filelock import FileLock, Timeout

    known = {one.name: one for one in find_all()}
    for name in names:
        if name not in known:
            raise AmlError(f"there is no environment {name!r} here", hint="`aml environment cache list` shows them.")
    removed = []
    for one in [known[name] for name in names] if names else list(known.values()):
        if older_than is not None and time.time() - one.used < older_than * 86400:
            continue
        lock = FileLock(f"{one.folder}.lock")
        try:
            with lock.acquire(timeout=0):
                # Without its mark it is not taken, whatever of it is left.
                (one.folder / READY).unlink(missing_ok=True)
                shutil.rmtree(one.folder)
        except Timeout:
            continue
        except OSError as error:
            raise os_error(error, f"remove {one.folder}") from error
        Path(f"{one.folder}.lock").unlink(missing_ok=True)
        removed.append(one)
    return removed


def _version(folder: Path) -> str:
    """An environment's Python, read from its files."""
    try:
        text = (folder / "pyvenv.cfg").read_text(encoding="utf-8")
    except OSError:
        names = [entry.name for entry in (folder / "conda-meta").glob("python-3*.json")]
        return names[0].split("-")[1] if names else ""
    lines = (line.partition("=") for line in text.splitlines())
    return next((value.strip() for key, _, value in lines if key.strip() in ("version_info", "version")), "")


def _size(folder: Path) -> int:
    """Bytes of the folder's files; hard links to uv's own cache count as well."""
    total = 0
    for where, _, files in os.walk(folder):
        for name in files:
            try:
                total += os.lstat(os.path.join(where, name)).st_size  # noqa: PTH118 - thousands of them
            except OSError:
                continue
    return total
