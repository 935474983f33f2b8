"""A table that is drawn again and again at a terminal, with lines printed above it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

_SECONDS = 0.25


class LiveTable:
    """Drawn a few times a second; `close` takes it away."""

    def __init__(self) -> None:
        from rich.live import Live

        self._live = Live(auto_refresh=False, transient=True)
        self._drawn = 0.0
        self._live.start()

    def print(self, text: str) -> None:
        """Print a line above the table."""
        self._live.console.print(text, markup=False, highlight=False)

    def draw(self, make: Callable[[int], Any]) -> None:
        """Draw what `make` returns for the rows that there is room for."""
        if time.monotonic() - self._drawn < _SECONDS:
            return
        self._drawn = time.monotonic()
        self._live.update(make(self._live.console.size.height - 6), refresh=True)

    def close(self) -> None:
        """Take the table away."""
        self._live.stop()
