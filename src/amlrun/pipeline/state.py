"""How a pipeline's run stands: each step with its state, its run, its seconds, and why it ran or did not."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from amlrun.dataclass import dataclass, field
from amlrun.pipeline import graph
from amlrun.runs.files import replace_text
from amlrun.spec.pipeline import PipelineJob

WAITING, RUNNING, COMPLETED, FAILED, CANCELED, SKIPPED = (
    "Waiting", "Running", "Completed", "Failed", "Canceled", "NotStarted",
)  # fmt: skip
FINAL = (COMPLETED, FAILED, CANCELED, SKIPPED)
FILE = "pipeline.json"


@dataclass
class StepState:
    """One step: `reused` when its result is an earlier run's; `reason` says why it ran, was reused or did not start."""

    name: str
    type: str = "command"
    after: list[str] = field(default_factory=list)
    state: str = WAITING
    run_id: str | None = None
    reused: bool = False
    reason: str = ""
    started: str | None = None
    seconds: float | None = None
    outputs: dict[str, str] = field(default_factory=dict)
    registered: dict[str, str] = field(default_factory=dict)


@dataclass
class PipelineState:
    """A pipeline's run: the file it came from, its name, and its steps in the file's order."""

    file: str
    name: str
    steps: dict[str, StepState] = field(default_factory=dict)
    outputs: dict[str, str] = field(default_factory=dict)

    def save(self, private: Path) -> None:
        """Write it into a run's `.run/`. Raises OSError."""
        value = {**vars(self), "steps": [vars(step) for step in self.steps.values()]}
        replace_text(private / FILE, json.dumps(value))


def load(private: Path) -> PipelineState | None:
    """The state in a run's `.run/`; None when the run is no pipeline or its file is damaged."""
    try:
        value: Mapping[str, Any] = json.loads((private / FILE).read_text(encoding="utf-8"))
        steps = {step["name"]: StepState(**step) for step in value["steps"]}
        return PipelineState(value["file"], value["name"], steps, dict(value.get("outputs") or {}))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def planned(job: PipelineJob) -> PipelineState:
    """The state of a pipeline that has not run. Raises AmlError, with file and line, for a cycle."""
    found = PipelineState(str(job.source.file), job.display_name or job.source.file.stem)
    for node in graph.nodes(job).values():
        found.steps[node.name] = StepState(node.name, node.step.type, sorted(node.needs))
    return found
