"""A Spark job as azure-ai-ml takes it, with what it would refuse only after the upload refused before."""

from __future__ import annotations

from typing import Any

from amlrun.azure import common_tree
from amlrun.errors import AmlError
from amlrun.spec.job import CommandJob, SparkJob, shell_line, to_dict

# The sizes of serverless Spark (azure-ai-ml, SparkResourceConfiguration).
SIZES = ("standard_e4s_v3", "standard_e8s_v3", "standard_e16s_v3", "standard_e32s_v3", "standard_e64s_v3")
_RUNTIME = "3.4"
_DYNAMIC = "spark.dynamicAllocation."


def as_command(job: SparkJob) -> CommandJob:
    """The job as what every target checks and records: its script with its arguments."""
    return CommandJob(
        command=["spark-submit", job.entry, *job.args],
        code=job.code,
        script=job.entry,
        tags=job.tags,
        inputs=job.inputs,
        outputs=job.outputs,
        environment=job.environment,
        compute=job.compute,
        resources=job.resources,
        local=job.local,
    )


def tree(job: SparkJob, name: str, experiment: str, code: str | None) -> dict[str, Any]:
    """The job's official YAML as a dict: named `name`, its code the asset `code`. Raises AmlError."""
    found: dict[str, Any] = {"type": "spark", "name": name, "experiment_name": experiment}
    for key in ("display_name", "description", "tags", "jars", "py_files", "files", "archives"):
        value = getattr(job, key)
        if value:
            found[key] = value
    if code:
        found["code"] = f"azureml:{code}"
    found["entry"] = {"file": job.entry}
    found |= _place(job)
    found["conf"] = _settings(job)
    if job.args:
        found["args"] = shell_line(job.args)
    common_tree.check_bindings(job.args, job.inputs, job.outputs)
    if job.inputs or job.outputs:
        found |= {"inputs": to_dict(job.inputs), "outputs": to_dict(job.outputs)}
        common_tree.data(job.inputs, job.outputs, found)
    if job.environment is not None:
        found["environment"] = common_tree.environment(job.environment)
    if job.identity:
        found["identity"] = {"type": job.identity}
    return found


def _place(job: SparkJob) -> dict[str, Any]:
    """An attached Synapse Spark pool by its name, else serverless Spark by its size."""
    target = (job.compute or "").removeprefix("azureml:")
    if target and not common_tree.is_vm_size(target):
        return {"compute": f"azureml:{target}"}
    size = target or (job.resources.instance_type if job.resources else None)
    if not size or size.lower() not in SIZES:
        raise AmlError(
            f"target: serverless Spark has no size {size!r}" if size else "target: names no compute",
            hint=f"Name an attached Synapse Spark pool, or one of the sizes {', '.join(SIZES)} (--ct).",
        )
    runtime = (job.resources.runtime_version if job.resources else None) or _RUNTIME
    return {"resources": {"instance_type": size, "runtime_version": runtime}}


def _settings(job: SparkJob) -> dict[str, Any]:
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
