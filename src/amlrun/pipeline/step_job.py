"""A node of the graph as the job that runs, with what it is given filled in."""

from __future__ import annotations

import copy
import re
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import Any

from amlrun.pipeline import parallel_step
from amlrun.pipeline.filling import Filled, outputs_of, without_absent
from amlrun.pipeline.graph import Node
from amlrun.spec import read_spark
from amlrun.spec.automl import TABLE_TASKS, AutoMLJob
from amlrun.spec.job import BINDING, CommandJob, Input, SparkJob, SweepJob
from amlrun.spec.pipeline import ParallelJob, Step


def place(compute: str | None, known: Collection[str]) -> str:
    """Where a step of that compute runs: `local`, one of the project's machines (`known`), or the workspace's compute.

    The last begins with `azureml:`.
    """
    name = (compute or "local").removeprefix("azureml:")
    return name if name == "local" or name in known else f"azureml:{name}"


def runnable(step: Step, compute: str = "local") -> str:
    """Why a step can't be started from this machine to run in that place; empty when it can."""
    if step.unsupported:
        return step.unsupported
    if step.component.reference:
        return f"its component {step.component.reference} is not on this machine: name the component's file"
    if step.type in ("import", "data_transfer"):
        return f"a {step.type} step runs in Azure ML only: copy the data before the pipeline"
    if isinstance(step.job, AutoMLJob) and step.job.task not in TABLE_TASKS:
        return f"{step.job.task} runs in the cloud only; here: {' and '.join(TABLE_TASKS)}"
    if isinstance(step.job, (CommandJob, ParallelJob, SparkJob, AutoMLJob)):
        kind = "sweep" if step.sweep is not None else step.type
        if kind == "command" or (kind == "spark" and not compute.startswith("azureml:")):
            return ""
        if compute != "local":
            return (
                f"a {kind} step runs on {compute.removeprefix('azureml:')} only if all steps do: write compute: local"
            )
        contained = isinstance(step.job, ParallelJob) and step.job.local.container
        return f"a {kind} step can't run in a container: add --no-container" if contained else ""
    return f"a {step.type} step can't run on this machine: submit the pipeline to a cluster"


def takes_all(step: Step) -> bool:
    """Whether a step makes many runs, which want all of the machine: a sweep's or a search's trials."""
    return step.sweep is not None or step.type == "automl"


def job_of(node: Node, filled: Filled, code: Path, compute: str = "local") -> CommandJob | SweepJob | AutoMLJob:
    """The job of a node whose inputs are filled, for `compute`; `code` is the folder where the step names none."""
    step = node.step
    if isinstance(step.job, ParallelJob):
        return replace(parallel_step.command_of(node, step.job, filled, code), compute=compute)
    if isinstance(step.job, AutoMLJob):
        return _search(step, step.job, filled)
    if isinstance(step.job, SparkJob):
        job = read_spark.as_script(replace(copy.deepcopy(step.job), compute=compute))
    elif isinstance(step.job, CommandJob):
        job = step.job
    else:
        raise step.error("", runnable(step))
    inputs = _inputs(filled)
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
        compute=compute,
        display_name=step.display_name or step.name,
        local=replace(job.local, notes=[]),
    )
    return _sweep(step, job) if step.sweep is not None else job


def _search(step: Step, job: AutoMLJob, filled: Filled) -> AutoMLJob:
    for name in step.inputs:
        if name not in filled.places:
            found = f"got {filled.literals[name]!r}" if name in filled.literals else "the step that makes it failed"
            raise step.error(name, f"expected a table: {found}", "Bind it to data, or to a step's output.")
    tables: dict[str, Any] = {n: Input(filled.types[n], str(place)) for n, place in filled.places.items()}
    named = step.display_name or step.name
    return replace(job, **tables, name=None, outputs=outputs_of(step), compute="local", display_name=named)


def _inputs(filled: Filled) -> dict[str, Input]:
    inputs = {name: Input("string", value=value) for name, value in filled.literals.items()}
    return inputs | {name: Input(filled.types[name], str(place)) for name, place in filled.places.items()}


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
        compute=trial.compute,
    )
