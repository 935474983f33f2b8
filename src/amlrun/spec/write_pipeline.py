"""Writes a pipeline job as Azure ML v2's own pipeline YAML."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from amlrun.dataclass import dataclass
from amlrun.spec import write_automl, write_sweep
from amlrun.spec.automl import AutoMLJob
from amlrun.spec.job import Build, CommandJob, Environment, Input, Output, SparkJob, to_dict
from amlrun.spec.pipeline import ParallelJob, PipelineJob, Port, Step
from amlrun.spec.yaml_data import without_empty

Body = Callable[[CommandJob], dict[str, Any]]
_SCHEMA = "https://azuremlschemas.azureedge.net/latest/pipelineJob.schema.json"
# What of a command stands in its component; the rest is the step's.
_COMPONENT = ("command", "code", "environment", "distribution", "resources")
_OF_THE_JOB = ("$schema", "type", "name", "display_name", "experiment_name", "description", "tags", "compute", "inputs",
               "outputs")  # fmt: skip


@dataclass(frozen=True)
class Writers:
    """How the parts of a step are written: its command, its Spark job, its environment, its code, data of this machine.

    With `component` a step that names a component's file is written with all that it says; it gets the name and the
    tree of a pipeline component, which can stand in a file only, and returns what to write in its place.
    """

    command: Body
    spark: Callable[[SparkJob], dict[str, Any]]
    environment: Callable[[Environment | None], Any]
    relative: Callable[[Path], str]
    data: Callable[[Path], str] = Path.as_posix
    component: Callable[[str, dict[str, Any]], str] | None = None


def tree(job: PipelineJob, write: Writers) -> dict[str, Any]:
    """The pipeline as the YAML's plain data. Raises AmlError for a step that cannot be written: a retired v1 step."""
    found: dict[str, Any] = {"$schema": _SCHEMA, "type": "pipeline"}
    for name in ("name", "display_name", "experiment_name", "description", "tags", "compute"):
        found[name] = getattr(job, name)
    found["inputs"] = {name: _input(given, write) for name, given in job.inputs.items()}
    found["outputs"] = {name: _output(output) for name, output in job.outputs.items()}
    found["settings"] = to_dict(job.settings)
    found["jobs"] = {name: _step(step, write) for name, step in job.jobs.items()}
    return without_empty(found)


def side_files(job: PipelineJob, folder: Path) -> dict[Path, str]:
    """The Dockerfiles given as text that the YAML in `folder` points to."""
    files = {}
    for step, own in _environments(job):
        if own.dockerfile is not None:
            files[folder / _build(step) / "Dockerfile"] = own.dockerfile
    return files


def _environments(job: PipelineJob) -> Iterator[tuple[Step, Environment]]:
    for step in job.jobs.values():
        if isinstance(step.job, (CommandJob, ParallelJob)) and step.job.environment is not None:
            yield step, step.job.environment


def _build(step: Step) -> str:
    return f"environment/{step.name}"


def _step(step: Step, write: Writers) -> dict[str, Any]:
    if step.unsupported:
        raise step.error("", step.unsupported)
    job = step.job
    found: dict[str, Any] = {"type": step.type, "display_name": step.display_name, "compute": step.compute}
    if job is None and not step.component.reference:
        found |= step.settings
    elif step.component.reference or (write.component is None and step.component.file is not None):
        where = step.component.reference or write.relative(step.component.file or Path())
        found["component" if step.sweep is None else "trial"] = where
        if isinstance(job, CommandJob):
            for name in ("environment_variables", "resources", "limits", "distribution"):
                found[name] = to_dict(getattr(job, name))
    elif isinstance(job, CommandJob):
        found |= _command(step, job, write)
    elif isinstance(job, SparkJob):
        found |= {name: value for name, value in write.spark(job).items() if name not in _OF_THE_JOB}
    elif isinstance(job, ParallelJob):
        found |= _parallel(step, job, write)
    elif isinstance(job, AutoMLJob):
        own = write_automl.tree(job, write.relative).items()
        found |= {name: value for name, value in own if name not in (*_OF_THE_JOB, *step.inputs)}
    elif isinstance(job, PipelineJob):
        found["component"] = _pipeline(step, job, write)
    if step.sweep is not None:
        found |= write_sweep.settings(step.sweep)
    inputs = {name: _input(given, write) for name, given in step.inputs.items()}
    found |= inputs if isinstance(job, AutoMLJob) else {"inputs": inputs}
    found["outputs"] = {name: _output(output) for name, output in step.outputs.items()}
    return without_empty(found)


