"""The graph of a pipeline: its steps, those of its pipeline components among them, and what each of them is given."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from graphlib import CycleError, TopologicalSorter

from amlrun.dataclass import dataclass, field
from amlrun.errors import AmlError, nearest
from amlrun.spec.job import Input, Scalar
from amlrun.spec.pipeline import Binding, PipelineJob, Source, Step, bindings, substitute, whole_binding


@dataclass(frozen=True)
class Ref:
    """An output of another node."""

    node: str
    output: str


@dataclass
class Given:
    """What an input gets: a literal, data from outside the pipeline, or another node's output; else it is absent.

    `type` and `mode` are what the step chose for data; `from_input` names the job's input that it came through, and
    `source` is where that is written.
    """

    value: Scalar | None = None
    data: Input | None = None
    ref: Ref | None = None
    type: str | None = None
    mode: str | None = None
    from_input: str | None = None
    source: Source | None = None

    @property
    def absent(self) -> bool:
        return self.value is None and self.data is None and self.ref is None


@dataclass
class Node:
    """A step that runs. `name` is the step's, `OUTER.STEP` in a pipeline component; `publishes` has the job's outputs
    that an output of this node is, by the output's name."""

    name: str
    step: Step
    given: dict[str, Given] = field(default_factory=dict)
    publishes: dict[str, str] = field(default_factory=dict)
    compute: str | None = None
    force_rerun: bool = False

    @property
    def needs(self) -> set[str]:
        return {given.ref.node for given in self.given.values() if given.ref is not None}


@dataclass
class _Scope:
    """One pipeline: the job, or a pipeline component inside it."""

    job: PipelineJob
    prefix: str
    inputs: dict[str, Given]
    outer: dict[str, str]  # this pipeline's output → the job's
    compute: str | None


def nodes(job: PipelineJob) -> dict[str, Node]:
    """The nodes of a pipeline by name, in file order; pipeline components are their steps.

    Bindings that name nothing are left out: `check` tells of them. Raises AmlError when steps wait for each other.
    """
    inputs = {name: _outside(given, name, job.source) for name, given in job.inputs.items()}
    default = job.settings.default_compute or job.compute
    found = {node.name: node for node in _walk(_Scope(job, "", inputs, {name: name for name in job.outputs}, default))}
    order(found)
    return found


def order(found: dict[str, Node]) -> list[str]:
    """The nodes' names, each after those whose outputs it reads. Raises AmlError, with file and line, for a cycle."""
    sorter = TopologicalSorter({name: sorted(node.needs & found.keys()) for name, node in found.items()})
    try:
        return list(sorter.static_order())
    except CycleError as error:
        cycle: list[str] = error.args[1]
        # graphlib names each step before the one that waits for it, and the first again at the end.
        first = found[cycle[1]]
        names = " → ".join(cycle)
        reads = (name for name, given in first.given.items() if given.ref and given.ref.node == cycle[0])
        place = next((f"inputs.{name}" for name in reads), "")
        message = (
            f"reads its own output ({cycle[0]})" if len(cycle) == 2 else f"the steps depend on each other: {names}"
        )
        raise first.step.error(place, message, "Remove one of the inputs.") from error


def _outside(given: Input, name: str, source: Source) -> Given:
    if given.value is not None:
        return Given(value=given.value, from_input=name)
    return Given(data=given, type=given.type, mode=given.mode, from_input=name, source=source)


def _walk(scope: _Scope) -> Iterator[Node]:
    for name, step in scope.job.jobs.items():
        given = {key: _given(scope, value, set()) for key, value in step.inputs.items()}
        publishes = {}
        for key, output in step.outputs.items():
            bound = whole_binding(output.path)
            if bound is not None and not bound.step and bound.kind == "outputs" and bound.name in scope.outer:
                publishes[key] = scope.outer[bound.name]
        compute = _compute(step.compute, scope) or scope.compute
        if isinstance(step.job, PipelineJob):
            yield from _walk(_inner(scope, step, step.job, given, publishes, compute))
            continue
        for key, port in step.component.inputs.items():
            if key not in given and port.default is not None and not step.component.inline:
                given[key] = Given(value=port.default)
            elif key not in given:
                given[key] = Given()
        yield Node(scope.prefix + name, step, given, publishes, compute, bool(scope.job.settings.force_rerun))


