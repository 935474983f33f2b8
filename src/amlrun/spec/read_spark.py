"""Reads a v2 Spark job YAML. The keys are those of reference-yaml-job-spark.md."""

from __future__ import annotations

import shlex
from collections.abc import Collection
from pathlib import Path

from amlrun.spec.job import BINDING, CommandJob, Resources, Scalar, SparkJob
from amlrun.spec.node import Node
from amlrun.spec.read_command import Reader
from amlrun.spec.spark_settings import SparkSettings, without_effect

_KEYS = ("$schema", "type", "name", "display_name", "experiment_name", "description", "tags", "properties", "code",
         "entry", "jars", "py_files", "files", "archives", "args", "conf", "inputs", "outputs", "environment",
         "compute", "resources", "identity")  # fmt: skip
_LISTS = ("jars", "py_files", "files", "archives")


def spark(reader: Reader) -> SparkJob:
    """The Spark job of a file. Raises AmlError with file and line."""
    found = reader.section("", reader.root, _KEYS)
    entry = reader.section("entry", found["entry"], ("file", "class_name")) if "entry" in found else {}
    script = reader.word("file", entry, "entry.file")
    if not script:
        other = "class_name" in entry
        message = "aml does not run a class in a JAR" if other else "is missing"
        line = found["entry"].line if "entry" in found else reader.root.line
        raise reader.error("entry.file", message, line, "Write: entry: {file: train.py}")
    job = SparkJob(entry=script, code=reader.code(found))
    reader.titles(job, found)
    job.inputs, job.outputs = reader.inputs(found), reader.outputs(found)
    settings(reader, found, job)
    job.environment = reader.environment(found)
    if "identity" in found:
        job.identity = reader.word("type", reader.section("identity", found["identity"], ("type",)))
    reader.check_names({"args": " ".join(job.args)}, job.inputs, job.outputs)
    reader.unused("", found, ("properties",))
    job.local.notes, job.local.sources = reader.notes, reader.sources(job.inputs)
    return job


def settings(reader: Reader, found: dict[str, Node], job: SparkJob) -> None:
    """What a Spark job and a pipeline's Spark step say alike: arguments, files, Spark's settings, the compute's size.

    Raises AmlError with file and line.
    """
    job.args = _words(reader, found, job.inputs)
    for name in _LISTS:
        setattr(job, name, _list(reader, name, found, job.code))
    job.conf = {name: _setting(reader, name, item) for name, item in reader.named("conf", found)}
    packages = [name.strip() for name in str(job.conf.get("spark.jars.packages", "")).split(",") if name.strip()]
    place = f"{reader.file.name}:{reader.lines.get('conf.spark.jars.packages', 1)}: conf.spark.jars.packages"
    job.local.spark = SparkSettings(places=dict.fromkeys(packages, place))
    if "resources" in found:
        parts = reader.section("resources", found["resources"], ("instance_type", "runtime_version"))
        job.resources = Resources(
            instance_type=reader.word("instance_type", parts), runtime_version=reader.word("runtime_version", parts)
        )


def as_script(job: SparkJob) -> CommandJob:
    """The job on this machine, or on one over ssh: its script, with a Spark of its own in its environment."""
    runtime = job.resources.runtime_version if job.resources else None
    places = job.local.spark.places if job.local.spark else {}
    job.local.spark = SparkSettings(job.conf, job.py_files, job.jars, job.files, job.archives, runtime, places)
    unused = without_effect(job.conf)
    if unused and job.compute == "local":
        job.local.notes.append(f"conf: {', '.join(unused)}: no effect on one machine")
    return CommandJob(
        command=["python", job.entry, *job.args], code=job.code, script=job.entry, name=job.name,
        display_name=job.display_name, experiment_name=job.experiment_name, description=job.description, tags=job.tags,
        inputs=job.inputs, outputs=job.outputs, environment=job.environment, compute=job.compute, local=job.local,
    )  # fmt: skip


def _words(reader: Reader, found: dict[str, Node], inputs: Collection[str]) -> list[str]:
    line = reader.without_optional(reader.word("args", found) or "", inputs, "args")
    line = BINDING.sub(r"${{\1.\2}}", line)
    try:
        return shlex.split(line)
    except ValueError as error:
        raise reader.error("args", "has an unclosed quote", found["args"].line) from error


def _list(reader: Reader, key: str, found: dict[str, Node], code: Path | None) -> list[str]:
    node = found.get(key)
    if node is None:
        return []
    if node.kind != "list" or any(item.kind != "scalar" for item in node.items):
        raise reader.error(key, "expected a list of paths", node.line)
    for item in node.items:
        place = item.text.partition("#")[0]  # after it stands the name that an archive is unpacked to
        elsewhere = any(sign in place for sign in ":*?[")
        if code is not None and not elsewhere and not (code / place).exists():
            hint = "Paths are relative to `code`, whose files are uploaded with the job."
            raise reader.error(key, f"there is no {item.text} in {code}", item.line, hint)
    return [item.text for item in node.items]


def _setting(reader: Reader, name: str, node: Node) -> Scalar:
    if node.kind != "scalar" or node.value is None:
        raise reader.error(f"conf.{name}", "expected a value", node.line)
    return node.literal
