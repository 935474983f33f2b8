"""The oldest Python that a worker may meet, as far as this machine has one."""

from __future__ import annotations

import functools
import json
import subprocess
import sys

OLDEST = (3, 7)


@functools.cache
def oldest_python() -> str:
    """The oldest Python from 3.7 on that uv finds on this machine; this one at worst."""
    words = ["uv", "python", "list", "--only-installed", "--output-format", "json", "--all-versions"]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    found = [
        (tuple(entry["version_parts"][part] for part in ("major", "minor", "patch")), entry["path"])
        for entry in json.loads(done.stdout)
        if entry["path"] and entry["implementation"] == "cpython"
    ]
    usable = sorted((version, path) for version, path in found if version[:2] >= OLDEST)
    for _, path in usable:
        if subprocess.run([path, "-c", "import ssl"], capture_output=True).returncode == 0:
            return str(path)
    return sys.executable
