"""What a model's files hold, as one hash, and whether that is what was registered."""

from __future__ import annotations

import hashlib
from pathlib import Path

from amlrun.errors import AmlError, os_errors
from amlrun.registry.base import Model


def verify(model: Model) -> Path:
    """The file or folder of a model of this registry, once its content is seen to be what was registered.

    A version that MLflow itself registered has no hash, and nothing to compare. Raises AmlError for a file that is
    missing or was changed: it must not be unpickled.
    """
    path = Path(model.uri)
    if not path.exists():
        raise AmlError(f"{model.id}: its file is missing", file=path, hint="It was deleted: register the model again.")
    with os_errors(f"read the model {path}"):
        found = sha256(path)
    if model.sha256 and found != model.sha256:
        raise AmlError(
            f"{model.id}: the file is not the registered one; it was not loaded", file=path,
            hint=f"Its SHA-256 is {found}, the registered one {model.sha256}.\n"
            "Register the model again if the change was yours.",
        )  # fmt: skip
    return path


def sha256(path: Path) -> str:
    """The SHA-256 of a file, or of a folder's relative paths and contents in sorted order."""
    digest = hashlib.sha256()
    files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
    for file in files:
        if path.is_dir():
            digest.update(file.relative_to(path).as_posix().encode() + b"\0")
        with file.open("rb") as stream:
            while chunk := stream.read(1 << 20):
                digest.update(chunk)
    return digest.hexdigest()
