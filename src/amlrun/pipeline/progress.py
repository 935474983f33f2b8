"""What a pipeline tells and writes while it runs: each change of a step, the state file, and the page."""

from __future__ import annotations

import time
from contextlib import suppress

from amlrun.dataclass import dataclass
from amlrun.events import Event
from amlrun.pipeline import picture, state
from amlrun.pipeline.state import PipelineState, StepState
from amlrun.runs import store as runs
from amlrun.runs.files import replace_text
from amlrun.targets.run_log import RunLog

PAGE = "pipeline.html"
_SAVE_SECONDS = 0.2
_PAGE_SECONDS = 2


@dataclass(frozen=True)
class PipelineProgress(Event):
    """How a pipeline is now; it comes many times a second."""

    pipeline: PipelineState


class PipelineLog(RunLog):
    """A pipeline's log: a line for each change of a step. It also tells how the pipeline is."""

    def changed(self, found: PipelineState, step: StepState) -> None:
        """Tell that a step's state changed."""
        told = sentence(step)
        if told:
            self.line(told)
        self.draw(found)

    def draw(self, found: PipelineState) -> None:
        """Tell how the pipeline is now."""
        self.on_event(PipelineProgress(found))


def sentence(step: StepState) -> str:
    """What to say when a step's state has changed; empty when there is nothing to say."""
    seconds = "" if step.seconds is None else f" in {step.seconds:.1f} s"
    if step.state == state.RUNNING:
        return f"{step.name}: runs ({step.reason})"
    if step.state == state.COMPLETED and step.reused:
        return f"{step.name}: reused from {step.run_id}"
    if step.state == state.COMPLETED:
        return f"{step.name}: completed{seconds}"
    if step.state == state.FAILED:
        return f"{step.name}: failed{seconds}: {step.reason}"
    if step.state == state.CANCELED:
        return f"{step.name}: cancelled: {step.reason}"
    if step.state == state.SKIPPED:
        return f"{step.name}: not started: {step.reason}"
    return ""


class Progress:
    """The state of one pipeline's run: changed here, told to the log, and written into the run."""

    def __init__(self, run: runs.RunFolder, found: PipelineState, log: PipelineLog) -> None:
        self.state = found
        self.log = log
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
        self.log.changed(self.state, step)
        return step

    def wait(self, seconds: float, *, quiet: bool) -> None:
        """Let time pass; when nothing happened before (`quiet`) what is not written yet is written."""
        if quiet:
            self.save()
        self.log.draw(self.state)
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
