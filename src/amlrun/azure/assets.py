"""Models and data in the workspace: made with azure-ai-ml, read with plain calls."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from amlrun.azure import blobs, stores
from amlrun.azure.client import Client
from amlrun.errors import AmlError

MODELS, DATA = "2023-08-01-preview", "2023-04-01-preview"
Progress = Callable[[int], None]


def register_model_of_run(
    client: Client,
    name: str,
    run_id: str,
    asset_path: str,
    *,
    experiment: str = "",
    tags: dict[str, str],
    properties: dict[str, str],
    description: str = "",
) -> dict[str, Any]:
    """Register a file or folder among a run's artifacts, which stay where they are. Raises AmlError."""
    from amlrun.azure.watching import artifacts

    container, prefix = artifacts(client, run_id)
    path = asset_path.strip("/")
    with client.wire.call(f"list the files of {run_id}"):
        names = [blob.name for blob in blobs.listing(container, prefix)]
    inside = [one for one in names if one == path or one.startswith(path + "/")]
    if not inside:
        outputs = ", ".join([one for one in names if one.startswith("outputs/")][:10])
        raise AmlError(
            f"--asset-path: run {run_id} has no {asset_path}", hint=f"The run's outputs are: {outputs or 'none'}"
        )
    place = f"azureml://jobs/{run_id}/outputs/artifacts/paths/{path}"
    kind = "mlflow_model" if f"{path}/MLmodel" in inside else "custom_model"
    properties = {**properties, "run_id": run_id, "experiment_name": experiment, "asset_path": path}
    return _put_model(client, name, place, kind, tags, properties, description)


def register_model_from(
    client: Client,
    name: str,
    source: Path,
    *,
    tags: dict[str, str],
    properties: dict[str, str],
    description: str = "",
    progress: Progress,
) -> dict[str, Any]:
    """Upload a file or folder and register it."""
    kind = "mlflow_model" if (source / "MLmodel").is_file() else "custom_model"
    place = send(client, source, progress)
    return _put_model(client, name, place, kind, tags, properties, description)


def _put_model(
    client: Client,
    name: str,
    place: str,
    kind: str,
    tags: dict[str, str],
    properties: dict[str, str],
    description: str,
) -> dict[str, Any]:
    with client.wire.call(f"register the model {name}"):
        from azure.ai.ml.entities import Model

        model = Model(
            name=name,
            path=place,
            type=kind,
            tags=tags,
            properties={key: value for key, value in properties.items() if value},
            description=description or None,
        )
        made = client.ml.models.create_or_update(model)
        return show_model(client, str(made.name), str(made.version))


def send(client: Client, source: Path, progress: Progress) -> str:
    """Upload a file or folder to the default datastore, to a place named by its content; its `azureml://` path."""
    files = stores.local_files(source)
    whole = hashlib.sha256()
    for name, file in files:
        whole.update(f"{name}\0".encode())
        with file.open("rb") as stream:
            while piece := stream.read(1 << 20):
                whole.update(piece)
    folder = f"LocalUpload/{whole.hexdigest()[:32]}"
    if source.is_dir():
        folder = f"{folder}/{source.resolve().name}"
    stores.upload(client, stores.DEFAULT, files, folder, progress=progress)
    tail = f"/{source.name}" if source.is_file() else ""
    return f"azureml://datastores/{stores.DEFAULT}/paths/{folder}{tail}"


def list_models(client: Client, name: str | None, latest: bool) -> list[dict[str, Any]]:
    """Models, newest first: every version of `name`, else the newest of each; `latest` leaves one of each."""
    if name is None:
        found = client.pages("list the models", "/models", MODELS)
        pairs = [(one["name"], (one.get("properties") or {}).get("latestVersion")) for one in found]
        return [show_model(client, model, str(version)) for model, version in pairs if version]
    said = client.pages(f"list the versions of {name}", f"/models/{name}/versions", MODELS)
    records = [_model(name, one) for one in said]
    records.sort(key=lambda one: one["createdTime"], reverse=True)
    return records[:1] if latest else records


def show_model(client: Client, name: str, version: str | None) -> dict[str, Any]:
    """One model version; the newest without `version`. Raises AmlError when there is none."""
    if version is None:
        found = list_models(client, name, latest=True)
        if not found:
            raise AmlError(f"no model {name!r} in {client.workspace.name}", hint="aml model list -w WORKSPACE")
        return found[0]
    said = client.arm(f"read the model {name}:{version}", "GET", f"/models/{name}/versions/{version}", MODELS)
    return _model(name, said)


def _model(name: str, said: dict[str, Any]) -> dict[str, Any]:
    """v1's keys (V1_CLI §4), from a model version of ARM."""
    properties, system = said.get("properties") or {}, said.get("systemData") or {}
    own = properties.get("properties") or {}
    tags = properties.get("tags") or {}
    return {
        "id": f"{name}:{said.get('name')}",
        "name": name,
        "version": said.get("name"),
        "createdTime": str(system.get("createdAt") or ""),
        "description": properties.get("description") or "",
        "framework": tags.get("framework"),
        "frameworkVersion": tags.get("framework_version"),
        "runId": properties.get("jobName") or own.get("run_id"),
        "experimentName": own.get("experiment_name"),
        "tags": tags,
        "properties": own,
        "path": properties.get("modelUri"),
    }


