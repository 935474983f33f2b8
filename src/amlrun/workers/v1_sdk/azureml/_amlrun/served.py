"""The model that a scoring script was given. Written from documentation; not Microsoft's code."""

from __future__ import annotations

import os

from azureml._amlrun import registry
from azureml._amlrun.notes import say_once
from azureml.exceptions import ModelNotFoundException

_LAYOUT = "azureml-models"


def served(name: str, version: str | None) -> str | None:
    """The file or folder in AZUREML_MODEL_DIR (`…/azureml-models/NAME/VERSION`), None where nothing is served.

    Raises ModelNotFoundException when a registered model of another name or version is served.
    """
    folder = os.environ.get("AZUREML_MODEL_DIR")
    if not folder or not os.path.isdir(folder):
        return None
    above, number = os.path.split(os.path.abspath(folder))
    above, known = os.path.split(above)
    inside = sorted(os.listdir(folder))
    path = os.path.join(folder, inside[0]) if len(inside) == 1 else folder
    if os.path.basename(above) != _LAYOUT or (known == name and version in (None, number)):
        return path
    if not any(one["version"] == int(number) for one in registry.versions(known)):
        # A run's file, or one at a path: it has no name that the script could have meant.
        say_once(f"Model.get_model_path({name!r}) is the model being served: {os.path.basename(path)}")
        return path
    raise ModelNotFoundException(
        'Model {}{} not found: {}:{} is served. Name it with -m, or read os.environ["AZUREML_MODEL_DIR"] in the '
        "script.".format(name, ":" + version if version else "", known, number)
    )
