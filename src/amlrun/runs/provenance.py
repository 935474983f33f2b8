"""What makes a run reproducible: the git state of the files, and the job as it was resolved, without secrets."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

_SECRET_NAME = re.compile(
    r"pass(word|wd|phrase)?$|secret|token$|credentials?$|(^|_)(sas|pwd)($|_)|connection_?string"
    r"|(api|access|account|private|storage|subscription|shared|master)_?key$",
    re.IGNORECASE,
)
MASK = "***"


def git_properties(folder: Path) -> Callable[[], dict[str, str]]:
    """Start asking git about `folder`; calling the result gives v1's `azureml.git.*` properties.

    Git answers while other things are done; without git, or outside a repository, there are none.
    """
    if not any((parent / ".git").exists() for parent in (folder, *folder.parents)):
        return dict
    try:
        status, remote = (
            subprocess.Popen(
                ["git", *words],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                encoding="utf-8",
                errors="replace",
            )
            for words in (
                ["--no-optional-locks", "status", "--porcelain=v2", "--branch"],
                ["config", "--get", "remote.origin.url"],
            )
        )
    except OSError:
        return dict

    def collect() -> dict[str, str]:
        try:
            text, url = status.communicate(timeout=10)[0], remote.communicate(timeout=10)[0].strip()
        except subprocess.TimeoutExpired:
            status.kill()
            remote.kill()
            return {}
        if status.returncode:
            return {}
        facts = dict(re.findall(r"^# branch\.(oid|head) (.+)$", text, re.MULTILINE))
        dirty = any(line and not line.startswith("#") for line in text.splitlines())
        found = {
            "azureml.git.commit": facts.get("oid", ""),
            "azureml.git.branch": facts.get("head", ""),
            "azureml.git.dirty": str(dirty),
            "azureml.git.repository_uri": without_user(url),
        }
        return {key: value for key, value in found.items() if value}

    return collect


def without_user(url: str) -> str:
    """A URL without the user name and password that some carry."""
    parts = urlsplit(url)
    if parts.scheme and "@" in parts.netloc:
        return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
    return url


def masked(value: Any) -> Any:
    """Nested plain data with the values of secret-looking names (`API_KEY`, `password`, …) masked."""
    if isinstance(value, dict):
        return {
            key: MASK if _SECRET_NAME.search(str(key)) and isinstance(item, str) else masked(item)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [_masked_word(item, value[place - 1] if place else "") for place, item in enumerate(value)]
    return value


def _masked_word(word: Any, before: Any) -> Any:
    """A list's item; in an argument list the word after `--api-key`, or after its `=`, is masked."""
    if not isinstance(word, str):
        return masked(word)
    flag, equals, _ = word.partition("=")
    if equals and _secret_flag(flag):
        return f"{flag}={MASK}"
    return MASK if _secret_flag(before) and not word.startswith("-") else word


def _secret_flag(word: Any) -> bool:
    return isinstance(word, str) and word.startswith("--") and bool(_SECRET_NAME.search(word.replace("-", "_")))
