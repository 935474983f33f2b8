"""The process that drives a local sweep in the background: `python -m amlrun.sweep RUN_FOLDER`, settings on stdin."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from amlrun.errors import AmlError
from amlrun.events import ignore
from amlrun.project import Project
from amlrun.runs import store as runs
from amlrun.sweep import local, store
from amlrun.sweep.driver import Driver
from amlrun.sweep.progress import SweepLog
from amlrun.targets import Targets
from amlrun.targets.local import LocalTarget
from amlrun.targets.parents import drive_alone
from amlrun.workspace import Workspace


def _no_workspace() -> Workspace:
    raise AmlError("a local sweep needs no workspace")


def main(folder: Path, kind: type[Driver] = Driver) -> int:
    """Drive the sweep of that run; the exit code."""

    def drive(run: runs.RunFolder) -> None:
        settings = store.from_plain(json.load(sys.stdin))
        target = Targets(Project(folder.parents[1]), _no_workspace).for_run(run)
        assert isinstance(target, LocalTarget)  # noqa: S101 - the workspace drives its own sweeps
        local.drive(target, run, settings, SweepLog(run.log, ignore), kind)
        target.status(run)

    return drive_alone(folder, drive)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
