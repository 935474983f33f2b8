"""Models as inputs of a job that runs here: the registered model's own file or folder."""

from __future__ import annotations

import re
from dataclasses import replace

from amlrun.project import Project
from amlrun.registry.base import Model
from amlrun.spec.job import CommandJob

_NAMED = re.compile(r"(?:azureml:|models:/)(?P<name>[^:@/]+)(?:[:@/](?P<version>.+))?")


def with_models(project: Project, job: CommandJob) -> CommandJob:
    """The job with each input of a model's type (`mlflow_model`, `custom_model`, …) as a path of this machine.

    `azureml:NAME:VERSION`, `azureml:NAME@latest` and `models:/NAME/VERSION` are looked up among the project's models.
    Raises AmlError when there is no such model.
    """
    found = {}
    for name, one in job.inputs.items():
        model = find(project, one.path) if one.type.endswith("_model") else None
        if model is not None:
            found[name] = replace(one, path=model.uri)
    return replace(job, inputs={**job.inputs, **found}) if found else job


def find(project: Project, reference: str | None) -> Model | None:
    """The project's model that a v2 path names; None for a path that names none.

    Raises AmlError when there is no such model.
    """
    named = _NAMED.fullmatch(reference or "")
    if named is None:
        return None
    from amlrun.registry.local import LocalRegistry

    version = named["version"]
    return LocalRegistry(project).get(named["name"], None if version in (None, "latest") else version)


def is_missing(project: Project, reference: str | None) -> bool:
    """Whether a v2 path names a model of which the project has no version at all."""
    named = _NAMED.fullmatch(reference or "")
    if named is None:
        return False
    from amlrun.registry.local import LocalRegistry

    return not LocalRegistry(project).models(named["name"])
