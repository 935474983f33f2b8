"""The project's own registry: MLflow's, in `mlflow.db`, with the files below `mlruns/models/`."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from amlrun.errors import AmlError, os_error, os_errors
from amlrun.project import Project
from amlrun.registry import base
from amlrun.registry.base import Change, Description, Model, RunFile, highest, split_id
from amlrun.registry.content import sha256, verify
from amlrun.runs import metrics, new_mlflow_db
from amlrun.runs.files import make_ignored
from amlrun.runs.logged import LoggedVersion
from amlrun.runs.store import RunFolder

_PROPERTY = "property."
_RESERVED_TAGS = ("sha256", "run_id", "experiment_name", "asset_path", "framework", "framework_version")


class LocalRegistry:
    """See `registry.base.Registry`. Opens no database before its first call."""

    def __init__(self, project: Project) -> None:
        self.project = project

    def register(self, name: str, source: Path | RunFile, about: Description) -> Model:
        """Copy a file or folder into the registry as the next version of `name`.

        The copy is the registry's own, so that a run may be deleted. Raises AmlError for a name that Azure ML would
        refuse, and when the database or the disk fails; nothing is left half-registered then.
        """
        base.check_name(name)
        place = base.place_of(source)
        if not isinstance(source, RunFile):
            return self._register(name, place, about, {})
        run = source.run
        facts = {"asset_path": Path(source.path).as_posix(), **_origin(run)}
        mlflow_run = metrics.mlflow_run(self.project, run.id)
        return self._register(name, place, about, facts, mlflow_run=mlflow_run)

    def take_over(self, model: LoggedVersion, run: RunFolder) -> Model:
        """Register, as the next version, what a run's script registered in the run's own MLflow store.

        Raises AmlError as `register` does.
        """
        base.check_name(model.name)
        about = Description(model.description, tags=model.tags)
        facts = {"asset_path": model.asset_name, **_origin(run)}
        made = self._register(model.name, model.place, about, facts, mlflow_run=run.id, asset_name=model.asset_name)
        with _errors():
            for alias in model.aliases:
                self._store().set_registered_model_alias(model.name, alias, str(made.version))
        return made

    def _register(
        self,
        name: str,
        file: Path,
        about: Description,
        facts: dict[str, str],
        *,
        mlflow_run: str | None = None,
        asset_name: str = "",
    ) -> Model:
        facts = {"framework": about.framework, "framework_version": about.framework_version, **facts}
        kept = self.project.artifacts / "models" / name / os.urandom(6).hex()
        try:
            make_ignored(self.project.artifacts)
            kept.mkdir(parents=True)
            target = kept / (asset_name or file.name)
            shutil.copytree(file, target) if file.is_dir() else shutil.copy2(file, target)
            facts["sha256"] = sha256(target)
        except OSError as error:
            shutil.rmtree(kept, ignore_errors=True)
            raise os_error(error, "copy the model into the registry") from error
        tags = {**about.tags, **{key: value for key, value in facts.items() if value}}
        tags |= {_PROPERTY + key: value for key, value in about.properties.items()}
        try:
            with _errors():
                store = self._store()
                if not store.search_registered_models(f"name = '{name}'", max_results=1):
                    store.create_registered_model(name)
                made = store.create_model_version(
                    name, target.as_uri(), run_id=mlflow_run, tags=_tags(tags), description=about.description or None
                )
        except BaseException:
            shutil.rmtree(kept, ignore_errors=True)
            raise
        return self._model(made, store)

    def get(self, name: str, version: int | str | None = None) -> Model:
        """One version of a model, the highest without `version`. Raises AmlError naming what there is."""
        name, wanted = split_id(name, version)
        if wanted and not wanted.isdigit():
            raise AmlError(f"a model's version is a whole number, got {wanted!r}", hint="Write NAME:VERSION.")
        known = self.models(name)
        found = [model for model in known if wanted is None or model.version == int(wanted)]
        if found:
            return highest(found)[0]
        if known:
            hint = f"{name} has the versions " + ", ".join(str(model.version) for model in reversed(known))
        else:
            names = sorted({model.name for model in self.models()})
            hint = f"Registered models: {', '.join(names)}" if names else _REGISTER
        raise AmlError(f"no model {name}{':' + wanted if wanted else ''}", hint=hint)

    def models(self, name: str | None = None, *, latest: bool = False) -> list[Model]:
        """Every version of every model (or of `name`), newest first; empty before the first is registered."""
        if not self.project.database.exists():
            return []
        found: list[Any] = []
        with _errors():
            store = self._store()
            wanted = f"name = '{name}'" if name and base.is_name(name) else ""
            token = None
            while True:
                page = store.search_model_versions(wanted, max_results=1000, page_token=token)
                found += [version for version in page if name is None or version.name == name]
                token = page.token
                if not token:
                    break
            models = [self._model(version, store) for version in found]
        models.sort(key=lambda model: (model.created_time, model.version), reverse=True)
        return highest(models) if latest else models

    def update(self, model: Model, change: Change) -> Model:
        """See `Model.update`. An existing property is not changed, as in Azure ML: AmlError."""
        fixed = [key for key, value in change.properties.items() if model.properties.get(key, value) != value]
        if fixed:
            raise AmlError(f"--add-property: {model.id} already has a property {fixed[0]}", hint="Use a tag instead.")
        reserved = [
            key for key in [*change.tags, *change.remove_tags] if key in _RESERVED_TAGS or key.startswith(_PROPERTY)
        ]
        if reserved:
            raise AmlError(f"the tag {reserved[0]} is reserved by the registry", hint="Choose another key.")
        added = {**change.tags, **{_PROPERTY + key: value for key, value in change.properties.items()}}
        version = str(model.version)
        with _errors():
            store = self._store()
            for tag in _tags(added):
                store.set_model_version_tag(model.name, version, tag)
            for key in change.remove_tags:
                store.delete_model_version_tag(model.name, version, key)
            if change.description is not None:
                store.update_model_version(model.name, version, change.description)
        return self.get(model.name, model.version)

    def delete(self, model: Model) -> None:
        """See `Model.delete`. Its number is not given out again."""
        with _errors():
            store = self._store()
            store.delete_model_version(model.name, str(model.version))
        kept = Path(model.uri).parent
        if kept.parent == self.project.artifacts / "models" / model.name:
            shutil.rmtree(kept, ignore_errors=True)

    def download(self, model: Model, folder: Path, *, overwrite: bool) -> list[Path]:
        """See `Model.download`."""
        source = verify(model)
        target = folder / source.name
        if target.exists() and not overwrite:
            raise AmlError("already exists", file=target, hint="Add --overwrite to replace it.")
        with os_errors("copy the model"):
            if target.is_dir():
                shutil.rmtree(target)
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copytree(source, target) if source.is_dir() else shutil.copy2(source, target)
        return [target]

    def metadata(self, model: Model) -> dict[str, str]:
        """See `Registry.metadata`; the workspace is the one that the project is attached to."""
        from amlrun import workspace

        attached = workspace.discover(self.project.root)
        return {
            "modelId": model.id,
            "workspaceName": attached.workspace.name if attached else "",
            "resourceGroupName": attached.workspace.resource_group if attached else "",
        }

    def _store(self) -> Any:
        """MLflow's registry in the project's database.

        The store itself, not MlflowClient: that makes the tracking side too, in whatever folder this process is, and
        reports its use over the network.
        """
        try:
            from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore
        except ImportError as error:
            raise AmlError(f"MLflow is not installed: {error}", hint="Run: uv sync") from error
        new_mlflow_db.make(self.project)
        return SqlAlchemyStore(self.project.tracking_uri)

    def _model(self, version: Any, store: Any) -> Model:
        tags = dict(version.tags)
        created = datetime.fromtimestamp(version.creation_timestamp / 1000, timezone.utc)
        return Model(
            name=version.name,
            version=int(version.version),
            uri=str(_path(version, store)),
            registry=self,
            sha256=tags.get("sha256", ""),
            created_time=created.isoformat(timespec="milliseconds"),
            description=version.description or "",
            run_id=tags.get("run_id"),
            experiment_name=tags.get("experiment_name"),
            framework=tags.get("framework"),
            framework_version=tags.get("framework_version"),
            tags={k: v for k, v in tags.items() if k not in _RESERVED_TAGS and not k.startswith(_PROPERTY)},
            properties={k[len(_PROPERTY) :]: v for k, v in tags.items() if k.startswith(_PROPERTY)},
        )


def _origin(run: RunFolder) -> dict[str, str]:
    """The tags that say which run a model is from."""
    return {"run_id": run.id, "experiment_name": str(run.record().get("_experiment_name") or "")}


def _path(version: Any, store: Any) -> Path:
    """The file or folder of a version; MLflow itself may name it as models:/ or runs:/."""
    from urllib.parse import urlparse
    from urllib.request import url2pathname

    source = str(version.source)
    if source.startswith(("models:", "runs:")):
        source = str(store.get_model_version_download_uri(version.name, str(version.version)))
    return Path(url2pathname(urlparse(source).path)) if source.startswith("file:") else Path(source)


def _tags(tags: dict[str, str]) -> list[Any]:
    from mlflow.entities.model_registry import ModelVersionTag

    return [ModelVersionTag(key, value) for key, value in tags.items()]


_REGISTER = "Register one: aml model register -n NAME -f run.json --asset-path outputs/model.pkl"


@contextlib.contextmanager
def _errors() -> Iterator[None]:
    """MLflow's errors, whatever their type, as AmlError with the cause and what to do."""
    try:
        yield
    except (AmlError, KeyboardInterrupt):
        raise
    except Exception as error:
        lines = str(error).strip().splitlines()
        first = lines[0] if lines else type(error).__name__
        hint = ""
        if "out-of-date database schema" in str(error) or "Can't locate revision" in str(error):
            hint = (
                "mlflow.db was written by another version of MLflow: keep mlflow-skinny the same in the conda file "
                "and in pyproject.toml. To upgrade it: mlflow db upgrade sqlite:///mlflow.db"
            )
        elif "locked" in first:
            hint = "Another process is writing to mlflow.db: try again."
        raise AmlError(f"the registry (mlflow.db): {first}", hint=hint) from error
