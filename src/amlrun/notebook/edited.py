"""Whether a file beside the script is as the template or an earlier conversion wrote it, or somebody has edited it."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Iterable
from pathlib import Path

# What conversions wrote, by path; it lies where the project keeps its settings.
_RECORD = ".azureml/converted.json"
# A render, as a clone, writes all its files within seconds.
_SECONDS = 10


def is_edited(file: Path, root: Path) -> bool:
    """Whether a file of the project `root` holds somebody's work: it is not what a conversion wrote, git has changes of
    it, or it is newer than the rest of the render. Where nothing tells, it does not.
    """
    known = _record(root).get(_name(file, root))
    if known is not None:
        return known != _digest(file)
    commits = _git(root, "log", "--format=%h", "--", str(file))
    if commits:
        return len(commits.split()) > 1 or bool(_git(root, "status", "--porcelain", "--", str(file)))
    answers = [one.stat().st_mtime for one in root.glob(".copier-answers*.yml")]
    return bool(answers) and file.stat().st_mtime > max(answers) + _SECONDS


def remember(files: Iterable[Path], root: Path) -> None:
    """Write down what a conversion wrote, so that the next one may replace it. Raises OSError."""
    record = _record(root) | {_name(file, root): _digest(file) for file in files}
    place = root / _RECORD
    place.parent.mkdir(exist_ok=True)
    place.write_text(json.dumps(record, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def _record(root: Path) -> dict[str, str]:
    try:
        found = json.loads((root / _RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _name(file: Path, root: Path) -> str:
    file, root = file.resolve(), root.resolve()
    return file.relative_to(root).as_posix() if file.is_relative_to(root) else file.as_posix()


def _digest(file: Path) -> str:
    # Git on Windows may have changed the line ends.
    return hashlib.sha256(file.read_bytes().replace(b"\r\n", b"\n")).hexdigest()


def _git(root: Path, *words: str) -> str:
    """What git says; empty where it is missing, or the project is not in a repository."""
    try:
        done = subprocess.run(["git", "-C", str(root), *words], capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
