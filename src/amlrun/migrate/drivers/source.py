"""A driver's text: a script as it is, a notebook's cells as one script, with the way back to cell and line."""

from __future__ import annotations

import ast
import json
import re

from amlrun.dataclass import dataclass, field
from amlrun.errors import AmlError

_MAGIC = re.compile(r"^(\s*)(?:[%!?]|\w[\w, ]*\s*=\s*[%!]|\S+\?{1,2}\s*$)")
# What a cell that writes a file becomes: a call that the reader knows.
WRITES_FILE = "__writes_file__"


@dataclass
class Source:
    """A driver as one Python text. `places` has, for each line of a notebook, the cell's number and the line in it."""

    path: str
    text: str
    tree: ast.Module
    places: list[tuple[int, int]] = field(default_factory=list)
    skipped: list[tuple[int, str]] = field(default_factory=list)

    def spot(self, line: int) -> str:
        """`line 12`, or `cell 3, line 2` of a notebook."""
        place = self.place(line)
        return place if place.startswith("cell") else f"line {place}"

    def place(self, line: int) -> str:
        """`12`, or `cell 3, line 2` of a notebook."""
        if not self.places or not 0 < line <= len(self.places):
            return str(line)
        cell, inside = self.places[line - 1]
        return f"cell {cell}, line {inside}"


def read(path: str, text: str) -> Source:
    """The driver at `path`, a script's or a notebook's text.

    Raises AmlError with file and line for what is neither.
    """
    if path.endswith(".ipynb"):
        return _notebook(path, text)
    try:
        return Source(path, text, ast.parse(text))
    except (SyntaxError, ValueError, RecursionError) as error:
        line = getattr(error, "lineno", None)
        reason = getattr(error, "msg", None) or "it is nested too deeply"
        raise AmlError(f"is not Python 3: {reason}", file=path, line=line) from None


def _notebook(path: str, text: str) -> Source:
    try:
        cells = json.loads(text)["cells"]
        sources = [(number, _joined(cell)) for number, cell in enumerate(cells, 1) if cell["cell_type"] == "code"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise AmlError("is not a notebook of format 4", file=path, hint="Open and save it in Jupyter.") from None
    lines: list[str] = []
    places: list[tuple[int, int]] = []
    skipped: list[tuple[int, str]] = []
    for number, cell in sources:
        kept = _cell(cell)
        try:
            ast.parse("\n".join(kept))
        except (SyntaxError, ValueError, RecursionError) as error:
            skipped.append((len(lines) + 1, f"cell {number} is not Python 3: {getattr(error, 'msg', error)}"))
            kept = ["pass"] + [""] * (len(kept) - 1)
        lines += kept
        places += [(number, at) for at in range(1, len(kept) + 1)]
    joined = "\n".join(lines)
    return Source(path, joined, ast.parse(joined), places, skipped)


def _joined(cell: dict[str, object]) -> str:
    source = cell["source"]
    return "".join(source) if isinstance(source, list) else str(source)


def _cell(text: str) -> list[str]:
    """A cell's lines as plain Python: magics become nothing, a cell that writes a file becomes a call."""
    lines = text.replace("\r\n", "\n").split("\n")
    first = next((line for line in lines if line.strip()), "")
    if first.startswith("%%"):
        word, _, rest = first[2:].partition(" ")
        body = "\n".join(lines[lines.index(first) + 1 :])
        if word == "writefile" and rest.split():
            appending, name = "-a" in rest.split()[:-1], rest.split()[-1]
            return [f"{WRITES_FILE}({name!r}, {body!r}, {appending})"] + [""] * (len(lines) - 1)
        if word in ("time", "timeit", "capture", "prun"):
            lines[lines.index(first)] = ""
        else:
            return [""] * len(lines)
    kept: list[str] = []
    going_on = False
    for line in lines:
        magic = _MAGIC.match(line)
        if going_on or (magic and not _is_python(line)):
            kept.append("" if going_on or magic is None else f"{magic[1]}pass")
            going_on = line.rstrip().endswith("\\")
        else:
            kept.append(line)
    return kept


def _is_python(line: str) -> bool:
    """A line of a statement over several lines may begin with `%`; a whole statement is never a magic."""
    try:
        ast.parse(line.strip())
    except (SyntaxError, ValueError):
        return False
    return True
