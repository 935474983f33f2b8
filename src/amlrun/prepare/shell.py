"""A job's shell line on this machine: under bash, its bindings filled in as Azure ML fills them in.

The service puts an input's text into the line as it stands, before bash reads it: `"${{inputs.text}}"` is one word,
without quotes the value's spaces part it. A path that was mounted there never holds a space or a quote; one of this
machine may, so it stays one word here whatever stands around the binding. So does a value of a search space.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from amlrun.spec.shell_parts import parts


def start(line: str, report: Callable[[str], None]) -> list[str]:
    """The words that run a shell line here: bash, as on Azure ML; without one, another shell, which is reported."""
    bash = find_bash()
    if bash:
        return [bash, "-c", line]
    if os.name == "nt":
        report("bash was not found: cmd.exe runs the command; Azure ML uses bash.")
        return [os.environ.get("COMSPEC", "cmd.exe"), "/d", "/s", "/c", line]
    report("bash was not found: sh runs the command; Azure ML uses bash.")
    return ["/bin/sh", "-c", line]


def find_bash() -> str | None:
    """This machine's bash. On Windows the one in System32 starts another system (WSL) and does not count."""
    found = shutil.which("bash")
    if found and os.name == "nt" and "system32" in Path(found).as_posix().lower():
        return None
    return found


def fill(line: str, values: Mapping[str, str], words: Collection[str]) -> str:
    """The line with each `${{inputs.x}}` replaced by its value; those in `words` stay one word whatever they hold.

    A binding that has no value here is left as it is.
    """
    made = []
    for found, quote in parts(line):
        part, key = found[0], f"{found[1]}.{found[2]}"
        if key in values:
            part = _word(values[key], quote) if key in words else values[key]
        made.append(part)
    return "".join(made)


def _word(value: str, quote: str) -> str:
    """A value as one word, inside `quote` or outside of quotes."""
    if os.name == "nt" and not find_bash():
        return f'"{value}"' if " " in value and not quote else value
    if quote == "'":
        return value.replace("'", "'\\''")
    if quote == '"':
        return re.sub(r'([\\"$`])', r"\\\1", value)
    return shlex.quote(value)
