"""A run's own MLflow store: plain files below `.run/mlflow`, in the layout that MLflow has kept since 1.0.

Every version of MLflow can write it, needs no database package for it, and shares it with no other run, so neither
two runs nor two environments can get in each other's way. The MLflow run exists before the script starts and has the
run's own id, as on Azure ML: `mlflow.log_metric` joins it, and `mlflow.get_run(os.environ["AZUREML_RUN_ID"])` finds
it. `mlflow_db` copies it into the project's `mlflow.db`, which `mlflow ui` shows.
(https://mlflow.org/docs/latest/self-hosting/architecture/backend-store/, mlflow/store/tracking/file_store.py)
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from amlrun.dataclass import dataclass
from amlrun.errors import os_errors
from amlrun.runs import store as runs

RUN_ID_TAG = "azureml.run_id"
EXPERIMENT = "1"
_KEPT = {"lifecycle_stage": "active", "experiment_id": EXPERIMENT}
_RUNNING, _JOB = 1, 4  # MLflow's numbers for a run's status and a job as its source


@dataclass(frozen=True)
class Point:
    """One report of a metric: its value (may be NaN or infinite), step, and time in ms since 1970."""

    value: float
    step: int
    timestamp: int


def folder(run: runs.RunFolder) -> Path:
    return run.private / "mlflow"


def artifacts(run: runs.RunFolder) -> Path:
    """What the script logged as artifacts; after the run also its `outputs/`, `logs/` and `user_logs/`."""
    return run.private / "artifacts"


def own_folder(run: runs.RunFolder) -> Path:
    """Where the store keeps the MLflow run that is the run itself, beside those that the script made."""
    return folder(run) / EXPERIMENT / run.id


def environment(
    run: runs.RunFolder, experiment: str, variables: Mapping[str, str], seen: str | None = None
) -> dict[str, str]:
    """The variables that make plain `mlflow.log_metric` land in the run.

    `seen` is the run's folder as the script sees it, where that is not its path here.

    A tracking URI of the user's own, in `variables` (the job's over this process's), wins; the run is then found
    there by the tag `azureml.run_id`.
    """
    found = {"MLFLOW_EXPERIMENT_NAME": experiment}
    if "MLFLOW_DISABLE_TELEMETRY" not in variables:
        # MLflow 3 reports its use over the network unless told not to: local is offline.
        found["MLFLOW_DISABLE_TELEMETRY"] = "true"
    if variables.get("MLFLOW_TRACKING_URI"):
        # `mlflow.runName` names the run unless the script gives it a name of its own.
        tags = {RUN_ID_TAG: run.id, "mlflow.runName": run.id}
        return found | {"MLFLOW_RUN_CONTEXT": json.dumps(tags)}
    return found | {
        "MLFLOW_TRACKING_URI": _uri(run, folder(run), seen),
        "MLFLOW_RUN_ID": run.id,
        "MLFLOW_EXPERIMENT_ID": EXPERIMENT,
        # MLflow 3.16 and newer take a store of files only where this is set.
        "MLFLOW_ALLOW_FILE_STORE": "true",
    }


def create(run: runs.RunFolder, experiment: str, tags: Mapping[str, str], seen: str | None = None) -> None:
    """Make the store with its one experiment and the run in it; one that is there is left as it is.

    `seen` is the run's folder as the script sees it. Raises AmlError when the disk can't take it.
    """
    if exists(run):
        return
    own, start = own_folder(run), runs.milliseconds(runs.now())
    # MLflow takes every folder of the store for an experiment, so what it keeps of its own lies in this one, as its
    # default is: in a folder beside it MLflow 3 may look for the logged models, by the order of the file system.
    location = _uri(run, own.parent, seen)
    names = {"name": experiment, "creation_time": start, "last_update_time": start}
    with os_errors("make the run's MLflow store"):
        artifacts(run).mkdir()
        add_run(run, run.id, tags, seen)
        _write_meta(own.parent, _KEPT | names | {"artifact_location": location})


def add_run(run: runs.RunFolder, run_id: str, tags: Mapping[str, str], seen: str | None = None) -> Path:
    """Make an MLflow run in the store, which keeps its artifacts with `run`'s own; its folder. Raises OSError."""
    place = folder(run) / EXPERIMENT / run_id
    about = {"run_id": run_id, "run_uuid": run_id, "run_name": run_id, "status": _RUNNING, "source_type": _JOB}
    unused = dict.fromkeys(("entry_point_name", "source_name", "source_version", "user_id"), "")
    empty: dict[str, Any] = {**unused, "end_time": None, "tags": []}
    start = {"start_time": runs.milliseconds(runs.now()), "artifact_uri": _uri(run, artifacts(run), seen)}
    # MLflow takes a folder without one of these for something else; the artifacts lie elsewhere.
    for part in ("metrics", "params", "tags", "artifacts"):
        (place / part).mkdir(parents=True)
    _write_meta(place, _KEPT | about | empty | start)
    for key, value in ({"mlflow.runName": run_id} | dict(tags)).items():
        (place / "tags" / key).write_text(value, encoding="utf-8")
    return place


