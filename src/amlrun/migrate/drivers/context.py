"""What is gathered while a driver's constructions become files: texts, lines for `aml`, and what is missing."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from amlrun.dataclass import dataclass, field
from amlrun.errors import AmlError
from amlrun.migrate.drivers import yaml_text
from amlrun.migrate.drivers.signatures import argument
from amlrun.migrate.drivers.source import Source
from amlrun.migrate.drivers.values import NOTHING, ROOT, Gap, Item, Part, SdkObject, Text, gaps_in, known, plain, shown
from amlrun.runs import redact
from amlrun.spec import node

FULL, PARTLY, NOT = "full", "partly", "not"


@dataclass
class Construction:
    """One construction of the driver and what became of it. `reason` says why it is not written, or only named."""

    made: SdkObject
    kind: str
    gaps: list[Gap] = field(default_factory=list)
    reason: str = ""
    wrote: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def status(self) -> str:
        """`full`, `partly` or `not`."""
        return NOT if self.reason else PARTLY if self.gaps else FULL


class ConversionContext:
    """The files and command lines written for one driver. Paths are relative to the migrated folder, with `/`."""

    def __init__(self, source: Source, lookup: Callable[[str], str | None], base: str) -> None:
        self.source = source
        self.lookup = lookup
        self.base = base
        self.texts: dict[str, str] = {}
        self.done: dict[int, Construction] = {}
        # The names of files that were written for a construction.
        self.names: dict[int, str] = {}
        self.written: dict[str, str] = {}
        self.folder = "aml_config"
        # The environment section of a run configuration, and variables of a pipeline's step, for its node.
        self.sections: dict[int, dict[str, Any]] = {}
        self.variables: dict[str, dict[str, Any]] = {}
        self.default_conda: str | None = None
        self.registered: dict[str, SdkObject] = {}
        # Packages that the driver writes to a file, by the file's path below the base folder.
        self.saved: dict[str, SdkObject] = {}
        self._same: dict[tuple[str, str, str], str] = {}

    def note(self, made: SdkObject, kind: str) -> Construction:
        """The construction of `made`, to be filled in."""
        found = self.done.get(id(made))
        if found is None:
            found = self.done[id(made)] = Construction(made, kind)
            if made.loop:
                found.reason = (
                    f"it is made in a loop ({self.source.spot(made.loop)}) with an unknown number of iterations"
                )
        return found

    def registered_environment(self, value: Any) -> Any:
        """The environment that the driver itself registered, where `value` gets one of that name from the workspace."""
        name: Any = None
        if isinstance(value, SdkObject) and value.name == "Environment.get" and argument(value, "version") is NOTHING:
            name = known(argument(value, "name"))
        elif isinstance(value, Item) and isinstance(value.of, Part) and value.of.path.endswith("environments"):
            name = value.key
        return self.registered.get(name, value) if isinstance(name, str) else value

    def resolve(self, path: Any) -> str:
        """A path of the driver as one below the base folder, guesses taken."""
        clean = self.local(shown(path))
        own = posixpath.relpath(posixpath.dirname(self.source.path) or ".", self.base or ".")
        for start in ("", own):
            inside = posixpath.normpath(posixpath.join(start, clean))
            if self.exists(inside):
                return inside
        return clean

    def load(self, path: Any) -> Any:
        """A YAML file of the repository as plain data; None when it is not there, or is no YAML."""
        place = self.place(self.resolve(path))
        text = self.lookup(place)
        try:
            return None if text is None else node.parse(text, Path(place)).plain()
        except AmlError:
            return None

    def local(self, text: str) -> str:
        """A path as the driver writes it, below the base folder."""
        clean = posixpath.normpath(text.replace("\\", "/"))
        if clean == ROOT or clean.startswith(f"{ROOT}/"):
            return posixpath.relpath(clean[len(ROOT) + 1 :] or ".", self.base or ".")
        return clean

    def exists(self, path: str) -> bool:
        """Whether a file is there, or is written by the driver itself; `path` is below the base folder."""
        place = self.place(path)
        return place in self.written or self.lookup(place) is not None

    def place(self, path: str) -> str:
        """A path below the base folder as one below the migrated folder."""
        return posixpath.normpath(posixpath.join(self.base, path))

    def free(self, name: str, ending: str, folder: str | None, mark: str) -> str:
        """A file name below the base folder that nobody has, or that this driver's file (it begins with `mark`) has."""
        inside = self.folder if folder is None else folder
        number = 1
        while True:
            word = name if number == 1 else f"{name}-{number}"
            path = posixpath.join(inside, f"{word}{ending}")
            there = self.lookup(self.place(path))
            if self.place(path) not in self.texts and (there is None or there.startswith(mark)):
                return path
            number += 1

    def write(
        self, name: str, ending: str, tree: dict[str, Any], made: SdkObject, head: list[str], folder: str | None = None
    ) -> str:
        """Write a file of YAML for a construction and return its path below the base folder.

        Gaps become comments, secrets are left out. The same text for the same line is written once.
        """
        construction = self.done[id(made)]
        clean = self._clean(tree, construction)
        whence = f"From {self.source.path}, {self.source.spot(made.line)}."
        text = yaml_text.write(clean, self.tell, [whence, *head])
        mark = f"# From {self.source.path}, "
        path = self._same.get((name, ending, text)) or self.free(name, ending, folder, mark)
        self._same[name, ending, text] = path
        self.names[id(made)] = path
        # A file that an earlier migration wrote may have been completed by hand since: it stays.
        self.texts[self.place(path)] = self.lookup(self.place(path)) or text
        construction.wrote.append(self.place(path))
        construction.gaps += [gap for gap in gaps_in(clean) if gap not in construction.gaps]
        return path

    def tell(self, gap: Gap, written: str) -> str:
        """A gap in words, for a comment."""
        where = gap.file or self.source.path
        place = f"{posixpath.basename(where)}:{self._line(gap)}" if gap.line else posixpath.basename(where)
        todo = "check it" if not isinstance(known(gap), Gap) else "write its value"
        return f"{place}: {gap.reason}: {todo}"

    def _line(self, gap: Gap) -> str:
        own = not gap.file or gap.file == self.source.path
        return self.source.place(gap.line) if own else str(gap.line)

    def _clean(self, tree: Any, construction: Construction, name: str = "") -> Any:
        """A tree without secrets, and without what no file can hold."""
        tree = plain(tree, construction.made.line, name)
        if isinstance(tree, dict):
            return {key: self._clean(item, construction, str(key)) for key, item in tree.items()}
        if isinstance(tree, (list, tuple)):
            before = ["", *(item if isinstance(item, str) else "" for item in tree)]
            return [
                self._clean(item, construction, word.lstrip("-").replace("-", "_") if word[:1] == "-" else "")
                for word, item in zip(before, tree)
            ]
        if isinstance(tree, str) and ROOT in tree:
            tree = re.sub(rf"{ROOT}[\w./-]*", lambda match: self.local(match[0]), tree)
        if isinstance(tree, str) and (redact.is_secret(name, tree) or redact.contains_secret(tree)):
            construction.notes.append(f"the value of {name or 'an argument'} looks like a secret and was not copied")
            return Gap("looks like a secret and is not copied", construction.made.line, name or "secret")
        return tree


def stem(text: Any, otherwise: str) -> str:
    """A file's name made of a name in the driver."""
    found = known(text)
    word = found.text if isinstance(found, Text) else found if isinstance(found, str) else ""
    clean = "".join(char if char.isalnum() or char in "-_." else "-" for char in posixpath.basename(word)).strip("-._")
    return re.sub(r"\.(py|ya?ml)$", "", clean) or otherwise
