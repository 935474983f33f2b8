"""A pipeline job as azure-ai-ml takes it: its steps written out, with code and environments that are there already."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from amlrun.azure import common_tree, job_tree
from amlrun.errors import AmlError, os_errors
from amlrun.spec import write, write_automl, write_pipeline
from amlrun.spec.automl import AutoMLJob
from amlrun.spec.job import CommandJob, Environment, Input, SparkJob
from amlrun.spec.pipeline import ParallelJob, PipelineJob, Step
from amlrun.spec.write_automl import Table

CodeOf = Callable[[Path], str]
EnvironmentOf = Callable[["Environment"], Any]


def steps(job: PipelineJob) -> list[Step]:
    """All steps, those of pipeline components among them."""
    found = []
    for step in job.jobs.values():
        found += steps(step.job) if isinstance(step.job, PipelineJob) else [step]
    return found


def codes(job: PipelineJob) -> list[Path]:
    """The code folders of the steps, each once."""
    kinds = (CommandJob, ParallelJob, SparkJob)
    return [*dict.fromkeys(s.job.code for s in steps(job) if isinstance(s.job, kinds) and s.job.code is not None)]


def tables(job: PipelineJob) -> list[tuple[Table, Input]]:
    """The MLTables that AutoML steps need of bare files, as the pipeline's inputs or their own. Raises AmlError."""
    searches = [step for step in steps(job) if isinstance(step.job, AutoMLJob)]
    given = [
        (f"inputs.{name}", one, partial(job.source.error, f"inputs.{name}.path"))
        for name, one in job.inputs.items()
        if searches and one.type == "mltable"
    ]
    given += [
        (f"{step.name}.{name}", one, partial(step.error, f"{name}.path"))
        for step in searches
        for name, one in step.inputs.items()
    ]
    made = [(write_automl.table(name, one, wrong), one) for name, one, wrong in given]
    return [(table, one) for table, one in made if table is not None]


def tree(
    job: PipelineJob, name: str, experiment: str, code: CodeOf, environment: EnvironmentOf, folder: Path | None
) -> dict[str, Any]:
    """The job's official YAML as a dict, named `name`. `code` and `environment` give a step's assets.

    Pipeline components are written into `folder`, for they can stand in a file only; None leaves them out of a plan.
    Raises AmlError.
    """

    def environment_of(wanted: Environment | None) -> Any:
        return None if wanted is None else environment(wanted)

    def command(one: CommandJob) -> dict[str, Any]:
        found = write.tree(one, Path.cwd())
        found.pop("code", None)
        if one.code is not None:
            found["code"] = code(one.code)
        found["environment"] = environment_of(one.environment)
        return found

    def spark(one: SparkJob) -> dict[str, Any]:
        return job_tree.tree(one, name, experiment, None) | ({"code": code(one.code)} if one.code else {})

    def component(step: str, inside: dict[str, Any]) -> str:
        if folder is None:
            return f"./{step}.json"
        with os_errors("write a component's file"):
            folder.mkdir(parents=True, exist_ok=True)
            file = folder / f"{step}.json"
            file.write_text(json.dumps(inside), encoding="utf-8")
        return file.as_posix()

    job = _settled(job)
    found = write_pipeline.tree(job, write_pipeline.Writers(command, spark, environment_of, code, component=component))
    found.pop("$schema", None)
    found |= {"name": name, "experiment_name": experiment}
    inputs: dict[str, Any] = {"inputs": found.get("inputs", {})}
    common_tree.data(job.inputs, {}, inputs)
    return found


def _settled(job: PipelineJob) -> PipelineJob:
    """The job with what Azure ML's documents do not agree on said, and a VM size as serverless compute."""
    job = copy.deepcopy(job)
    if job.settings.continue_on_step_failure is None:
        # As here, and as the service has it today; its documents say both.
        job.settings.continue_on_step_failure = True
    default = (job.settings.default_compute or job.compute or "").removeprefix("azureml:")
    if common_tree.is_vm_size(default):
        job.compute, job.settings.default_compute = None, "serverless"
        _sized(job, default)
    for step in steps(job):
        # A compute that is named at a step costs the client a request, also where it is the default one.
        if step.compute == job.settings.default_compute:
            step.compute = None
        if isinstance(step.job, (CommandJob, ParallelJob, SparkJob)) and step.job.compute == "local":
            step.job.compute = None
    return job


def _sized(job: PipelineJob, size: str) -> None:
    from amlrun.spec.job import Resources

    for step in steps(job):
        if isinstance(step.job, (CommandJob, ParallelJob, AutoMLJob)) and not step.compute:
            step.job.resources = step.job.resources or Resources()
            step.job.resources.instance_type = step.job.resources.instance_type or size


def without_missing(job: PipelineJob, is_there: Callable[[str], bool]) -> list[str]:
    """Take out each model input that only optional inputs of steps read, while `is_there(name)` says that there is no
    such model. Returns the names of the inputs that were taken out.
    """
    from amlrun.spec.pipeline import MODEL_TYPES, whole_binding

    gone = []
    for name, given in [*job.inputs.items()]:
        model = (given.path or "").removeprefix("azureml:").partition(":")[0].partition("@")[0]
        if given.type not in MODEL_TYPES or not (given.path or "").startswith("azureml:") or "/" in model:
            continue
        readers = []
        for step in job.jobs.values():
            for key, one in step.inputs.items():
                bound = whole_binding(one.value if one.value is not None else one.path)
                if bound is not None and not bound.step and bound.kind == "inputs" and bound.name == name:
                    port = step.component.inputs.get(key)
                    readers.append((step, key, port is not None and port.optional))
        if not readers or not all(optional for _, _, optional in readers) or is_there(model):
            continue
        del job.inputs[name]
        for step, key, _ in readers:
            del step.inputs[key]
        gone.append(name)
    return gone


def check(job: PipelineJob) -> None:
    """Refuse what a workspace has no place for. Raises AmlError, with file and line."""
    for step in steps(job):
        if step.unsupported:
            raise step.error("", step.unsupported)
        if step.compute == "local":
            raise AmlError(f"{step.name} runs on this machine", hint="Run the whole pipeline in one place: --ct NAME")
    tables(job)
