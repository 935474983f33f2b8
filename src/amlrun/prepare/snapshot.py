"""The snapshot: which files every target runs on, the same here and in the cloud."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from amlrun.dataclass import dataclass, field
from amlrun.errors import AmlError, os_errors
from amlrun.runs import redact
from amlrun.runs.files import UNFINISHED

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

# v1's caps (V1 CLI: 300 MB, 2000 files).
MAX_FILES = 2000
MAX_BYTES = 300 * 1000 * 1000

_NEVER_FOLDERS = frozenset(
    {".git", ".hg", ".svn", ".venv", "__pycache__", ".ipynb_checkpoints", ".run", "mlruns", "node_modules"}
    | {".ssh", ".aws", ".azure", ".gnupg"}
    | {".mypy_cache", ".pytest_cache", ".ruff_cache", ".tox", ".nox"}
)
# A run makes these itself: what an earlier one left there would be taken for its own.
RUN_FOLDERS = ("outputs", "logs")
_NEVER_FILES = frozenset({"mlflow.db", "mlflow.db-wal", "mlflow.db-shm", "mlflow.db-journal"})


@dataclass
class Snapshot:
    """The files below `root` that a run gets: relative POSIX paths with sizes in bytes, in walking order.

    `excluded_secrets` names the files that were left out because they look like secrets; `run_folders` those of the
    folders `outputs` and `logs` that hold something and were left out.
    """

    root: Path
    files: list[tuple[str, int]] = field(default_factory=list)
    excluded_secrets: list[str] = field(default_factory=list)
    run_folders: list[str] = field(default_factory=list)

    @property
    def size(self) -> int:
        return sum(size for _, size in self.files)

    def __str__(self) -> str:
        return f"{len(self.files):,} file{'' if len(self.files) == 1 else 's'}, {human(self.size)}"

    def summary(self) -> str:
        """Number and size of the files, and the names of those left out as secrets."""
        secrets = f"; excluded as secrets: {', '.join(self.excluded_secrets)}" if self.excluded_secrets else ""
        return f"Snapshot: {self}{secrets}"


def human(size: int) -> str:
    """A size in bytes for a person: 1.4 MB."""
    amount, unit = float(size), "B"
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000 or unit == "GB":
            break
        amount /= 1000
    return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"


def build_snapshot(root: Path, *, runs: Path | None = None, limits: bool = True, for_run: bool = False) -> Snapshot:
    """Walk `root` once and list what a run gets.

    `.amlignore`, else `.gitignore`, decides, in the root and in every folder below; an `.amlignore` in the root
    means that no `.gitignore` counts (V1 CLI §2: it replaces it). Ignored folders are not walked. Version control,
    environments, caches, run folders, MLflow's store and files that look like secrets are never included.
    `for_run` leaves out `outputs/` and `logs/` of the root too, which a run begins with empty.
    Symbolic links are followed, as azure-ai-ml's upload does, but no folder is walked twice on one path.
    `root` may be one file, which is then all that the run gets.

    Raises AmlError above 2,000 files or 300 MB, naming the ten largest, unless `limits` is False.
    """
    if root.is_file():
        if redact.secret_file(root.name):
            return Snapshot(root.parent, excluded_secrets=[root.name])
        return Snapshot(root.parent, [(root.name, root.stat().st_size)])
    if not root.is_dir():
        raise AmlError("there is no such folder", file=root, hint="Check --source-directory and --path.")
    snapshot = Snapshot(root)
    own_only = (root / ".amlignore").is_file()
    skip = None if runs is None else os.path.realpath(runs)
    with os_errors("read the files to run"):
        for path, size, secret in _walk(str(root), "", [], own_only, skip, frozenset()):
            top = path.partition("/")[0]
            if for_run and top in RUN_FOLDERS and top != path:
                snapshot.run_folders += [] if top in snapshot.run_folders else [top]
            elif secret:
                snapshot.excluded_secrets.append(path)
            else:
                snapshot.files.append((path, size))
    if limits:
        _check_limits(snapshot)
    return snapshot


def _walk(
    folder: str,
    prefix: str,
    specs: list[tuple[int, GitIgnoreSpec]],
    own_only: bool,
    runs: str | None,
    above: frozenset[str],
) -> Iterator[tuple[str, int, bool]]:
    real = os.path.realpath(folder)
    if real in above or real == runs:
        return
    try:
        with os.scandir(folder) as entries:
            listing = sorted(entries, key=lambda entry: entry.name)
    except FileNotFoundError:
        if prefix:
            return
        raise
    names = {entry.name for entry in listing}
    # A Python or conda environment, whatever it is called.
    if prefix and ("pyvenv.cfg" in names or "conda-meta" in names):
        return
    spec = _ignore_file(folder, names, own_only)
    if spec is not None:
        specs = [*specs, (len(prefix), spec)]
    for entry in listing:
        path = prefix + entry.name
        if entry.is_dir():
            if entry.name not in _NEVER_FOLDERS and not (specs and _ignored(path + "/", specs)):
                yield from _walk(entry.path, path + "/", specs, own_only, runs, above | {real})
        elif entry.name in _NEVER_FILES or entry.name.endswith(UNFINISHED) or (specs and _ignored(path, specs)):
            continue
        elif entry.is_file():
            # An editor's or another program's short-lived file may be gone by now.
            with suppress(FileNotFoundError):
                yield path, entry.stat().st_size, redact.secret_file(entry.name)


def _ignore_file(folder: str, names: set[str], own_only: bool) -> GitIgnoreSpec | None:
    for name in (".amlignore",) if own_only else (".amlignore", ".gitignore"):
        if name in names:
            file = Path(folder, name)
            if not file.is_file():
                continue
            from pathspec import GitIgnoreSpec

            lines = file.read_text(encoding="utf-8-sig", errors="replace").splitlines()
            try:
                return GitIgnoreSpec.from_lines(lines)
            except ValueError as error:
                raise AmlError(f"invalid pattern: {error}", file=file) from error
    return None


def _ignored(path: str, specs: list[tuple[int, GitIgnoreSpec]]) -> bool:
    """gitignore's rule: the last file with an opinion, the deepest, wins; in it the last pattern that matches."""
    for start, spec in reversed(specs):
        for pattern in reversed(list(spec.patterns)):
            regex = pattern.regex
            if pattern.include is not None and regex is not None and _matches(regex, path[start:]):
                return bool(pattern.include)
    return False


