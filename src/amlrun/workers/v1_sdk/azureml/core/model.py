"""`Model`: the project's registry, and the model that a service was given.

Written from documentation; not Microsoft's code.
"""

from __future__ import annotations

import builtins
import os
import shutil
from typing import Any

from azureml._amlrun import context, registry
from azureml._amlrun.notes import V1Class, lazily, say_once
from azureml._amlrun.served import served
from azureml.exceptions import ModelNotFoundException, UserErrorException, WebserviceException


class Model(V1Class):
    """One version of a registered model, the newest unless a version is named.

    Raises WebserviceException when there is none, as v1 does.
    """

    class Framework:
        """v1's names of frameworks."""

        CUSTOM = "Custom"
        KERAS = "Keras"
        MULTI = "Multi"
        ONNX = "Onnx"
        PYTORCH = "PyTorch"
        SCIKITLEARN = "ScikitLearn"
        SPARKML = "SparkMl"
        TENSORFLOW = "TensorFlow"

    def __init__(
        self, workspace: Any = None, name: str | None = None, id: str | None = None,
        tags: Any = None, properties: Any = None, version: Any = None, run_id: str | None = None, **kwargs: Any,
    ) -> None:  # fmt: skip
        if id:
            name, _, version = id.partition(":")
        found = _matching(name, tags, properties, run_id)
        found = [one for one in found if not version or one["version"] == int(version)]
        if not found:
            what = "{}{}".format(name, f":{version}" if version else "")
            raise WebserviceException(f"ModelNotFound: no model {what} in the registry. {_known(name)}")
        self._fill(found[0])

    def _fill(self, record: dict[str, Any]) -> None:
        self._record = record
        self.workspace: Any = None
        self.name: str = record["name"]
        self.version: int = record["version"]
        self.id = f"{self.name}:{self.version}"
        self.tags: dict[str, str] = record["tags"]
        self.properties: dict[str, str] = record["properties"]
        self.description: str = record["description"]
        self.created_time = record["created"]
        self.run_id: str | None = record["run_id"]
        self.experiment_name: str | None = record["experiment"]
        self.model_framework: str | None = record["framework"]
        self.model_framework_version: str | None = record["framework_version"]
        self.url = "aml://asset/" + self.id

    @staticmethod
    def _of(record: dict[str, Any]) -> Model:
        model = Model.__new__(Model)
        model._fill(record)
        return model

    @staticmethod
    def get_model_path(model_name: str, version: Any = None, _workspace: Any = None) -> str:
        """The path of a model's file or folder: the one being served, else the registry's.

        Raises ModelNotFoundException naming what there is.
        """
        wanted = str(version) if version not in (None, "latest") else None
        there = served(model_name, wanted) or _beside(model_name, wanted)
        if there is not None:
            return there
        found = [one for one in registry.versions(model_name) if wanted in (None, str(one["version"]))]
        if found:
            return _safe(found[0])
        what = "{}{}".format(model_name, ":" + wanted if wanted else "")
        raise ModelNotFoundException(f"Model {what} not found. {_known(model_name)}")

    @staticmethod
    def list(
        workspace: Any = None, name: str | None = None, tags: Any = None, properties: Any = None,
        run_id: str | None = None, latest: bool = False, **kwargs: Any,
    ) -> builtins.list[Model]:  # fmt: skip
        """The registered models, the highest versions first."""
        found = [Model._of(one) for one in _matching(name, tags, properties, run_id)]
        if latest:
            newest: dict[str, Model] = {}
            for model in found:
                newest.setdefault(model.name, model)
            found = [*newest.values()]
        return found

    @staticmethod
    def register(
        workspace: Any, model_path: str, model_name: str, tags: Any = None, properties: Any = None,
        description: str | None = None, datasets: Any = None, model_framework: Any = None,
        model_framework_version: str | None = None, **kwargs: Any,
    ) -> Model:  # fmt: skip
        """Register a file or folder as the next version of a model."""
        if not os.path.exists(model_path):
            raise UserErrorException(f"Model.register({model_name!r}): no such file or folder: {model_path}")
        return register(model_name, model_path, tags, properties, description, model_framework, model_framework_version)

    def download(self, target_dir: str = ".", exist_ok: bool = False, exists_ok: Any = None) -> str:
        """Copy the file or folder below a folder. Returns the copy's path."""
        source = _safe(self._record)
        target = os.path.join(target_dir, os.path.basename(source))
        if os.path.exists(target) and not (exist_ok or exists_ok):
            raise WebserviceException(f"{target} already exists: give exist_ok=True")
        os.makedirs(target_dir, exist_ok=True)
        if os.path.isdir(source):
            if os.path.isdir(target):
                shutil.rmtree(target)
            shutil.copytree(source, target)
        else:
            shutil.copyfile(source, target)
        return target

    def serialize(self) -> dict[str, Any]:
        kept = ("name", "version", "id", "tags", "properties", "description", "run_id", "experiment_name")
        return {key: getattr(self, key) for key in kept}

    def __repr__(self) -> str:
        return f"Model(name={self.name}, id={self.id}, version={self.version}, tags={self.tags})"


