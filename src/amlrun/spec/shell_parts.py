"""A shell line in parts: its bindings, and what bash makes of the rest."""

from __future__ import annotations

import re
from collections.abc import Iterator

from amlrun.spec.job import BINDING

_PART = re.compile(rf"{BINDING.pattern}|\\.|['\"]|[^\\'\"$]+|\$|\\", re.DOTALL)


def parts(line: str) -> Iterator[tuple[re.Match[str], str]]:
    """Each part of a line as a match, whose groups are a binding's kind and name, with the quote that it stands in."""
    quote = ""
    for found in _PART.finditer(line):
        yield found, quote
        part = found[0]
        if part in ("'", '"'):
            quote = "" if quote == part else quote or part
        elif quote == "'" and part == "\\'":
            quote = ""  # in single quotes a backslash is only itself
