"""The registry: models and their versions, in MLflow's registry in the project's `mlflow.db`."""

from __future__ import annotations

import hashlib
import re
import shutil
import uuid
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from amlrun.errors import AmlError, os_error
from amlrun.project import Project
from amlrun.runs import metrics

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,254}")
_PROPERTY = "property."
_OURS = ("sha256", "run_id", "experiment_name", "asset_path", "framework", "framework_version")


@dataclass
class Model:
    """One version of a model. `path` is the registry's own copy, a file or a folder; `sha256` is of its content."""

    name: str
    version: int
    path: Path
    sha256: str
    created_time: str
    description: str = ""
    run_id: str | None = None
    experiment_name: str | None = None
    framework: str | None = None
    framework_version: str | None = None
    tags: dict[str, str] = field(default_factory=dict)
    properties: dict[str, str] = field(default_factory=dict)

    @property
    def id(self) -> str:
        return f"{self.name}:{self.version}"

    def record(self) -> dict[str, Any]:
        """What `model register` and `model show` print: v1's keys."""
        snake = {key: value for key, value in asdict(self).items() if key not in ("run_id", "created_time")}
        words = {"experiment_name": "experimentName", "framework_version": "frameworkVersion"}
        record = {words.get(key, key): value for key, value in snake.items()}
        return record | {"id": self.id, "createdTime": self.created_time, "runId": self.run_id, "path": str(self.path)}


@dataclass
class Origin:
    """Where a model comes from, when it comes from a run."""

    run_id: str
    experiment_name: str
    asset_path: str


def register(
    project: Project,
    name: str,
    source: Path,
    *,
    origin: Origin | None = None,
    tags: dict[str, str] | None = None,
    properties: dict[str, str] | None = None,
    description: str = "",
    framework: str = "",
    framework_version: str = "",
) -> Model:
    """Copy a file or folder into the registry as the next version of `name`.

    The copy is the registry's own, so that a run may be deleted. Raises AmlError for a name that Azure ML would
    refuse, and when the database or the disk can't take it; nothing is left half-registered then.
    """
    check_name(name)
    if not source.exists():
        raise AmlError("there is nothing to register", file=source)
    kept = project.artifacts / "models" / name / uuid.uuid4().hex[:12]
    try:
        kept.mkdir(parents=True)
        target = kept / source.name
        shutil.copytree(source, target) if source.is_dir() else shutil.copy2(source, target)
        digest = sha256(target)
    except OSError as error:
        shutil.rmtree(kept, ignore_errors=True)
        raise os_error(error, "copy the model into the registry") from error
    facts = {"sha256": digest, "framework": framework, "framework_version": framework_version}
    if origin:
        facts |= asdict(origin)
    facts = {key: value for key, value in facts.items() if value}
    facts |= {_PROPERTY + key: value for key, value in (properties or {}).items()}
    run = metrics.mlflow_run(project, origin.run_id) if origin else None
    client = _client(project)
    try:
        if not _exists(client, name):
            client.create_registered_model(name)
        made = client.create_model_version(
            name, target.as_uri(), run_id=run, tags={**(tags or {}), **facts}, description=description or None
        )
    except Exception as error:
        shutil.rmtree(kept, ignore_errors=True)
        raise _registry_error(error) from error
    return _model(made)


def check_name(name: str) -> None:
    """Raise AmlError for a name that a model can't have in Azure ML."""
    if not _NAME.fullmatch(name):
        raise AmlError(
            f"-n: {name!r} can't be a model's name",
            hint="Start with a letter or digit; then letters, digits, '-', '_' and '.', at most 255.",
        )


def listing(project: Project, name: str | None = None) -> list[Model]:
    """Every version of every model (or of `name`), newest first; empty before the first is registered."""
    if not project.database.exists():
        return []
    client = _client(project)
    try:
        wanted = f"name = '{name}'" if name and _NAME.fullmatch(name) else ""
        found, token = [], None
        while True:
            page = client.search_model_versions(wanted, max_results=1000, page_token=token)
            found += [_model(version) for version in page]
            token = page.token
            if not token:
                break
    except Exception as error:
        raise _registry_error(error) from error
    return sorted(found, key=lambda model: (model.created_time, model.version), reverse=True)


