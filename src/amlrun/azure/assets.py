"""Models and data in the workspace: made with azure-ai-ml, read with plain calls."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from amlrun.azure import blobs, named_outputs, stores
from amlrun.azure.client import Client
from amlrun.errors import AmlError

MODELS, DATA = "2023-08-01-preview", "2023-04-01-preview"
Progress = Callable[[int], None]


def run_artifact(client: Client, run_id: str, asset_path: str) -> tuple[str, str]:
    """The address of a file or folder among a run's artifacts, and the type of model it is. Raises AmlError."""
    from amlrun.azure.watching import artifacts

    container, prefix = artifacts(client, run_id)
    path = asset_path.strip("/")
    with client.transport.call(f"list the files of {run_id}"):
        names = [blob.name for blob in blobs.list_blobs(container, prefix)]
    inside = [one for one in names if one == path or one.startswith(path + "/")]
    if not inside:
        named = named_outputs.artifact(client, run_id, path)
        if named is not None:
            return named
        outputs = ", ".join([one for one in names if one.startswith("outputs/")][:10])
        raise AmlError(
            f"--asset-path: run {run_id} has no {asset_path}", hint=f"The run's outputs are: {outputs or 'none'}"
        )
    kind = "mlflow_model" if f"{path}/MLmodel" in inside else "custom_model"
    return f"azureml://jobs/{run_id}/outputs/artifacts/paths/{path}", kind


def create_model(
    client: Client,
    name: str,
    place: str,
    kind: str,
    tags: dict[str, str],
    properties: dict[str, str],
    description: str,
) -> str:
    """Register what lies at an `azureml://` address as the next version of a model. Returns the version."""
    with client.transport.call(f"register the model {name}"):
        from azure.ai.ml.entities import Model

        model = Model(
            name=name,
            path=place,
            type=kind,
            tags=tags,
            properties={key: value for key, value in properties.items() if value},
            description=description or None,
        )
        return str(client.ml.models.create_or_update(model).version)


def upload(client: Client, source: Path, progress: Progress) -> str:
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


def list_models(client: Client) -> list[tuple[str, str]]:
    """The name and the newest version of every model."""
    found = client.pages("list the models", "/models", MODELS)
    pairs = [(str(one["name"]), (one.get("properties") or {}).get("latestVersion")) for one in found]
    return [(name, str(version)) for name, version in pairs if version]


def list_versions(client: Client, name: str) -> list[dict[str, Any]]:
    """Every version of a model, as ARM has it."""
    return client.pages(f"list the versions of {name}", f"/models/{name}/versions", MODELS)


def show_model(client: Client, name: str, version: str) -> dict[str, Any]:
    """One model version, as ARM has it. Raises AmlError when there is none."""
    found: dict[str, Any] = client.arm(
        f"read the model {name}:{version}", "GET", f"/models/{name}/versions/{version}", MODELS
    )
    return found


def update_model(
    client: Client,
    name: str,
    version: str,
    *,
    tags: dict[str, str],
    remove_tags: tuple[str, ...],
    properties: dict[str, str],
    description: str | None,
) -> dict[str, Any]:
    """Change tags, properties (added only) and the description of a model version. Returns it as ARM has it."""
    doing = f"update the model {name}:{version}"
    place = f"/models/{name}/versions/{version}"
    resource = client.arm(doing, "GET", place, MODELS)
    now = resource["properties"]
    kept = {key: value for key, value in {**(now.get("tags") or {}), **tags}.items() if key not in remove_tags}
    # Only what the service takes back: its own additions are refused.
    body = {key: now[key] for key in ("flavors", "modelType", "modelUri", "isAnonymous", "isArchived") if key in now}
    body |= {"tags": kept, "properties": {**(now.get("properties") or {}), **properties}}
    body["description"] = now.get("description") if description is None else description
    changed: dict[str, Any] = client.arm(doing, "PUT", place, MODELS, body={"properties": body})
    return changed


def delete_model(client: Client, name: str, version: str) -> None:
    """Delete a model version."""
    client.arm(f"delete the model {name}:{version}", "DELETE", f"/models/{name}/versions/{version}", MODELS)


def download_model(client: Client, place: str, folder: Path, *, overwrite: bool, progress: Progress) -> list[Path]:
    """Download the file or folder at a model's address into `folder`."""
    job = re.search(r"azureml:/.*/jobs/([^/]+)/outputs/artifacts/(?:paths/)?(.+)", place.replace("//", "/"))
    if job:
        store, path = "workspaceartifactstore", f"ExperimentRun/dcid.{job[1]}/{job[2]}"
    elif named := named_outputs.place_of(client, place):
        store, path = named
    else:
        found = re.search(r"/datastores/([^/]+)/paths/(.+)", place)
        if found is None:
            raise AmlError(f"the model's files are at {place}, which cannot be downloaded from here")
        store, path = found[1], found[2]
    top = folder / path.rstrip("/").rsplit("/", 1)[-1]
    blob = blobs.is_blob(stores.opener(client, store)(client.transport), client.transport, path)
    return stores.download(client, store, path, folder if blob else top, overwrite=overwrite, progress=progress)


def register_data(
    client: Client, name: str, place: str, *, version: str | None, description: str, progress: Progress
) -> dict[str, Any]:
    """Name data in the workspace: a local file or folder (uploaded), an `azureml://datastores/…` path or a URL."""
    remote = "://" in place
    source = Path(place)
    kind = "uri_file" if (source.is_file() if not remote else bool(Path(place).suffix)) else "uri_folder"
    path = place if remote else upload(client, source, progress)
    with client.transport.call(f"register the dataset {name}"):
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
        resource = client.arm(f"read the dataset {name}", "GET", f"/data/{name}", DATA)
        version = str((resource.get("properties") or {}).get("latestVersion"))
    resource = client.arm(f"read the dataset {name}:{version}", "GET", f"/data/{name}/versions/{version}", DATA)
    properties = resource.get("properties") or {}
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
        f"data.{name}.dataLocation.dataset.id: no dataset in {client.workspace.name} has the id {guid}",
        hint=f'Name it instead: `dataset: {{name: NAME, version: "1"}}` below data.{name}.dataLocation. '
        "The studio shows the name: Data, then the id in the address. `aml dataset list -w WORKSPACE` lists them.",
    )
