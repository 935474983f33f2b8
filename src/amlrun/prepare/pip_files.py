"""The lines of the files that a conda file's pip list names with `-r`, each with its own place for a message."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from pathlib import Path

from amlrun.errors import AmlError, os_errors

_INCLUDED = re.compile(r"(?:-r|--requirement)[ =]+(.+)")
_DEEPEST = 10
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


def included(text: str) -> Path | None:
    """The file that a line (with its path in full) includes; None for any other line, and for an address."""
    found = _INCLUDED.fullmatch(text)
    return Path(found[1]) if found and "://" not in found[1] else None


def lines(file: Path, level: int = 0) -> Iterator[tuple[str, Path, int]]:
    """Each line of a requirements file and of those it includes, as pip reads it, with its file and line number.

    Raises AmlError for a file that can't be read, or that includes itself.
    """
    if level > _DEEPEST:
        raise AmlError("includes itself", file=file, hint="Remove one of the `-r` lines.")
    with os_errors(f"read {file}"):
        data = file.read_bytes()
    encoding = next((name for mark, name in _MARKS if data.startswith(mark)), "utf-8")
    whole, start = "", 0
    for number, line in enumerate(data.decode(encoding, "replace").splitlines(), 1):
        start = start if whole else number
        whole += line.removesuffix("\\") if line.endswith("\\") else line
        if line.endswith("\\"):
            continue
        text, whole = re.sub(r"(?:^|\s+)#.*$", "", whole.strip()), ""
        found = _INCLUDED.fullmatch(re.sub(r"^-r(?=[^\s=])", "-r ", text))
        if found and "://" not in text:
            nested = file.parent / found[1].strip("\"'")
            if not nested.is_file():
                raise AmlError(f"{text}: no such file: {nested.resolve()}", file=file, line=start,
                               hint="The path is relative to the file that names it.")  # fmt: skip
            yield from lines(nested, level + 1)
        elif text:
            yield text, file, start
