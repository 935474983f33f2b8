"""Reads components: in files of their own, or inline in a pipeline's step."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from amlrun.dataclass import dataclass
from amlrun.errors import AmlError
from amlrun.spec import read_spark
from amlrun.spec.job import CommandJob, Output, SparkJob
from amlrun.spec.node import Node
from amlrun.spec.pipeline import Component, ParallelJob, PipelineJob, Port, Source, StepJob, StepType
from amlrun.spec.read_pipeline_io import Faults, PartReader

COMPONENT = ("$schema", "type", "name", "version", "display_name", "description", "tags", "is_deterministic", "inputs",
             "outputs", "properties", "id", "creation_context", "auto_delete_setting")  # fmt: skip
COMMAND = ("code", "command", "environment", "environment_variables", "compute", "resources", "distribution", "limits",
           "queue_settings", "services", "identity")  # fmt: skip
PARALLEL = ("task", "input_data", "mini_batch_size", "mini_batch_error_threshold", "error_threshold", "logging_level",
            "max_concurrency_per_instance", "partition_keys", "retry_settings", "resources",
            "environment_variables")  # fmt: skip
SPARK = ("code", "entry", "args", "environment", "conf", "jars", "py_files", "files", "archives", "resources",
         "compute", "identity")  # fmt: skip
OWN: dict[str, tuple[str, ...]] = {
    "command": ("code", "command", "environment", "resources", "distribution", "additional_includes", "limits",
                "environment_variables", "queue_settings"),
    "parallel": PARALLEL,
    "spark": (*SPARK, "additional_includes"),
    "pipeline": ("jobs",),
}  # fmt: skip
_LEVELS = 10  # of pipelines within pipelines


@dataclass(frozen=True)
class Above:
    """The files of the pipelines around what is read, outermost first, and the reader of a pipeline's steps."""

    files: tuple[Path, ...]
    steps_of: Callable[[PartReader, dict[str, Node], Component, Above], PipelineJob]

    def inside(self, file: Path) -> Above:
        return Above((*self.files, file), self.steps_of)


@dataclass
class NamedComponent:
    """A component and what it runs."""

    type: StepType
    component: Component
    job: StepJob | None


def lines_of(root: Node, place: str = "") -> dict[str, int]:
    """The line of every key below a node, by its dotted place."""
    lines: dict[str, int] = {}
    for name, line, child in root.pairs:
        here = f"{place}.{name}" if place else name
        lines[here] = line
        lines |= lines_of(child, here)
    return lines


def named(reader: PartReader, key: str, node: Node, expected: str, above: Above) -> NamedComponent:
    """The component that a step's `component` or `trial` names: a file, a registered one, or one written inline."""
    if node.kind == "map":
        inside = PartReader(reader.file, node, reader.faults, f"{reader.prefix}{key}.")
        found = _component(inside, node, expected, above)
        found.component.source = Source(reader.file, lines_of(node))
        return found
    text = node.text if node.kind == "scalar" else ""
    if not text:
        raise reader.error(key, "expected a component's file, azureml:NAME:VERSION, or its keys", node.line)
    if text.startswith("azureml:"):
        return NamedComponent(_step_type(expected), Component(reference=text), None)
    place, there = reader.find(text)
    if not there or not place.is_file():
        hint = "Paths are relative to the file that contains them; a registered component is azureml:NAME:VERSION."
        raise reader.error(key, f"there is no file {place}", node.line, hint)
    return read(place, reader.faults, expected, above)


def read(file: Path, faults: Faults, expected: str, above: Above) -> NamedComponent:
    """The component in a file. Raises AmlError with file and line for a file that is none, or contains itself."""
    if file in above.files or len(above.files) > _LEVELS:
        inner = " → ".join(path.name for path in (*above.files, file))
        raise AmlError(f"is a pipeline that contains itself: {inner}", file=file, line=1)
    root, _ = faults.tree(file)
    if root.kind != "map":
        raise AmlError("expected a component's keys", file=file, line=root.line)
    schema = root.get("$schema")
    if root.get("type") is None and ("flow" in (schema.text.lower() if schema else "") or root.get("flow")):
        # A prompt flow: azure-ai-ml makes a parallel component of it, whose inputs only the service knows.
        return NamedComponent("parallel", Component(reference=f"prompt flow {file.name}", file=file), None)
    found = _component(PartReader(file, root, faults), root, expected, above.inside(file))
    found.component.file = file
    found.component.source = Source(file, lines_of(root))
    return found


def _component(reader: PartReader, root: Node, expected: str, above: Above) -> NamedComponent:
    type_node = root.get("type")
    kind = type_node.text if type_node is not None and type_node.kind == "scalar" and type_node.text else expected
    if kind not in OWN:
        line = type_node.line if type_node is not None else root.line
        raise reader.error("type", f"expected one of {', '.join(OWN)}, got {kind!r}", line)
    found = reader.section("", root, (*COMPONENT, *OWN[kind]))
    component = Component(reader.ports(found), reader.bound_outputs(found))
    component.name, component.version = reader.word("name", found), reader.word("version", found)
    node = found.get("is_deterministic")
    if node is not None:
        if not isinstance(node.value, bool):
            raise reader.error("is_deterministic", f"expected true or false, got {node.text!r}", node.line)
        component.is_deterministic = node.value
    return NamedComponent(_step_type(kind), component, body(reader, kind, found, component, above))


