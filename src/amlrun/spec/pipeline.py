"""A pipeline job in Azure ML v2's vocabulary: steps, the components they run, and the bindings between them.

The names are those of reference-yaml-job-pipeline.md and reference-yaml-component-command.md. What a binding such as
`${{parent.jobs.prep.outputs.tables}}` stands for is decided in `amlrun.pipeline.graph`, not here.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Literal, NamedTuple, Union

from amlrun.dataclass import dataclass, field
from amlrun.errors import AmlError
from amlrun.spec.automl import AutoMLJob
from amlrun.spec.job import (
    CommandJob,
    EarlyTermination,
    Environment,
    Input,
    Limits,
    Local,
    Objective,
    Output,
    Parameter,
    Resources,
    Sampling,
    Scalar,
    SparkJob,
)
from amlrun.spec.node import Node

_PARENT = re.compile(
    r"\$\{\{\s*parent\.(?:jobs\.(?P<step>[A-Za-z0-9_]+)\.)?(?P<kind>inputs|outputs)\.(?P<name>[A-Za-z0-9_]+)\s*\}\}"
)
ANY_BINDING = re.compile(r"\$\{\{\s*(parent\.[^{}]*?)\s*\}\}")
LITERAL_TYPES = ("string", "number", "integer", "boolean")
DATA_TYPES = ("uri_file", "uri_folder", "mltable", "mlflow_model", "custom_model", "triton_model")
MODEL_TYPES = ("mlflow_model", "custom_model", "triton_model")
StepType = Literal["command", "sweep", "parallel", "spark", "automl", "pipeline", "import", "data_transfer"]


def literal_type(value: object) -> str:
    """v2's type of a literal: boolean, integer, number or string."""
    names: dict[type, str] = {bool: "boolean", int: "integer", float: "number"}
    return names.get(type(value), "string")


class Binding(NamedTuple):
    """`${{parent.inputs.NAME}}` (`step` is empty) or `${{parent.jobs.STEP.outputs.NAME}}`."""

    step: str
    kind: str
    name: str

    def __str__(self) -> str:
        return f"${{{{parent.{f'jobs.{self.step}.' if self.step else ''}{self.kind}.{self.name}}}}}"


def bindings(text: Any) -> list[Binding]:
    """The bindings to the pipeline in a text; none in anything that is no text."""
    if not isinstance(text, str):
        return []
    return [Binding(match["step"] or "", match["kind"], match["name"]) for match in _PARENT.finditer(text)]


def whole_binding(text: Any) -> Binding | None:
    """The binding that the whole of a text is."""
    match = _PARENT.fullmatch(text.strip()) if isinstance(text, str) else None
    return Binding(match["step"] or "", match["kind"], match["name"]) if match else None


def is_v1(root: Node) -> bool:
    """Whether a file's tree is a v1 pipeline: everything lies below `pipeline:`."""
    return root.kind == "map" and root.get("pipeline") is not None and root.get("jobs") is None


def is_pipeline(root: Node) -> bool:
    """Whether a file's tree is a pipeline, of v1 or v2."""
    kind = root.get("type") if root.kind == "map" else None
    return is_v1(root) or (kind is not None and kind.text == "pipeline") or root.get("jobs") is not None


def substitute(text: str, value: Any) -> str:
    """`text` with each binding replaced by `value(binding)`."""
    return _PARENT.sub(lambda match: value(Binding(match["step"] or "", match["kind"], match["name"])), text)


@dataclass
class Source:
    """Where a part of a pipeline is written: a file, and the line of each key by its dotted place."""

    file: Path
    lines: dict[str, int] = field(default_factory=dict)

    def error(self, place: str, message: str, hint: str = "") -> AmlError:
        """An error at `place`; a place without a line of its own has that of the section around it."""
        above = place
        while above and above not in self.lines:
            above = above.rpartition(".")[0]
        return AmlError(message, file=self.file, line=self.lines.get(above, 1), field=place, hint=hint)


@dataclass
class Port:
    """An input of a component: data, or a literal with its default and bounds."""

    type: str = "uri_folder"
    default: Scalar | None = None
    optional: bool = False
    min: float | None = None
    max: float | None = None
    enum: list[Scalar] = field(default_factory=list)

    @property
    def required(self) -> bool:
        return not self.optional and self.default is None


