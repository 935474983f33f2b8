"""Reads an AutoML step of a pipeline with the reader of an AutoML job; its tables and outputs may be bindings."""

from __future__ import annotations

from amlrun.errors import AmlError
from amlrun.spec import read_automl
from amlrun.spec.automl import TABLES, AutoMLJob
from amlrun.spec.job import Input
from amlrun.spec.node import Node
from amlrun.spec.pipeline import Step, whole_binding
from amlrun.spec.read_automl_settings import Settings
from amlrun.spec.read_pipeline_io import PartReader

# Read as those of any step.
_OF_THE_STEP = ("outputs", "compute", "display_name")


class _StepSettings(Settings):
    """The reader of an AutoML job, for a part of a file: `prefix` stands before every key in an error."""

    def __init__(self, reader: PartReader, root: Node) -> None:
        super().__init__(reader.file, root)
        self._prefix = reader.prefix

    def error(self, key: str, message: str, line: int, hint: str = "") -> AmlError:
        return super().error(f"{self._prefix}{key}".rstrip("."), message, line, hint)


def automl(reader: PartReader, made: Step, node: Node) -> None:
    """Give `made` its job, its tables as inputs, and its outputs. Raises AmlError with file and line."""
    found = {key: child for key, _, child in node.pairs}
    reader.lines.update({key: line for key, line, _ in node.pairs})
    for key in TABLES:
        if key in found:
            with reader.faults.gather():
                made.inputs[key] = _data(reader, key, found[key])
    made.outputs = reader.bound_outputs(found)
    for name, output in made.outputs.items():
        if name == "best_model" and (found["outputs"].get(name) or node).kind == "scalar":
            output.type = "mlflow_model"
    made.compute = reader.word("compute", found)
    made.display_name = reader.word("display_name", found)
    made.job = _job(reader, node)


def _job(reader: PartReader, node: Node) -> AutoMLJob:
    """What the step's own keys say; where its tables lie is known when it starts."""
    pairs = []
    for key, line, child in node.pairs:
        if key in TABLES and not child.empty:
            child = Node("scalar", child.line, "${{parent}}", "${{parent}}")
        elif key == "outputs" and child.kind == "map":
            # Their names are checked here, their values are the pipeline's.
            child = Node("map", child.line, pairs=[(name, at, Node("scalar", at)) for name, at, _ in child.pairs])
        elif key in _OF_THE_STEP:
            continue
        pairs.append((key, line, child))
    settings = _StepSettings(reader, Node("map", node.line, pairs=pairs))
    job = read_automl.automl(settings)
    reader.faults.notes += job.source.notes
    job.outputs = {}
    return job


def _data(reader: PartReader, key: str, node: Node) -> Input:
    """A table: a binding, or data with or without `path:`."""
    if node.kind == "scalar" and whole_binding(node.text) is None and not node.empty:
        path = Node("map", node.line, pairs=[("type", node.line, Node("scalar", node.line, "mltable", "mltable")),
                                             ("path", node.line, node)])  # fmt: skip
        return reader.bound_input(key, path, True)
    return reader.bound_input(key, node, True)