def _inner(
    scope: _Scope, step: Step, job: PipelineJob, given: dict[str, Given], publishes: dict[str, str], compute: str | None
) -> _Scope:
    inputs = dict(given)
    for key, port in step.component.inputs.items():
        if key not in inputs:
            inputs[key] = Given(value=port.default)
    job.settings.force_rerun = scope.job.settings.force_rerun
    return _Scope(job, f"{scope.prefix}{step.name}.", inputs, publishes, compute)


def _compute(text: str | None, scope: _Scope) -> str | None:
    """A compute's name; a binding to an input of the pipeline is that input's value."""
    bound = whole_binding(text)
    if bound is None:
        return text
    given = scope.inputs.get(bound.name)
    return str(given.value) if given is not None and given.value is not None else None


def _given(scope: _Scope, wanted: Input, seen: set[tuple[str, str]]) -> Given:
    text = wanted.value if wanted.value is not None else wanted.path
    bound = whole_binding(text)
    if bound is not None:
        found = _bound(scope, bound, seen)
        if wanted.value is None:
            return replace(found, type=wanted.type, mode=wanted.mode or found.mode)
        return found
    if wanted.value is None:
        return Given(data=wanted, type=wanted.type, mode=wanted.mode)
    if not bindings(wanted.value):
        return Given(value=wanted.value)

    def fill(one: Binding) -> str:
        part = _bound(scope, one, seen)
        return str(part.value) if part.value is not None else str(one)

    return Given(value=substitute(str(wanted.value), fill))


def _bound(scope: _Scope, bound: Binding, seen: set[tuple[str, str]]) -> Given:
    if not bound.step:
        return scope.inputs.get(bound.name, Given()) if bound.kind == "inputs" else Given()
    step = scope.job.jobs.get(bound.step)
    if step is None:
        return Given()
    if bound.kind == "inputs":
        key = (bound.step, bound.name)
        wanted = step.inputs.get(bound.name)
        if key in seen or wanted is None:
            port = step.component.inputs.get(bound.name)
            return Given(value=port.default) if port is not None and key not in seen else Given()
        return _given(scope, wanted, seen | {key})
    return _output(scope.job, scope.prefix, step, bound.name)


def _output(job: PipelineJob, prefix: str, step: Step, name: str) -> Given:
    if not isinstance(step.job, PipelineJob):
        known = name in step.component.outputs or name in step.outputs
        return Given(ref=Ref(prefix + step.name, name)) if known or step.job is None else Given()
    for inner in step.job.jobs.values():
        for key, output in inner.outputs.items():
            bound = whole_binding(output.path)
            if bound is not None and not bound.step and bound.kind == "outputs" and bound.name == name:
                return _output(step.job, f"{prefix}{step.name}.", inner, key)
    return Given()


def closure(found: dict[str, Node], names: list[str]) -> set[str]:
    """These nodes and all whose outputs they need, directly or through others."""
    wanted, ahead = set(names), list(names)
    while ahead:
        new = (found[ahead.pop()].needs & found.keys()) - wanted
        wanted |= new
        ahead += new
    return wanted


def downstream(found: dict[str, Node], name: str) -> set[str]:
    """This node and all that need its outputs, directly or through others."""
    wanted = {name}
    for other in order(found):
        if found[other].needs & wanted:
            wanted.add(other)
    return wanted


def select(found: dict[str, Node], name: str) -> str:
    """The node that a person means. Raises AmlError naming the nearest."""
    if name in found:
        return name
    near = nearest(name, found)
    meant = f" Did you mean {near!r}?" if near else ""
    raise AmlError(f"there is no step {name!r}", hint=f"The steps are: {', '.join(found)}.{meant}")