def _matches(regex: re.Pattern[str], path: str) -> bool:
    """Whether a pattern matches this very file or folder (which ends with `/`).

    pathspec's own answer is also yes for all that lies below a folder that matches: there `!a` takes back `a/keep/`.
    """
    if "ps_d" not in regex.groupindex:  # `**`, or `a/**`, which means what lies in `a`
        found = regex.search(path)
        return found is not None and not (found.group().endswith("/") and found.end() == len(path))
    return regex.fullmatch(path) is not None if regex.pattern.startswith("^") else path.endswith("/")


def _check_limits(snapshot: Snapshot) -> None:
    if len(snapshot.files) <= MAX_FILES and snapshot.size <= MAX_BYTES:
        return
    largest = sorted(snapshot.files, key=lambda item: -item[1])[:10]
    rows = "\n".join(f"  {human(size):>9}  {path}" for path, size in largest)
    raise AmlError(
        f"the snapshot has {snapshot}; the limits are {MAX_FILES:,} files and {human(MAX_BYTES)}",
        file=snapshot.root,
        hint=f"The ten largest files:\n{rows}\n"
        "List what a run does not need in .amlignore (same syntax as .gitignore), or disable the limits with "
        "--no-snapshot-limit.",
    )


def copy(snapshot: Snapshot, destination: Path) -> None:
    """Copy the snapshot's files below `destination`, times and modes kept.

    A file that is gone since the walk is left out, as if the walk had come a moment later.
    """
    made = set()
    with os_errors("copy the files to run"):
        for path, _ in snapshot.files:
            target = destination / path
            if target.parent not in made:
                target.parent.mkdir(parents=True, exist_ok=True)
                made.add(target.parent)
            try:
                shutil.copy2(snapshot.root / path, target)
            except FileNotFoundError:
                if os.path.lexists(snapshot.root / path) or not snapshot.root.is_dir():
                    raise
