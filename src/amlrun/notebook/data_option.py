"""The options through which a script is told where its data lies, and the edits that use them."""

from __future__ import annotations

import os
import posixpath
import re
from pathlib import Path, PurePath

from amlrun.dataclass import dataclass, field
from amlrun.notebook.parameters import Option
from amlrun.notebook.path_literals import PathLiteral, edit_start, plain
from amlrun.notebook.report import Report

_LEVELS = 4  # how far above the script the project's data/ is looked for
_MOST = 5000  # files looked at, so that a folder of pictures does not hold a conversion up


@dataclass
class Paths:
    """What `apply` found: options to add, variables that are spoken for, folders to make, frame helpers to emit."""

    options: list[Option] = field(default_factory=list)
    variables: set[str] = field(default_factory=set)
    folders: set[str] = field(default_factory=set)
    helper: bool = False


def apply(
    data: list[PathLiteral], found: Paths, base: Path, target: Path, arguments: str, helper: str, report: Report
) -> None:
    """Give the read places their options: one for all that lie below the same folder."""
    for number, places in enumerate(_groups(data), 1):
        flag = "--data-path" if number == 1 else f"--data-path-{number}"
        option = Option(flag, flag[2:].replace("-", "_"), "str", "")
        value = f"{arguments}.{option.attribute}"
        folders = {_folder(p) for p in places if _is_folder(p)}
        files = {plain(p.path) for p in places if not _is_folder(p)} - folders
        single = len(files) == 1 and not folders
        whole = (
            next(iter(files)) if single else _common([*folders, *(posixpath.dirname(name) or "." for name in files)])
        )
        start = posixpath.dirname(whole) if single else whole
        done: set[int] = set()
        for place in places:
            if id(place.node) in done:
                continue
            done.add(id(place.node))
            name = posixpath.relpath(plain(place.path), start or ".")
            if single:
                found.helper = True
                place.statement.edit(place.node, place.spelt(f"{helper}({value}, {name!r})"))
            elif place.starts:
                edit_start(place, f"{{{value}}}/" if name == "." else f"{{{value}}}/{name}/")
            else:
                slash = "/" if place.path.endswith("/") else ""
                text = value if name == "." and not slash else f'f"{{{value}}}/{name}{slash}"'
                place.statement.edit(place.node, place.spelt(text.replace("/./", "/")))
            if place.variable:
                found.variables.add(place.variable)
        default = _default(whole, start, places, base, target, report)
        if _is_absolute(default):
            report.ask(f"{default} is a path of one machine: pass {flag}, or put the data into data/ and convert again")
        option.default = repr(default)
        option.help = "The file to read, or its folder" if single else "The folder of the data"
        found.options.append(option)
        report.option(flag, "str", option.default)
        report.did(f"reads {', '.join(sorted(files | folders))} through {flag} (default {default})")


def _groups(data: list[PathLiteral]) -> list[list[PathLiteral]]:
    """The places by the folder that they have in common: `../data`, a drive, or the notebook's own."""
    groups: dict[str, list[PathLiteral]] = {}
    for place in data:
        parts = plain(place.path).split("/")
        ups = next((i for i, part in enumerate(parts) if part != ".."), len(parts))
        key = "/".join(parts[: ups + 1]) if ups or _is_absolute(plain(place.path)) else "."
        if parts[0] == "":
            key = "/".join(parts[:2])
        elif len(parts) == ups + 1 and ups and PurePath(parts[-1]).suffix:
            key = "/".join(parts[:ups])
        groups.setdefault(key, []).append(place)
    return list(groups.values())


def _default(whole: str, start: str, places: list[PathLiteral], base: Path, target: Path, report: Report) -> str:
    """The path that the script finds the data at: where the notebook did, else where the project has such files."""
    there = Path(whole) if _is_absolute(whole) else base / whole
    if there.exists():
        return whole if _is_absolute(whole) else _rebased(there, target)
    names = {posixpath.relpath(p.whole, start or ".") for p in places if not p.unknown and PurePath(p.whole).suffix}
    folder = folder_with(sorted(name for name in names if not set(name) & set("*?[")), target)
    if folder is None and _is_absolute(whole):
        return whole
    if folder is None:
        report.ask(f"{_rebased(there, target)} does not exist yet: put the data there, or pass its path")
        return _rebased(there, target)
    report.did(f"found {', '.join(sorted(names))} in {_rebased(folder, target)}")
    return _rebased(folder / posixpath.basename(whole) if whole != start else folder, target)


def _is_absolute(path: str) -> bool:
    return path.startswith(("/", "~")) or bool(re.match(r"^[A-Za-z]:", path))


def _is_folder(place: PathLiteral) -> bool:
    return bool(place.rest or place.unknown or set("*?[") & set(place.path) or not PurePath(plain(place.path)).suffix)


def _folder(place: PathLiteral) -> str:
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


def _rebased(path: Path, target: Path) -> str:
    try:
        return Path(os.path.relpath(path, target)).as_posix()
    except ValueError:  # another drive of Windows
        return path.as_posix()


def folder_with(files: list[str], script: Path) -> Path | None:
    """The only folder below the project's `data/` that has all `files` (relative paths); None when there is none."""
    root = next((up / "data" for up in [script, *script.parents][:_LEVELS] if (up / "data").is_dir()), None)
    if root is None or not files:
        return None
    found = set()
    for count, path in enumerate(root.rglob("*")):
        if count > _MOST:
            return None
        if path.as_posix().endswith(f"/{files[0]}") and path.is_file():
            folder = Path(path.as_posix()[: -len(files[0]) - 1])
            if all((folder / name).is_file() for name in files):
                found.add(folder)
    return found.pop() if len(found) == 1 else None
