"""The files that say how a model is served: v1's inference (`--ic`) and deployment (`--dc`) configurations."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from amlrun import project as projects
from amlrun.errors import AmlError
from amlrun.v1.scoring import inference
from amlrun.v1.scoring.inference import Config, Inference
from amlrun.v1.scoring.inference_fields import DEPLOYMENT, INFERENCE

DEFAULT = "inference-config.yml"
# They are found by rules of their own: see `inference.inference`.
_NAMED = {"entryScript": "entry", "sourceDirectory": "source", "condaFile": "conda"}


def read_inference(path: Path, file: str | Path | None = None, *, values: Mapping[str, str] | None = None) -> Inference:
    """How requests are scored: what the file says, and before it `values` by their keys in the file.

    Without a file `aml_config/inference-config.yml` counts, where there is one. Raises AmlError for a missing or wrong
    file, value, script or conda file.
    """
    config = Config()
    if file is not None:
        root = projects.find(path).root
        config = inference.read(inference.find_file(str(file), path, root, "--ic"), INFERENCE)
    else:
        places = [path / folder / DEFAULT for folder in ("aml_config", ".azureml")]
        found = next((place for place in places if place.is_file()), None)
        if found is not None:
            config = inference.read(found, INFERENCE)
    named = {}
    for key, text in (values or {}).items():
        if key in _NAMED:
            named[_NAMED[key]] = text
        else:
            config.override(INFERENCE, key, text)
    return inference.inference(path, config, **named)


def read_deployment(path: Path, file: str | Path | None = None, *, values: Mapping[str, str] | None = None) -> Config:
    """How a service is deployed: what the file says, and before it `values` by their keys. Raises AmlError."""
    config = Config()
    if file is not None:
        root = projects.find(path).root
        config = inference.read(inference.find_file(str(file), path, root, "--dc"), DEPLOYMENT)
    for key, text in (values or {}).items():
        config.override(DEPLOYMENT, key, text)
    return config


def compute_type(config: Config) -> str:
    """Where a deployment goes: local, aci or aks (in any case as written). Raises AmlError for another word."""
    given = config.get("computeType")
    if given is None:
        return "aks" if config.get("computeTarget") else "local"
    found = str(given).lower()
    if found not in ("local", "aci", "aks", "aksendpoint", "managed"):
        raise AmlError(
            f"{given!r} is not a compute type", file=config.file, line=config.line("computeType"), field="computeType",
            hint="local runs here; ACI and AKS become a managed online endpoint.",
        )  # fmt: skip
    return found
