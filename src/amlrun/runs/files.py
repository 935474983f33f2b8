"""Files that are replaced whole: a reader sees the old one or the new one, never half."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

# How a file's name ends while it is written; such a file is in no snapshot.
UNFINISHED = ".aml-tmp"


def replace_json(path: Path, value: Any) -> None:
    """Replace a JSON file. Raises OSError, on a full disk for instance; the old file is whole then."""
    replace_text(path, json.dumps(value, indent=4, sort_keys=True, default=str) + "\n")


def replace_text(path: Path, text: str) -> None:
    """Write a text file beside `path` and move it there. Raises OSError; the old file is whole then."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(3).hex()}{UNFINISHED}")
    try:
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
