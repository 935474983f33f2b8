"""The ways in which a v2 path names something registered, or what a job wrote."""

from __future__ import annotations

import re

_SHORT = re.compile(r"azureml:(?P<name>[^:@/]+)(?:[:@](?P<version>.+))?")
# The whole address of it in a workspace or a registry.
_ADDRESS = re.compile(
    r"azureml:/{1,2}(?:subscriptions/[^/]+/resourcegroups/[^/]+/(?:providers/[^/]+/)?|locations/[^/]+/)?"
    r"(?:workspaces|registries)/[^/]+/(?:data|models)/(?P<name>[^/]+)(?:/(?:versions|labels)/(?P<version>[^/]+))?/?",
    re.IGNORECASE,
)
_MODEL = re.compile(r"models:/(?P<name>[^@/]+)(?:[@/](?P<version>.+))?")
_RUN = re.compile(r"runs:/(?P<run>[^/]+)/(?P<path>.+)")
_JOB = re.compile(
    r"azureml://(?:subscriptions/.+?/workspaces/[^/]+/)?jobs/(?P<run>[^/]+)/outputs/(?P<output>[^/]+)"
    r"(?:/paths(?:/(?P<path>.*))?)?/?"
)
# The service's names for all that a run left: `outputs/`, its logs, and what it logged through MLflow.
_ALL = ("artifacts", "default")


def asset(reference: str | None) -> tuple[str, str | None] | None:
    """The name and the version or label of the data or model that a path names; None for another kind of path."""
    found = _SHORT.fullmatch(reference or "") or _ADDRESS.fullmatch(reference or "")
    return (found["name"], found["version"]) if found else None


def model(reference: str | None) -> tuple[str, str | None] | None:
    """The same for a model's path, which may be MLflow's."""
    found = _MODEL.fullmatch(reference or "")
    return (found["name"], found["version"]) if found else asset(reference)


def written(reference: str | None) -> tuple[str, str] | None:
    """The run and the path below its folder, or its outputs, of a path that names what a job wrote; None for others."""
    if found := _RUN.fullmatch(reference or ""):
        return found["run"], found["path"]
    if found := _JOB.fullmatch(reference or ""):
        parts = ([] if found["output"] in _ALL else [found["output"]]) + ([found["path"]] if found["path"] else [])
        return found["run"], "/".join(parts).rstrip("/")
    return None
