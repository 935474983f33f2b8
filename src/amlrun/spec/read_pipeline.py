"""Reads an Azure ML v2 pipeline YAML into a job, with file and line in every error.

What azure-ai-ml refuses to load is refused here. What it lets pass though it is wrong is gathered by `inspect`, and
found across steps by `amlrun.pipeline.check`.
"""

from __future__ import annotations

from pathlib import Path

from amlrun.dataclass import dataclass, field
from amlrun.errors import AmlError, did_you_mean
from amlrun.spec import node as yaml_node
from amlrun.spec import read_pipeline_components as components
from amlrun.spec.job import Output
from amlrun.spec.node import Node
from amlrun.spec.pipeline import Component, PipelineJob, PipelineSettings, Source, Step
from amlrun.spec.read_pipeline_components import Above, lines_of, named
from amlrun.spec.read_pipeline_io import Faults, PartReader, Tree
from amlrun.spec.read_pipeline_steps import step

_KEYS = ("$schema", "type", "name", "display_name", "experiment_name", "description", "tags", "properties", "compute",
         "identity", "inputs", "outputs", "settings", "jobs", "component", "id", "status", "services",
         "creation_context", "parent_job_name")  # fmt: skip
_SETTINGS = ("default_compute", "default_datastore", "continue_on_step_failure", "force_rerun")
_PREVIEW = ("on_init", "on_finalize")


@dataclass
class Reading:
    """A pipeline as far as it could be read. `refused` are mistakes that azure-ai-ml refuses to load too, `let_pass`
    those that it lets pass; `notes` say what has no effect here or means something else than it seems. `component`
    is there where the file is a pipeline component, whose steps are then the job's."""

    job: PipelineJob
    refused: list[AmlError] = field(default_factory=list)
    let_pass: list[AmlError] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    component: Component | None = None


def inspect(file: Path, tree: Tree | None = None) -> Reading:
    """The pipeline in `file` with every mistake of its text and its components' files; `tree` if it was read already.

    Raises AmlError only for a file that is no YAML or no pipeline.
    """
    file = file.absolute()
    root, notes = tree or yaml_node.read(file)
    if root.kind != "map":
        raise AmlError("expected the keys of a pipeline job", file=file, line=root.line)
    kind = root.get("type")
    if kind is not None and kind.text != "pipeline":
        raise AmlError(f"expected pipeline, got {kind.text!r}", file=file, line=kind.line, field="type")
    if root.get("endpoint_name") is not None:
        hint = "Name the file of the pipeline that it deploys: see `component` or `job_definition` in it."
        raise AmlError("is a deployment, not a pipeline", file=file, line=root.line, hint=hint)
    faults = Faults()
    if _is_component(root):
        return _component(file, faults)
    faults.notes += [f"{file.name}:{line}: {text}" for line, text in notes]
    job = _pipeline(PartReader(file, root, faults), root)
    return Reading(job, faults.refused, faults.let_pass, faults.notes)


def _is_component(root: Node) -> bool:
    """Whether a `type: pipeline` file is a pipeline component: its schema says so, or what only they have."""
    schema = root.get("$schema")
    if schema is not None and schema.kind == "scalar":
        return "pipelinecomponent" in schema.text.lower()
    if any(root.get(key) is not None for key in ("settings", "compute", "experiment_name")):
        return False
    inputs = root.get("inputs")
    pairs = inputs.pairs if inputs is not None and inputs.kind == "map" else []
    ports = (child for _, _, child in pairs if child.kind == "map")
    return root.get("version") is not None or any(child.get("optional") or child.get("default") for child in ports)


def _component(file: Path, faults: Faults) -> Reading:
    found = PipelineJob(source=Source(file, {}))
    component = None
    with faults.gather():
        whole = components.read(file, faults, "pipeline", Above((), steps_of))
        component = whole.component
        if isinstance(whole.job, PipelineJob):
            found = whole.job
    return Reading(found, faults.refused, faults.let_pass, faults.notes, component or Component())


