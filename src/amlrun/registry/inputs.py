"""Models as inputs of a job that runs here: the registered model's own file or folder."""

from __future__ import annotations

from dataclasses import replace

from amlrun.project import Project
from amlrun.registry.base import Model
from amlrun.spec import references
from amlrun.spec.job import CommandJob


def with_models(project: Project, job: CommandJob) -> CommandJob:
    """The job with each input of a model's type (`mlflow_model`, `custom_model`, …) as a path of this machine.

    `azureml:NAME:VERSION`, `azureml:NAME@latest`, a registry's address and `models:/NAME/VERSION` are looked up among
    the project's models.
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
    named = references.model(reference)
    if named is None:
        return None
    from amlrun.registry.local import LocalRegistry

    name, version = named
    return LocalRegistry(project).get(name, None if version == "latest" else version)


def is_missing(project: Project, reference: str | None) -> bool:
    """Whether a v2 path names a model of which the project has no version at all."""
    named = references.model(reference)
    if named is None:
        return False
    from amlrun.registry.local import LocalRegistry

    return not LocalRegistry(project).models(named[0])
