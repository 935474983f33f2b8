"""The files that say how a model is served: v1's inference (`--ic`) and deployment (`--dc`) configurations."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from amlrun import project as projects
from amlrun.v1.config import Config
from amlrun.v1.reading import override
from amlrun.v1.scoring import inference
from amlrun.v1.scoring.field_table import DEPLOYMENT, INFERENCE
from amlrun.v1.scoring.inference import Inference

DEFAULT = "inference-config.yml"
# They are found by rules of their own: see `inference.inference`.
_NAMED = {"entryScript": "entry", "sourceDirectory": "source", "condaFile": "conda"}


def read_inference(path: Path, file: str | Path | None = None, *, values: Mapping[str, str] | None = None) -> Inference:
    """How requests are scored: what the file says, and before it `values` by their keys in the file.

    Without a file `aml_config/inference-config.yml` counts, where there is one. Raises AmlError for a missing or wrong
    file, value, script or conda file.
    """
    config = Config(INFERENCE)
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
            override(config, key, text)
    return inference.inference(path, config, **named)


def read_deployment(path: Path, file: str | Path | None = None, *, values: Mapping[str, str] | None = None) -> Config:
    """How a service is deployed: what the file says, and before it `values` by their keys. Raises AmlError."""
    config = Config(DEPLOYMENT)
    if file is not None:
        root = projects.find(path).root
        config = inference.read(inference.find_file(str(file), path, root, "--dc"), DEPLOYMENT)
    for key, text in (values or {}).items():
        override(config, key, text)
    return config


def compute_type(config: Config) -> str:
    """Where a deployment goes: local, aci or aks (in any case as written). Raises AmlError for another word."""
    given = config.get("computeType")
    if given is None:
        return "aks" if config.get("computeTarget") else "local"
    found = str(given).lower()
    if found not in ("local", "aci", "aks", "aksendpoint", "managed"):
        hint = "local runs here; ACI and AKS become a managed online endpoint."
        raise config.error("computeType", f"{given!r} is not a compute type", hint)
    return found