def _pipeline(reader: PartReader, root: Node) -> PipelineJob:
    job = PipelineJob(source=Source(reader.file, lines_of(root)))
    known = []
    for name, line, child in root.pairs:
        reader.lines[name] = line
        if name in _KEYS:
            known.append((name, line, child))
            continue
        with reader.faults.gather():
            reader.section("", Node("map", line, pairs=[(name, line, child)]), _KEYS)
    found = {name: child for name, _, child in known if not child.is_null}
    with reader.faults.gather():
        reader.titles(job, found)
    job.inputs = reader.bound_inputs(found, step=False)
    job.outputs = reader.bound_outputs(found)
    with reader.faults.gather():
        job.settings = settings(reader, found)
    if "component" in found:
        if "jobs" in found:
            line = reader.lines["component"]
            reader.faults.refused.append(
                reader.error("component", "cannot be combined with jobs", line, "Delete one of them.")
            )
        with reader.faults.gather():
            whole = named(reader, "component", found["component"], "pipeline", Above((), steps_of))
            if isinstance(whole.job, PipelineJob):
                _of_component(job, whole.component, whole.job)
            elif whole.component.reference:
                job.jobs["pipeline"] = _alone(job, whole.component)
    else:
        job.jobs = _steps(reader, found, Above((), steps_of))
    return job


def _of_component(job: PipelineJob, component: Component, inner: PipelineJob) -> None:
    """A job that runs a pipeline component is that component's steps with the job's inputs."""
    from amlrun.spec.job import Input

    job.jobs = inner.jobs
    for name, port in component.inputs.items():
        if name not in job.inputs and port.default is not None:
            job.inputs[name] = Input(port.type, value=port.default)
    for name, output in component.outputs.items():
        job.outputs.setdefault(name, output)


def _alone(job: PipelineJob, component: Component) -> Step:
    from amlrun.spec.job import Input

    inputs = {name: Input(value=f"${{{{parent.inputs.{name}}}}}") for name in job.inputs}
    outputs = {name: Output(path=f"${{{{parent.outputs.{name}}}}}") for name in job.outputs}
    return Step("pipeline", "pipeline", component, None, inputs, outputs, source=job.source)


def settings(reader: PartReader, found: dict[str, Node]) -> PipelineSettings:
    """The `settings` of a pipeline; azure-ai-ml takes any key there, so an unknown one is a note."""
    made = PipelineSettings()
    node = found.get("settings")
    if node is None:
        return made
    if node.kind != "map":
        raise reader.error("settings", "expected keys below it", node.line)
    parts = {}
    for name, line, child in node.pairs:
        reader.lines[f"settings.{name}"] = line
        if name in _PREVIEW:
            reader.fault(f"settings.{name}", "is an Azure ML preview feature that aml does not support", line)
        elif name not in _SETTINGS:
            meant = did_you_mean(name, _SETTINGS)
            place = f"{reader.file.name}:{line}: {reader.prefix}settings.{name}"
            reader.faults.notes.append(f"{place}: unknown key, which Azure ML ignores{meant}")
        elif not child.is_null:
            parts[name] = child
    for name in ("continue_on_step_failure", "force_rerun"):
        if name in parts:
            value = parts[name].value
            if isinstance(parts[name].text, str) and parts[name].text.lower() in ("true", "false"):
                value = parts[name].text.lower() == "true"
            if not isinstance(value, bool):
                message = f"expected true or false, got {parts[name].text!r}"
                raise reader.error(f"settings.{name}", message, parts[name].line)
            setattr(made, name, value)
    made.default_compute = reader.word("default_compute", parts, "settings.default_compute")
    made.default_datastore = reader.word("default_datastore", parts, "settings.default_datastore")
    compute = made.default_compute
    if compute and not compute.startswith(("azureml:", "${{")) and compute not in ("serverless", "local"):
        hint = f"Write azureml:{compute}; serverless; or local, to run on this machine."
        line = parts["default_compute"].line
        raise reader.error("settings.default_compute", f"{compute!r} is not a compute", line, hint)
    return made


def steps_of(reader: PartReader, found: dict[str, Node], component: Component, above: Above) -> PipelineJob:
    """What a pipeline component runs."""
    job = PipelineJob(_steps(reader, found, above), outputs=component.outputs)
    job.source = Source(reader.file, lines_of(reader.root))
    return job


def _steps(reader: PartReader, found: dict[str, Node], above: Above) -> dict[str, Step]:
    steps: dict[str, Step] = {}
    for name, node in reader.entries("jobs", found):
        with reader.faults.gather():
            steps[name] = step(reader, name, node, above)
    return steps