def register(
    name: str, path: str, tags: Any, properties: Any, description: str | None, framework: Any, version: Any
) -> Model:
    """`aml model register` for a path; one in the run's folder is registered as the run's."""
    folder, absolute = os.path.realpath(context.folder()), os.path.realpath(path)
    words = ["-n", name]
    if context.run_id() and absolute.startswith(folder + os.sep):
        words += ["-r", str(context.run_id()), "--asset-path", os.path.relpath(absolute, folder).replace(os.sep, "/")]
    else:
        words += ["-p", absolute]
    for flag, pairs in (("--tag", tags), ("--property", properties)):
        for key, value in (pairs or {}).items():
            words += [flag, f"{key}={value}"]
    for flag, value in (("-d", description), ("--model-framework", framework), ("--model-framework-version", version)):
        if value:
            words += [flag, str(value)]
    try:
        return Model._of(registry.register(words))
    except RuntimeError as error:
        raise WebserviceException(f"Model {name} was not registered: {error}") from error


def _matching(name: str | None, tags: Any, properties: Any, run_id: str | None) -> list[dict[str, Any]]:
    return [
        one
        for one in registry.versions(name)
        if _has(one["tags"], tags) and _has(one["properties"], properties) and run_id in (None, one["run_id"])
    ]


def _has(found: dict[str, str], wanted: Any) -> bool:
    """v1's filters: a list of keys and [key, value] pairs; a dictionary is taken too."""
    if not wanted:
        return True
    pairs = wanted.items() if isinstance(wanted, dict) else wanted
    return all(
        one in found
        if isinstance(one, str)
        else found.get(one[0]) == str(one[1]) or (len(one) == 1 and one[0] in found)
        for one in pairs
    )


def _safe(record: dict[str, Any]) -> str:
    path = str(record["path"])
    what = "{}:{}".format(record["name"], record["version"])
    if not os.path.exists(path):
        raise WebserviceException(f"{what}: its file is missing ({path}). Register the model again.")
    if registry.changed(record):
        raise WebserviceException(
            f"{what}: its content is not what was registered (SHA-256 differs); it was not opened: {path}"
        )
    return path


def _beside(name: str, version: str | None) -> str | None:
    """v1's places outside Azure: azureml-models/NAME/VERSION/, then NAME in the working directory."""
    cache = os.path.join("azureml-models", name)
    if os.path.isdir(cache):
        numbers = sorted((int(one) for one in os.listdir(cache) if one.isdigit()), reverse=True)
        for number in [one for one in numbers if version in (None, str(one))]:
            inside = sorted(os.listdir(os.path.join(cache, str(number))))
            if inside:
                return os.path.join(cache, str(number), inside[0] if len(inside) == 1 else "")
    if version is None and os.path.exists(name):
        say_once(f"Model.get_model_path({name!r}) is ./{name}, as in v1.")
        return name
    return None


def _known(name: str | None) -> str:
    others = sorted({one["id"] for one in ({"id": "{name}:{version}".format(**one)} for one in registry.versions())})
    if not others:
        return f"Register it first: aml model register -n {name} -p PATH"
    return "Registered models: {}".format(", ".join(others[:20]))


__getattr__ = lazily(__name__)
