"""How a sweep is shown while it runs: a live table for a person, plain lines in a pipe and in the sweep's log."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Any, Protocol

from amlrun.cli.common import Context
from amlrun.runs import store as runs
from amlrun.spec.job import Scalar
from amlrun.sweep.space import word
from amlrun.sweep.store import Settings, Trial

_SECONDS = 0.25
_MOST_ROWS = 20
_COLOURS = {"Completed": "green", "Failed": "red", "Canceled": "yellow", "Running": "cyan"}


class Watched(Protocol):
    """What the table shows: a driver's sweep, or one of a workspace."""

    metric: str

    @property
    def settings(self) -> Settings: ...

    @property
    def trials(self) -> dict[int, Trial]: ...

    @property
    def running(self) -> dict[int, Trial]: ...

    @property
    def best(self) -> Trial | None: ...

    @property
    def ended(self) -> list[Trial]: ...

    def seconds_left(self) -> float | None: ...


class View:
    """The driver's view. Lines go to the sweep's own log too, so that `aml run monitor-logs` follows it."""

    def __init__(self, context: Context, run: runs.Run) -> None:
        self._context = context
        self._log = run.log
        self._live: Any = None
        self._drawn = 0.0

    def __enter__(self) -> View:
        if sys.stdout.isatty() and not self._context.json:
            from rich.live import Live

            self._live = Live(auto_refresh=False, transient=True)
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def line(self, text: str) -> None:
        """One line for the log and for the person."""
        with self._log.open("a", encoding="utf-8") as log:
            log.write(text + "\n")
        if self._live is not None:
            self._live.console.print(text, markup=False, highlight=False)
        else:
            self._context.say(text)

    def draw(self, driver: Watched) -> None:
        """Draw the table again, a few times a second."""
        if self._live is None or time.monotonic() - self._drawn < _SECONDS:
            return
        self._drawn = time.monotonic()
        self._live.update(table(driver, self._live.console.size.height - 6), refresh=True)


def table(driver: Watched, height: int) -> Any:
    """The running trials, the best, and the latest that ended, as many as fit."""
    from rich.table import Table
    from rich.text import Text

    best = driver.best
    left = driver.seconds_left()
    total = driver.settings.total
    title = f"{len(driver.ended)} of {total} trials, {len(driver.running)} running"
    if left is not None:
        title += f", about {_duration(left)} left"
    found = Table(box=None, pad_edge=False, header_style="bold", title=title, title_justify="left")
    for column in ("trial", *driver.settings.job.search_space, driver.metric, "reports", "state"):
        found.add_column(column)
    for trial in _chosen(driver, best, max(min(height, _MOST_ROWS), 1)):
        values = [_short(trial.values.get(name, "")) for name in driver.settings.job.search_space]
        score = "" if trial.best is None else f"{trial.best:.6g}"
        state = "Running" if trial.number in driver.running and trial.state != "Queued" else trial.state
        style = "bold" if trial is best else ""
        cells = [str(trial.number), *values, score + (" best" if trial is best else ""), str(len(trial.curve))]
        found.add_row(*(Text(cell, style=style) for cell in cells), Text(state, style=_COLOURS.get(state, "")))
    return found


def _short(value: Scalar) -> str:
    """A parameter's value in a table: numbers to six digits, words to sixteen letters."""
    return f"{value:.6g}" if isinstance(value, float) else word(value)[:16]


def _chosen(driver: Watched, best: Trial | None, rows: int) -> list[Trial]:
    first = [best] if best is not None else []
    running = [trial for _, trial in sorted(driver.running.items())]
    ended = [trial for trial in reversed(list(driver.trials.values())) if trial.done and trial is not best]
    return [*first, *running, *ended][:rows]


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
