"""The process that drives a pipeline in the background: `python -m amlrun.pipeline RUN_FOLDER`, its work on stdin."""

from __future__ import annotations

import pickle
import signal
import sys
from pathlib import Path
from typing import Any

from amlrun.errors import CANCELLED, JOB_FAILED, AmlError
from amlrun.events import ignore
from amlrun.pipeline import local
from amlrun.pipeline.progress import PipelineLog
from amlrun.project import Project
from amlrun.runs import store as runs
from amlrun.targets.local import LocalTarget


def _interrupt(*_: Any) -> None:
    raise KeyboardInterrupt


def main(folder: Path) -> int:
    """Drive the pipeline of that run. What goes wrong is written to stderr, which is `.run/driver.log`."""
    signal.signal(signal.SIGTERM, _interrupt)
    run = runs.RunFolder(folder)
    try:
        work: local.Work = pickle.load(sys.stdin.buffer)  # noqa: S301 - from the process that started this one
        project = Project(folder.parents[1])
        local.drive(project, run, work, PipelineLog(run.log, ignore))
        LocalTarget(project).status(run)
    except AmlError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    except KeyboardInterrupt:
        return CANCELLED
    return 0 if run.part("exit").get("exit_code") == 0 else JOB_FAILED


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