@dataclass
class ParallelJob:
    """What a parallel step runs: `entry_script` with `init()` and `run(mini_batch)` over the files of `input_data`."""

    entry_script: str = ""
    code: Path | None = None
    program_arguments: str = ""
    append_row_to: str | None = None
    environment: Environment | None = None
    environment_variables: dict[str, str] = field(default_factory=dict)
    input_data: str = ""
    mini_batch_size: str | None = None
    mini_batch_error_threshold: int | None = None
    error_threshold: int | None = None
    max_concurrency_per_instance: int | None = None
    max_retries: int | None = None
    timeout: int | None = None  # seconds for one mini-batch
    logging_level: str | None = None
    resources: Resources | None = None
    compute: str | None = None
    local: Local = field(default_factory=Local)
    type: Literal["parallel"] = "parallel"


@dataclass
class Sweep:
    """What a sweep step says beside its trial."""

    objective: Objective
    search_space: dict[str, Parameter]
    sampling_algorithm: Sampling = field(default_factory=Sampling)
    early_termination: EarlyTermination | None = None
    limits: Limits = field(default_factory=Limits)


@dataclass
class Component:
    """The interface of what a step runs, as a component's file or the keys below `component:` declare it.

    `inline`: there is no component, and the interface is what the step is given. `reference` names a component that a
    workspace or registry holds: its interface is not known here.
    """

    inputs: dict[str, Port] = field(default_factory=dict)
    outputs: dict[str, Output] = field(default_factory=dict)
    name: str | None = None
    version: str | None = None
    is_deterministic: bool = True
    reference: str | None = None
    file: Path | None = None
    inline: bool = False
    source: Source | None = field(default=None, compare=False, repr=False)


StepJob = Union[CommandJob, ParallelJob, SparkJob, AutoMLJob, "PipelineJob"]


@dataclass
class Step:
    """A step: what it runs (`job`, with the step's own settings laid over the component's) and what it is given.

    An input's `value` or `path`, and an output's `path`, may be a binding. `job` is None for a component that is not
    here; `settings` are the keys of an import or data transfer step as they stand in the file. `unsupported`
    says why a step of a v1 file can run nowhere any more.
    """

    name: str
    type: StepType = "command"
    component: Component = field(default_factory=Component)
    job: StepJob | None = None
    inputs: dict[str, Input] = field(default_factory=dict)
    outputs: dict[str, Output] = field(default_factory=dict)
    compute: str | None = None
    display_name: str | None = None
    sweep: Sweep | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    unsupported: str = ""
    source: Source = field(default_factory=lambda: Source(Path()), compare=False, repr=False)

    def place(self, part: str, name: str) -> str:
        """The key of an input's or output's value: `PART.NAME`, or `PART.NAME.path` where it is written so."""
        # An AutoML step's tables are keys of the step itself.
        place = name if self.type == "automl" and part == "inputs" else f"{part}.{name}"
        return f"{place}.path" if f"jobs.{self.name}.{place}.path" in self.source.lines else place

    def error(self, place: str, message: str, hint: str = "") -> AmlError:
        """An error at a key of this step: `jobs.STEP.PLACE`."""
        return self.source.error(f"jobs.{self.name}.{place}" if place else f"jobs.{self.name}", message, hint)


@dataclass
class PipelineSettings:
    """None is what the file does not say."""

    default_compute: str | None = None
    default_datastore: str | None = None
    continue_on_step_failure: bool | None = None
    force_rerun: bool | None = None


@dataclass
class PipelineJob:
    """A pipeline job, or the body of a pipeline component. `inputs` are literals and data; `jobs` are in file order."""

    jobs: dict[str, Step] = field(default_factory=dict)
    name: str | None = None
    display_name: str | None = None
    experiment_name: str | None = None
    description: str | None = None
    tags: dict[str, str] = field(default_factory=dict)
    compute: str | None = None
    inputs: dict[str, Input] = field(default_factory=dict)
    outputs: dict[str, Output] = field(default_factory=dict)
    settings: PipelineSettings = field(default_factory=PipelineSettings)
    local: Local = field(default_factory=Local)
    source: Source = field(default_factory=lambda: Source(Path()), compare=False, repr=False)
    type: Literal["pipeline"] = "pipeline"
