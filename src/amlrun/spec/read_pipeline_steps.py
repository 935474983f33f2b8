"""Reads the steps of a pipeline: each kind with its keys."""

from __future__ import annotations

import re

from amlrun.errors import did_you_mean
from amlrun.spec import read_pipeline_automl, read_sweep
from amlrun.spec.job import CommandJob
from amlrun.spec.node import Node
from amlrun.spec.pipeline import Source, Step, Sweep
from amlrun.spec.read_pipeline_components import (
    COMMAND,
    PARALLEL,
    SPARK,
    Above,
    body,
    interface_of_inline,
    lines_of,
    merged,
    named,
)
from amlrun.spec.read_pipeline_io import PartReader

_NAME = re.compile(r"[a-z_][a-z0-9_]*")
_SHARED = ("$schema", "type", "inputs", "outputs", "compute", "display_name", "description", "tags", "properties",
           "name", "experiment_name", "comment")  # fmt: skip
_INLINE: dict[str, tuple[str, ...]] = {
    "command": (*_SHARED[:-1], *COMMAND, "parent_job_name"),
    "parallel": (*_SHARED, *PARALLEL, "identity"),
    "spark": (*_SHARED[:-1], *SPARK),
    "pipeline": _SHARED,
    "sweep": (*_SHARED, "trial", "sampling_algorithm", "search_space", "objective", "early_termination", "limits",
              "resources", "queue_settings", "identity"),
}  # fmt: skip
# What a step with a component may change of it; the rest of an inline step's keys Azure ML drops without a word.
_OVER: dict[str, tuple[str, ...]] = {
    "command": (*_SHARED, "component", "resources", "distribution", "limits", "environment_variables",
                "queue_settings", "services", "identity"),
    "parallel": (*_SHARED, "component", *PARALLEL[1:], "identity"),
    "spark": (*_SHARED, "component", "conf", "resources", "identity", "jars", "py_files", "files", "archives",
              "entry", "args"),
    "pipeline": (*_SHARED, "component"),
}  # fmt: skip
_DROPPED = {"command": ("environment", "code", "command"), "spark": ("environment", "code"), "parallel": ("task",)}
_OTHERS = ("import", "data_transfer")
_PREVIEW = ("if_else", "do_while", "parallel_for")


def step(pipeline: PartReader, name: str, node: Node, above: Above) -> Step:
    """One entry of `jobs`. Raises AmlError with file and line; mistakes in its inputs are gathered by the reader."""
    prefix = f"{pipeline.prefix}jobs.{name}."
    reader = PartReader(pipeline.file, node, pipeline.faults, prefix)
    line = pipeline.lines.get(f"jobs.{name}", node.line)
    if not _NAME.fullmatch(name):
        hint = "Use lower-case letters, digits and _, and start with a letter or _."
        raise reader.error("", f"{name!r} is not a valid step name", line, hint)
    if node.kind != "map":
        raise reader.error("", "expected the keys of a step", node.line)
    kind = _kind(reader, node)
    if node.get("depends_on") is not None:
        hint = "Order follows data: give this step an input that is an output of the other."
        raise reader.error("depends_on", "is not a key of Azure ML's pipelines", _line(node, "depends_on"), hint)
    made = Step(name, kind)  # type: ignore[arg-type]
    made.source = Source(reader.file, {f"jobs.{name}": line, **lines_of(node, f"jobs.{name}")})
    if kind == "automl":
        read_pipeline_automl.automl(reader, made, node)
        made.component = interface_of_inline(made.inputs, made.outputs)
        return made
    if kind in _OTHERS:
        return _other(reader, made, node)
    if kind == "sweep":
        return _sweep(reader, made, node, above)
    component = node.get("component")
    if component is None or component.empty:
        return _inline(reader, made, node, above)
    return _of_component(reader, made, node, component, above)


def _kind(reader: PartReader, node: Node) -> str:
    type_node = node.get("type")
    kind = type_node.text if type_node is not None and type_node.kind == "scalar" and type_node.text else "command"
    if type_node is None and node.get("trial") is not None:
        kind = "sweep"
    line = type_node.line if type_node is not None else node.line
    if kind in _PREVIEW:
        raise reader.error("type", f"{kind} is an Azure ML preview feature that aml does not support", line,
                           "Decide in the step's script, and do nothing if there is nothing to do.")  # fmt: skip
    known = (*_INLINE, "automl", *_OTHERS)
    if kind not in known:
        meant = did_you_mean(kind, known)
        raise reader.error("type", f"expected one of {', '.join(known)}, got {kind!r}{meant}", line)
    return kind


