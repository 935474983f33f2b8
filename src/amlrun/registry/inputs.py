"""Models as inputs of a job that runs here: the registered model's own file or folder."""

from __future__ import annotations

import re
from dataclasses import replace

from amlrun.project import Project
from amlrun.spec.job import CommandJob, Input

_NAMED = re.compile(r"(?:azureml:|models:/)(?P<name>[^:@/]+)(?:[:@/](?P<version>.+))?")


def with_models(project: Project, job: CommandJob) -> CommandJob:
    """The job with each input of a model's type (`mlflow_model`, `custom_model`, …) as a path of this machine.

    `azureml:NAME:VERSION`, `azureml:NAME@latest` and `models:/NAME/VERSION` are looked up among the project's models.
    Raises AmlError when there is no such model.
    """
    found = {name: _located(project, one) for name, one in job.inputs.items() if one.type.endswith("_model")}
    return replace(job, inputs={**job.inputs, **found}) if found else job


def _located(project: Project, wanted: Input) -> Input:
    named = _NAMED.fullmatch(wanted.path or "")
    if named is None:
        return wanted
    from amlrun.registry.local import LocalRegistry

    version = named["version"]
    model = LocalRegistry(project).get(named["name"], None if version in (None, "latest") else version)
    return replace(wanted, path=model.uri)
