"""Reads an Azure ML v2 job YAML (`az ml job create --file`), whatever type of job it is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from amlrun.errors import AmlError
from amlrun.spec import node, read_spark, read_sweep
from amlrun.spec.docker_arguments import volumes
from amlrun.spec.job import CommandJob, SparkJob, SweepJob, compute_named
from amlrun.spec.node import Node
from amlrun.spec.read_command import Reader

if TYPE_CHECKING:
    from amlrun.spec.automl import AutoMLJob

# Keys by which another kind of file is known, what it is, and what to do with it.
_OTHERS = (
    (("script", "target", "framework", "communicator", "datareferences", "nodecount", "prepareenvironment", "hdi"),
     "a v1 run configuration",
     "Run it with: aml run submit-script -c {0}\nOr write it as a v2 job: aml export -c {0} -o job.yml"),
    (("primarymetricname", "primarymetricgoal", "sampling"), "a v1 sweep (HyperDrive) file",
     "Run it with: aml run submit-hyperdrive -c CONFIGURATION --hyperdrive-configuration-name {0}"),
    (("entryscript", "condafile"), "a v1 inference configuration", "Give it with --ic, to aml model deploy."),
    (("computetype",), "a v1 deployment configuration", "Give it with --dc, to aml model deploy."),
    (("dependencies",), "a conda file", "Name it in a job: environment: {{image: …, conda_file: {0}}}"),
)  # fmt: skip


def read(
    file: Path, target: str | None = None, *, container: bool = False
) -> CommandJob | SweepJob | SparkJob | AutoMLJob:
    """The job in `file`: `code`, conda files and local inputs as absolute paths, beside the file.

    `target` (`local`, or a compute's name) replaces the file's `compute`. A Spark job on the local target becomes a
    command job whose script starts its own Spark. What has no effect there is in the job's notes. With `container` the
    job runs in its environment's image there.

    Raises AmlError, with file and line, for a file that is no job or a job of another type, a key that the job has
    not, a value of the wrong type, and a `${{inputs.x}}` that names no input.
    """
    root, _ = node.read(file)
    reader = Reader(file.absolute(), root)
    kind = root.get("type") if root.kind == "map" else None
    named = "command" if kind is None or kind.empty else kind.text
    if named == "automl":
        from amlrun.spec import read_automl
        from amlrun.spec.read_automl_settings import Settings

        return read_automl.at(read_automl.automl(Settings(file.absolute(), root)), target)
    if named == "sweep":
        job: CommandJob | SweepJob | SparkJob = read_sweep.sweep(reader)
    elif named == "spark":
        job = read_spark.spark(reader)
    elif named == "command":
        _refuse_others(root, file)
        job = reader.job()
    else:
        kinds = "command, sweep, spark, automl and pipeline jobs"
        raise reader.error("type", f"{named} jobs are not supported here, only {kinds}",
                           root.line if kind is None else kind.line)  # fmt: skip
    return _at(job, target, container)


def _at(job: CommandJob | SweepJob | SparkJob, target: str | None, container: bool) -> CommandJob | SweepJob | SparkJob:
    if target is not None:
        job.compute = compute_named(target)
    elif job.compute and job.compute.removeprefix("azureml:").lower() == "local":
        job.compute = "local"
    if isinstance(job, SweepJob):
        job.trial.compute = job.compute
    if job.compute != "local":
        return job
    if isinstance(job, SparkJob):
        job = read_spark.as_script(job)
    trial = job.trial if isinstance(job, SweepJob) else job
    trial.local.container = container or None
    trial.local.notes += _local_notes(trial)
    return job


def _local_notes(job: CommandJob) -> list[str]:
    """A line for each setting of `job` that has no effect here: that only a cluster or a container has."""
    notes = []
    wanted = job.resources
    nodes = (wanted.instance_count if wanted else None) or 1
    if nodes > 1 and job.distribution is None:
        notes.append(f"resources.instance_count: {nodes} nodes without a distribution: here the command runs once")
    if job.local.container:
        wanted = None
    others = volumes(wanted.docker_args)[1] if wanted else []
    if others:
        notes.append(f"resources.docker_args: no container here, so {' '.join(others)} has no effect")
    if wanted and wanted.shm_size:
        notes.append("resources.shm_size: no container here, so it has no effect")
    notes += [f"services.{name}: is not started here" for name in job.services]
    return notes


def _refuse_others(root: Node, file: Path) -> None:
    """Say what a file is that is named as a job and is none. Raises AmlError."""
    if root.kind != "map":
        raise AmlError("is not a job: expected keys such as command and environment", file=file, line=root.line)
    schema = root.get("$schema")
    if schema is not None and "Component" in schema.text:
        hint = "A component runs in a pipeline; a job has the same command, with its inputs' values and a compute."
        raise AmlError("is a component, not a job", file=file, line=schema.line, hint=hint)
    if schema is not None or root.get("type") is not None:
        return
    keys = {name.replace("_", "").lower(): line for name, line, _ in reversed(root.pairs)}
    for marks, what, hint in _OTHERS:
        found = [keys[mark] for mark in marks if mark in keys]
        if found:
            raise AmlError(f"is {what}, not a v2 job", file=file, line=min(found), hint=hint.format(file))
