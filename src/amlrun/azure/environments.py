"""Environments in the workspace, and v1's folder of one: `azureml_environment.json`, a conda file, a Dockerfile."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

from amlrun.azure.client import Client
from amlrun.errors import AmlError, os_error, os_errors
from amlrun.spec.job import DEFAULT_IMAGE
from amlrun.spec.yaml_data import text_of

VERSION = "2023-04-01-preview"
_ANONYMOUS = "CliV2AnonymousEnvironment"  # as azure-ai-ml calls those that a job describes
_FILE, _CONDA, _DOCKER = "azureml_environment.json", "conda_dependencies.yml", "BaseDockerfile"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,254}")
_CONDA_TEXT = """\
name: {name}
channels:
  - conda-forge
dependencies:
  - python=3.11
  - pip
  - pip:
      - mlflow-skinny
      - azureml-mlflow
"""


def scaffold(folder: Path, name: str) -> list[Path]:
    """Write the files of an environment to fill in. Raises AmlError for a folder that already exists."""
    if not _NAME.fullmatch(name) or name.lower().startswith("azureml"):
        raise AmlError(
            f"-n: {name!r} is not a valid environment name", hint="Names that begin with AzureML are reserved."
        )
    if folder.exists():
        raise AmlError("already exists", file=folder, hint="Give a folder that does not exist yet.")
    definition = {"name": name, "version": None, "environmentVariables": {}, "docker": {"baseImage": DEFAULT_IMAGE}}
    with os_errors("write the environment's files"):
        folder.mkdir(parents=True)
        (folder / _FILE).write_text(json.dumps(definition, indent=4) + "\n", encoding="utf-8")
        (folder / _CONDA).write_text(_CONDA_TEXT.format(name=name), encoding="utf-8")
    return [folder / _FILE, folder / _CONDA]


def read(folder: Path) -> dict[str, Any]:
    """The environment that a folder describes: name, version, image, conda file, Dockerfile. Raises AmlError."""
    file = folder / _FILE
    try:
        definition = json.loads(file.read_text(encoding="utf-8-sig"))
        name = str(definition["name"])
    except FileNotFoundError:
        raise AmlError("is not there", file=file, hint="Make one: aml environment scaffold -n NAME -d FOLDER") from None
    except (ValueError, KeyError, TypeError) as error:
        raise AmlError("is not JSON with a `name`", file=file) from error
    except OSError as error:
        raise os_error(error, "read the environment's files") from error
    docker = definition.get("docker") or {}
    conda, dockerfile = folder / _CONDA, folder / _DOCKER
    return {
        "name": name,
        "version": definition.get("version"),
        "image": docker.get("baseImage") or DEFAULT_IMAGE,
        "conda": conda if conda.is_file() else None,
        "dockerfile": dockerfile if dockerfile.is_file() else None,
    }


def register(client: Client, folder: Path) -> dict[str, Any]:
    """Register the environment of a folder; the version counts up unless the file says one. Raises AmlError."""
    definition = read(folder)
    with client.transport.call(f"register the environment {definition['name']}"):
        from azure.ai.ml.entities import BuildContext, Environment

        more: dict[str, Any] = {"image": definition["image"]}
        if definition["dockerfile"]:
            more = {"build": BuildContext(path=str(folder), dockerfile_path=_DOCKER)}
        elif definition["conda"]:
            more["conda_file"] = str(definition["conda"])
        made = client.ml.environments.create_or_update(
            Environment(name=definition["name"], version=definition["version"] and str(definition["version"]), **more)
        )
    return show(client, str(made.name), str(made.version))


def list_environments(client: Client) -> list[dict[str, Any]]:
    """The name and newest version of every environment."""
    return [
        {"name": one["name"], "version": (one.get("properties") or {}).get("latestVersion")}
        for one in client.pages("list the environments", "/environments", VERSION)
    ]


def show(client: Client, name: str, version: str | None = None) -> dict[str, Any]:
    """One environment; its newest version without `version`. Raises AmlError when there is none."""
    doing = f"read the environment {name}"
    if version is None:
        definition = client.arm(doing, "GET", f"/environments/{name}", VERSION)
        version = str((definition.get("properties") or {}).get("latestVersion"))
    definition = client.arm(doing, "GET", f"/environments/{name}/versions/{version}", VERSION)
    properties = definition.get("properties") or {}
    wanted = ("image", "condaFile", "build", "osType", "description", "tags")
    return {
        "id": f"azureml:{name}:{version}",
        "name": name,
        "version": version,
        **{key: properties[key] for key in wanted if properties.get(key)},
    }


def ensure(client: Client, definition: Any, known: dict[str, str]) -> Any:
    """An environment as a job names it, made in the workspace where it is only described: an image and a conda file.

    Named by its content, so that it is built once. `known` keeps what was made before, so that each costs one request.
    A reference, and what is built from a folder, are returned as they are. Raises AmlError.
    """
    if not isinstance(definition, dict) or "image" not in definition:
        return definition
    text = json.dumps(definition, sort_keys=True)
    version = hashlib.sha256(text.encode()).hexdigest()[:32]
    if version not in known:
        properties = {"image": definition["image"], "isAnonymous": True, "osType": "Linux"}
        if definition.get("conda_file"):
            properties["condaFile"] = text_of(definition["conda_file"])
        below = f"/environments/{_ANONYMOUS}/versions/{version}"
        made = client.arm("register the environment", "PUT", below, VERSION, body={"properties": properties})
        known[version] = f"azureml:{made['id']}"
    return known[version]