def _uri(run: runs.RunFolder, place: Path, seen: str | None) -> str:
    """The URI of a place in the run's folder, as who sees that folder at `seen` calls it."""
    if seen is None or seen == str(run.folder):
        return place.as_uri()
    return (PurePosixPath(seen) / place.relative_to(run.folder).as_posix()).as_uri()


def uri_here(run: runs.RunFolder, uri: Any) -> Any:
    """A URI that the script wrote down, as it is from here: the run's folder may have had another path there."""
    seen = run.part("submit").get("_seen")
    if not seen or not isinstance(uri, str):
        return uri
    there = PurePosixPath(seen).as_uri()
    return run.folder.as_uri() + uri[len(there) :] if uri == there or uri.startswith(f"{there}/") else uri


def _write_meta(place: Path, value: dict[str, Any]) -> None:
    # JSON is YAML.
    (place / "meta.yaml").write_text(json.dumps(value), encoding="utf-8")


def exists(run: runs.RunFolder) -> bool:
    return own_folder(run).is_dir()


def metrics(run: runs.RunFolder) -> dict[str, float]:
    """The last value of each metric that the run logged, as MLflow tells it: of the highest step."""
    return {key: last(points).value for key, points in histories(own_folder(run)).items()}


def metric(run: runs.RunFolder, name: str) -> float | None:
    """The last value of one metric; None when the run did not log it."""
    points = history(own_folder(run) / "metrics" / name)
    return last(points).value if points else None


def last(points: list[Point]) -> Point:
    return max(points, key=lambda point: (point.step, point.timestamp))


def histories(place: Path) -> dict[str, list[Point]]:
    """All that an MLflow run in `place` logged, by metric, in the order in which it was logged."""
    found = {key: history(file) for key, file in files(place / "metrics")}
    return {key: points for key, points in found.items() if points}


def history(file: Path) -> list[Point]:
    """The points of one metric's file; a line that is being written, or was torn by a kill, is left out."""
    try:
        return [point for line in file.read_bytes().splitlines(keepends=True) if (point := parse(line)) is not None]
    except OSError:
        return []


def parse(line: bytes) -> Point | None:
    """A line `timestamp value step`, whatever MLflow appends to it; None when it isn't whole."""
    words = line.split()
    if not line.endswith(b"\n") or len(words) < 2:
        return None
    try:
        return Point(float(words[1]), int(words[2]) if len(words) > 2 else 0, int(words[0]))
    except ValueError:
        return None


def values(place: Path, part: str) -> dict[str, str]:
    """The `params` or `tags` of an MLflow run in `place`."""
    found = {}
    for key, file in files(place / part):
        with contextlib.suppress(OSError):
            found[key] = file.read_text(encoding="utf-8", errors="replace")
    return found


def files(place: Path) -> Iterator[tuple[str, Path]]:
    """The files below a folder with their names: a `/` in a metric's name makes a folder."""
    for top, _, names in os.walk(place):
        for name in sorted(names):
            file = Path(top, name)
            yield file.relative_to(place).as_posix(), file


def read_meta(place: Path) -> dict[str, Any]:
    """A `meta.yaml` as MLflow writes it, flat, one `key: value` a line; empty when it is missing."""
    try:
        lines = (place / "meta.yaml").read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return {}
    found: dict[str, Any] = {}
    key = ""
    for line in lines:
        if line.startswith(" ") and key:  # a long value goes on
            found[key] = f"{found[key]} {line.strip()}"
            continue
        key, colon, value = line.partition(":")
        if colon:
            found[key] = value.strip()
    return {key: _scalar(value) for key, value in found.items()}


def _scalar(text: str) -> Any:
    if text in ("null", "~", ""):
        return None
    if text.lstrip("-").isdigit():
        return int(text)
    quote = text[0] if text[0] in "'\"" and text.endswith(text[0]) and len(text) > 1 else ""
    return text.strip(quote).replace("''", "'") if quote else text
