"""The files, models and model versions that a run's script logged through MLflow, found in the run's own store."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from urllib.parse import urlsplit

from amlrun.dataclass import dataclass
from amlrun.runs import store as runs
from amlrun.runs import tracking


@dataclass(frozen=True)
class LoggedVersion:
    """A model version in a run's own store: where its files are, and what the file or folder is called."""

    name: str
    version: str
    place: Path
    asset_name: str
    description: str
    tags: dict[str, str]
    aliases: list[str]


def file_of(run: runs.RunFolder, path: str) -> Path | None:
    """A file or folder among the run's: what it wrote (`outputs/…`), logged as an artifact, or logged as a model.

    None for a path that leaves the run's folders, and when there is nothing.
    """
    for top in (run.folder, tracking.artifacts(run)):
        found = top / path
        if found.exists() and found.resolve().is_relative_to(top.resolve()):
            return found
    name, _, rest = path.strip("/").partition("/")
    for known, place in logged_models(run):
        found = place / rest
        if known == name and found.exists() and found.resolve().is_relative_to(place.resolve()):
            return found
    return None


def artifact_names(run: runs.RunFolder) -> list[str]:
    """The files that the script logged through MLflow, as `file_of` takes them; models by their folder."""
    own = ("outputs/", "logs/", "user_logs/")
    names = [name for name, _ in tracking.files(tracking.artifacts(run)) if not name.startswith(own)]
    return sorted({*names, *(name for name, _ in logged_models(run))})


def logged_models(run: runs.RunFolder) -> list[tuple[str, Path]]:
    """The models that MLflow 3 keeps beside the run's artifacts, by name: (name, folder)."""
    found = []
    for meta in sorted((tracking.folder(run) / tracking.EXPERIMENT / "models").glob("*/meta.yaml")):
        about = tracking.read_meta(meta.parent)
        place = meta.parent / "artifacts"
        if about.get("name") and place.is_dir():
            found.append((str(about["name"]), place))
    return found


def registered(run: runs.RunFolder) -> list[LoggedVersion]:
    """The model versions that the script registered by itself, in the order of their numbers.

    MLflow put them into the run's own store, as `<store>/models/<name>/version-<number>`
    (mlflow/store/model_registry/file_store.py).
    """
    logged = {place: name for name, place in logged_models(run)}
    found = []
    for meta in (tracking.folder(run) / "models").glob("*/version-*/meta.yaml"):
        about = tracking.read_meta(meta.parent)
        place = _local_path(str(tracking.uri_here(run, about.get("storage_location") or about.get("source")) or ""))
        if "name" not in about or place is None or not place.exists():
            continue
        number = str(about.get("version"))
        aliases = [
            name for name, version in tracking.values(meta.parents[1], "aliases").items() if version.strip() == number
        ]
        name, text = str(about["name"]), str(about.get("description") or "")
        asset = logged.get(place, place.name)
        found.append(LoggedVersion(name, number, place, asset, text, tracking.values(meta.parent, "tags"), aliases))
    return sorted(found, key=lambda version: (version.name, int(version.version)))


def _local_path(uri: str) -> Path | None:
    parts = urlsplit(uri)
    if parts.scheme != "file":
        return None
    from urllib.request import url2pathname  # it brings sockets and TLS along, which costs a blink

    return Path(url2pathname(parts.path))


def gather_files(run: runs.RunFolder) -> None:
    """Put what a finished run wrote among its artifacts, so that MLflow shows one set of files as Azure ML does.

    Hard links: one file, two names, no space. A disk without them gets copies.
    """
    places = [(top, run.folder / top) for top in ("outputs", "logs", "user_logs")] + logged_models(run)
    for name, place in places:
        for sub, file in tracking.files(place):
            target = tracking.artifacts(run) / name / sub
            if target.exists() or file.is_symlink():
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                os.link(file, target)
            except FileExistsError:
                continue
            except OSError:
                shutil.copy2(file, target)
