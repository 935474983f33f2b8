"""`Experiment`. Written from documentation; not Microsoft's code."""

from __future__ import annotations

from typing import Any

from azureml._amlrun import context
from azureml._amlrun.notes import V1Class, lazily, say_once


class Experiment(V1Class):
    """The job's experiment, whatever name the script gives."""

    _started = 0

    def __init__(self, workspace: Any = None, name: str | None = None, **kwargs: Any) -> None:
        from azureml.core.workspace import Workspace

        self.workspace = workspace if workspace is not None else Workspace()
        self.name = name or context.experiment()
        self.id = self.name

    def start_logging(self, *args: Any, **kwargs: Any) -> Any:
        """v1's interactive run: the first is the job's own run, each later one a child of it."""
        from azureml.core.run import Run

        run = Run.get_context()
        Experiment._started += 1
        if Experiment._started == 1 or not context.run_id():
            say_once("experiment.start_logging gives this job's own run; another one is a child run of it.")
            return run
        return run.child_run()


__getattr__ = lazily(__name__)
