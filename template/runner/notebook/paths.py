"""Files that the notebook reads come through `--data-path`; files that it writes go to `outputs/`."""

from __future__ import annotations

import ast
import os
import posixpath
import re
from dataclasses import dataclass, field
from pathlib import Path, PurePath

from runner.notebook.parameters import Option
from runner.notebook.places import Place, file_of, literals_of, plain, resolve
from runner.notebook.report import Report
from runner.notebook.source import in_f_strings
from runner.notebook.statements import Notebook


@dataclass
class Paths:
    """What `apply` found: options to add, variables that are spoken for, folders to make, frame helpers to emit."""

    options: list[Option] = field(default_factory=list)
    variables: set[str] = field(default_factory=set)
    folders: set[str] = field(default_factory=set)
    helper: bool = False


def apply(notebook: Notebook, base: Path, target: Path, arguments: str, helper: str, report: Report) -> Paths:
    """Edit every path that is read or written in `notebook`.

    `base` is the notebook's folder and `target` the script's: a default is the same file, seen from the script.
    `arguments` and `helper` are the script's names for the parsed arguments and for the data helper.
    """
    literals = literals_of(notebook)
    reads: list[Place] = []
    writes: list[Place] = []
    asked: list[Place] = []
    modules = notebook.modules()
    for statement in notebook.body:
        inside = in_f_strings(statement.node)
        for node in ast.walk(statement.node):
            if not isinstance(node, ast.Call):
                continue
            kind, value = file_of(node, modules)
            place = resolve(value, statement, literals) if value is not None else None
            if place is None:
                continue
            if id(node) in inside:
                report.ask(f"names the file {place.path} inside an f-string: take it out of there", statement.cell)
                continue
            if re.match(r"^[a-z][a-z0-9+.\-]+://", place.path):
                if kind == "read":
                    report.ask(
                        f"reads {place.path} from the network: a run needs it reachable, or a copy under data/",
                        statement.cell,
                    )
                continue
            {"read": reads, "write": writes, "ask": asked}[kind].append(place)
    found = Paths()
    written = {plain(place.path) for place in writes}
    _writes(writes, found, report)
    data = []
    for place in [*reads, *asked]:
        whole = plain(posixpath.join(place.path, place.rest))
        if any(plain(place.path) == other or whole == other or whole.startswith(other + "/") for other in written):
            if place.variable is None:
                place.statement.edit(place.node, repr(_output(place.path)))
        elif place in reads:
            data.append(place)
    known = {plain(place.path) for place in data}
    data += [place for place in asked if plain(place.path) in known]
    _data(data, found, base, target, arguments, helper, report)
    return found


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


def _writes(writes: list[Place], found: Paths, report: Report) -> None:
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
        if isinstance(place.node, ast.JoinedStr):
            _edit_f_string(place, f"{new}/")
        elif new != place.path:
            place.statement.edit(place.node, repr(new))
        if new != place.path:
            report.did(f"writes {new} instead of {place.path}: only outputs/ is kept from a run", place.statement.cell)
        if place.variable:
            found.variables.add(place.variable)


def _edit_f_string(place: Place, new: str, bare: bool = False) -> None:
    """Put `new` in place of the folder that the f-string begins with."""
    text = place.statement.source.slice(place.node)
    match = re.match(r"([A-Za-z]+)('{3}|\"{3}|'|\")", text)
    old = f"{place.path}/"
    if match and text[match.end() :].startswith(old):
        rest = text[match.end() + len(old) :]
        place.statement.edit(place.node, f"{match[0]}{new}{rest}" if not bare else f"{new}, {match[0]}{rest})")


def _data(
    data: list[Place], found: Paths, base: Path, target: Path, arguments: str, helper: str, report: Report
) -> None:
    """Give the read places their option: one for those below the same relative or absolute root."""
    groups: dict[str, list[Place]] = {}
    for place in data:
        name = plain(place.path)
        absolute = name.startswith(("/", "~")) or bool(re.match(r"^[A-Za-z]:", name))
        groups.setdefault("absolute" if absolute else "", []).append(place)
    for number, (kind, places) in enumerate(groups.items(), 1):
        flag = "--data-path" if number == 1 else f"--data-path-{number}"
        value = f"{arguments}.{flag[2:].replace('-', '_')}"
        plains = {id(p.node): plain(p.path) for p in places}
        folders = {_folder(p) for p in places if _is_folder(p)}
        files = {plain(p.path) for p in places if not _is_folder(p)} - folders
        if len(files) == 1 and not folders:
            whole, single = next(iter(files)), True
        else:
            tops = [*folders, *(posixpath.dirname(name) or "." for name in files)]
            whole, single = _common(tops), False
        start = posixpath.dirname(whole) if single else whole
        done: set[int] = set()
        for place in places:
            if id(place.node) in done:
                continue
            done.add(id(place.node))
            name = posixpath.relpath(plains[id(place.node)], start or ".")
            if single:
                found.helper = True
                place.statement.edit(place.node, f"{helper}({value}, {name!r})")
            elif isinstance(place.node, ast.JoinedStr):
                inside = f"{{{value}}}/" if name == "." else f"{{{value}}}/{name}/"
                _edit_f_string(place, inside)
            else:
                slash = "/" if place.path.endswith("/") else ""
                text = value if name == "." and not slash else f'f"{{{value}}}/{name}{slash}"'
                place.statement.edit(place.node, text.replace("/./", "/"))
            if place.variable:
                found.variables.add(place.variable)
        default = whole if kind else _rebased(whole, base, target)
        what = "The file that is read, or the folder it lies in" if single else "The folder that the data is read from"
        found.options.append(Option(flag, flag[2:].replace("-", "_"), "str", repr(default), what))
        report.options.append({"flag": flag, "type": "str", "default": repr(default), "variable": None})
        report.did(f"reads {', '.join(sorted(files | folders))} through {flag} (default {default})")
        if kind:
            report.ask(f"{default} is a path of one machine: pass {flag}, or name the data with `aml dataset register`")


def _is_folder(place: Place) -> bool:
    return bool(place.rest or place.unknown or set("*?[") & set(place.path) or not PurePath(plain(place.path)).suffix)


def _folder(place: Place) -> str:
    """The folder that `place` names; for a pattern the folder above its first wildcard."""
    name = plain(place.path)
    if set("*?[") & set(name):
        name = re.split(r"[*?\[]", name)[0].rpartition("/")[0] or "."
    return name


def _common(paths: list[str]) -> str:
    try:
        return posixpath.commonpath(paths) or "."
    except ValueError:
        return "."


def _rebased(path: str, base: Path, target: Path) -> str:
    try:
        return Path(os.path.relpath(base / path, target)).as_posix()
    except ValueError:  # another drive of Windows
        return (base / path).as_posix()
