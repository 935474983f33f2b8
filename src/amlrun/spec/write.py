"""Writes a job as Azure ML v2's own job YAML: what `az ml job create` and azure-ai-ml's `load_job` read.

azure-ai-ml reads YAML 1.1, where `no` is false and 1:30 a number, so words that could be anything else are quoted.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from amlrun.errors import AmlError
from amlrun.spec import write_automl, write_pipeline, write_sweep
from amlrun.spec.automl import AutoMLJob
from amlrun.spec.job import CommandJob, Environment, SparkJob, SweepJob, shell_line, to_dict
from amlrun.spec.jobs import Job
from amlrun.spec.pipeline import PipelineJob
from amlrun.spec.yaml_data import text_of, without_empty

_SCHEMA = "https://azuremlschemas.azureedge.net/latest/{}Job.schema.json"
_PLAIN = re.compile(r"[A-Za-z_./$-][A-Za-z0-9_ ./${}@=+,()-]*(?::[A-Za-z0-9_./@][A-Za-z0-9_ ./${}@=+:-]*)*")
_WORDS = ("y", "n", "yes", "no", "on", "off", "true", "false", "null", "~", ".inf", ".nan", "-.inf", "-")
_EMPTY_SAID = ("type", "command", "entry")
_SHARED = ("type", "name", "display_name", "experiment_name", "description", "tags")
# In the order in which the reference pages have them.
_KEYS = {
    "command": (*_SHARED, "command", "code", "inputs", "outputs", "environment", "environment_variables", "compute",
                "resources", "distribution", "limits", "queue_settings", "services", "identity"),
    "spark": (*_SHARED, "code", "entry", "args", "jars", "py_files", "files", "archives", "inputs", "outputs",
              "environment", "conf", "compute", "resources", "identity"),
}  # fmt: skip


def tree(job: Job, folder: Path) -> dict[str, Any]:
    """The job as the YAML's plain data, paths relative to `folder`, where the file will be.

    Raises AmlError for a kind of job that is not written here.
    """
    if isinstance(job, (CommandJob, SparkJob)):
        return _job(job, folder)
    if isinstance(job, SweepJob):
        return write_sweep.tree(job, _job(job.trial, folder))
    if isinstance(job, AutoMLJob):
        return write_automl.tree(job, lambda path: relative(path, folder))
    if isinstance(job, PipelineJob):
        writers = write_pipeline.Writers(
            lambda command: _job(command, folder),
            lambda spark: _job(spark, folder),
            lambda environment: _environment(environment, folder),
            lambda path: relative(path, folder),
            lambda path: relative(path, folder),
        )
        return write_pipeline.tree(job, writers)
    raise AmlError(f"a {job.type} job is not written here")


def text(job: Job, folder: Path, comments: Mapping[str, str] | None = None, head: Sequence[str] = ()) -> str:
    """The job's YAML. `comments` go to the end of the line of a key (dotted path); `head` are comment lines above."""
    return tree_text(tree(job, folder), comments or {}, head)


def tree_text(found: dict[str, Any], comments: Mapping[str, str], head: Sequence[str]) -> str:
    """`text` of a job's plain data."""
    return "\n".join([*(f"# {line}".rstrip() for line in head), text_of(_commented(found, comments, ""))])


def side_files(job: Job, folder: Path) -> dict[Path, str]:
    """Files that the YAML in `folder` points to and that must be written with it: a Dockerfile given as text."""
    if isinstance(job, PipelineJob):
        return write_pipeline.side_files(job, folder)
    own = job.trial if isinstance(job, SweepJob) else job
    environment = None if not isinstance(own, (CommandJob, SparkJob)) else own.environment
    if environment is None or environment.dockerfile is None:
        return {}
    return {folder / _BUILD / "Dockerfile": environment.dockerfile}


_BUILD = "environment"


def _job(job: CommandJob | SparkJob, folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = {"$schema": _SCHEMA.format(job.type)}
    found |= {name: to_dict(getattr(job, name)) for name in _KEYS[job.type]}
    found["code"] = None if job.code is None else relative(job.code, folder)
    found["inputs"] = {name: _input(data) for name, data in job.inputs.items()}
    found["outputs"] = {name: _output(data) for name, data in job.outputs.items()}
    found["environment"] = _environment(job.environment, folder)
    found["identity"] = None if job.identity is None else {"type": job.identity}
    if isinstance(job, CommandJob):
        found["command"] = job.command if isinstance(job.command, str) else shell_line(job.command)
    else:
        found |= {"entry": {"file": job.entry}, "args": shell_line(job.args)}
    return without_empty(found, _EMPTY_SAID)


def _input(data: Any) -> Any:
    if data.value is not None:
        return data.value
    return to_dict(data)


def _output(data: Any) -> Any:
    found = to_dict(data)
    found.pop("description", None)
    return found


def _environment(environment: Environment | None, folder: Path) -> Any:
    if environment is None or environment.reference:
        return None if environment is None else environment.reference
    found: dict[str, Any] = {"image": environment.image}
    if environment.dockerfile is not None:
        found["build"] = {"path": f"./{_BUILD}", "dockerfile_path": "Dockerfile"}
    elif environment.build is not None:
        found["build"] = to_dict(environment.build)
    if isinstance(environment.conda_file, Path):
        found["conda_file"] = relative(environment.conda_file, folder)
    else:
        found["conda_file"] = environment.conda_file
    return without_empty(found)


def relative(path: Path, folder: Path) -> str:
    """`path` as seen from `folder`, with `/`, starting with `./` or `../`; absolute on another drive."""
    try:
        found = Path(os.path.relpath(path, folder)).as_posix()
    except ValueError:
        return path.as_posix()
    return found if found.startswith(".") else f"./{found}"


def _commented(value: Any, comments: Mapping[str, str], place: str) -> Any:
    from ruamel.yaml.comments import CommentedMap
    from ruamel.yaml.scalarstring import DoubleQuotedScalarString

    if isinstance(value, dict):
        found = CommentedMap()
        for key, item in value.items():
            below = f"{place}.{key}" if place else str(key)
            found[_commented(str(key), {}, "")] = _commented(item, comments, below)
            if below in comments:
                found.yaml_add_eol_comment(comments[below].replace("\n", " "), key, column=0)
        return found
    if isinstance(value, (list, tuple)):
        return [_commented(item, comments, place) for item in value]
    if isinstance(value, str) and not (_PLAIN.fullmatch(value) and value.lower() not in _WORDS):
        return DoubleQuotedScalarString(value)
    return value
