"""Runs whose children are trials: sweeps and AutoML searches."""

from __future__ import annotations

from amlrun.runs import store as runs
from amlrun.runs.record import AUTOML_RUN, SWEEP_RUN
from amlrun.targets.base import Run, Target


def open_search(files: runs.RunFolder, target: Target) -> Run | None:
    """The handle of a sweep's or a search's run; None for any other run."""
    kind = files.part("submit").get("run_type")
    if kind == SWEEP_RUN:
        from amlrun.sweep import handles as sweeps

        return sweeps.open_sweep(files, target)
    if kind == AUTOML_RUN:
        from amlrun.automl import handles as searches

        return searches.open_search(files, target)
    return None
