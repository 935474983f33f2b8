"""What a node of the graph is given on this machine: literals, data, and the outputs of other nodes."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from amlrun.dataclass import dataclass, field
from amlrun.errors import AmlError
from amlrun.pipeline.graph import Given, Node, Ref
from amlrun.prepare import data
from amlrun.project import Project
from amlrun.spec.job import BINDING, Input, Output, Scalar
from amlrun.spec.pipeline import MODEL_TYPES, Step

_OPTIONAL = re.compile(r"\$\[\[(.*?)\]\]", re.DOTALL)


@dataclass
class Filled:
    """What a step is given, found on this machine: texts of literals, places of data, and where each came from."""

    literals: dict[str, Scalar] = field(default_factory=dict)
    places: dict[str, Path] = field(default_factory=dict)
    refs: dict[str, Ref] = field(default_factory=dict)
    types: dict[str, str] = field(default_factory=dict)


def fill(project: Project, node: Node, output: Callable[[Ref], Path | None]) -> Filled:
    """What each input of `node` is here; `output` says where another node's output lies, None for one that failed.

    Raises AmlError, with file and line, for data that is not on this machine.
    """
    found = Filled()
    for name, given in node.given.items():
        if given.value is not None:
            found.literals[name] = given.value
        elif given.ref is not None:
            place = output(given.ref)
            if place is not None:
                found.places[name] = place
                found.refs[name] = given.ref
                found.types[name] = given.type or "uri_folder"
        elif given.data is not None:
            place = _data(project, node, name, given)
            if place is not None:
                found.places[name] = place
                found.types[name] = given.type or given.data.type
    return found


def find_data(project: Project, node: Node) -> dict[str, Path]:
    """Where a node's data from outside the pipeline lies here. Raises AmlError for data that is not here."""
    places = ((name, _data(project, node, name, given)) for name, given in node.given.items() if given.data is not None)
    return {name: place for name, place in places if place is not None}


def _data(project: Project, node: Node, name: str, given: Given) -> Path | None:
    """Where data from outside lies here; None for a registered model that is not there yet and need not be."""
    assert given.data is not None  # noqa: S101 - asked by the caller
    path = given.data.path
    try:
        if (given.type or given.data.type) in MODEL_TYPES:
            from amlrun.registry import inputs

            port = node.step.component.inputs.get(name)
            if port is not None and port.optional and inputs.is_missing(project, path):
                return None
            model = inputs.find(project, path)
            if model is not None:
                return Path(model.uri)
        return data.locate(project, given.from_input or name, path)
    except AmlError as error:
        if error.file is None and given.source and (outer := f"inputs.{given.from_input}.path") in given.source.lines:
            raise given.source.error(outer, error.message, error.hint) from error
        if error.file is None:
            place = node.step.place("inputs", name)
            raise node.step.error(place, error.message, error.hint) from error
        raise


def outputs_of(step: Step) -> dict[str, Output]:
    """The outputs of a step, each with its type; the run's folder is their place."""
    names = dict.fromkeys([*step.component.outputs, *step.outputs])
    found = {}
    for name in names:
        own, declared = step.outputs.get(name), step.component.outputs.get(name)
        found[name] = Output((declared or own or Output()).type)
    return found


def without_absent(command: list[str] | str, inputs: dict[str, Input]) -> list[str] | str:
    """The command without the `$[[ … ]]` parts whose inputs have no value; in a list a part may be several words."""

    def part(match: re.Match[str]) -> str:
        names = [name for kind, name in BINDING.findall(match[1]) if kind == "inputs"]
        return match[1] if all(name in inputs for name in names) else ""

    if isinstance(command, list):
        # The marks tell a word that was only brackets, or is left out, from one that is empty.
        line = _OPTIONAL.sub(lambda match: f"\1{part(match)}\1", "\0".join(command))
        return [word.replace("\1", "") for word in line.split("\0") if not word or word.strip("\1")]
    return _OPTIONAL.sub(part, command)