def _inline(reader: PartReader, made: Step, node: Node, above: Above) -> Step:
    if made.type == "pipeline":
        hint = "Put its steps into a file with `type: pipeline`, and write component: FILE"
        where = "jobs" if node.get("jobs") is not None else "component"
        message = "a pipeline step names a component's file" if where == "jobs" else "is missing"
        raise reader.error(where, message, _line(node, where), hint)
    if node.get("is_deterministic") is not None:
        hint = "Put the step's keys below `component:`, with is_deterministic among them."
        message = "belongs to a component: Azure ML refuses it at a step"
        raise reader.error("is_deterministic", message, _line(node, "is_deterministic"), hint)
    found = reader.section("", node, _INLINE[made.type])
    _shared(reader, made, found)
    made.component = interface_of_inline(made.inputs, made.outputs)
    made.component.source = Source(reader.file, lines_of(node))
    made.job = body(reader, made.type, found, made.component, above)
    return made


def _of_component(reader: PartReader, made: Step, node: Node, component: Node, above: Above) -> Step:
    found = {}
    known = _OVER[made.type]
    for key, line, child in node.pairs:
        reader.lines[key] = line
        if key in known:
            if not child.is_null:
                found[key] = child
        elif key in _DROPPED.get(made.type, ()):
            reader.fault(key, "is ignored by Azure ML if a component is named", line,
                         "Change it in the component.")  # fmt: skip
        else:
            meant = did_you_mean(key, known)
            reader.fault(key, f"unknown key{meant}", line, f"Known there: {', '.join(known)}.")
    _shared(reader, made, found)
    read = named(reader, "component", component, made.type, above)
    if read.type != made.type:
        type_node = node.get("type")
        if type_node is not None and read.component.file is None:
            raise reader.error("type", f"the component is of type {read.type}", type_node.line)
        if type_node is not None:
            message = f"{read.component.file.name if read.component.file else ''} is of type {read.type}"
            reader.fault("type", message, type_node.line, f"Write type: {read.type}")
        made.type = read.type
    made.component, made.job = read.component, read.job
    if isinstance(made.job, CommandJob):
        merged(made.job, reader, found)
    return made


def _sweep(reader: PartReader, made: Step, node: Node, above: Above) -> Step:
    found = reader.section("", node, _INLINE["sweep"])
    for key in ("trial", "search_space", "objective", "limits"):
        if key not in found:
            raise reader.error(key, "is missing", node.line, "A sweep step has trial, search_space, objective, limits.")
    _shared(reader, made, found)
    found.setdefault("sampling_algorithm", Node("scalar", node.line, "random", "random"))
    made.sweep = Sweep(*read_sweep.parts(reader, found))
    for name in ("timeout", "trial_timeout"):
        seconds = getattr(made.sweep.limits, name)
        if seconds is not None and seconds < 60:
            reader.faults.notes.append(
                f"{reader.file.name}:{found['limits'].line}: {reader.prefix}limits.{name}: "
                f"{seconds} s are 60 s in Azure ML"
            )
    read = named(reader, "trial", found["trial"], "command", above)
    if read.type != "command":
        raise reader.error("trial", f"a trial is a command component, not {read.type}", found["trial"].line)
    made.component, made.job = read.component, read.job
    if isinstance(made.job, CommandJob) and "resources" in found:
        made.job.resources = reader.resources(found["resources"])
    return made


def _other(reader: PartReader, made: Step, node: Node) -> Step:
    """A step that only Azure ML runs, import or data transfer: its own keys stay as they are."""
    found = {key: child for key, _, child in node.pairs}
    reader.lines.update({key: line for key, line, _ in node.pairs})
    _shared(reader, made, found)
    skipped = ("inputs", "outputs", "type", "compute")
    made.settings = {key: child.plain() for key, child in found.items() if key not in skipped}
    made.component = interface_of_inline(made.inputs, made.outputs)
    return made


def _shared(reader: PartReader, made: Step, found: dict[str, Node]) -> None:
    made.inputs = reader.bound_inputs(found, step=True)
    made.outputs = reader.bound_outputs(found)
    made.compute = reader.word("compute", found)
    made.display_name = reader.word("display_name", found)


def _line(node: Node, key: str) -> int:
    return next((line for name, line, _ in node.pairs if name == key), node.line)
