"""What the steps that have finished left: their runs, their outputs, and what these hold."""

from __future__ import annotations

from pathlib import Path

from amlrun.errors import AmlError
from amlrun.pipeline import filling, state
from amlrun.pipeline.cache import StepCache, Wanted
from amlrun.pipeline.fingerprint import Fingerprints
from amlrun.pipeline.graph import Node, Ref
from amlrun.pipeline.launcher import StepRun
from amlrun.pipeline.progress import Progress
from amlrun.pipeline.state import PipelineState


class StepResults:
    """`runs` has the run of each step that has a result; `new` those that this pipeline's run brought about."""

    def __init__(self, states: PipelineState, progress: Progress, cache: StepCache, keys: Fingerprints) -> None:
        self.state, self.progress, self.cache, self.keys = states, progress, cache, keys
        self.runs: dict[str, StepRun] = {}
        self.new: list[tuple[Node, StepRun, dict[str, str]]] = []

    def place(self, ref: Ref) -> Path | None:
        """Where an output of a finished step lies."""
        run = self.runs.get(ref.node)
        return run.output(ref.output) if run is not None else None

    def reuse(self, node: Node, run: StepRun) -> None:
        """Take over the result of another run."""
        self.runs[node.name] = run
        step = self.state.steps[node.name]
        step.reused = True
        step.outputs = {name: str(run.output(name)) for name in filling.outputs_of(node.step)}
        seconds = run.record().get("seconds")
        step.seconds = float(seconds) if isinstance(seconds, (int, float)) else None
        self.new.append((node, run, self.cache.digests(run)))
        self.progress.change(node.name, state.COMPLETED, "nothing changed", run_id=run.id)

    def complete(self, node: Node, run: StepRun, wanted: Wanted) -> str:
        """Take in a run that has completed. Returns why its outputs could not be read; empty when they were."""
        step = self.state.steps[node.name]
        step.seconds = run.record().get("seconds")
        step.outputs = {output: str(run.output(output)) for output in wanted.outputs}
        try:
            digests = self.cache.finish(run, wanted.outputs, self._touched(node, wanted))
        except (AmlError, OSError) as error:
            return f"its outputs could not be read: {error}"
        self.runs[node.name] = run
        self.new.append((node, run, digests))
        self.progress.change(node.name, state.COMPLETED, step.reason)
        return ""

    def _touched(self, node: Node, wanted: Wanted) -> str:
        """Why a completed step's result is not to be used again; told, for it is somebody's mistake."""
        found = self.keys.changed_input(node, wanted, self.runs)
        if found is None:
            return ""
        name, place = found
        self.progress.log.line(
            f"{node.name}: its input {name} ({place}) was changed while it ran: it will run again next "
            "time, and so will the step that made it"
        )
        return f"its input {name} was changed while it ran"
