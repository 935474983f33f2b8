"""A node of the graph as the job that runs: its literals, data and the outputs of other steps filled in."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from amlrun.errors import AmlError
from amlrun.pipeline.graph import Given, Node, Ref
from amlrun.prepare import data
from amlrun.project import Project
from amlrun.spec.job import BINDING, CommandJob, Input, Output, Scalar, SweepJob
from amlrun.spec.pipeline import ParallelJob, PipelineJob, Step

_OPTIONAL = re.compile(r"\$\[\[(.*?)\]\]", re.DOTALL)
_VERSION = re.compile(r"azureml:[^:@/]+:[^:/@]+")


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
            found.places[name] = _data(project, node, name, given)
            found.types[name] = given.type or given.data.type
    return found


def find_data(project: Project, node: Node) -> dict[str, Path]:
    """Where a node's data from outside the pipeline lies here. Raises AmlError for data that is not here."""
    return {name: _data(project, node, name, given) for name, given in node.given.items() if given.data is not None}


def _data(project: Project, node: Node, name: str, given: Given) -> Path:
    path = given.data.path if given.data is not None else None
    try:
        return data.locate(project, given.from_input or name, path)
    except AmlError as error:
        if error.file is None:
            place = f"inputs.{name}"
            raise node.step.error(place, error.message, error.hint) from error
        raise


def runnable(step: Step) -> str:
    """Why a step can't run on this machine; empty when it can."""
    if step.unsupported:
        return step.unsupported
    if step.component.reference:
        return f"its component {step.component.reference} is not on this machine: name the component's file"
    if step.type in ("import", "data_transfer"):
        return f"a {step.type} step runs in Azure ML only: copy the data before the pipeline"
    if step.type == "spark":
        return "a Spark step runs in Azure ML only: make it a command step that starts PySpark"
    if isinstance(step.job, (CommandJob, ParallelJob)):
        return ""
    return f"a {step.type} step can't run on this machine yet: submit the pipeline to a cluster"


def job_of(node: Node, filled: Filled, code: Path) -> CommandJob | SweepJob:
    """The job of a node whose inputs are filled; `code` is the folder that runs where the step names none."""
    step = node.step
    if isinstance(step.job, ParallelJob):
        from amlrun.pipeline.parallel_step import command_of

        return command_of(node, step.job, filled, code)
    if not isinstance(step.job, CommandJob) or isinstance(step.job, PipelineJob):
        raise step.error("", runnable(step))
    job = step.job
    inputs = {name: Input("string", value=value) for name, value in filled.literals.items()}
    inputs |= {name: Input(filled.types[name], str(place)) for name, place in filled.places.items()}
    job = replace(
        job,
        command=without_absent(job.command, inputs),
        code=job.code or code,
        inputs=inputs,
        outputs=outputs_of(step),
        environment_variables={
            name: text for name, text in job.environment_variables.items() if _bound(text, inputs, step)
        },
        name=None,
        compute="local",
        display_name=step.display_name or step.name,
        local=replace(job.local, notes=[]),
    )
    return _sweep(step, job) if step.sweep is not None else job


def outputs_of(step: Step) -> dict[str, Output]:
    """The outputs of a step, each with its type; the run's folder is their place."""
    names = dict.fromkeys([*step.component.outputs, *step.outputs])
    found = {}
    for name in names:
        own, declared = step.outputs.get(name), step.component.outputs.get(name)
        found[name] = Output((declared or own or Output()).type)
    return found


def without_absent(command: list[str] | str, inputs: dict[str, Input]) -> list[str] | str:
    """The command without the `$[[ … ]]` parts whose inputs have no value."""
    if isinstance(command, list):
        return command

    def part(match: re.Match[str]) -> str:
        names = [name for kind, name in BINDING.findall(match[1]) if kind == "inputs"]
        return match[1] if all(name in inputs for name in names) else ""

    return _OPTIONAL.sub(part, command)


def _bound(text: str, inputs: dict[str, Input], step: Step) -> bool:
    return all(name in inputs for kind, name in BINDING.findall(text) if kind == "inputs")


def _sweep(step: Step, trial: CommandJob) -> SweepJob:
    """The sweep of a step: its trial's inputs of the search space's names get the drawn values."""
    assert step.sweep is not None  # noqa: S101 - asked by the caller

    def searched(match: re.Match[str]) -> str:
        drawn = match[1] == "inputs" and match[2] in space
        return f"${{{{search_space.{match[2]}}}}}" if drawn else match[0]

    space = step.sweep.search_space
    command = trial.command
    if isinstance(command, str):
        # The brackets around an input that the sweep gives are gone with its value.
        inside = {name: Input("string", value="") for name in space}
        original = step.job.command if isinstance(step.job, CommandJob) else command
        command = BINDING.sub(searched, str(without_absent(original, {**trial.inputs, **inside})))
    else:
        command = [BINDING.sub(searched, word) for word in command]
    return SweepJob(
        trial=replace(trial, command=command),
        objective=step.sweep.objective,
        search_space=space,
        sampling_algorithm=step.sweep.sampling_algorithm,
        early_termination=step.sweep.early_termination,
        limits=step.sweep.limits,
        display_name=trial.display_name,
        tags=dict(trial.tags),
        compute="local",
    )


def reference_of(given: Given) -> str | None:
    """What an input counts as when its bytes are not looked at: a URL, or a registered asset by its version."""
    path = given.data.path if given.data is not None else None
    if path is None or "@latest" in path:
        return None
    return path if "://" in path or _VERSION.fullmatch(path) else None
