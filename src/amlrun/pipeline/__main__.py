"""The process that drives a pipeline in the background: `python -m amlrun.pipeline RUN_FOLDER`, its work on stdin."""

from __future__ import annotations

import pickle
import sys
from pathlib import Path

from amlrun.events import ignore
from amlrun.pipeline import local
from amlrun.pipeline.progress import PipelineLog
from amlrun.project import Project
from amlrun.runs import store as runs
from amlrun.targets.local import LocalTarget
from amlrun.targets.parents import drive_alone


def drive(run: runs.RunFolder) -> None:
    """Drive the pipeline of that run."""
    work: local.Work = pickle.load(sys.stdin.buffer)  # noqa: S301 - from the process that started this one
    project = Project(run.folder.parents[1])
    local.drive(project, run, work, PipelineLog(run.log, ignore))
    LocalTarget(project).status(run)


if __name__ == "__main__":
    sys.exit(drive_alone(Path(sys.argv[1]), drive))
