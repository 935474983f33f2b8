"""The live table of a sweep, for a person at a terminal."""

from __future__ import annotations

from typing import Any

from amlrun.spec.job import Scalar
from amlrun.sweep.progress import SweepState
from amlrun.sweep.space import word
from amlrun.sweep.store import UNLIMITED, Trial

_MOST_ROWS = 20
_COLOURS = {"Completed": "green", "Failed": "red", "Canceled": "yellow", "Running": "cyan"}


def table(sweep: SweepState, height: int) -> Any:
    """The running trials, the best, and the latest that ended, as many as fit."""
    from rich.table import Table
    from rich.text import Text

    best = sweep.best
    left = sweep.seconds_left()
    total = sweep.settings.total
    of = "" if total == UNLIMITED else f" of {total}"
    title = f"{len(sweep.ended)}{of} trials, {len(sweep.running)} running"
    if left is not None:
        title += f", about {_duration(left)} left"
    found = Table(box=None, pad_edge=False, header_style="bold", title=title, title_justify="left")
    for column in ("trial", *sweep.settings.job.search_space, sweep.metric, "reports", "state"):
        found.add_column(column)
    for trial in _chosen(sweep, best, max(min(height, _MOST_ROWS), 1)):
        values = [_short(trial.values.get(name, "")) for name in sweep.settings.job.search_space]
        score = "" if trial.best is None else f"{trial.best:.6g}"
        state = "Running" if trial.number in sweep.running and trial.state != "Queued" else trial.state
        style = "bold" if trial is best else ""
        cells = [str(trial.number), *values, score + (" best" if trial is best else ""), str(len(trial.curve))]
        found.add_row(*(Text(cell, style=style) for cell in cells), Text(state, style=_COLOURS.get(state, "")))
    return found


def _short(value: Scalar) -> str:
    """A parameter's value in a table: numbers to six digits, words to sixteen letters."""
    return f"{value:.6g}" if isinstance(value, float) else word(value)[:16]


def _chosen(sweep: SweepState, best: Trial | None, rows: int) -> list[Trial]:
    first = [best] if best is not None else []
    running = [trial for _, trial in sorted(sweep.running.items())]
    ended = [trial for trial in reversed(list(sweep.trials.values())) if trial.done and trial is not best]
    return [*first, *running, *ended][:rows]


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