def body(reader: PartReader, kind: str, found: dict[str, Node], component: Component, above: Above) -> StepJob | None:
    """What the keys of a component, or of an inline step, run."""
    if kind == "pipeline":
        return above.steps_of(reader, found, component, above)
    if kind == "parallel":
        return parallel(reader, found)
    if kind == "spark":
        return _spark(reader, found)
    if "additional_includes" in found:
        reader.fault("additional_includes", "is not supported here", found["additional_includes"].line,
                     "Put the files below `code:`.")  # fmt: skip
    job = reader.command({key: value for key, value in found.items() if key not in ("inputs", "outputs")})
    job.name = job.display_name = None
    return job


def merged(job: CommandJob, reader: PartReader, found: dict[str, Node]) -> None:
    """Lay a step's own run settings over its component's."""
    own = CommandJob(command="x")
    reader.settings(own, found)
    for name in ("resources", "limits"):
        mine, theirs = getattr(own, name), getattr(job, name)
        if mine is not None and theirs is not None:
            for field, value in vars(mine).items():
                if value not in (None, []):
                    setattr(theirs, field, value)
        elif mine is not None:
            setattr(job, name, mine)
    for name in ("distribution", "queue_settings", "identity"):
        if getattr(own, name) is not None:
            setattr(job, name, getattr(own, name))
    job.services = {**job.services, **own.services}
    job.environment_variables = {**job.environment_variables, **reader.variables(found)}


def parallel(reader: PartReader, found: dict[str, Node]) -> ParallelJob:
    """The keys of a parallel step or component."""
    if "task" not in found:
        raise reader.error("task", "is missing", reader.root.line, "A parallel step has type, code, entry_script.")
    keys = ("type", "code", "entry_script", "program_arguments", "append_row_to", "environment", "model")
    task = reader.section("task", found["task"], keys)
    for name in task:
        reader.lines[name] = reader.lines[f"task.{name}"]
    job = ParallelJob(
        entry_script=reader.word("entry_script", task) or "",
        code=reader.code(task),
        program_arguments=" ".join((reader.word("program_arguments", task) or "").split()),
        append_row_to=reader.word("append_row_to", task),
        environment=reader.environment(task),
        environment_variables=reader.variables(found),
        input_data=reader.word("input_data", found) or "",
        mini_batch_size=reader.word("mini_batch_size", found),
        logging_level=reader.word("logging_level", found),
    )
    for name in ("mini_batch_error_threshold", "error_threshold", "max_concurrency_per_instance"):
        setattr(job, name, whole(reader, name, found))
    if "retry_settings" in found:
        retry = reader.section("retry_settings", found["retry_settings"], ("max_retries", "timeout"))
        job.max_retries = whole(reader, "max_retries", retry)
        job.timeout = whole(reader, "timeout", retry)
    if "resources" in found:
        job.resources = reader.resources(found["resources"])
    if "partition_keys" in found:
        reader.faults.notes.append(
            f"{reader.file.name}:{found['partition_keys'].line}: {reader.prefix}partition_keys: has no effect here"
        )
    return job


def whole(reader: PartReader, key: str, found: dict[str, Node]) -> int | None:
    """A whole number, which here may be -1 ("no limit"); a binding is left to the service."""
    node = found.get(key)
    if node is None or "${{" in node.text:
        return None
    value: Any = node.value
    if isinstance(value, str) and value.lstrip("-").isdecimal():
        value = int(value[:12])
    if isinstance(value, bool) or not isinstance(value, int):
        raise reader.error(key, f"expected a whole number, got {node.text!r}", node.line)
    return value


def _spark(reader: PartReader, found: dict[str, Node]) -> SparkJob:
    job = SparkJob(code=reader.code(found), environment=reader.environment(found))
    entry = found.get("entry")
    if entry is None:
        raise reader.error("entry", "is missing", reader.root.line, "Write: entry: {file: FILE.py}")
    job.entry = reader.word("file", {name: child for name, _, child in entry.pairs}, "entry.file") or entry.text
    read_spark.settings(reader, found, job)
    return job


def _step_type(kind: str) -> StepType:
    return kind  # type: ignore[return-value]


def interface_of_inline(inputs: dict[str, Any], outputs: dict[str, Output]) -> Component:
    """The interface that an inline step makes for itself: an input for each that it is given."""
    ports = {
        name: Port(given.type if given.value is None else "string", optional=False) for name, given in inputs.items()
    }
    return Component(ports, {name: Output(output.type) for name, output in outputs.items()}, inline=True)
