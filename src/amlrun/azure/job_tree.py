"""A command, sweep or Spark job as the official YAML that azure-ai-ml loads, with every check that needs no connection.

What the service would refuse, or take and then fail on, is refused before anything is uploaded.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from amlrun.azure import common_tree
from amlrun.errors import AmlError
from amlrun.spec import write_sweep
from amlrun.spec.job import CommandJob, SparkJob, SweepJob, shell_line, to_dict

# The sizes of serverless Spark (azure-ai-ml, SparkResourceConfiguration).
SIZES = ("standard_e4s_v3", "standard_e8s_v3", "standard_e16s_v3", "standard_e32s_v3", "standard_e64s_v3")
_RUNTIME = "3.4"
_DYNAMIC = "spark.dynamicAllocation."


def tree(job: CommandJob | SweepJob | SparkJob, name: str, experiment: str, code: str | None) -> dict[str, Any]:
    """The job's official YAML as a dict: named `name`, its code the asset `code`. Raises AmlError."""
    if isinstance(job, SweepJob):
        trial = _tree(job.trial, name, experiment, code, job.search_space)
        return write_sweep.tree(job, trial, schema=False)
    return _tree(job, name, experiment, code)


def spark_as_command(job: SparkJob) -> CommandJob:
    """A Spark job as what every target checks and records: its script with its arguments."""
    return CommandJob(
        command=["spark-submit", job.entry, *job.args], code=job.code, script=job.entry, tags=job.tags,
        inputs=job.inputs, outputs=job.outputs, environment=job.environment, compute=job.compute,
        resources=job.resources, local=job.local,
    )  # fmt: skip


def _tree(
    job: CommandJob | SparkJob, name: str, experiment: str, code: str | None, space: Collection[str] = ()
) -> dict[str, Any]:
    """A job's tree; `space` names the parameters of the sweep whose trial it is."""
    found: dict[str, Any] = to_dict(job) | {"name": name, "experiment_name": experiment}
    for ours in ("local", "script", "code"):
        found.pop(ours, None)
    if code:
        found["code"] = f"azureml:{code}"
    if isinstance(job, SparkJob):
        _spark(job, found)
    else:
        _command(job, found, space)
    if job.environment is not None:
        found["environment"] = common_tree.environment(job.environment)
    if job.identity:
        found["identity"] = {"type": job.identity}
    common_tree.data(job.inputs, job.outputs, found)
    return found


def _command(job: CommandJob, found: dict[str, Any], space: Collection[str]) -> None:
    wanted = job.environment
    if wanted is None or not (
        wanted.reference or wanted.image or wanted.build or wanted.conda_file or wanted.dockerfile
    ):
        raise AmlError(
            "environment: neither an image nor a conda file is given, so the script has nothing to run in",
            hint="Add environment.python.condaDependenciesFile, or environment.docker.baseImage.",
        )
    words: list[str] = [job.command] if isinstance(job.command, str) else job.command
    common_tree.check_bindings([*words, *job.environment_variables.values()], job.inputs, job.outputs, space)
    for volume in job.local.volumes:
        inside = volume.container.rstrip("/")
        if any(word == inside or word.startswith(inside + "/") for word in words):
            raise AmlError(
                f"docker.arguments: -v {volume.host}:{volume.container} is a folder on this machine",
                hint="Register the data (aml dataset register) and name it below `data:`.",
            )
    found["command"] = job.command if isinstance(job.command, str) else shell_line(job.command)
    target = (job.compute or "").removeprefix("azureml:")
    if common_tree.is_vm_size(target):
        # Serverless: a VM size in place of a cluster's name.
        found.pop("compute")
        found.setdefault("resources", {})["instance_type"] = target
    elif target:  # without one the job is serverless, of a size that the service chooses
        found["compute"] = f"azureml:{target}"


def _spark(job: SparkJob, found: dict[str, Any]) -> None:
    common_tree.check_bindings(job.args, job.inputs, job.outputs)
    for key in ("compute", "resources"):
        found.pop(key, None)
    found |= {"entry": {"file": job.entry}, **_spark_compute(job), "conf": _spark_settings(job)}
    if job.args:
        found["args"] = shell_line(job.args)


def _spark_compute(job: SparkJob) -> dict[str, Any]:
    """An attached Synapse Spark pool by its name, else serverless Spark by its size."""
    target = (job.compute or "").removeprefix("azureml:")
    if target and not common_tree.is_vm_size(target):
        return {"compute": f"azureml:{target}"}
    size = target or (job.resources.instance_type if job.resources else None)
    if not size or size.lower() not in SIZES:
        raise AmlError(
            f"target: serverless Spark has no size {size!r}" if size else "target: no compute is given",
            hint=f"Name an attached Synapse Spark pool, or one of the sizes {', '.join(SIZES)} (--ct).",
        )
    runtime = (job.resources.runtime_version if job.resources else None) or _RUNTIME
    return {"resources": {"instance_type": size, "runtime_version": runtime}}


def _spark_settings(job: SparkJob) -> dict[str, Any]:
    """Spark's settings, with the rules that azure-ai-ml has for dynamic allocation."""
    conf = dict(job.conf)
    least, most = conf.get(f"{_DYNAMIC}minExecutors"), conf.get(f"{_DYNAMIC}maxExecutors")
    if str(conf.get(f"{_DYNAMIC}enabled")).lower() != "true":
        if least is not None or most is not None:
            raise AmlError(
                f"spark.configuration: {_DYNAMIC}minExecutors and maxExecutors need {_DYNAMIC}enabled: true",
                hint="Set it, or remove them.",
            )
        return conf
    try:
        low, high = int(str(least)), int(str(most))
    except ValueError:
        low = high = 0
    if not 0 < low <= high:
        raise AmlError(
            f"spark.configuration: with {_DYNAMIC}enabled, v2 requires {_DYNAMIC}minExecutors and maxExecutors",
            hint="For instance 1 and 4.",
        )
    # How many it begins with, which must lie between them.
    conf["spark.executor.instances"] = min(max(int(conf.get("spark.executor.instances") or low), low), high)
    return conf
