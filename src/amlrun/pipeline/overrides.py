"""What a person sets over a pipeline's file: `--set inputs.x=1`, v1's `-p x=1,y=2` and `-d data=datastore/path`."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path

from amlrun.errors import AmlError, did_you_mean
from amlrun.spec import node as yaml_node
from amlrun.spec.job import Input, Scalar
from amlrun.spec.pipeline import PipelineJob, literal_type

_TOP = ("experiment_name", "display_name", "description")
_SETTINGS = ("default_compute", "default_datastore", "continue_on_step_failure", "force_rerun")


def apply(job: PipelineJob, settings: Iterable[tuple[str, str]]) -> None:
    """Set keys of a pipeline: `inputs.NAME`, `settings.NAME`, `tags.NAME`, `jobs.STEP.inputs.NAME`,
    `jobs.STEP.compute` or a top key. A value is read as YAML. Raises AmlError for a key that is not there.
    """
    for key, text in settings:
        part, _, rest = key.partition(".")
        if part == "inputs" and rest:
            name, _, field = rest.partition(".")
            _input(job.inputs, name, field, text, key)
        elif part == "settings":
            _known(rest, _SETTINGS, key)
            value = _value(text, key)
            if rest in _SETTINGS[2:] and not isinstance(value, bool):
                raise AmlError(f"--set {key}: expected true or false, got {text!r}")
            setattr(job.settings, rest, value)
        elif part == "tags" and rest:
            job.tags[rest] = text
        elif part == "jobs" and rest:
            _step(job, rest, text, key)
        else:
            _known(key, (*_TOP, "inputs.NAME", "settings.NAME", "tags.NAME", "jobs.STEP.inputs.NAME"), key)
            setattr(job, key, text)


def parameters(text: str) -> list[tuple[str, str]]:
    """v1's `-p a=1,b=2` as settings. Raises AmlError for a part without `=`."""
    return [(f"inputs.{name}", value) for name, value in _pairs(text, "-p")]


def datapaths(text: str) -> list[tuple[str, str]]:
    """v1's `-d name=datastore/path,…` as settings. Raises AmlError for a part that names no datastore and path."""
    found = []
    for name, value in _pairs(text, "-d"):
        store, slash, path = value.partition("/")
        if not slash or not store:
            raise AmlError(f"-d: expected {name}=datastore/path, got {value!r}")
        found.append((f"inputs.{name}.path", f"azureml://datastores/{store}/paths/{path}"))
    return found


def _pairs(text: str, flag: str) -> list[tuple[str, str]]:
    found = []
    for pair in text.split(","):
        name, equals, value = pair.partition("=")
        if not equals or not name.strip():
            raise AmlError(f"{flag}: expected name=value, got {pair!r}", hint=f"For instance: {flag} a=1,b=2")
        found.append((name.strip(), value.strip()))
    return found


def _step(job: PipelineJob, rest: str, text: str, key: str) -> None:
    name, _, field = rest.partition(".")
    _known(name, job.jobs, key)
    step = job.jobs[name]
    if field == "compute":
        step.compute = text if text in ("local", "serverless") or text.startswith("azureml:") else f"azureml:{text}"
        return
    part, _, wanted = field.partition(".")
    if part != "inputs" or not wanted:
        raise AmlError(f"--set {key}: only inputs and compute of a step can be set", hint="Change the file.")
    wanted, _, field = wanted.partition(".")
    if wanted in step.component.inputs and wanted not in step.inputs:
        step.inputs[wanted] = Input("string", value="")
    _input(step.inputs, wanted, field, text, key)


def _input(inputs: dict[str, Input], name: str, field: str, text: str, key: str) -> None:
    _known(name, inputs, key)
    given = inputs[name]
    if field == "path" or (not field and given.value is None):
        place = text
        if not text.startswith("azureml:") and "://" not in text and "${{" not in text:
            place = str(Path(text).expanduser().absolute())
            if not Path(place).exists():
                raise AmlError(f"--set {key}: {place} does not exist")
        inputs[name] = Input(given.type if given.value is None else "uri_folder", place, given.mode)
    elif field in ("type", "mode"):
        setattr(given, field, text)
    elif field:
        raise AmlError(f"--set {key}: an input has path, type and mode", hint=f"Write --set inputs.{name}=VALUE")
    else:
        value = text if isinstance(given.value, str) and given.type == "string" else _value(text, key)
        inputs[name] = Input(literal_type(value) if given.type != "string" else "string", value=value)


def _value(text: str, key: str) -> Scalar:
    if not text.strip():
        return text
    found = yaml_node.parse(text, Path(f"--set {key}"))
    if found.kind != "scalar":
        raise AmlError(f"--set {key}: expected a value, got a {found.kind}")
    return found.literal


def _known(name: str, known: Collection[str], key: str) -> None:
    if name in known:
        return
    meant = did_you_mean(name, known)
    raise AmlError(f"--set {key}: there is no {name!r}{meant}", hint=f"Available: {', '.join(known) or 'none'}.")
