"""The snapshot as a code asset: nothing is sent that the workspace has already."""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from collections.abc import Callable
from typing import Any

from amlrun.azure import blobs, copies
from amlrun.azure.client import Client
from amlrun.dataclass import dataclass
from amlrun.errors import AmlError, os_errors
from amlrun.prepare.snapshot import Snapshot
from amlrun.runs.files import replace_json

Report = Callable[[str], None]
VERSION = "2023-04-01"
# The version of azure-ai-ml's way to hash a folder, so that a snapshot either of them sent is found by the other.
_HASH_VERSION = "202208"
_FOLDER = "code"


@dataclass
class ContentHashes:
    """A snapshot's content: `whole` names it in the workspace, `files` has each file's SHA-256 and stat."""

    whole: str
    files: dict[str, tuple[str, int, int]]


def hash_contents(files: Snapshot) -> ContentHashes:
    """Read every file once. Raises AmlError for one that cannot be read.

    The whole's hash is over the number of files, each `#path#` with its size, then each content, by lower-case path.
    """
    ordered = sorted(files.files, key=lambda item: item[0].lower())
    contents, single = hashlib.sha256(str(len(ordered)).encode()), {}
    stats = {}
    with os_errors("read the files to upload"):
        for path, _ in ordered:
            stats[path] = (files.root / path).stat()
            contents.update(f"#{path}#{stats[path].st_size}".encode())
        for path, _ in ordered:
            own = hashlib.sha256()
            with (files.root / path).open("rb") as stream:
                while piece := stream.read(1 << 20):
                    own.update(piece)
                    contents.update(piece)
            single[path] = (own.hexdigest(), stats[path].st_size, stats[path].st_mtime_ns)
    return ContentHashes(contents.hexdigest(), single)


def ensure(client: Client, files: Snapshot, content: ContentHashes, *, report: Report, progress: blobs.Progress) -> str:
    """The ARM id of the code asset with this content, uploaded when it is not there yet. Raises AmlError."""
    name = str(uuid.uuid4())
    found = client.arm(
        "look for the snapshot in the workspace",
        "GET",
        f"/codes/{name}/versions",
        VERSION,
        params={"hash": content.whole, "hashVersion": _HASH_VERSION},
        accept=(404,),
    )
    if found and found.get("value"):
        report(f"Snapshot: {files}, already in the workspace")
        return str(found["value"][0]["id"])
    report(files.summary())
    pending = client.arm(
        "get an upload location for the snapshot",
        "POST",
        f"/codes/{name}/versions/1/startPendingUpload",
        VERSION,
        body={"pendingUploadType": "TemporaryBlobReference"},
    )
    try:
        place = pending["blobReferenceForConsumption"]
        container, where = place["credential"]["sasUri"], place["blobUri"].rstrip("/")
    except (KeyError, TypeError):
        raise AmlError("the service returned no upload location for the snapshot", exit_code=3) from None
    before = _Memory(client)
    sources = before.sources(client, content, where)
    plan = {
        f"{_FOLDER}/{path}": (blobs.Upload(f"{_FOLDER}/{path}", files.root / path, size), sources.get(sha))
        for path, (sha, size, _) in content.files.items()
    }
    known = {name: source for name, (_, source) in plan.items() if source is not None}
    with client.importing():
        copied = copies.make(container, known, made=lambda name: progress(plan[name][0].size))
        sent = [one for name, (one, _) in plan.items() if name not in copied]
        blobs.upload(lambda transport: blobs.container_client(container, transport), sent, progress=progress)
    _unchanged(files, content)
    if copied:
        report(f"Uploaded {len(sent)} changed file{'' if len(sent) == 1 else 's'}; {len(copied)} copied within Azure")
    made = client.arm(
        "register the snapshot",
        "PUT",
        f"/codes/{name}/versions/1",
        VERSION,
        body={
            "properties": {
                "codeUri": f"{where}/{_FOLDER}",
                "isAnonymous": True,
                "properties": {"hash_sha256": content.whole, "hash_version": _HASH_VERSION},
            }
        },
    )
    before.keep(where, content)
    return str(made["id"])


def _unchanged(files: Snapshot, content: ContentHashes) -> None:
    """Refuse to name by its hash what was edited while it went up."""
    for path, (_, size, changed) in content.files.items():
        with os_errors("read the files to upload"):
            now = (files.root / path).stat()
        if (now.st_size, now.st_mtime_ns) != (size, changed):
            raise AmlError("changed while it was uploaded", file=files.root / path, hint="Run the command again.")


class _Memory:
    """Where each content lies that was sent to this workspace last: a file in the user's cache, no more than a hint."""

    def __init__(self, client: Client) -> None:
        from amlrun.prepare.environment import cache_folder

        key = hashlib.sha256(client.workspace.arm.lower().encode()).hexdigest()[:16]
        self.file = cache_folder().parent / "snapshots" / f"{key}.json"

    def sources(self, client: Client, content: ContentHashes, target: str) -> dict[str, str]:
        """SHA-256 → URL (signed) of a blob with that content, for a copy within the storage account."""
        try:
            last = json.loads(self.file.read_text(encoding="utf-8"))
            where, known = str(last["where"]), {str(sha): str(path) for sha, path in last["files"].items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return {}
        wanted = {sha for sha, _, _ in content.files.values()} & known.keys()
        if not wanted or blobs.account_and_container(where)[0] != blobs.account_and_container(target)[0]:
            return {}
        signature = _signature(client)
        if not signature:
            return {}
        return {sha: blobs.url_of(f"{where}?{signature}", f"{_FOLDER}/{known[sha]}") for sha in wanted}

    def keep(self, where: str, content: ContentHashes) -> None:
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            replace_json(
                self.file, {"where": where, "files": {sha: path for path, (sha, _, _) in content.files.items()}}
            )
        except OSError:
            return  # the next upload is a full one


def _signature(client: Client) -> str:
    """A signature that reads the whole storage account, if the workspace gives one; without it nothing is copied."""
    secrets: Any = client.arm(
        "get a SAS token for the storage account",
        "POST",
        "/datastores/workspaceblobstore/listSecrets",
        "2024-10-01-preview",
        body={"expirableSecret": True, "expireAfterHours": 1},
        accept=(400, 401, 403, 404, 409),
    )
    token = str((secrets or {}).get("sasToken") or "").lstrip("?")
    return token if re.search(r"(^|&)ss=", token) else ""
