"""What is wrong with a pipeline though it can be read: what azure-ai-ml lets pass, and the Designer's four rules.

The rules: data connects to steps only, a step to data and steps only, every data input is connected, every needed
parameter is set (PIPELINES.md of the service: "Designer"). All mistakes are gathered, each with file and line.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from amlrun.errors import AmlError, did_you_mean
from amlrun.pipeline import check_values, graph
from amlrun.spec.job import BINDING, CommandJob, Output
from amlrun.spec.pipeline import (
    ANY_BINDING,
    LITERAL_TYPES,
    Binding,
    Component,
    ParallelJob,
    PipelineJob,
    Port,
    Source,
    Step,
    bindings,
    literal_type,
    whole_binding,
)

_RESERVED = ("path", "ld_library_path", "user", "logname", "home", "pwd", "shell")
_NOT_YET_KNOWN = "azureml:of-the-job"  # the compute of a pipeline component
_OPTIONAL = re.compile(r"\$\[\[(.*?)\]\]", re.DOTALL)


def check(job: PipelineJob, component: Component | None = None, *, partial: bool = False) -> list[AmlError]:
    """Every mistake in a pipeline, in the order of files and lines.

    `component`: the file is a pipeline component, whose inputs and compute come from the job that names it.
    `partial`: a part of the file could not be read, so what is bound to nothing is not told.
    """
    if component is None:
        ports = {
            name: Port(given.type if given.value is None else literal_type(given.value))
            for name, given in job.inputs.items()
        }
        found = [*_data(job), *_pipeline(job, ports, job.settings.default_compute or job.compute)]
    else:
        found = list(_pipeline(job, component.inputs, _NOT_YET_KNOWN))
    if not job.jobs:
        found.append(job.source.error("jobs", "the pipeline has no steps", "Add one below `jobs:`."))
    if not any(error.field.startswith("jobs") and "names no" in error.message for error in found):
        try:
            graph.nodes(job)
        except AmlError as error:
            found.append(error)
    if partial:
        loose = (" names no ", "no step uses", "no step writes", "has no steps", "has no such")
        found = [error for error in found if not any(words in error.message for words in loose)]
    unique = {(str(error.file), error.line, error.field, error.message): error for error in found}
    own = str(job.source.file)
    return sorted(unique.values(), key=lambda error: (str(error.file) != own, str(error.file), error.line or 0))


def _data(job: PipelineJob) -> Iterator[AmlError]:
    for name, given in job.inputs.items():
        if given.value is None and not given.path:
            hint = f"Write path: FOLDER or azureml:NAME:VERSION, or submit with --set inputs.{name}.path=FOLDER."
            yield job.source.error(f"inputs.{name}", "has no path", hint)


def _pipeline(job: PipelineJob, ports: dict[str, Port], compute: str | None) -> Iterator[AmlError]:
    """One pipeline: the job, or a pipeline component; `ports` are its inputs, `compute` the default one."""
    used: set[str] = set()
    writers: dict[str, str] = {}
    for step in job.jobs.values():
        if step.unsupported:
            yield step.error("", step.unsupported)
        yield from _names(step)
        yield from _bindings(job, step, ports, used)
        yield from _outputs(job, step, writers)
        yield from _interface(step)
        yield from check_values.values(job, step, ports)
        yield from _body(step)
        yield from _compute(step, ports, compute, used)
        if isinstance(step.job, PipelineJob):
            yield from _pipeline(step.job, step.component.inputs, step.compute or compute)
    for name in ports:
        if name not in used:
            yield job.source.error(f"inputs.{name}", "no step uses this input", "Bind it to a step, or delete it.")
    for name in job.outputs:
        if name not in writers and not any(step.job is None for step in job.jobs.values()):
            hint = f"Write ${{{{parent.outputs.{name}}}}} at a step's output, or delete it."
            yield job.source.error(f"outputs.{name}", "no step writes this output", hint)


def _names(step: Step) -> Iterator[AmlError]:
    for part, names in (("inputs", step.inputs), ("outputs", step.outputs)):
        for name in names:
            if name.lower() in _RESERVED:
                yield step.error(f"{part}.{name}", f"{name!r} is reserved by Azure ML", "Choose another name.")
        lower: dict[str, str] = {}
        for name in names:
            twin = lower.setdefault(name.lower(), name)
            if twin != name:
                message = f"differs from {twin!r} by case only, which Windows and macOS treat as the same name"
                yield step.error(f"{part}.{name}", message, "Choose another name.")


def _bindings(job: PipelineJob, step: Step, ports: Collection[str], used: set[str]) -> Iterator[AmlError]:
    for name, given in step.inputs.items():
        text = given.value if given.value is not None else given.path
        place = step.place("inputs", name)
        for bound in bindings(text):
            if not bound.step and bound.kind == "inputs":
                used.add(bound.name)
            wrong = _unknown(job, bound, ports)
            if wrong:
                yield step.error(place, f"{bound} names no {wrong[0]}{wrong[1]}", wrong[2])
            elif not bound.step and bound.kind == "outputs":
                yield step.error(place, f"{bound}: an input cannot read the pipeline's output",
                                 "Bind it to the step that writes it: ${{parent.jobs.STEP.outputs.NAME}}")  # fmt: skip
            elif bound.step and whole_binding(text) is None and bound.kind == "outputs":
                yield step.error(place, f"{bound}: a step's output cannot be part of a string", "Bind the whole input.")
        yield from _malformed(step, place, text)


def _malformed(step: Step, place: str, text: object) -> Iterator[AmlError]:
    if not isinstance(text, str):
        return
    for match in ANY_BINDING.finditer(text):
        if not bindings(match[0]):
            hint = "Write ${{parent.inputs.NAME}} or ${{parent.jobs.STEP.outputs.NAME}}."
            yield step.error(place, f"{match[0]} is not a valid binding", hint)
    if BINDING.search(text):
        hint = "At a step's inputs and outputs write ${{parent.…}}."
        yield step.error(place, f"{BINDING.search(text)[0]} can be used only in the command", hint)  # type: ignore[index]


def _unknown(job: PipelineJob, bound: Binding, ports: Collection[str]) -> tuple[str, str, str] | None:
    """What a binding names that is not there, a guess at what was meant, and what there is."""
    if not bound.step:
        known: Collection[str] = ports if bound.kind == "inputs" else job.outputs
        what = f"{bound.kind.removesuffix('s')} of the pipeline"
        return _missing(what, bound.name, known)
    step = job.jobs.get(bound.step)
    if step is None:
        return _missing("step", bound.step, job.jobs)
    if step.component.reference and bound.kind == "outputs":
        return None
    if bound.kind == "inputs":
        return _missing(f"input of step {step.name}", bound.name, {**step.component.inputs, **step.inputs})
    return _missing(f"output of step {step.name}", bound.name, {**step.component.outputs, **step.outputs})


def _missing(what: str, name: str, known: Collection[str]) -> tuple[str, str, str] | None:
    if name in known:
        return None
    there = f"Available: {', '.join(known)}." if known else "There is none."
    return what, did_you_mean(name, known), there


def _outputs(job: PipelineJob, step: Step, writers: dict[str, str]) -> Iterator[AmlError]:
    for name, output in step.outputs.items():
        place = step.place("outputs", name)
        yield from _malformed(step, place, output.path)
        for bound in bindings(output.path):
            if bound.step or bound.kind == "inputs":
                yield step.error(place, f"{bound}: an output can be bound to the pipeline's outputs only",
                                 "Write ${{parent.outputs.NAME}}.")  # fmt: skip
                continue
            wrong = _unknown(job, bound, ())
            if wrong:
                yield step.error(place, f"{bound} names no {wrong[0]}{wrong[1]}", wrong[2])
            elif bound.name in writers:
                message = f"{bound} is also written by step {writers[bound.name]}"
                yield step.error(place, message, "Give each its own output.")
            else:
                writers[bound.name] = step.name


def _interface(step: Step) -> Iterator[AmlError]:
    """Inputs and outputs that the component does not have, and those that it wants and does not get."""
    component = step.component
    if component.reference or component.inline:
        return
    where = component.file.name if component.file else "the component"
    searched = set(step.sweep.search_space) if step.sweep else set()
    for part, given, known in (
        ("inputs", step.inputs, component.inputs),
        ("outputs", step.outputs, component.outputs),
    ):
        for name in given:
            if name not in known:
                meant = did_you_mean(name, list(known))
                there = f"It has: {', '.join(known)}." if known else "It has none."
                yield step.error(f"{part}.{name}", f"{where} has no such {part.removesuffix('s')}{meant}", there)
    for name in sorted(searched - component.inputs.keys()):
        hint = f"It has: {', '.join(component.inputs)}."
        yield step.error(f"search_space.{name}", f"{where} has no such input", hint)
    for name in sorted(searched & step.inputs.keys()):
        yield step.error(f"inputs.{name}", "the search space gives this input its value", "Delete it here.")
    for name, port in component.inputs.items():
        if port.required and name not in step.inputs and name not in searched:
            what = "parameter" if port.type in LITERAL_TYPES else "data input"
            yield step.error("inputs", f"{where} needs the {what} {name!r} ({port.type})", f"Add {name}: below inputs.")


def _body(step: Step) -> Iterator[AmlError]:
    job, component = step.job, step.component
    inputs: Collection[str] = component.inputs
    source = component.source
    if isinstance(job, CommandJob):
        yield from _command(step, str(job.command), component.inputs, {**component.outputs, **step.outputs})
        if job.environment is None:
            hint = "Write environment: azureml:NAME:VERSION, or image and conda_file below it."
            yield _at(step, source, "environment", "is missing: Azure ML refuses a command without one", hint)
    elif isinstance(job, ParallelJob):
        bound = BINDING.fullmatch(job.input_data.strip())
        if bound is None or bound[1] != "inputs" or bound[2] not in inputs:
            hint = "Write input_data: ${{inputs.NAME}}"
            yield _at(step, source, "input_data", "names no input of the step", hint)
        folder = job.code.parent if job.code is not None and job.code.is_file() else job.code
        if folder is not None and job.entry_script and not (folder / job.entry_script).is_file():
            yield _at(step, source, "task.entry_script", f"there is no {job.entry_script} in {folder}")
        text = f"{job.program_arguments} {job.append_row_to or ''}"
        yield from _command(step, text, component.inputs, {**component.outputs, **step.outputs}, "task")


def _command(
    step: Step, text: str, inputs: dict[str, Port], outputs: dict[str, Output], key: str = "command"
) -> Iterator[AmlError]:
    source = step.component.source
    names: dict[str, Collection[str]] = {"inputs": inputs, "outputs": outputs}
    for kind, name in BINDING.findall(text):
        if name not in names.get(kind, ()):
            meant = did_you_mean(name, list(names.get(kind, ())))
            yield _at(step, source, key, f"${{{{{kind}.{name}}}}} is not below {kind}{meant}")
    inside = {name for part in _OPTIONAL.findall(text) for kind, name in BINDING.findall(part) if kind == "inputs"}
    bare = {name for kind, name in BINDING.findall(_OPTIONAL.sub("", text)) if kind == "inputs"}
    for name in sorted(inside & inputs.keys()):
        if not inputs[name].optional and not step.component.inline:
            message = f"$[[…${{{{inputs.{name}}}}}…]]: only optional inputs can be in brackets"
            yield _at(step, source, key, message, f"Write optional: true at inputs.{name}, or remove the brackets.")
    for name in sorted(bare & inputs.keys()):
        if inputs[name].optional:
            message = f"${{{{inputs.{name}}}}} is optional: without a value the command cannot be filled in"
            yield _at(step, source, key, message, f"Write $[[--{name} ${{{{inputs.{name}}}}}]].")


def _at(step: Step, source: Source | None, place: str, message: str, hint: str = "") -> AmlError:
    """An error in what a step runs: in its component's file where it has one."""
    if source is not None and not step.component.inline:
        return source.error(place, message, hint)
    return step.error(place, message, hint)


def _compute(step: Step, ports: dict[str, Port], compute: str | None, used: set[str]) -> Iterator[AmlError]:
    for bound in bindings(step.compute):
        if not bound.step and bound.kind == "inputs":
            used.add(bound.name)
            if bound.name not in ports:
                yield step.error(
                    "compute", f"{bound} names no input of the pipeline", f"Available: {', '.join(ports)}."
                )
    if step.type in ("pipeline", "import", "data_transfer") or step.unsupported:
        return
    own = step.job.compute if isinstance(step.job, CommandJob) else None
    serverless = step.type == "spark"
    if not (step.compute or compute or own or serverless):
        hint = (
            "Write settings: default_compute: azureml:CLUSTER in the pipeline (local: this machine), or compute at "
            "the step."
        )
        yield step.error("", "no compute is named for this step", hint)
