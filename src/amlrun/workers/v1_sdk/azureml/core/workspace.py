"""`Workspace`: a name, and the way to data, models and secrets. Written from documentation; not Microsoft's code."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from typing import Any

from azureml._amlrun import context
from azureml._amlrun.notes import V1Class, lazily

_FOLDERS = ("", ".azureml", "aml_config")


def _config() -> dict[str, Any]:
    """The project's config.json, where there is one: only its names are shown."""
    for folder in _FOLDERS:
        try:
            with open(os.path.join(context.root(), folder, "config.json"), encoding="utf-8") as stream:
                found = json.load(stream)
                return found if isinstance(found, dict) else {}
        except (OSError, ValueError):
            continue
    return {}


class Workspace(V1Class):
    """Nothing is signed in to: a local run opens no connection."""

    def __init__(
        self, subscription_id: str | None = None, resource_group: str | None = None,
        workspace_name: str | None = None, auth: Any = None, **kwargs: Any,
    ) -> None:  # fmt: skip
        config = _config()
        self.name = (
            workspace_name or os.environ.get("AZUREML_ARM_WORKSPACE_NAME") or config.get("workspace_name", "local")
        )
        self.subscription_id = subscription_id or config.get("subscription_id", "")
        self.resource_group = resource_group or config.get("resource_group", "")
        self.location = ""
        # Scripts hand these private names to SDK v2's MLClient.
        self._workspace_name, self._subscription_id = self.name, self.subscription_id
        self._resource_group = self.resource_group

    @classmethod
    def from_config(cls, path: Any = None, auth: Any = None, **kwargs: Any) -> Workspace:
        return cls()

    @classmethod
    def get(
        cls, name: str, auth: Any = None, subscription_id: Any = None, resource_group: Any = None, **kwargs: Any
    ) -> Workspace:
        return cls(subscription_id, resource_group, name)

    @property
    def datasets(self) -> _Datasets:
        return _Datasets()

    @property
    def models(self) -> dict[str, Any]:
        """The newest version of each registered model, by name."""
        from azureml.core.model import Model

        return {model.name: model for model in Model.list(self, latest=True)}

    @property
    def datastores(self) -> dict[str, Any]:
        store = self.get_default_datastore()
        return {store.name: store}

    @property
    def experiments(self) -> dict[str, Any]:
        from azureml.core.experiment import Experiment

        return {context.experiment(): Experiment(self, context.experiment())}

    def get_default_datastore(self) -> Any:
        from azureml.core.datastore import Datastore

        return Datastore(self)

    def get_default_keyvault(self) -> Any:
        from azureml.core.keyvault import Keyvault

        return Keyvault(self)

    def get_details(self) -> dict[str, Any]:
        return {"name": self.name, "location": self.location, "resourceGroup": self.resource_group}

    def get_mlflow_tracking_uri(self) -> str:
        """Where MLflow keeps this run."""
        import mlflow

        return str(mlflow.get_tracking_uri())

    def write_config(self, *args: Any, **kwargs: Any) -> None:
        """Nothing: there is no workspace whose ids could be written."""

    def __repr__(self) -> str:
        return f"Workspace(name={self.name!r}, resource_group={self.resource_group!r})"


class _Datasets(Mapping):  # type: ignore[type-arg]  # Python 3.7 has no Mapping[str, …]
    """`workspace.datasets`: looked up when asked for."""

    def __getitem__(self, name: str) -> Any:
        from azureml.core.dataset import Dataset

        return Dataset.get_by_name(None, name)

    def __iter__(self) -> Iterator[str]:
        return iter(context.facts().get("datasets") or {})

    def __len__(self) -> int:
        return len(context.facts().get("datasets") or {})


__getattr__ = lazily(__name__)
