"""How a pipeline is shown while it runs: a live table for a person, plain lines in a pipe and in the run's log."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Any

from amlrun.cli.common import Context
from amlrun.pipeline import state as states
from amlrun.pipeline.state import PipelineState, StepState
from amlrun.runs import store as runs

_SECONDS = 0.25
_MOST_ROWS = 30
_COLOURS = {"Completed": "green", "Failed": "red", "Canceled": "yellow", "Running": "cyan", "NotStarted": "dim"}


class View:
    """Tells what changes, a line each; at a terminal also draws the table of all steps."""

    def __init__(self, context: Context, run: runs.RunFolder) -> None:
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

    def changed(self, state: PipelineState, step: StepState) -> None:
        """A step's state changed."""
        told = sentence(step)
        if told:
            self.line(told)
        if self._live is not None:
            self.draw(state, now=True)

    def draw(self, state: PipelineState, *, now: bool = False) -> None:
        """Draw the table again, a few times a second."""
        if self._live is None or (not now and time.monotonic() - self._drawn < _SECONDS):
            return
        self._drawn = time.monotonic()
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, pad_edge=False, header_style="bold")
        for name in ("step", "state", "seconds", ""):
            table.add_column(name, overflow="ellipsis", no_wrap=True)
        waiting = [step for step in state.steps.values() if step.state == states.WAITING]
        shown = [step for step in state.steps.values() if step.state != states.WAITING or step in waiting[:5]]
        for step in shown[-_MOST_ROWS:]:
            colour = _COLOURS.get(step.state, "")
            seconds = "" if step.seconds is None else f"{step.seconds:.1f}"
            table.add_row(
                Text(step.name), Text(state_word(step), style=colour), seconds, Text(step.reason, style="dim")
            )
        self._live.update(table, refresh=True)


def state_word(step: StepState) -> str:
    """A step's state, `Reused` for one whose result is an earlier run's."""
    return "Reused" if step.reused and step.state == states.COMPLETED else step.state


def sentence(step: StepState) -> str:
    """What to say when a step's state has changed; empty when there is nothing to say."""
    seconds = "" if step.seconds is None else f" in {step.seconds:.1f} s"
    if step.state == states.RUNNING:
        return f"{step.name}: runs ({step.reason})"
    if step.state == states.COMPLETED and step.reused:
        return f"{step.name}: reused from {step.run_id}"
    if step.state == states.COMPLETED:
        return f"{step.name}: completed{seconds}"
    if step.state == states.FAILED:
        return f"{step.name}: failed{seconds}: {step.reason}"
    if step.state == states.CANCELED:
        return f"{step.name}: cancelled: {step.reason}"
    if step.state == states.SKIPPED:
        return f"{step.name}: not started: {step.reason}"
    return ""
