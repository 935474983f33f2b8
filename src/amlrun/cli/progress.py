"""A progress bar in bytes, on stderr, where a person watches."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from typing import Any

_SMALL = 1_000_000


class Bar:
    """A bar for one transfer after another; it is there from a transfer's first step until `close`."""

    def __init__(self) -> None:
        self._shown: Any = None
        self._task: Any = None

    def move(self, title: str, size: int, total: int | None) -> None:
        """So many more bytes of a transfer; `total` where it is known, and then a small one shows no bar."""
        if self._shown is None:
            if not sys.stderr.isatty() or (total is not None and total < _SMALL):
                return
            self._open(title, total)
        self._shown.advance(self._task, size)

    def _open(self, title: str, total: int | None) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
        self._shown = Progress(*columns, console=Console(stderr=True), transient=True)
        self._task = self._shown.add_task(title, total=total)
        self._shown.start()

    def close(self) -> None:
        """Take the bar away."""
        if self._shown is not None:
            self._shown.stop()
            self._shown = None


@contextlib.contextmanager
def bar(title: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
    """The function that moves a bar on; without `total`, how much it will be is not known."""
    shown = Bar()
    try:
        yield lambda size: shown.move(title, size, total)
    finally:
        shown.close()
