"""Datastores: what there is, and files to and from those in blob storage."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amlrun.azure import blobs
from amlrun.azure.client import Client
from amlrun.errors import AmlError, os_errors

if TYPE_CHECKING:
    from amlrun.azure.transport import Transport

VERSION = "2024-10-01-preview"
DEFAULT = "workspaceblobstore"


def list_datastores(client: Client) -> list[dict[str, Any]]:
    """Every datastore of the workspace as a record."""
    return [_record(one) for one in client.pages("list the datastores", "/datastores", VERSION)]


def show(client: Client, name: str) -> dict[str, Any]:
    """One datastore. Raises AmlError when there is none of that name."""
    return _record(client.arm(f"read the datastore {name}", "GET", f"/datastores/{name}", VERSION))


def _record(resource: dict[str, Any]) -> dict[str, Any]:
    properties = resource.get("properties") or {}
    wanted = ("datastoreType", "accountName", "containerName", "filesystem", "fileShareName", "isDefault")
    return {"name": resource.get("name"), **{key: properties[key] for key in wanted if properties.get(key) is not None}}


def opener(client: Client, store: str) -> Callable[[Transport], Any]:
    """A function that opens the datastore's container on a transport, with the secret that the workspace gives.

    A datastore without one is opened as the user who is signed in. Raises AmlError when it is not blob storage.
    """
    resource = client.arm(f"read the datastore {store}", "GET", f"/datastores/{store}", VERSION)
    properties = (resource or {}).get("properties") or {}
    kind = properties.get("datastoreType")
    if kind not in ("AzureBlob", "AzureDataLakeGen2"):
        raise AmlError(f"the datastore {store} is a {kind}: only blob storage can be read and written from here")
    container = properties.get("containerName") or properties.get("filesystem")
    url = f"https://{properties['accountName']}.blob.{properties.get('endpoint') or 'core.windows.net'}"
    secrets: dict[str, Any] = {}
    if (properties.get("credentials") or {}).get("credentialsType") != "None":
        secrets = client.arm(
            f"get a SAS token for {store}",
            "POST",
            f"/datastores/{store}/listSecrets",
            VERSION,
            body={"expirableSecret": True, "expireAfterHours": 1},
        )
    credential = (secrets.get("sasToken") or "").lstrip("?") or secrets.get("key") or client.credential

    def opened(transport: Transport) -> Any:
        from azure.storage.blob import ContainerClient

        from amlrun.azure.transport import Shared

        return ContainerClient(url, container, credential=credential, transport=Shared(transport), **blobs.RETRIES)

    return opened


def local_files(source: Path) -> list[tuple[str, Path]]:
    """A file, or all of a folder, in order: the POSIX path below the folder, and where it is. Raises AmlError."""
    if not source.exists():
        raise AmlError("there is no such file or folder", file=source, hint="Paths are relative to the current folder.")
    if source.is_file():
        return [(source.name, source)]
    found = [(path.relative_to(source).as_posix(), path) for path in sorted(source.rglob("*")) if path.is_file()]
    if not found:
        raise AmlError("the folder has no files", file=source)
    return found


def upload(
    client: Client,
    store: str,
    files: list[tuple[str, Path]],
    target: str,
    *,
    overwrite: bool = True,
    progress: blobs.Progress,
) -> list[str]:
    """Send `local_files` below `target` of a datastore. Returns the blobs' names.

    Raises AmlError; with `overwrite` False also when a blob of one of the names is there, before anything is sent.
    """
    prefix = target.strip("/") + "/" if target.strip("/") else ""
    plan = [blobs.Upload(prefix + name, file, file.stat().st_size) for name, file in files]
    opened = opener(client, store)
    if not overwrite:
        with client.transport.call(f"list the files of {store}"):
            there = {blob.name for blob in blobs.list_blobs(opened(client.transport), prefix)}
        taken = [one.name for one in plan if one.name.removeprefix(prefix) in there]
        if taken:
            raise AmlError(f"{taken[0]} already exists in {store}", hint="Add --overwrite to replace it.")
    blobs.upload(opened, plan, progress=progress)
    return [one.name for one in plan]


def download(
    client: Client, store: str, prefix: str, folder: Path, *, overwrite: bool, progress: blobs.Progress
) -> list[Path]:
    """Bring what lies at `prefix` (a blob, or a folder of them) down below `folder`; goes on where it stopped.

    Raises AmlError when nothing lies there, or with `overwrite` False for a file that is there and is another.
    """
    prefix = prefix.strip("/")
    container = opener(client, store)(client.transport)
    single = bool(prefix) and blobs.is_blob(container, client.transport, prefix)
    top = prefix[: prefix.rfind("/") + 1] if single else prefix + "/" if prefix else ""
    with client.transport.call(f"list the files of {store}"):
        found = blobs.list_blobs(container, top)
    if single:
        found = [one for one in found if top + one.name == prefix]
    if not found:
        raise AmlError(f"{store} has no such file or folder: {prefix or '/'}")
    memory = memory_file(client, store, prefix, folder)
    if not overwrite and not memory.exists():
        there = [folder / one.name for one in found if (folder / one.name).exists()]
        if there:
            raise AmlError("already exists", file=there[0], hint="Add --overwrite to replace it.")
    return blobs.download(container, client.transport, top, found, folder, memory, progress=progress)


def memory_file(client: Client, store: str, prefix: str, folder: Path) -> Path:
    """Where it is kept which blobs of a download are there already: the user's cache."""
    from amlrun.prepare.environment import cache_folder

    text = "\n".join([client.workspace.arm.lower(), store, prefix, str(folder.resolve())])
    place = cache_folder().parent / "downloads"
    with os_errors("make the cache folder"):
        place.mkdir(parents=True, exist_ok=True)
    return place / f"{hashlib.sha256(text.encode()).hexdigest()[:16]}.jsonl"
