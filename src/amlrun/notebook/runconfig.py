"""What the script's run configurations must say differently: the arguments that it has, the data that it reads."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from amlrun import project
from amlrun.dataclass import dataclass
from amlrun.errors import AmlError
from amlrun.notebook.report import Report
from amlrun.prepare import data
from amlrun.spec.yaml_data import editable


@dataclass
class Named:
    """The folder or file below the project's `data/` that the script reads; `known` when datasets.yml has its name."""

    name: str
    path: Path
    known: bool


def dataset(report: Report, script: Path) -> Named | None:
    """What `--data-path` of `script` means, when it lies below the project's `data/`."""
    default = next((option["default"] for option in report.options if option["flag"] == "--data-path"), None)
    if default is None:
        return None
    here = project.find(script)
    root = here.datasets_file.parent.resolve()
    place = Path(script.absolute().parent, default.strip("'\"")).resolve()
    if root not in [place, *place.parents] or not place.exists():
        return None
    if place.is_file() and place.parent != root:
        place = place.parent
    for one in data.load(here).values():
        if one.path.resolve() == place:
            return Named(one.name, place, True)
    name = re.sub(r"[^A-Za-z0-9_.-]+", "-", place.stem if place.is_file() else place.name).strip("-._")
    return Named(name, place, False) if name else None


def propose(file: Path, script: Path, report: Report, named: Named | None) -> str | None:
    """The text that the run configuration `file` should have for `script`; None when it is right as it is."""
    try:
        text = file.read_text(encoding="utf-8-sig")
        tree: Any = editable(file)
    except (AmlError, OSError, ValueError):
        return None  # a submit says what is wrong with it
    if not isinstance(tree, dict) or str(tree.get("script", "")).replace("\\", "/").removeprefix("./") != script.name:
        return None
    lines = text.split("\n")
    flags = {option["flag"] for option in report.options}
    places: Any = tree.get("data")
    gone = _unknown(tree.get("arguments"), flags)
    has_data = "--data-path" in flags and "--data-path" in str(tree.get("arguments"))
    if named is not None and isinstance(places, dict) and len(places) == 1:
        _rename(lines, places, named.name)
    elif named is None and has_data:
        report.ask(f"{file.name} gives the script another --data-path: name the data there, or remove it")
    if gone and not _without(lines, tree, gone):
        words = " ".join(str(tree["arguments"][number]) for number in gone)
        report.ask(f"{file.name} gives the script {words}, which it does not know: remove them")
    new = "\n".join(lines)
    return new if new != text else None


def _unknown(arguments: Any, flags: set[str]) -> list[int]:
    """Which words of a list of arguments are options that the script does not have, with their values."""
    gone: list[int] = []
    if isinstance(arguments, list):
        dropping = False
        for number, word in enumerate(map(str, arguments)):
            if re.match(r"--?[A-Za-z]", word):
                dropping = word.partition("=")[0] not in flags
            gone += [number] if dropping else []
    return gone


def _without(lines: list[str], tree: Any, gone: list[int]) -> bool:
    """Take words out of the list `arguments`, one a line or all on one; False when it is written otherwise."""
    arguments = tree["arguments"]
    head = tree.lc.key("arguments")[0]
    where = [arguments.lc.item(number)[0] for number in range(len(arguments))]
    kept = [word for number, word in enumerate(arguments) if number not in gone]
    if len({head, *where}) == len(where) + 1:
        for number in sorted(gone, reverse=True):
            del lines[where[number]]
        if not kept:
            lines[head] = re.sub(r":\s*$", ": []", lines[head])
    elif {head} == set(where):
        words = [
            word if re.fullmatch(r"[\w./=:-]*[A-Za-z/][\w./=:-]*", str(word)) else repr(str(word)) for word in kept
        ]
        lines[head] = f"arguments: [{', '.join(map(str, words))}]"
    else:
        return False
    return True


def _rename(lines: list[str], places: Any, name: str) -> None:
    """Call the only dataset of `data` by `name`, in its key, its dataset's name and its environment variable."""
    old = next(iter(places))
    entry = _mapping(places[old])
    location = _mapping(_mapping(entry.get("dataLocation")).get("dataset"))
    if location.get("name") in (None, name):
        return
    known = location["name"]
    edits = [(places.lc.key(old)[0], str(old)), (location.lc.key("name")[0], str(known))]
    if entry.get("environmentVariableName") == old:
        edits.append((entry.lc.key("environmentVariableName")[0], str(old)))
    for line, word in edits:
        key, colon, value = lines[line].partition(":")
        pattern = rf"(?<![\w.-]){re.escape(word)}(?![\w.-])"
        if not value.strip() and key.strip().strip("'\"") == word:
            key = re.sub(pattern, name, key)
        else:
            value = re.sub(pattern, name, value)
        lines[line] = f"{key}{colon}{value}"


def _mapping(value: Any) -> Any:
    return value if isinstance(value, dict) else {}