def update_model(
    client: Client,
    name: str,
    version: str,
    *,
    tags: dict[str, str],
    without: list[str],
    properties: dict[str, str],
    description: str | None,
) -> dict[str, Any]:
    """Change tags, properties (added only) and the description of a model version."""
    doing = f"update the model {name}:{version}"
    place = f"/models/{name}/versions/{version}"
    said = client.arm(doing, "GET", place, MODELS)
    now = said["properties"]
    kept = {key: value for key, value in {**(now.get("tags") or {}), **tags}.items() if key not in without}
    # Only what the service takes back: its own additions are refused.
    body = {key: now[key] for key in ("flavors", "modelType", "modelUri", "isAnonymous", "isArchived") if key in now}
    body |= {"tags": kept, "properties": {**(now.get("properties") or {}), **properties}}
    body["description"] = now.get("description") if description is None else description
    return _model(name, client.arm(doing, "PUT", place, MODELS, body={"properties": body}))


def delete_model(client: Client, name: str, version: str) -> None:
    """Delete a model version."""
    client.arm(f"delete the model {name}:{version}", "DELETE", f"/models/{name}/versions/{version}", MODELS)


def download_model(
    client: Client, name: str, version: str | None, folder: Path, *, overwrite: bool, progress: Progress
) -> list[Path]:
    """Bring a model's file or folder down below `folder`."""
    place = str(show_model(client, name, version)["path"])
    job = re.search(r"azureml:/.*/jobs/([^/]+)/outputs/artifacts/(?:paths/)?(.+)", place.replace("//", "/"))
    if job:
        store, path = "workspaceartifactstore", f"ExperimentRun/dcid.{job[1]}/{job[2]}"
    else:
        found = re.search(r"/datastores/([^/]+)/paths/(.+)", place)
        if found is None:
            raise AmlError(f"the model lies at {place}, which can't be read from here")
        store, path = found[1], found[2]
    top = folder / path.rstrip("/").rsplit("/", 1)[-1]
    blob = blobs.is_blob(stores.opener(client, store)(client.wire), client.wire, path)
    return stores.download(client, store, path, folder if blob else top, overwrite=overwrite, progress=progress)


def register_data(
    client: Client, name: str, place: str, *, version: str | None, description: str, progress: Progress
) -> dict[str, Any]:
    """Name data in the workspace: a local file or folder (uploaded), an `azureml://datastores/…` path or a URL."""
    remote = "://" in place
    source = Path(place)
    kind = "uri_file" if (source.is_file() if not remote else bool(Path(place).suffix)) else "uri_folder"
    path = place if remote else send(client, source, progress)
    with client.wire.call(f"register the dataset {name}"):
        from azure.ai.ml.entities import Data

        data = Data(name=name, version=version, path=path, type=kind, description=description or None)
        made = client.ml.data.create_or_update(data)
        return show_data(client, name, str(made.version))


def list_data(client: Client) -> list[dict[str, Any]]:
    """The newest version's name and number of every data asset."""
    return [
        {"name": one["name"], "version": (one.get("properties") or {}).get("latestVersion")}
        for one in client.pages("list the datasets", "/data", DATA)
    ]


def show_data(client: Client, name: str, version: str | None = None) -> dict[str, Any]:
    """One data asset; its newest version without `version`."""
    if version is None:
        said = client.arm(f"read the dataset {name}", "GET", f"/data/{name}", DATA)
        version = str((said.get("properties") or {}).get("latestVersion"))
    said = client.arm(f"read the dataset {name}:{version}", "GET", f"/data/{name}/versions/{version}", DATA)
    properties = said.get("properties") or {}
    return {
        "id": f"azureml:{name}:{version}",
        "name": name,
        "version": version,
        "type": properties.get("dataType"),
        "path": properties.get("dataUri"),
        "description": properties.get("description") or "",
        "tags": properties.get("tags") or {},
    }


def dataset_by_id(client: Client, name: str, guid: str) -> str:
    """The `azureml:NAME:VERSION` of the data asset that v1 knew by this id.

    v2 has no such lookup: the workspace's data assets are read and the one that carries the id is taken. Raises
    AmlError telling how to name it when none does.
    """
    for one in list_data(client):
        place = f"/data/{one['name']}/versions"
        for version in client.pages(f"look for the dataset {guid}", place, DATA):
            if guid.lower() in str(version).lower():
                return f"azureml:{one['name']}:{version['name']}"
    raise AmlError(
        f"data.{name}.dataLocation.dataset.id: no dataset of {client.workspace.name} carries the id {guid}",
        hint=f'Name it instead: `dataset: {{name: NAME, version: "1"}}` below data.{name}.dataLocation. '
        "The studio shows the name: Data, then the id in the address. `aml dataset list -w WORKSPACE` lists them.",
    )
