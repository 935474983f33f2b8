"""Data names: `data/datasets.yml` says where a dataset lies on this machine."""

from __future__ import annotations

import contextlib
import itertools
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from amlrun.dataclass import dataclass, field
from amlrun.errors import AmlError, did_you_mean
from amlrun.project import Project
from amlrun.spec import references
from amlrun.spec.yaml_data import change, entries, line_of

_SHAPE = "Write:\n  NAME:\n    path: data/NAME"
_DATASET_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,254}")


@dataclass
class Dataset:
    """A named place: `path` is absolute. `line` is where datasets.yml says it; `properties` say what made it."""

    name: str
    path: Path
    description: str = ""
    line: int | None = None
    properties: dict[str, str] = field(default_factory=dict)


def load(project: Project) -> dict[str, Dataset]:
    """The datasets of the project, by name; none when there is no `data/datasets.yml`.

    Raises AmlError for a file that is not a mapping of names to `path`.
    """
    file = project.datasets_file
    tree = entries(file, "dataset", _SHAPE)
    found = {}
    for name, entry in tree.items():
        line = line_of(tree, name)
        place = entry.get("path") if isinstance(entry, dict) else entry
        if not isinstance(place, str) or not place:
            raise AmlError(
                f"expected `path: FOLDER`, got {place!r}", file=file, line=line, field=str(name),
                hint=_SHAPE,
            )  # fmt: skip
        description = entry.get("description", "") if isinstance(entry, dict) else ""
        own = entry.get("properties") if isinstance(entry, dict) else None
        properties = {str(key): str(value) for key, value in own.items()} if isinstance(own, dict) else {}
        path = project.root / Path(place).expanduser()
        found[str(name)] = Dataset(str(name), path, str(description or ""), line, properties)
    return found


def locate(project: Project, name: str, reference: str | None) -> Path:
    """The path on this machine of input `name`, whose v2 path is `reference`.

    `azureml:NAME:VERSION`, short or as a whole address, is looked up in datasets.yml by the dataset's name; a datastore
    URI and an input without a path by the input's own. `runs:/ID/PATH` and `azureml://jobs/ID/outputs/NAME/paths/PATH`
    are what a run here wrote. Anything else is a local path, from the project's root.

    Raises AmlError when there is no such name, or no data there.
    """
    written = references.written(reference)
    if written:
        return _of_run(project, name, *written)
    asset = references.asset(reference)
    if reference and not asset and "://" not in reference and not reference.startswith("azureml:"):
        place = project.root / Path(reference).expanduser()
        if not place.exists():
            raise AmlError(f"input {name}: no such file or folder: {place}", hint="Check the path in the job's file.")
        return place
    datasets = load(project)
    wanted = asset[0] if asset else name
    dataset = datasets.get(wanted)
    if dataset is None:
        elsewhere = f"{reference} is not downloaded here, and " if reference and not asset else ""
        near = did_you_mean(wanted, datasets) or (f"; registered: {', '.join(datasets)}" if datasets else "")
        raise AmlError(
            f"{elsewhere}dataset {wanted!r} has no local path{near}", field=f"input {name}",
            hint=f"Correct the name, or register it: aml dataset register -n {wanted} -p FOLDER",
        )  # fmt: skip
    if not dataset.path.exists():
        raise AmlError(
            f"no data found at {dataset.path}", file=project.datasets_file, line=dataset.line, field=dataset.name,
            hint=f"Put the data there, or register another path: aml dataset register -n {wanted} -p FOLDER",
        )  # fmt: skip
    return dataset.path


def dataset_name(reference: str | None) -> str | None:
    """The dataset that an input's path names (`azureml:NAME:VERSION`); None for another kind of path."""
    found = references.asset(reference)
    return found[0] if found else None


def _of_run(project: Project, name: str, run: str, path: str) -> Path:
    """What a run wrote or logged: `path` below its folder, among its artifacts, or below its outputs."""
    folder = project.runs / run
    if Path(run).name != run or run in (".", "..") or ".." in Path(path).parts or Path(path).is_absolute():
        raise AmlError(f"input {name}: {path!r} is not in a run's folder", hint="Check the path in the job's file.")
    if not (folder / ".run").is_dir():
        raise AmlError(f"input {name}: there is no run {run} in {project.runs}", hint="`aml run list` shows the runs.")
    from amlrun.runs import logged, store

    record = store.RunFolder(folder)
    found = logged.file_of(record, path) or logged.file_of(record, f"outputs/{path}")
    if found:
        return found
    raise AmlError(f"input {name}: run {run} has no {path}", hint=f"Its files are in {folder}.")


def changed_since(place: Path, start_ns: int) -> bool:
    """Whether a file or folder at or below `place` was written after `start_ns`, of 10,000 entries at most.

    A time in the future is a clock's fault, and says nothing.
    """
    now = time.time_ns()
    for entry in itertools.islice(itertools.chain([place], place.rglob("*") if place.is_dir() else []), 10_000):
        with contextlib.suppress(OSError):
            if start_ns <= entry.stat().st_mtime_ns <= now:
                return True
    return False


def register(
    project: Project, name: str, path: Path, description: str, properties: Mapping[str, str] | None = None
) -> Dataset:
    """Name a file or folder, keeping the file's comments; an existing name gets the new location.

    `properties` say what made it: a run, the hash of its data, the commit of its code.
    Raises AmlError for a name Azure ML would refuse, or a path with nothing there.
    """
    if not _DATASET_NAME.fullmatch(name):
        raise AmlError(f"-n: {name!r} is not a valid dataset name", hint="Use letters, digits, '-', '_' and '.'.")
    if not path.exists():
        raise AmlError(f"-p: no such file or folder: {path}")
    file = project.datasets_file
    entries(file, "dataset", _SHAPE)
    place = path.resolve()
    # Inside the project the path is kept relative, so that the file is true on a colleague's machine too.
    inside = place.is_relative_to(project.root.resolve())
    entry: dict[str, Any] = {
        "path": place.relative_to(project.root.resolve()).as_posix() if inside else place.as_posix()
    }
    if description:
        entry["description"] = description
    if properties:
        entry["properties"] = dict(properties)
    change(file, lambda tree: tree.update({name: entry}))
    return Dataset(name, place, description, properties=dict(properties or {}))
