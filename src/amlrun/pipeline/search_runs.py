"""Runs whose children are trials: sweeps and AutoML searches."""

from __future__ import annotations

from amlrun.runs import store as runs
from amlrun.targets.base import Run, Target


def open_search(files: runs.RunFolder, target: Target) -> Run | None:
    """The handle of a sweep's or a search's run; None for any other run."""
    kind = files.part("submit").get("run_type")
    if kind == "hyperdrive":
        from amlrun.sweep import handles as sweeps

        return sweeps.open_sweep(files, target)
    if kind == "automl":
        from amlrun.automl import handles as searches

        return searches.open_search(files, target)
    return None
