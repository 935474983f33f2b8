"""Whether what a step's input is given fits its type, bounds and enum."""

from __future__ import annotations

from collections.abc import Iterator

from amlrun.errors import AmlError
from amlrun.spec.job import Input, Scalar
from amlrun.spec.pipeline import LITERAL_TYPES, Binding, PipelineJob, Port, Step, bindings, whole_binding

_FOLDERS = ("uri_folder", "mltable", "mlflow_model", "triton_model")


def values(job: PipelineJob, step: Step, ports: dict[str, Port]) -> Iterator[AmlError]:
    """Every input of `step` that gets what it does not take; `ports` are the inputs of the pipeline around it."""
    for name, given in step.inputs.items():
        port = step.component.inputs.get(name)
        if port is None or step.component.reference:
            continue
        place = step.place("inputs", name)
        text = given.value if given.value is not None else given.path
        bound = whole_binding(text)
        if bound is None:
            yield from _own(step, place, given, port)
        elif bound.step and bound.kind == "outputs":
            yield from _output(job, step, place, bound, given, port)
        elif not bound.step and bound.kind == "inputs" and bound.name in ports:
            yield from _input(job, step, place, bound.name, given, port, ports[bound.name])


def _own(step: Step, place: str, given: Input, port: Port) -> Iterator[AmlError]:
    inline = step.component.inline
    if given.value is not None:
        if bindings(given.value) or (inline and port.type == "string"):
            return
        if port.type not in LITERAL_TYPES:
            if isinstance(given.value, str):
                hint = f"Write {place.removeprefix('inputs.')}: and below it type: {port.type} and path: {given.value}"
                yield step.error(place, f"expected data ({port.type}), got the text {given.value!r}", hint)
            else:
                yield step.error(place, f"expected data ({port.type}), got {given.value!r}", "Write type and path.")
        else:
            wrong = unfit(given.value, port)
            if wrong:
                yield step.error(place, wrong)
    elif port.type in LITERAL_TYPES and not inline:
        yield step.error(place, f"expected a {port.type}, got data ({given.type})", "Write the value itself.")
    elif not inline:
        yield from _outside(step, place, given.type, port.type, "the data is")


def _output(job: PipelineJob, step: Step, place: str, bound: Binding, given: Input, port: Port) -> Iterator[AmlError]:
    maker = job.jobs.get(bound.step)
    if maker is None or maker.component.reference:
        return
    made = maker.component.outputs.get(bound.name) or maker.outputs.get(bound.name)
    if made is None:
        return
    if step.component.inline and given.value is not None:
        return  # an inline step's short form takes the output's own type
    wanted = given.type if step.component.inline else port.type
    if wanted in LITERAL_TYPES:
        yield step.error(place, f"expected a {wanted}, got the output {bound.name!r} of step {maker.name}")
        return
    yield from _data(step, place, made.type, wanted, f"the output {bound.name!r} of step {maker.name} is")


def _input(
    job: PipelineJob, step: Step, place: str, name: str, given: Input, port: Port, outer: Port
) -> Iterator[AmlError]:
    known = job.inputs.get(name)
    inline = step.component.inline
    if outer.optional and port.required and not inline:
        hint = "Give the pipeline's input a default, or make the step's optional."
        yield step.error(place, f"the pipeline's input {name!r} is optional, and this one is needed", hint)
    if inline and given.value is not None:
        return
    wanted = given.type if inline else port.type
    if outer.type in LITERAL_TYPES and wanted not in LITERAL_TYPES:
        yield step.error(place, f"expected data ({wanted}), got the pipeline's input {name!r} ({outer.type})")
    elif wanted in LITERAL_TYPES and outer.type not in LITERAL_TYPES:
        yield step.error(place, f"expected a {wanted}, got the pipeline's input {name!r} ({outer.type})")
    elif wanted in LITERAL_TYPES:
        value = known.value if known is not None else outer.default
        wrong = unfit(value, port) if value is not None and not inline else ""
        if wrong:
            line = job.source.lines.get(f"inputs.{name}")
            where = f" (inputs.{name}, line {line})" if line else ""
            yield step.error(place, f"{wrong}{where}")
    else:
        got = given.type if given.value is None else outer.type
        yield from _outside(step, place, got, wanted, f"the pipeline's input {name!r} is")


def _data(step: Step, place: str, got: str, wanted: str, what: str) -> Iterator[AmlError]:
    """A file where a folder is wanted, or the other way round; a table's or model's folder where another kind is."""
    bad = (
        (wanted == "uri_file" and got in _FOLDERS)
        or (got == "uri_file" and wanted in _FOLDERS)
        or (wanted == "mltable" and got not in ("mltable", "path"))
        or (wanted == "mlflow_model" and got in ("mltable", "triton_model"))
    )
    if bad:
        yield step.error(place, f"expected {wanted}: {what} {got}")


def _outside(step: Step, place: str, got: str, wanted: str, what: str) -> Iterator[AmlError]:
    """Data from outside: Azure ML mounts a file where a folder is wanted, and the other way round."""
    if {got, wanted} == {"uri_file", "mltable"}:
        yield step.error(place, f"expected {wanted}: {what} {got}")


def unfit(value: Scalar, port: Port) -> str:
    """Why a literal is not one of the port's type, bounds or enum; empty when it is. Texts that say a number do."""
    if port.type in ("number", "integer"):
        try:
            number = float(value) if not isinstance(value, bool) else float("nan")
        except ValueError:
            number = float("nan")
        if number != number or (port.type == "integer" and number != int(number)):
            return f"expected {'a whole' if port.type == 'integer' else 'a'} number, got {value!r}"
        if port.min is not None and number < port.min:
            return f"expected {port.min:g} or more, got {value}"
        if port.max is not None and number > port.max:
            return f"expected {port.max:g} or less, got {value}"
    if port.type == "boolean" and str(value).lower() not in ("true", "false"):
        return f"expected true or false, got {value!r}"
    if port.enum and str(value) not in [str(one) for one in port.enum]:
        return f"expected one of {', '.join(str(one) for one in port.enum)}; got {value!r}"
    return ""
