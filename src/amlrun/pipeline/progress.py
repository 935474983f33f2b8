"""What is told and written while a pipeline runs: each change of a step, the state file, and the page."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Protocol

from amlrun.pipeline import picture, state
from amlrun.pipeline.state import PipelineState, StepState
from amlrun.runs import store as runs
from amlrun.runs.files import replace_text

PAGE = "pipeline.html"
_SAVE_SECONDS = 0.2
_PAGE_SECONDS = 2


class View(Protocol):
    """Who is told."""

    def line(self, text: str) -> None:
        """One line for a person."""

    def changed(self, state: PipelineState, step: StepState) -> None:
        """A step's state changed."""

    def draw(self, state: PipelineState) -> None:
        """Some time has passed."""


class Progress:
    """The state of one pipeline's run: changed here, told to the view, and written into the run."""

    def __init__(self, run: runs.RunFolder, found: PipelineState, view: View) -> None:
        self.state = found
        self.view = view
        self._run = run
        self._saved = self._drawn = float("-inf")

    def change(
        self, name: str, new: str, reason: str, *, run_id: str | None = None, seconds: float | None = None
    ) -> StepState:
        """Give a step another state, and tell. Raises OSError when the state cannot be written."""
        step = self.state.steps[name]
        step.state, step.reason = new, reason
        step.run_id = run_id or step.run_id
        step.seconds = step.seconds if seconds is None else seconds
        if new == state.RUNNING:
            step.started = runs.now()
        self.save()
        self.view.changed(self.state, step)
        return step

    def wait(self, seconds: float, *, quiet: bool) -> None:
        """Let time pass; when nothing happened before (`quiet`) what is not written yet is written."""
        if quiet:
            self.save()
        self.view.draw(self.state)
        time.sleep(seconds)

    def save(self, *, now: bool = False) -> None:
        """Write the state and the page, for people, who need not see every change: each step's run is the truth."""
        if not now and time.monotonic() - self._saved < _SAVE_SECONDS:
            return
        self._saved = time.monotonic()
        self.state.save(self._run.private)
        if time.monotonic() - self._drawn > _PAGE_SECONDS:
            self._drawn = time.monotonic()
            draw_page(self._run, self.state, "Running")


def draw_page(run: runs.RunFolder, found: PipelineState, status: str) -> None:
    """Write the pipeline's page into its run folder; while it runs the page loads itself again."""
    with suppress(OSError):
        text = picture.page(found, run.id, status, seconds=_PAGE_SECONDS if status == "Running" else None)
        replace_text(run.folder / PAGE, text)
