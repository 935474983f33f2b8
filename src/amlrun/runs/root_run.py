"""The pipeline's run as its steps see it: SDK v1's `run.parent`, on Azure ML named by `AZUREML_ROOT_RUN_ID`.

A step has one MLflow store, its own, wherever it runs. The pipeline's run is copied into it before the step starts, and
what the step logged to it comes back when the step has ended.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from amlrun.errors import os_errors
from amlrun.runs import store as runs
from amlrun.runs import tracking
from amlrun.runs.record import PIPELINE_RUN


def of(run: runs.RunFolder) -> runs.RunFolder | None:
    """The pipeline's run that a run is a step of; None when it is none, or the pipeline reports to a server."""
    root = runs.RunFolder(run.folder.parent / run.part("submit").get("parent_run_id", run.id))
    is_pipeline = root.part("submit").get("run_type") == PIPELINE_RUN
    return root if root.id != run.id and is_pipeline and tracking.exists(root) else None


def lend(root: runs.RunFolder, step: runs.RunFolder, seen: str | None = None) -> None:
    """Copy the pipeline's run into a step's store; `seen` is the step's folder as its script sees it.

    Raises AmlError when the disk can't take it.
    """
    if _lent(root, step).is_dir():
        return
    with os_errors("make the run's MLflow store"):
        place = tracking.add_run(step, root.id, {}, seen)
        for part in ("metrics", "params", "tags"):
            shutil.copytree(tracking.own_folder(root) / part, place / part, dirs_exist_ok=True)


def collect(step: runs.RunFolder) -> None:
    """Take over what a step logged to its pipeline's run. A second time changes nothing. Raises AmlError."""
    root = of(step)
    if root is None:
        return
    lent, own = _lent(root, step), tracking.own_folder(root)
    with os_errors("write the pipeline's metrics"):
        for key, file in tracking.files(lent / "metrics"):
            _append(file, own / "metrics" / key)
        for part in ("params", "tags"):
            for key, file in tracking.files(lent / part):
                _replace(file, own / part / key)


def _lent(root: runs.RunFolder, step: runs.RunFolder) -> Path:
    return tracking.folder(step) / tracking.EXPERIMENT / root.id


def _append(file: Path, target: Path) -> None:
    known = set(target.read_bytes().splitlines(keepends=True)) if target.exists() else set()
    new = [line for line in file.read_bytes().splitlines(keepends=True) if line not in known and line.endswith(b"\n")]
    if new:
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("ab") as stream:
            stream.writelines(new)


def _replace(file: Path, target: Path) -> None:
    # A copy keeps its time: what the step left alone is not newer, and another step may have changed it meanwhile.
    if not target.exists() or file.stat().st_mtime_ns > target.stat().st_mtime_ns:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(file, target)