def find(project: Project, name: str, version: int | str | None = None) -> Model:
    """One version of a model, the highest when none is named; `name` may be `NAME:VERSION`.

    Raises AmlError naming what there is.
    """
    name, _, tail = name.partition(":")
    wanted = str(version if version is not None else tail)
    if wanted and wanted != "latest" and not wanted.isdigit():
        raise AmlError(f"a model's version is a whole number, got {wanted!r}", hint="Write NAME:VERSION.")
    known = listing(project, name)
    found = [model for model in known if not wanted.isdigit() or model.version == int(wanted)]
    if found:
        return max(found, key=lambda model: model.version)
    if known:
        hint = f"{name} has the versions " + ", ".join(str(model.version) for model in reversed(known))
    else:
        names = sorted({model.name for model in listing(project)})
        hint = (
            f"Registered are: {', '.join(names)}" if names else "Register one: aml model register -n NAME -f run.json"
        )
    raise AmlError(f"no model {name}{':' + wanted if wanted else ''}", hint=hint)


def verify(model: Model) -> Path:
    """The model's file or folder, once its content is seen to be what was registered.

    Raises AmlError for a file that is gone or was changed: it must not be unpickled.
    """
    if not model.path.exists():
        raise AmlError(f"{model.id}: its file is gone", file=model.path, hint="Register the model again.")
    if sha256(model.path) != model.sha256:
        raise AmlError(
            f"{model.id}: its content is not what was registered (SHA-256 differs); it was not opened", file=model.path,
            hint="Register the model again from a run that you trust.",
        )  # fmt: skip
    return model.path


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


def _client(project: Project) -> Any:
    import logging
    import os

    # MLflow's own word about a first use of a database would reach the user's terminal.
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.ERROR)
    os.environ["_MLFLOW_SERVER_ARTIFACT_ROOT"] = project.artifacts.as_uri()
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    try:
        from mlflow import MlflowClient
    except ImportError as error:
        raise AmlError(f"MLflow is not installed: {error}", hint="Run: uv sync") from error
    try:
        return MlflowClient(tracking_uri=project.tracking_uri, registry_uri=project.tracking_uri)
    except Exception as error:
        raise _registry_error(error) from error


def _exists(client: Any, name: str) -> bool:
    return bool(client.search_registered_models(f"name = '{name}'", max_results=1))


def _model(version: Any) -> Model:
    from urllib.parse import urlparse
    from urllib.request import url2pathname

    tags = dict(version.tags)
    created = datetime.fromtimestamp(version.creation_timestamp / 1000, timezone.utc)
    return Model(
        name=version.name,
        version=int(version.version),
        path=Path(url2pathname(urlparse(version.source).path)),
        sha256=tags.get("sha256", ""),
        created_time=created.isoformat(timespec="milliseconds"),
        description=version.description or "",
        run_id=tags.get("run_id"),
        experiment_name=tags.get("experiment_name"),
        framework=tags.get("framework"),
        framework_version=tags.get("framework_version"),
        tags={key: value for key, value in tags.items() if key not in _OURS and not key.startswith(_PROPERTY)},
        properties={key[len(_PROPERTY) :]: value for key, value in tags.items() if key.startswith(_PROPERTY)},
    )


def _registry_error(error: Exception) -> AmlError:
    words = str(error).strip().splitlines()
    first = words[0] if words else type(error).__name__
    hint = ""
    if "out-of-date database schema" in str(error) or "Can't locate revision" in str(error):
        hint = (
            "mlflow.db was written by another version of MLflow: keep mlflow-skinny the same in the conda file and in "
            "pyproject.toml. A newer MLflow upgrades it with: mlflow db upgrade sqlite:///mlflow.db"
        )
    elif "locked" in first:
        hint = "Another process writes to mlflow.db: try again."
    return AmlError(f"the registry (mlflow.db): {first}", hint=hint)
