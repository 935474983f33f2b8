"""What a run of this machine stands on while it is prepared: its Python, where it runs, and how it is started."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

from amlrun.prepare import environment
from amlrun.prepare.interpreter import Interpreter
from amlrun.prepare.site import Site
from amlrun.project import Project
from amlrun.runs import store as runs
from amlrun.runs.record import SubmitPart
from amlrun.spec.job import CommandJob

Report = Callable[[str], None]


class Stage:
    """This machine as it is. A stage serves all the runs of one job: a sweep has one for its trials.

    `inherits` is what scripts get of the caller's environment; `forks`: whether they may be forked from a process here.
    """

    inherits: Mapping[str, str] = os.environ
    forks = True

    def notes(self) -> list[str]:
        """What is said once, before the job starts."""
        return []

    def note(self, first: SubmitPart) -> None:
        """Write what the record of a run says in addition."""

    def interpreter(self, job: CommandJob, report: Report) -> Interpreter:
        """The job's Python, its environment built if need be. Raises AmlError, with file and line."""
        return environment.of_job(job, report=report)

    def site(self, project: Project, run: runs.RunFolder, interpreter: Interpreter) -> Site:
        """Where the script of `run` runs."""
        return Site(project, run, interpreter)

    def wrap(self, plan: dict[str, Any], site: Site) -> dict[str, Any]:
        """The plan as the supervisor gets it."""
        return plan
