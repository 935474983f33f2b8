"""What makes a run reproducible: the git state of the files."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

from amlrun.runs.redact import url_without_user


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
            "azureml.git.repository_uri": url_without_user(url),
        }
        return {key: value for key, value in found.items() if value}

    return collect
