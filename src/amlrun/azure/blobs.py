"""Files to and from blob storage: many at a time, each with its own deadline."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from amlrun.azure.transport import Shared, Transport
from amlrun.dataclass import dataclass
from amlrun.errors import AmlError, os_error, os_errors

Progress = Callable[[int], None]
_AT_ONCE = 8
RETRIES = {"retry_total": 3, "initial_backoff": 1, "increment_base": 2, "random_jitter_range": 0}


@dataclass(frozen=True)
class Upload:
    """One blob to make from a local file."""

    name: str
    source: Path
    size: int


class _ThreadLocalClients(threading.local):
    """A transport and a container client for each thread: a session of requests is not made to be shared."""

    container: Any = None
    transport: Transport


def container_client(url: str, transport: Transport) -> Any:
    """A client for a container's URL with its signature."""
    from azure.storage.blob import ContainerClient

    return ContainerClient.from_container_url(url, transport=Shared(transport), **RETRIES)


def upload(
    opened: Callable[[Transport], Any], files: Iterable[Upload], *, progress: Progress = lambda size: None
) -> None:
    """Make the blobs. Raises AmlError.

    `opened` gives a container's client on a transport; each thread asks for its own.
    """
    clients = _ThreadLocalClients()

    def one(file: Upload) -> int:
        if clients.container is None:
            clients.transport = Transport()
            clients.container = opened(clients.transport)
        _send(clients, file)
        return file.size

    pool = ThreadPoolExecutor(_AT_ONCE)
    try:
        for done in as_completed([pool.submit(one, file) for file in files]):
            progress(done.result())
    finally:
        pool.shutdown(cancel_futures=True)


def _send(clients: _ThreadLocalClients, file: Upload) -> None:
    with clients.transport.call(f"upload {file.name}", transfer=True):
        try:
            with file.source.open("rb") as stream:
                clients.container.upload_blob(file.name, stream, length=file.size, overwrite=True, max_concurrency=1)
        except OSError as error:
            if error.filename is not None:
                raise os_error(error, "read the files to upload") from error
            raise


def url_of(container_url: str, name: str) -> str:
    """The URL of a blob in a container whose URL carries its signature."""
    place, _, signature = container_url.partition("?")
    return f"{place}/{quote(name)}?{signature}"


@dataclass(frozen=True)
class BlobInfo:
    """A blob: `name` below the prefix that was listed, `size` in bytes."""

    name: str
    size: int
    etag: str


def list_blobs(container: Any, prefix: str) -> list[BlobInfo]:
    """The blobs below a prefix that ends with `/`."""
    return [
        BlobInfo(blob.name[len(prefix) :], int(blob.size), str(blob.etag))
        for blob in container.list_blobs(name_starts_with=prefix)
        if blob.name != prefix and not (blob.metadata or {}).get("hdi_isfolder")
    ]


def download(
    container: Any,
    transport: Transport,
    prefix: str,
    found: list[BlobInfo],
    folder: Path,
    memory: Path,
    *,
    progress: Progress = lambda size: None,
) -> list[Path]:
    """Bring blobs down below `folder`; what `memory` (a file of names and etags) says is there is not fetched again.

    A file comes into being whole: until then it grows as `NAME.part`, from which the next command goes on.
    Raises AmlError, also for a blob whose name leads out of the folder.
    """
    known = _remembered(memory)
    made = []
    for blob in found:
        target = folder / blob.name
        if not target.resolve().is_relative_to(folder.resolve()):
            raise AmlError(f"the blob {blob.name!r} is outside the run's folder: not downloaded")
        made.append(target)
        if known.get(blob.name) == blob.etag and target.is_file() and target.stat().st_size == blob.size:
            progress(blob.size)
            continue
        with os_errors(f"write {target}"):
            target.parent.mkdir(parents=True, exist_ok=True)
            _fetch(container, transport, prefix + blob.name, blob, target, progress)
            known[blob.name] = blob.etag
            with memory.open("a", encoding="utf-8") as stream:
                stream.write(json.dumps([blob.name, blob.etag]) + "\n")
    return made


def _fetch(container: Any, transport: Transport, name: str, blob: BlobInfo, target: Path, progress: Progress) -> None:
    from azure.core import MatchConditions

    part, mark = target.with_name(target.name + ".part"), target.with_name(target.name + ".part.etag")
    same = part.is_file() and mark.is_file() and mark.read_text(encoding="utf-8") == blob.etag
    start = part.stat().st_size if same else 0
    mark.write_text(blob.etag, encoding="utf-8")
    progress(start)
    with part.open("ab" if start else "wb") as stream:
        while start < blob.size:
            # Pieces, so that a slow line is told from a dead one, and a cut leaves what came before.
            length = min(4_000_000, blob.size - start)
            with transport.call(f"download {blob.name}", transfer=True):
                piece = container.download_blob(
                    name, offset=start, length=length, etag=blob.etag, match_condition=MatchConditions.IfNotModified
                ).readall()
            stream.write(piece)
            start += len(piece)
            progress(len(piece))
    part.replace(target)
    mark.unlink(missing_ok=True)


def _remembered(memory: Path) -> dict[str, str]:
    try:
        lines = memory.read_text(encoding="utf-8").splitlines()
    except OSError:
        return {}
    known = {}
    for line in lines:
        try:
            name, etag = json.loads(line)
            known[name] = etag
        except (ValueError, TypeError):
            continue
    return known


def account_and_container(url: str) -> tuple[str, str]:
    """The host and the container of a blob's URL."""
    parts = urlsplit(url)
    return parts.hostname or "", parts.path.lstrip("/").partition("/")[0]


def is_blob(container: Any, transport: Transport, name: str) -> bool:
    """Whether a blob of exactly that name is there (a folder is none)."""
    with transport.call(f"look for {name}"):
        return bool(container.get_blob_client(name).exists())
