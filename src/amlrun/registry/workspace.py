"""A workspace's registry: models by azure-ai-ml and plain ARM calls."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from amlrun.azure import assets
from amlrun.errors import AmlError
from amlrun.events import OnEvent, ignore, moving
from amlrun.registry.base import Change, Description, Model, RunFile, check_name, place_of, split_id

if TYPE_CHECKING:
    from amlrun.azure.client import Client


class WorkspaceRegistry:
    """See `registry.base.Registry`."""

    def __init__(self, client: Client, on_event: OnEvent = ignore) -> None:
        self.client, self.on_event = client, on_event

    def register(self, name: str, source: Path | RunFile, about: Description) -> Model:
        """Register a file or folder, which is uploaded; a file of a run in the workspace is not moved."""
        check_name(name)
        frameworks = {"framework": about.framework, "framework_version": about.framework_version}
        tags = {**about.tags, **{key: value for key, value in frameworks.items() if value}}
        properties = about.properties
        if isinstance(source, RunFile) and source.run.record().get("remote"):
            if not source.path:
                raise AmlError("--asset-path: which file of the run?", hint="e.g. --asset-path outputs/model.pkl")
            experiment = str(source.run.record().get("_experiment_name") or "")
            place, kind = assets.run_artifact(self.client, source.run.id, source.path)
            properties = {
                **properties, "run_id": source.run.id, "experiment_name": experiment, "asset_path": source.path,
            }  # fmt: skip
        else:
            file = place_of(source)
            kind = "mlflow_model" if (file / "MLmodel").is_file() else "custom_model"
            place = assets.upload(self.client, file, moving(self.on_event, "Uploading", size_of(file)))
        version = assets.create_model(self.client, name, place, kind, tags, properties, about.description)
        return self.get(name, version)

    def get(self, name: str, version: int | str | None = None) -> Model:
        """One version of a model; the newest without `version`. Raises AmlError when there is none."""
        name, wanted = split_id(name, version)
        if wanted is None:
            found = self.models(name)
            if not found:
                where = self.client.workspace.name
                raise AmlError(f"no model {name!r} in {where}", hint=f"List them: aml model list -w {where}")
            return found[0]
        return self._model(name, assets.show_model(self.client, name, wanted))

    def models(self, name: str | None = None, *, latest: bool = False) -> list[Model]:
        """Models, newest first: every version of `name`, else the newest of each (a request for each model)."""
        if name is None:
            pairs = assets.list_models(self.client)
            return [self.get(model, version) for model, version in pairs]
        found = [self._model(name, one) for one in assets.list_versions(self.client, name)]
        found.sort(key=lambda model: model.created_time, reverse=True)
        return found[:1] if latest else found

    def update(self, model: Model, change: Change) -> Model:
        """See `Model.update`."""
        return self._model(model.name, assets.update_model(self.client, model.name, str(model.version), **vars(change)))

    def delete(self, model: Model) -> None:
        """See `Model.delete`."""
        assets.delete_model(self.client, model.name, str(model.version))

    def download(self, model: Model, folder: Path, *, overwrite: bool) -> list[Path]:
        """See `Model.download`."""
        return assets.download_model(
            self.client, model.uri, folder, overwrite=overwrite, progress=moving(self.on_event, "Downloading")
        )

    def metadata(self, model: Model) -> dict[str, str]:
        """See `Registry.metadata`."""
        place = self.client.workspace
        return {"modelId": model.id, "workspaceName": place.name, "resourceGroupName": place.resource_group}

    def _model(self, name: str, resource: dict[str, Any]) -> Model:
        """A model from ARM's model version."""
        fields, system = resource.get("properties") or {}, resource.get("systemData") or {}
        properties = fields.get("properties") or {}
        tags = fields.get("tags") or {}
        return Model(
            name=name,
            version=str(resource.get("name")),
            uri=str(fields.get("modelUri") or ""),
            registry=self,
            created_time=str(system.get("createdAt") or ""),
            description=fields.get("description") or "",
            run_id=fields.get("jobName") or properties.get("run_id"),
            experiment_name=properties.get("experiment_name"),
            framework=tags.get("framework"),
            framework_version=tags.get("framework_version"),
            tags=tags,
            properties=properties,
        )


def size_of(path: Path) -> int:
    """The bytes of a file or folder."""
    return sum(file.stat().st_size for file in ([path] if path.is_file() else path.rglob("*")) if file.is_file())
