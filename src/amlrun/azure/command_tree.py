"""A command job as azure-ai-ml takes it, and every check that needs no connection."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from amlrun.azure import common_tree
from amlrun.errors import AmlError
from amlrun.spec.job import CommandJob, shell_line, to_dict


def check(job: CommandJob, space: Collection[str] = ()) -> None:
    """Refuse what the service would refuse, or take and then fail on. `space` names a sweep's parameters.

    Raises AmlError.
    """
    environment = job.environment
    if environment is None or not (
        environment.reference
        or environment.image
        or environment.build
        or environment.conda_file
        or environment.dockerfile
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
                f"docker.arguments: -v {volume.host}:{volume.container} is a folder of this machine",
                hint="Register the data (aml dataset register) and name it below `data:`.",
            )


def tree(job: CommandJob, name: str, experiment: str, code: str | None, space: Collection[str]) -> dict[str, Any]:
    """The job's official YAML as a dict; `space` names a sweep's parameters. Raises AmlError."""
    check(job, space)
    found: dict[str, Any] = to_dict(job)
    for ours in ("local", "script", "code"):
        found.pop(ours, None)
    found |= {"type": "command", "name": name, "experiment_name": experiment}
    found["command"] = job.command if isinstance(job.command, str) else shell_line(job.command)
    if code:
        found["code"] = f"azureml:{code}"
    target = (job.compute or "").removeprefix("azureml:")
    if common_tree.is_vm_size(target):
        # Serverless: a VM size in place of a cluster's name.
        found.pop("compute")
        found.setdefault("resources", {})["instance_type"] = target
    elif target:  # without one the job is serverless, of a size that the service chooses
        found["compute"] = f"azureml:{target}"
    if job.environment is not None:
        found["environment"] = common_tree.environment(job.environment)
    if job.identity:
        found["identity"] = {"type": job.identity}
    common_tree.data(job.inputs, job.outputs, found)
    return found
