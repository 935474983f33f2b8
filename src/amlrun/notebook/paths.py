"""Files that the notebook reads come through `--data-path`; files that it writes go to `outputs/`."""

from __future__ import annotations

import ast
import posixpath
import re
from pathlib import Path, PurePath

from amlrun.notebook import data_option
from amlrun.notebook.data_option import Paths
from amlrun.notebook.file_calls import defaults, file_of, given, readers
from amlrun.notebook.path_literals import PathLiteral, edit_start, existing, literals_of, plain, resolve
from amlrun.notebook.report import Report
from amlrun.notebook.statements import Notebook, Statement
from amlrun.python_source import arguments_of, in_f_strings, root


def apply(notebook: Notebook, base: Path, target: Path, arguments: str, helper: str, report: Report) -> Paths:
    """Edit every path that is read or written in `notebook`.

    `base` is the notebook's folder and `target` the script's: a default is the same file, seen from the script.
    `arguments` and `helper` are the script's names for the parsed arguments and for the data helper.
    """
    literals = literals_of(notebook)
    reads: list[PathLiteral] = []
    writes: list[PathLiteral] = []
    asked: list[PathLiteral] = []
    modules = notebook.modules()
    functions = readers(notebook, modules)
    for statement in notebook.body:
        if not statement.kept:
            continue
        inside = in_f_strings(statement.node)
        named: list[tuple[ast.AST, str, ast.expr | None]] = []
        named += [(statement.node, *item) for item in defaults(statement.node, functions)]
        calls = [node for node in ast.walk(statement.node) if isinstance(node, ast.Call)]
        named += [(call, *item) for call in calls for item in (file_of(call, modules), given(call, functions))]
        for node, kind, value in named:
            place = resolve(value, statement, literals) if value is not None else None
            if place is None:
                continue
            place.use, place.of = value, statement
            if place.head is not None and not _is_bare(place, kind, statement, literals):
                continue
            if id(node) in inside:
                report.ask(f"names the file {place.path} inside an f-string: name it outside of it", statement.cell)
                continue
            if re.match(r"^[a-z][a-z0-9+.\-]+://", place.path):
                if kind == "read":
                    report.ask(
                        f"reads {place.path} from the network: a run needs it reachable, or a copy under data/",
                        statement.cell,
                    )
                continue
            {"read": reads, "write": writes, "ask": asked}[kind].append(place)
    seen = {id(place.node) for place in [*reads, *writes]}
    variables = {id(value): name for name, (_, value) in literals.items()}
    for statement in [s for s in notebook.body if s.kept]:
        reads += existing(statement, base, seen, variables)
    folders = {place.variable for place in writes if place.head is None}
    writes = [place for place in writes if place.head is None or root(place.head) not in folders - {None}]
    found = Paths()
    own = [place for place in [*reads, *asked] if _is_written(place, writes)]
    for place in own:
        if place.variable is None:
            place.statement.edit(place.node, place.spelt(repr(_output(place.path))))
    data = [place for place in reads if place not in own]
    known = {plain(place.path) for place in data}
    data += [place for place in asked if plain(place.path) in known and place not in own]
    _writes(_beside_data(writes, data, found, report), found, report)
    data_option.apply(data, found, base, target, arguments, helper, report)
    return found


def _is_bare(
    place: PathLiteral, kind: str, statement: Statement, literals: dict[str, tuple[Statement, ast.expr]]
) -> bool:
    """Whether `f"{name}.pkl"` is a file beside the notebook: what `name` holds may be a folder's file, too."""
    name = root(place.head) if place.head is not None else None
    given_to = {argument.arg for part in ast.walk(statement.node) for argument in arguments_of(part)}
    return name is None or (name not in given_to and (kind == "write" or name in literals))


def _is_written(place: PathLiteral, writes: list[PathLiteral]) -> bool:
    """Whether the notebook itself wrote what it reads here: the very file, or something in a folder it made."""
    for other in writes:
        made = other.unknown or not PurePath(other.whole).suffix
        below = place.whole.startswith(f"{other.whole}/") or other.whole.startswith(f"{place.whole}/")
        if place.whole == other.whole or (made and place.whole.startswith(f"{other.whole}/")):
            return True
        if below and not PurePath(place.whole).suffix and not place.unknown and not made:
            return True
    return False


def _beside_data(writes: list[PathLiteral], data: list[PathLiteral], found: Paths, report: Report) -> list[PathLiteral]:
    """The writes whose folder is not read from. One that goes where data comes from is turned to outputs/ by itself."""
    read = {id(place.node) for place in data}
    for place in writes:
        if id(place.node) not in read or place.use is None or place.of is None:
            continue
        if place.unknown:
            report.ask(f"writes below {place.path}, which it also reads: write to outputs/ instead", place.of.cell)
            continue
        new = _output(place.rest or posixpath.basename(place.path))
        found.folders.add(posixpath.dirname(new))
        place.of.edit(place.use, repr(new))
        report.did(f"writes {new} instead of {place.whole}: only outputs/ is kept from a run", place.of.cell)
    return [place for place in writes if id(place.node) not in read]


def _output(path: str) -> str:
    """Where a file that the notebook wrote at `path` goes."""
    name = plain(path)
    if name == "outputs" or name.startswith("outputs/"):
        return path
    if name.startswith(("/", "~")) or re.match(r"^[A-Za-z]:", name):
        name = posixpath.basename(name)
    parts = [part for part in name.split("/") if part not in ("..", ".", "")]
    if parts and parts[0] == "outputs":
        parts = parts[1:]
    return "/".join(["outputs", *parts]) + ("/" if path.endswith("/") else "")


def _writes(writes: list[PathLiteral], found: Paths, report: Report) -> None:
    seen: set[int] = set()
    for place in writes:
        new = _output(place.path)
        file_like = not (place.rest or place.unknown) and bool(PurePath(new).suffix)
        found.folders.add(posixpath.dirname(new) if file_like else new.rstrip("/"))
        if place.rest and "/" in place.rest:
            found.folders.add(posixpath.join(new, posixpath.dirname(place.rest)))
        if id(place.node) in seen:
            continue
        seen.add(id(place.node))
        if place.starts:
            edit_start(place, f"{new}/")
        elif new != place.path:
            place.statement.edit(place.node, place.spelt(repr(new)))
        if new != place.path:
            shown = place.statement.source.slice(place.node) if place.path == "." else place.path
            to = f"{shown} to {new}" if place.path == "." else f"{new} instead of {shown}"
            report.did(f"writes {to}: only outputs/ is kept from a run", place.statement.cell)
        if place.variable:
            found.variables.add(place.variable)
