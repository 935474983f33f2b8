"""What the trees of all kinds of jobs share, as azure-ai-ml takes them: bindings, data, environments.

azure-ai-ml's own loader accepts bindings that name nothing, and sends `assetVersion`, which the service refuses with
400 (recorded); both are dealt with here, before anything is sent.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

from amlrun.errors import AmlError, os_errors
from amlrun.prepare import conda_file
from amlrun.prepare.environment import cache_folder
from amlrun.spec import node
from amlrun.spec.job import BINDING, BOUND, DEFAULT_IMAGE, Environment, Input, Output, to_dict

_VM_SIZE = re.compile(r"(?:Standard|Basic)_[A-Za-z0-9_]+", re.IGNORECASE)


def check_bindings(
    texts: Iterable[str], inputs: Collection[str], outputs: Collection[str], space: Collection[str] = ()
) -> None:
    """Refuse a `${{…}}` that names nothing. Raises AmlError."""
    names = {"inputs": inputs, "outputs": outputs, "search_space": space}
    for text in texts:
        for found in BOUND.finditer(str(text)):
            match = BINDING.fullmatch(found[0])
            if match is None or match[2] not in names[match[1]]:
                raise AmlError(
                    f"the command names {found[0]}, which the job does not have",
                    hint=f"It has: {', '.join([*inputs, *outputs]) or 'no inputs or outputs'}.",
                )


def is_vm_size(target: str) -> bool:
    """Whether a target is a VM size, which means serverless compute, and not a compute's name."""
    return bool(_VM_SIZE.fullmatch(target))


def data(inputs: dict[str, Input], outputs: dict[str, Output], found: dict[str, Any]) -> None:
    """Inputs and outputs of the tree `found` as the service takes them. Raises AmlError."""
    for name, output in found.get("outputs", {}).items():
        # The service gives the version: it refuses one on a command job's output.
        output.pop("version", None)
        if outputs[name].name is None:
            output.pop("name", None)
    for name, wanted in inputs.items():
        if wanted.value is not None:
            found["inputs"][name] = wanted.value
        else:
            found["inputs"][name]["path"] = _path(name, wanted)


def _path(name: str, wanted: Input) -> str:
    path = wanted.path or ""
    if not path:
        raise AmlError(f"inputs.{name}: has no path", hint=f"Name the dataset, e.g. azureml:{name}@latest")
    bare = re.fullmatch(r"azureml:([^:@/]+)", path)
    if bare:
        return f"{path}@latest"
    if "://" not in path and not path.startswith(("azureml:", "runs:/", "models:/")) and not Path(path).exists():
        raise AmlError(
            f"inputs.{name}: no such file or folder: {path}", hint="Name a dataset (azureml:NAME) or a path."
        )
    return path


def environment(wanted: Environment) -> str | dict[str, Any]:
    """The environment as v2's YAML has it. azure-ai-ml names an inline one by its content, so it is built once."""
    if wanted.reference:
        return wanted.reference if wanted.reference.startswith("azureml:") else f"azureml:{wanted.reference}"
    if wanted.build or wanted.dockerfile:
        return {"build": _build(wanted)}
    found: dict[str, Any] = {"image": wanted.image or DEFAULT_IMAGE}
    if wanted.conda_file is not None:
        found["conda_file"] = _conda(wanted.conda_file)
    return found


def _build(wanted: Environment) -> dict[str, Any]:
    if wanted.dockerfile and not wanted.build:
        # A folder named by its content: an unchanged Dockerfile stays the same build.
        folder = cache_folder().parent / "builds" / hashlib.sha256(wanted.dockerfile.encode()).hexdigest()[:16]
        with os_errors("write the Dockerfile to send"):
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "Dockerfile").write_text(wanted.dockerfile, encoding="utf-8")
        return {"path": folder.as_posix()}
    found: dict[str, Any] = to_dict(wanted.build)
    return found


def _conda(source: Path | dict[str, Any]) -> dict[str, Any]:
    if isinstance(source, dict):
        plain: dict[str, Any] = to_dict(source)
        return plain
    conda_file.read(source)  # refuses what is no conda file
    found: dict[str, Any] = node.read(source)[0].plain()
    return found
