"""How a pipeline is shown: a live table of its steps while it runs, and what is said of them at its end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from amlrun.cli.common import Context, shown
from amlrun.pipeline import state as states
from amlrun.pipeline.handles import PipelineRun
from amlrun.pipeline.state import PipelineState, StepState

_MOST_ROWS = 30
_COLOURS = {"Completed": "green", "Failed": "red", "Canceled": "yellow", "Running": "cyan", "NotStarted": "dim"}


def table(found: PipelineState, height: int) -> Any:
    """The steps that have begun and the next that wait, as many as fit."""
    from rich.table import Table
    from rich.text import Text

    made = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("step", "state", "seconds", ""):
        made.add_column(name, overflow="ellipsis", no_wrap=True)
    waiting = [step for step in found.steps.values() if step.state == states.WAITING]
    shown = [step for step in found.steps.values() if step.state != states.WAITING or step in waiting[:5]]
    for step in shown[-max(min(height, _MOST_ROWS), 1) :]:
        colour = _COLOURS.get(step.state, "")
        seconds = "" if step.seconds is None else f"{step.seconds:.1f}"
        made.add_row(Text(step.name), Text(state_word(step), style=colour), seconds, Text(step.reason, style="dim"))
    return made


def state_word(step: StepState) -> str:
    """A step's state, `Reused` for one whose result is an earlier run's."""
    return "Reused" if step.reused and step.state == states.COMPLETED else step.state


def to_dict(found: PipelineState) -> dict[str, Any]:
    """What a pipeline's record has more than others: its steps, and where its outputs lie."""
    return {"steps": [vars(step) for step in found.steps.values()], "outputs": found.outputs}


def say(context: Context, run: PipelineRun, found: PipelineState, status: str) -> None:
    """Say how the steps ended, where the outputs and the logs of failed steps are, and how to go on."""
    steps = [*found.steps.values()]
    reused = sum(step.reused and step.state == states.COMPLETED for step in steps)
    context.say(f"Steps: {len(steps)}, {reused} reused")
    for name, place in found.outputs.items():
        context.say(f"Output {name}: {shown(Path(place))}")
    for step in steps:
        if step.state == states.FAILED and step.run_id:
            log = run.folder.parent / step.run_id / "user_logs" / "std_log.txt"
            if log.exists():
                context.say(f"Log of {step.name}: {shown(log)}")
    if status != "Completed":
        context.say("Resume it: submit it again. What is finished is not run twice.")
    context.say(f"Show its steps: aml pipeline show -r {run.id}")
