"""A job in Azure ML v2's vocabulary, as plain data: command, sweep and spark jobs.

The names are those of the v2 YAML (`azure-ai-docs`, reference-yaml-job-command.md, -sweep.md, -spark.md).
Arguments stay a list until `shell_line` makes the one string that the YAML and the cloud want.
`None` and empty collections mean "not said" and are left out of the YAML.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, Literal, Union

from amlrun.dataclass import dataclass, field
from amlrun.spec.spark_settings import SparkSettings

BINDING = re.compile(r"\$\{\{\s*(inputs|outputs|search_space)\.([A-Za-z0-9_]+)\s*\}\}")
BOUND = re.compile(r"\$\{\{\s*([^}]*?)\s*\}\}")  # whatever stands where a binding does
Scalar = Union[str, int, float, bool]
# Azure ML's base image for a file that names none: what `RunConfiguration()` of v1's last version took.
DEFAULT_IMAGE = "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04:20251130.v1"

# How the path of an input begins that a v1 file names by dataset id alone: only here, where its own name is looked up.
V1_DATASET = "azureml://v1-datasets/"


@dataclass
class Input:
    """A named input. `value` is a literal; else `path` says where the data lies.

    `path` is a local path, `azureml:NAME:VERSION`, `azureml:NAME@latest`, `azureml://…`, `runs:/ID/PATH` or a URL.
    `type` is uri_folder, uri_file, mltable, mlflow_model, custom_model, …, or for a literal string, number, integer,
    boolean.
    """

    type: str = "uri_folder"
    path: str | None = None
    mode: str | None = None
    value: Scalar | None = None


@dataclass
class Output:
    """A named output folder or file; without `path` the service (or the run folder) picks the place."""

    type: str = "uri_folder"
    path: str | None = None
    mode: str | None = None
    name: str | None = None
    version: str | None = None
    description: str | None = None


@dataclass
class Build:
    path: str = "."
    dockerfile_path: str | None = None


@dataclass
class Environment:
    """A registered environment (`reference`, e.g. `azureml:NAME:3`), or an inline one.

    `conda_file` is an absolute path, or the conda specification itself. `dockerfile` is Dockerfile text
    (v1's `baseDockerfile`), which an export writes out as a build context.
    """

    reference: str | None = None
    image: str | None = None
    conda_file: Path | dict[str, Any] | None = None
    build: Build | None = None
    dockerfile: str | None = None


@dataclass
class Distribution:
    type: Literal["mpi", "pytorch", "tensorflow"]
    process_count_per_instance: int | None = None
    worker_count: int | None = None
    parameter_server_count: int | None = None


@dataclass
class Resources:
    instance_count: int | None = None
    instance_type: str | None = None
    shm_size: str | None = None
    docker_args: list[str] = field(default_factory=list)
    runtime_version: str | None = None  # spark jobs only


@dataclass
class Limits:
    """Seconds for `timeout` and `trial_timeout`; the trial counts belong to a sweep."""

    timeout: int | None = None
    trial_timeout: int | None = None
    max_total_trials: int | None = None
    max_concurrent_trials: int | None = None


@dataclass
class QueueSettings:
    job_tier: str | None = None
    priority: str | None = None


@dataclass
class Service:
    type: str
    port: int | None = None
    log_dir: str | None = None
    ssh_public_keys: str | None = None


@dataclass
class Volume:
    """One `-v HOST:CONTAINER` pair of v1's Docker arguments."""

    host: str
    container: str


@dataclass
class Local:
    """What only matters on this machine; the YAML leaves it out.

    `interpreter` is set when the user manages the environment (v1's `userManagedDependencies: true`).
    `container`: it runs in its environment's image. `volumes` are honoured by rewriting arguments, in a container as
    they are; there `mounts` (input → folder, v1's `pathOnCompute`) are real too. `notes` are said once, at submit.
    `sources`: input → file, line and key that name its data. `single`: one process stands for all of a distributed
    job; `many_ranks`: more than 16 of them are started. `spark`: the script is a Spark job's.
    """

    interpreter: str | None = None
    container: bool | None = None
    volumes: list[Volume] = field(default_factory=list)
    mounts: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    sources: dict[str, tuple[Path, int, str]] = field(default_factory=dict, compare=False, repr=False)
    single: bool | None = None
    many_ranks: bool | None = None
    spark: SparkSettings | None = None


@dataclass
class CommandJob:
    """A command job: `command` is an argument list (`["python", "train.py", "--lr", "0.1"]`) or a shell command.

    `code` is a folder, or a single file, as in azure-ai-ml. `script` is the file in it that is run, if known, so that
    it can be checked before anything starts.
    """

    command: list[str] | str = field(default_factory=list)
    code: Path | None = None
    script: str | None = None
    name: str | None = None
    display_name: str | None = None
    experiment_name: str | None = None
    description: str | None = None
    tags: dict[str, str] = field(default_factory=dict)
    inputs: dict[str, Input] = field(default_factory=dict)
    outputs: dict[str, Output] = field(default_factory=dict)
    environment: Environment | None = None
    environment_variables: dict[str, str] = field(default_factory=dict)
    compute: str | None = None
    resources: Resources | None = None
    distribution: Distribution | None = None
    limits: Limits | None = None
    queue_settings: QueueSettings | None = None
    services: dict[str, Service] = field(default_factory=dict)
    identity: str | None = None  # user_identity, managed, aml_token
    local: Local = field(default_factory=Local)
    type: Literal["command"] = "command"


@dataclass
class SparkJob:
    """A Spark job: `entry` is the script in `code`; `args` is a list, like a command's."""

    entry: str = ""
    args: list[str] = field(default_factory=list)
    code: Path | None = None
    name: str | None = None
    display_name: str | None = None
    experiment_name: str | None = None
    description: str | None = None
    tags: dict[str, str] = field(default_factory=dict)
    jars: list[str] = field(default_factory=list)
    py_files: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    archives: list[str] = field(default_factory=list)
    inputs: dict[str, Input] = field(default_factory=dict)
    outputs: dict[str, Output] = field(default_factory=dict)
    environment: Environment | None = None
    conf: dict[str, Scalar] = field(default_factory=dict)
    compute: str | None = None
    resources: Resources | None = None
    identity: str | None = None
    local: Local = field(default_factory=Local)
    type: Literal["spark"] = "spark"


@dataclass
class Objective:
    primary_metric: str
    goal: Literal["maximize", "minimize"]


@dataclass
class Parameter:
    """One search-space entry: `type` is one of the ten expressions, `argument` the word v1 appended."""

    type: str
    argument: str
    values: list[Scalar] | None = None
    upper: int | None = None
    min_value: float | None = None
    max_value: float | None = None
    mu: float | None = None
    sigma: float | None = None
    q: int | float | None = None


@dataclass
class Sampling:
    type: Literal["random", "grid", "bayesian"] = "random"
    rule: str | None = None  # random: "random" or "sobol"
    seed: int | None = None


@dataclass
class EarlyTermination:
    """`type` is bandit, median_stopping or truncation_selection; the interval is always written."""

    type: str
    evaluation_interval: int = 1
    delay_evaluation: int = 0
    slack_factor: float | None = None
    slack_amount: float | None = None
    truncation_percentage: int | None = None


@dataclass
class SweepJob:
    """A sweep over the job `trial`; `limits` are numbers of trials, and seconds."""

    trial: CommandJob
    objective: Objective
    search_space: dict[str, Parameter]
    sampling_algorithm: Sampling = field(default_factory=Sampling)
    early_termination: EarlyTermination | None = None
    limits: Limits = field(default_factory=Limits)
    name: str | None = None
    display_name: str | None = None
    experiment_name: str | None = None
    description: str | None = None
    tags: dict[str, str] = field(default_factory=dict)
    compute: str | None = None
    type: Literal["sweep"] = "sweep"


def compute_named(name: str) -> str:
    """A job's `compute` for the name that `--ct` gave: `local`, in any case as written, else `azureml:NAME`."""
    return "local" if name.lower() == "local" else f"azureml:{name.removeprefix('azureml:')}"


def shell_line(words: list[str]) -> str:
    """One POSIX shell line that runs `words`; `${{…}}` bindings stay bare, for the service fills them in."""
    return " ".join(_quote(word) for word in words)


def _quote(word: str) -> str:
    if not BINDING.search(word):
        return shlex.quote(word)
    parts, at = [], 0
    for match in BINDING.finditer(word):
        if match.start() > at:
            parts.append(shlex.quote(word[at : match.start()]))
        parts.append(match.group(0))
        at = match.end()
    if at < len(word):
        parts.append(shlex.quote(word[at:]))
    return "".join(parts)


def to_dict(value: Any) -> Any:
    """A dataclass as nested plain data without what was not said (None, empty lists and dicts) or has no repr."""
    if is_dataclass(value) and not isinstance(value, type):
        pairs = {f.name: to_dict(getattr(value, f.name)) for f in fields(value) if f.repr}
        return {key: item for key, item in pairs.items() if item is not None and item != {} and item != []}
    if isinstance(value, dict):
        return {key: to_dict(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_dict(item) for item in value]
    if isinstance(value, Path):
        return value.as_posix()
    return value
