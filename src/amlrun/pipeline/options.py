"""Which steps of a pipeline run: what a person chose, and what failure leaves."""

from __future__ import annotations

from amlrun.dataclass import dataclass, field
from amlrun.pipeline import graph, state
from amlrun.pipeline.graph import Node
from amlrun.pipeline.state import PipelineState
from amlrun.spec.pipeline import PipelineJob


@dataclass
class Options:
    """`slots` steps run at once. `anew`: steps that run though they are cached, with the reason to say. `only`: the
    one step that runs; the others must have a result. `pull`: a container's image that is not here is fetched."""

    slots: int = 1
    anew: dict[str, str] = field(default_factory=dict)
    only: str | None = None
    pull: bool = False


def choose(job: PipelineJob, *, slots: int, start: str | None, only: str | None, pull: bool = False) -> Options:
    """What `--from STEP` and `--only STEP` mean for a pipeline. Raises AmlError for a step that is not there."""
    nodes = graph.nodes(job)
    found = Options(slots=slots, pull=pull)
    if start is not None:
        first = graph.select(nodes, start)
        found.anew = dict.fromkeys(graph.downstream(nodes, first), f"--from {first}")
    if only is not None:
        found.only = graph.select(nodes, only)
        found.anew[found.only] = f"--only {found.only}"
    return found


def missing_input(node: Node, found: PipelineState) -> str:
    """The needed step that will make nothing; an optional input of such a step is absent."""
    for name, given in node.given.items():
        if given.ref is None:
            continue
        maker = found.steps[given.ref.node]
        port = node.step.component.inputs.get(name)
        if maker.state in (state.FAILED, state.CANCELED, state.SKIPPED) and not (port and port.optional):
            what = {state.FAILED: "failed", state.CANCELED: "was cancelled"}.get(maker.state, "did not start")
            return f"{maker.name} {what}"
    return ""
