"""The texts of a folder that is migrated, and what its rewritten scripts need."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from amlrun.migrate.discover import decode
from amlrun.migrate.result import FileResult

# What rewriting adds beside MLflow, which every conda file gets in place of SDK v1.
_ADDED = {"joblib", "pandas"}


class Files(Mapping[str, str]):
    """The texts of a folder by relative path, each read when it is asked for; what is not text is not there.

    A path that ends in `/` is a folder: its text is empty when it exists.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        # Files that are proposed already, so that no two drivers propose one of the same name.
        self.proposed: dict[str, str] = {}
        # Packages that the rewritten scripts import, and the old ones did not.
        self.needs: tuple[str, ...] = ()

    def __getitem__(self, path: str) -> str:
        if path in self.proposed:
            return self.proposed[path]
        place = (self.folder / path).resolve()
        if path.endswith("/") and place.is_dir() and place.is_relative_to(self.folder.resolve()):
            return ""
        if not place.is_relative_to(self.folder.resolve()) or not place.is_file():
            raise KeyError(path)
        try:
            data = place.read_bytes()
            return decode(data) if path.endswith(".py") else data.decode("utf-8")
        except (OSError, UnicodeDecodeError, SyntaxError, LookupError):
            raise KeyError(path) from None

    def __iter__(self) -> Iterator[str]:
        return (path.relative_to(self.folder).as_posix() for path in self.folder.rglob("*") if path.is_file())

    def __len__(self) -> int:
        return sum(1 for _ in self)


def needs(files: Mapping[str, str]) -> tuple[str, ...]:
    """The packages that a folder's rewritten scripts need in addition."""
    return files.needs if isinstance(files, Files) else ()


def new_imports(results: Iterable[FileResult]) -> tuple[str, ...]:
    """The packages that rewritten scripts import, and the old ones did not."""
    found: set[str] = set()
    for change in (change for result in results for change in result.changes):
        if change.old is not None and change.path.endswith(".py"):
            found |= _imports(change.new) - _imports(change.old)
    return tuple(sorted(found & _ADDED))


def _imports(text: str) -> set[str]:
    try:
        nodes = list(ast.walk(ast.parse(text)))
    except (SyntaxError, ValueError, RecursionError):
        return set()
    plain = {one.name for node in nodes if isinstance(node, ast.Import) for one in node.names}
    return {name.partition(".")[0] for name in plain}
