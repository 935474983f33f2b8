"""One step of a v1 pipeline as a node of a v2 pipeline: what it reads, writes, runs, and where."""

from __future__ import annotations

import posixpath
import re
import shlex
from typing import Any

from amlrun.dataclass import dataclass, field
from amlrun.migrate.drivers import sweeps
from amlrun.migrate.drivers.context import Construction, ConversionContext
from amlrun.migrate.drivers.data import Data, data
from amlrun.migrate.drivers.packages import listed
from amlrun.migrate.drivers.signatures import bound, name_of
from amlrun.migrate.drivers.values import NOTHING, Gap, SdkObject, Text, gaps_in, known
from amlrun.migrate.scripts.helpers import identifier

KINDS = ("PythonScriptStep", "CommandStep", "EstimatorStep", "HyperDriveStep", "ParallelRunStep")
_MODES = {"mount": "ro_mount", "download": "download", "direct": "direct", "hdfs": "ro_mount"}
_OUTPUT_MODES = {"mount": "rw_mount", "upload": "upload"}


@dataclass
class Step:
    """A step on its way to a node: `reads` and `writes` by name, `parameters` the pipeline's that it takes."""

    made: SdkObject
    key: str
    done: Construction
    reads: dict[str, Data] = field(default_factory=dict)
    writes: dict[str, Data] = field(default_factory=dict)
    parameters: dict[str, SdkObject] = field(default_factory=dict)
    words: list[Any] = field(default_factory=list)

    @property
    def given(self) -> dict[str, Any]:
        return bound(self.made)


def root(value: Any) -> int:
    """What identifies an intermediate output: the PipelineData or OutputFileDatasetConfig behind `.as_input()`."""
    made = known(value)
    if isinstance(made, tuple) and made:
        made = known(made[0])
    while isinstance(made, SdkObject) and made.name.startswith(".") and isinstance(made.owner, SdkObject):
        made = made.owner
    return id(made)


def outputs_of(made: SdkObject) -> list[Data]:
    """What a step writes: its `outputs`, and each OutputFileDatasetConfig in its arguments that is no input."""
    given = bound(made)
    found = [one for item in [*listed(given.get("outputs")), *listed(given.get("output"))] if (one := data(item))]
    for item in arguments_of(made):
        one = data(item)
        if one is not None and one.kind == "output" and name_of(known(one.made)) != "PipelineData":
            found.append(one)
    return found


def arguments_of(made: SdkObject) -> list[Any]:
    given = bound(made)
    found: list[Any] = []
    for key in ("arguments", "estimator_entry_script_arguments", "command"):
        value = known(given.get(key))
        found += value if isinstance(value, (list, tuple)) else []
    inner = known(given.get("estimator") or given.get("hyperdrive_config"))
    run = sweeps.trial(inner) if isinstance(inner, SdkObject) and inner.name in sweeps.KINDS else inner
    if isinstance(run, SdkObject):
        own = bound(run)
        params = known(own.get("script_params"))
        flags = (
            [word for pair in params.items() for word in pair if word not in ("", None)]
            if isinstance(params, dict)
            else []
        )
        inner_words = known(own.get("arguments"))
        found = [*(inner_words if isinstance(inner_words, (list, tuple)) else flags), *found]
    return found


def read(context: ConversionContext, made: SdkObject, key: str, producers: dict[int, tuple[str, str]]) -> Step:
    """What a step reads, writes and takes as arguments; `producers` says which step writes what."""
    step = Step(made, key, context.note(made, made.name))
    given = step.given
    for one in outputs_of(made):
        step.writes.setdefault(one.name, one)
    extra = known(given.get("side_inputs"))
    for item in [*listed(given.get("inputs")), *(extra if isinstance(extra, list) else [])]:
        plain = known(item)
        if isinstance(plain, SdkObject) and plain.name == "PipelineParameter":
            step.parameters[str(known(bound(plain).get("name")))] = plain
        elif (found := data(item)) is not None:
            _add(step, found)
        else:
            step.done.gaps.append(
                item if isinstance(item, Gap) else Gap("an input that is not read", made.line, "input")
            )
    if isinstance(given.get("arguments"), Gap):
        step.done.gaps.append(given["arguments"])
    for item in arguments_of(made):
        step.words.append(_word(step, item, producers))
    _named_datasets(context, step)
    return step