def _command(step: Step, job: CommandJob, write: Writers) -> dict[str, Any]:
    own = job
    if job.environment is not None and job.environment.dockerfile is not None:
        build = Build(f"./{_build(step)}", "Dockerfile")
        own = replace(job, environment=replace(job.environment, dockerfile=None, build=build))
    body = {name: value for name, value in write.command(own).items() if name not in _OF_THE_JOB}
    if step.component.inline and step.component.is_deterministic and step.sweep is None:
        return body
    # Only a component can say that its results may not be used again, and only it has types and bounds of inputs.
    inside: dict[str, Any] = {"type": "command"}
    inside["is_deterministic"] = None if step.component.is_deterministic else False
    inside["inputs"] = {name: _port(port) for name, port in step.component.inputs.items()}
    inside["outputs"] = {name: {"type": output.type} for name, output in step.component.outputs.items()}
    inside |= {name: body.pop(name) for name in _COMPONENT if name in body}
    if step.sweep is not None:
        body.pop("limits", None)
    return {"component" if step.sweep is None else "trial": without_empty(inside), **body}


def _pipeline(step: Step, job: PipelineJob, write: Writers) -> str:
    """A pipeline component, written into a file of its own."""
    if write.component is None:
        raise step.error("", "a pipeline component is not written here")
    whole = tree(job, write)
    inside = {"type": "pipeline", "inputs": {name: _port(port) for name, port in step.component.inputs.items()}}
    inside["outputs"] = {name: {"type": output.type} for name, output in step.component.outputs.items()}
    return write.component(step.name, without_empty({**inside, "jobs": whole.get("jobs")}))


def _parallel(step: Step, job: ParallelJob, write: Writers) -> dict[str, Any]:
    if not step.component.is_deterministic:
        raise step.error("", "a parallel step cannot be excluded from reuse",
                         "Remove allow_reuse: false, and set force_rerun when you submit.")  # fmt: skip
    task: dict[str, Any] = {
        "type": "run_function",
        "code": None if job.code is None else write.relative(job.code),
        "entry_script": job.entry_script,
        "program_arguments": job.program_arguments,
        "append_row_to": job.append_row_to,
        "environment": write.environment(job.environment),
    }
    found: dict[str, Any] = {
        name: getattr(job, name)
        for name in ("environment_variables", "input_data", "mini_batch_size", "mini_batch_error_threshold",
                     "error_threshold", "max_concurrency_per_instance", "logging_level")
    }  # fmt: skip
    found["retry_settings"] = without_empty({"max_retries": job.max_retries, "timeout": job.timeout})
    found["resources"] = to_dict(job.resources)
    found["task"] = without_empty(task)
    return found


def _input(given: Input, write: Writers) -> Any:
    if given.value is not None:
        return given.value
    found: dict[str, Any] = to_dict(given)
    if given.path and Path(given.path).is_absolute():
        found["path"] = write.data(Path(given.path))
    return found


def _output(output: Output) -> Any:
    found = to_dict(output)
    found.pop("description", None)
    if (
        output.path
        and set(found) == {"type", "path"}
        and output.type == "uri_folder"
        and "parent.outputs" in output.path
    ):
        return output.path
    return found


def _port(port: Port) -> dict[str, Any]:
    bounds = {"min": port.min, "max": port.max, "enum": list(port.enum)}
    return without_empty({"type": port.type, "default": port.default, "optional": port.optional or None, **bounds})
