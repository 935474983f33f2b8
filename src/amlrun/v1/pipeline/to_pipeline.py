"""A v1 pipeline file → a v2 pipeline job: its parameters, its data, and the steps in `to_step`.

What v1's reader did with a key is in the service's old reference (reference-pipeline-yaml.md); what it let pass in
silence is told.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from amlrun.dataclass import dataclass, field
from amlrun.errors import AmlError
from amlrun.spec import node as yaml_node
from amlrun.spec.job import V1_DATASET, Input, Scalar
from amlrun.spec.node import Node
from amlrun.spec.pipeline import PipelineJob, Source
from amlrun.spec.read_pipeline import Reading
from amlrun.v1.config import Row, input_name
from amlrun.v1.pipeline.file import PipelineFile, compute_of, identifier
from amlrun.v1.pipeline.kinds import kind_of
from amlrun.v1.pipeline.to_step import StepReader

_TOP = ("name", "description", "parameters", "data_references", "default_compute", "steps")
_TYPES = ("string", "int", "float", "bool", "datapath")
_REFERENCE = ("datastore", "path_on_datastore", "dataset_name", "dataset_id", "name", "sql_table", "sql_query",
              "sql_stored_procedure", "sql_stored_procedure_params")  # fmt: skip


@dataclass
class V1Reading(Reading):
    """A v1 pipeline as far as it could be read; `rows` tell what becomes of every key."""

    rows: list[Row] = field(default_factory=list)


def inspect(file: Path, folder: Path, *, target: str | None = None, exporting: bool = False) -> V1Reading:
    """The v1 pipeline in `file`, with every mistake in it; `folder` is what v1 counted its paths from.

    Raises AmlError only for a file that is no YAML or no v1 pipeline.
    """
    file = file.absolute()
    root, notes = yaml_node.read(file)
    whole = root.get("pipeline") if root.kind == "map" else None
    if whole is None:
        raise AmlError("is not a v1 pipeline: it has no `pipeline:`", file=file, line=root.line)
    reader = PipelineFile(file, root, folder.absolute(), target, exporting)
    reader.notes += [f"{file.name}:{line}: {text}" for line, text in notes]
    for name, _, _ in root.pairs:
        if name != "pipeline":
            reader.say(name, "no such key: all keys of a v1 pipeline go below pipeline:", "unknown")
            reader.note(name, "unknown key, which v1 ignored")
    job = PipelineJob(source=reader.source)
    with reader.gather():
        _pipeline(reader, job, whole)
    _lines(reader, job)
    return V1Reading(job, reader.refused, reader.let_pass, reader.notes, rows=reader.rows())


def _pipeline(reader: PipelineFile, job: PipelineJob, whole: Node) -> None:
    found = reader.section("pipeline", whole, _TOP)
    job.display_name = reader.word("pipeline.name", found.get("name"))
    job.description = reader.word("pipeline.description", found.get("description"))
    reader.say("pipeline.name", "display_name")
    reader.say("pipeline.description", "description")
    compute = reader.word("pipeline.default_compute", found.get("default_compute"))
    job.settings.default_compute = compute_of(reader.target or compute)
    job.settings.continue_on_step_failure = False  # v1's default; v2's is documented in two ways
    reader.say("pipeline.default_compute", "settings.default_compute")
    names: dict[str, str] = {}
    for part, make in (("parameters", _parameter), ("data_references", _reference)):
        place = f"pipeline.{part}"
        with reader.gather():
            for name, node in reader.named(place, found.get(part)).items():
                with reader.gather():
                    called = input_name(name, job.inputs)
                    if name in names:
                        reader.fault(f"{place}.{name}", "is a parameter's name too", "Rename one of them.")
                    names[name] = called
                    job.inputs[called] = make(reader, f"{place}.{name}", called, node)
    if found.get("steps") is None:
        raise reader.error("pipeline.steps", "is missing", "Write steps: and below it each step with its name.")
    Steps(reader, job, names).read(reader.named("pipeline.steps", found["steps"]))


def _parameter(reader: PipelineFile, place: str, name: str, node: Node) -> Input:
    if node.kind == "scalar" and node.empty:
        hint = "Indent `type:` and `default:` below the parameter's name; beside it they are read as parameters."
        raise reader.error(place, "has no type and default below it", hint)
    found = reader.section(place, node, ("type", "default"))
    kind = reader.word(f"{place}.type", found.get("type"))
    if kind not in _TYPES:
        raise reader.error(f"{place}.type", f"expected one of {', '.join(_TYPES)}, got {kind!r}")
    reader.say(f"{place}.type", f"inputs.{name}")
    reader.say(f"{place}.default", f"inputs.{name}")
    default = found.get("default")
    if kind == "datapath":
        if default is None:
            raise reader.error(f"{place}.default", "is missing", "Write datastore and path_on_datastore below it.")
        return _reference(reader, f"{place}.default", name, default)
    return Input(_V2_TYPES[kind], value=_default(reader, f"{place}.default", kind, default))


_V2_TYPES = {"string": "string", "int": "integer", "float": "number", "bool": "boolean"}


def _default(reader: PipelineFile, place: str, kind: str, node: Node | None) -> Scalar:
    empty: dict[str, Scalar] = {"string": "", "int": 0, "float": 0.0, "bool": False}
    if node is None:
        return empty[kind]
    if node.kind != "scalar":
        raise reader.error(place, f"expected a value, got a {node.kind}")
    value = node.value
    if kind == "string":
        return node.text
    if kind == "bool":
        if not isinstance(value, bool):
            meant = node.text.lower() == "true"
            reader.note(place, f"{node.text!r} is a string, which v1 treated as true; here it is {str(meant).lower()}")
            return meant
        return value
    try:
        number = float(node.text) if isinstance(value, (str, int, float)) and not isinstance(value, bool) else None
    except ValueError:
        number = None
    if number is None or (kind == "int" and number != int(number)):
        wanted = "a whole number" if kind == "int" else "a number"
        raise reader.error(place, f"expected {wanted}, got {node.text!r}")
    return int(number) if kind == "int" else number


def _reference(reader: PipelineFile, place: str, name: str, node: Node) -> Input:
    found = reader.section(place, node, _REFERENCE)
    words = {key: reader.word(f"{place}.{key}", child) or "" for key, child in found.items()}
    for key in found:
        reader.say(f"{place}.{key}", f"inputs.{name}.path")
    if words.get("dataset_name"):
        return Input("uri_folder", f"azureml:{words['dataset_name']}@latest", "ro_mount")
    if words.get("dataset_id"):
        if not reader.exporting and reader.target != "local":
            reader.note(place, "v2 knows datasets by name, not by a v1 id: write dataset_name to run in the cloud")
        return Input("uri_folder", f"{V1_DATASET}{words['dataset_id']}", "ro_mount")
    if any(key.startswith("sql") for key in found):
        key = next(key for key in found if key.startswith("sql"))
        reader.say(f"{place}.{key}", "v2 pipelines cannot read databases: export the table first", "unsupported")
        reader.fault(
            f"{place}.{key}", "v2 pipelines cannot read databases", "Export the table to a file, and name that."
        )
        return Input("uri_folder", None)
    if not words.get("datastore"):
        raise reader.error(place, "has neither a datastore nor a dataset", "Write datastore and path_on_datastore.")
    path = words.get("path_on_datastore", "").replace("\\", "/").lstrip("/").removeprefix("./")
    kind = "uri_file" if PurePosixPath(path).suffix else "uri_folder"
    return Input(kind, f"azureml://datastores/{words['datastore']}/paths/{path}", "ro_mount")


def _lines(reader: PipelineFile, job: PipelineJob) -> None:
    """Where v2's keys stand in the v1 file, so that what is found across steps is told with v1's lines."""
    lines: dict[str, int] = {}
    for place, (status, becomes) in reader.reports.items():
        if status == "mapped" and becomes.startswith("inputs."):
            name = ".".join(becomes.split(".")[:2])
            lines.setdefault(name, reader.source.lines.get(place.rpartition(".")[0], 1))
    lines["jobs"] = reader.source.lines.get("pipeline.steps", 1)
    job.source = Source(reader.file, lines)


class Steps:
    """Reads the steps of one file. `names` has what a v1 parameter or data reference is called in the job."""

    def __init__(self, reader: PipelineFile, job: PipelineJob, names: dict[str, str]) -> None:
        self.reader = reader
        self.job = job
        self.names = names
        self.makers: dict[str, tuple[str, str]] = {}  # destination → (step, output)

    def read(self, nodes: dict[str, Node]) -> None:
        """Add the steps to the job. Mistakes are gathered by the file."""
        found: dict[str, tuple[str, str, dict[str, Node]]] = {}
        for key, node in nodes.items():
            with self.reader.gather():
                kind, parts = kind_of(self.reader, f"pipeline.steps.{key}", node)
                named = self.reader.word(f"pipeline.steps.{key}.name", parts.get("name")) or ""
                own = identifier(named) if named else ""
                taken = {name for name, _, _ in found.values()}
                name = own if own and own not in taken else identifier(key, taken)
                found[key] = (name, kind, parts)
        for key, (name, _, parts) in found.items():
            with self.reader.gather():
                self._destinations(f"pipeline.steps.{key}", name, parts.get("outputs"))
        for key, (name, kind, parts) in found.items():
            with self.reader.gather():
                place = f"pipeline.steps.{key}"
                step = StepReader(self.reader, self.job, self.names, self.makers, place, name, kind, parts).read()
                self.job.jobs[name] = step

    def _destinations(self, place: str, step: str, node: Node | None) -> None:
        for name, entry in self.reader.named(f"{place}.outputs", node).items():
            here = f"{place}.outputs.{name}"
            wanted = entry.get("destination") if entry.kind == "map" else None
            destination = self.reader.word(f"{here}.destination", wanted)
            if not destination:
                raise self.reader.error(f"{here}.destination", "is missing", "Write the name that other steps read.")
            if destination in self.makers:
                maker = self.makers[destination][0]
                hint = "Give each output its own destination."
                self.reader.fault(f"{here}.destination", f"{destination!r} is also written by step {maker}", hint)
                continue
            self.makers[destination] = (step, input_name(name))