def _named_datasets(context: ConversionContext, step: Step) -> None:
    """A dataset that the script gets by the name in one of its options is an input of that name.

    The rewritten script reads its path from the environment variable that helpers.variable_of spells the same way.
    """
    folder, script = known(step.given.get("source_directory")), known(step.given.get("script_name"))
    if not isinstance(script, str):
        return
    place = context.resolve(posixpath.join(folder, script) if isinstance(folder, str) else script)
    text = context.lookup(context.place(place)) or ""
    for flag, value in zip(step.words, step.words[1:]):
        option = str(flag).lstrip("-").replace("-", "_")
        literal = isinstance(value, str) and value and "${{" not in value and not value.startswith("-")
        named = rf"get_by_name\(\s*[^,]+,\s*(?:name\s*=\s*)?(?:\w+\.)?{re.escape(option)}\b"
        if str(flag).startswith("--") and literal and re.search(named, text):
            _add(step, Data(identifier(value), "dataset", "direct", {"dataset": {"name": value}}, made=value))


def _add(step: Step, found: Data) -> str:
    same = next((name for name, one in step.reads.items() if root(one.made) == root(found.made)), None)
    if same is not None:
        return same
    name, number = found.name, 2
    while name in step.reads or name in step.writes:
        name, number = f"{found.name}_{number}", number + 1
    step.reads[name] = found
    return name


def _word(step: Step, item: Any, producers: dict[int, tuple[str, str]]) -> Any:
    plain = known(item)
    if isinstance(plain, SdkObject) and plain.name == "PipelineParameter":
        name = str(known(bound(plain).get("name")))
        step.parameters[name] = plain
        return f"${{{{inputs.{input_name(name)}}}}}"
    found = data(item)
    if found is not None:
        written = next((name for name, one in step.writes.items() if root(one.made) == root(found.made)), None)
        if written is not None:
            return f"${{{{outputs.{written}}}}}"
        return f"${{{{inputs.{_add(step, found)}}}}}"
    if isinstance(item, (Gap, Text)):
        step.done.gaps += gaps_in(item)
        if isinstance(item, Text):
            return item.text
        return plain if isinstance(plain, (str, int, float)) else item.placeholder
    if isinstance(plain, (str, int, float)) or plain is None:
        return "" if plain is None else plain
    gap = Gap("a value that is not in the code", step.made.line, "value")
    step.done.gaps.append(gap)
    return gap.placeholder


def input_name(name: str) -> str:
    """A pipeline's parameter as the name of an input."""
    return re.sub(r"[^A-Za-z0-9_]", "_", name)


def line(words: list[Any]) -> str:
    """Words as a shell line; `${{…}}` stays open."""
    return " ".join(str(word) if "${{" in str(word) else shlex.quote(str(word)) for word in words)


def bound_input(step: Step, name: str, producers: dict[int, tuple[str, str]], inputs: dict[str, Any]) -> str:
    """The binding of an input to another step's output, or to an input of the pipeline that is added to `inputs`."""
    found = step.reads[name]
    producer = producers.get(root(found.made))
    if producer is not None:
        return f"${{{{parent.jobs.{producer[0]}.outputs.{producer[1]}}}}}"
    label, number = name, 2
    entry = pipeline_input(found, step)
    while label in inputs and inputs[label] != entry:
        label, number = f"{name}_{number}", number + 1
    inputs[label] = entry
    return f"${{{{parent.inputs.{label}}}}}"


def pipeline_input(found: Data, step: Step) -> dict[str, Any]:
    """An input of the pipeline for a dataset or a datastore's folder."""
    path = found.path
    if path is NOTHING:
        path = Gap("data that is not in the code", step.made.line, found.name)
    step.done.gaps += gaps_in(path)
    step.done.notes += [f"{found.name}: {remark}" for remark in found.remarks]
    if isinstance(path, str) and "*" in path:
        path = path.partition("*")[0].rpartition("/")[0] + "/"
        step.done.notes.append(f"{found.name}: v2 has no patterns in paths: the whole folder is the input")
    direct = found.mechanism == "direct" and found.kind == "dataset"
    # A registered table may be an MLTable; a place in a datastore is the files themselves.
    kind = "mltable" if direct and "dataset" in found.location else "uri_folder"
    plain = str(known(path))
    if ("uri" in found.location and not plain.endswith("/")) or re.search(r"\.[A-Za-z][A-Za-z0-9]{0,7}$", plain):
        kind = "uri_file" if kind == "uri_folder" else kind
    mode = "direct" if kind == "mltable" else _MODES.get(found.mechanism, "ro_mount")
    return {"type": kind, "path": path, "mode": "ro_mount" if mode == "direct" and kind != "mltable" else mode}


def output_entry(found: Data) -> dict[str, Any]:
    """An output of a step."""
    kind = "uri_file" if found.is_file else "uri_folder"
    entry: dict[str, Any] = {"type": kind, "mode": _OUTPUT_MODES.get(found.mechanism, "rw_mount")}
    place = found.path if "dataPath" in found.location else NOTHING
    if isinstance(place, str):
        entry["path"] = place
    if isinstance(known(found.register), str):
        entry["name"] = known(found.register)
    return entry
