"""SDK v1's run inside its script: the run that `aml` started, with MLflow behind it.

Written from documentation; not Microsoft's code.
"""

from __future__ import annotations

import os
import pathlib
import uuid
from typing import Any

from azureml._amlrun import context, tracking
from azureml._amlrun.notes import NotAvailable, lazily, say_once, sentence
from azureml._amlrun.run_files import RunFiles
from azureml._amlrun.run_inputs import Inputs, Outputs
from azureml._amlrun.tracking import Tracked
from azureml.exceptions import RunEnvironmentException


class Run(RunFiles):
    """The submitted run. `Run.get_context()` gives it; other runs cannot be read from a script."""

    def __init__(self, experiment: Any = None, run_id: str | None = None, **kwargs: Any) -> None:
        if run_id is not None and run_id not in (context.run_id(), os.environ.get("AZUREML_ROOT_RUN_ID")):
            raise NotAvailable(sentence("Run.get"))
        self._id = run_id or context.run_id() or "OfflineRun_" + str(uuid.uuid4())
        self._experiment = experiment
        self._children: list[Run] = []

    @classmethod
    def get_context(cls, allow_offline: bool = True, used_for_context_manager: bool = False, **kwargs: Any) -> Run:
        """The run that this script belongs to; outside a run an offline one, which prints what it is given.

        Raises RunEnvironmentException outside a run with allow_offline=False.
        """
        if context.run_id():
            return _SubmittedRun()
        if not allow_offline:
            raise RunEnvironmentException("This script was not started as a run. Start it with: aml run submit-script")
        from azureml._amlrun.run_offline import _OfflineRun

        return _OfflineRun()

    get_submitted_run = get_context

    @staticmethod
    def get(workspace: Any, run_id: str) -> Run:
        """This script's run or its parent by id. Raises NotAvailable for others."""
        return Run(None, run_id)

    def _tracked(self) -> Tracked:
        return tracking.current()

    @property
    def id(self) -> str:
        return self._id

    name = run_id = id

    @property
    def display_name(self) -> str:
        return self._id

    @display_name.setter
    def display_name(self, value: str) -> None:
        self._tracked().tag("mlflow.runName", str(value))

    @property
    def description(self) -> str:
        return ""

    @description.setter
    def description(self, value: str) -> None:
        self._tracked().tag("mlflow.note.content", str(value))

    @property
    def number(self) -> int:
        say_once("run.number is the time of the submit in seconds: local runs are not counted.")
        parts = [part for part in self._id.split("_") if part.isdigit()]
        return int(parts[-1]) if parts else 0

    @property
    def type(self) -> str:
        return "azureml.scriptrun"

    @property
    def status(self) -> str:
        return "Running"

    def get_status(self) -> str:
        return self.status

    def get_details(self, **kwargs: Any) -> dict[str, Any]:
        """A part of v1's details; the rest is in the run's record (`aml run show`)."""
        say_once("run.get_details has the id, the status, tags and inputs only; more: aml run show --run " + self._id)
        inputs = [{"dataset": {"id": name}, "consumptionDetails": {"inputName": name}} for name in self.input_datasets]
        details = {"runId": self._id, "status": self.status, "properties": self.properties, "tags": self.tags}
        return {**details, "inputDatasets": inputs, "outputDatasets": [], "logFiles": {}}

    def get_portal_url(self) -> str:
        """The run's folder: a local run has no page."""
        return pathlib.Path(context.folder()).as_uri()

    @property
    def experiment(self) -> Any:
        from azureml.core.experiment import Experiment

        return self._experiment or Experiment(None, context.experiment())

    @property
    def input_datasets(self) -> Inputs:
        return Inputs()

    @property
    def output_datasets(self) -> Outputs:
        return Outputs()

    @property
    def parent(self) -> Run:
        """The pipeline's run; a run by itself is its own."""
        root = os.environ.get("AZUREML_ROOT_RUN_ID")
        if root and root != context.run_id():
            return _Parent(self._experiment, root)
        say_once("run.parent is the run itself: it was not submitted by a pipeline.")
        return _Parent(self._experiment, context.run_id())

    def child_run(self, name: str | None = None, run_id: str | None = None, outputs: Any = None) -> Run:
        """A run of its own below this one: a nested run of MLflow."""
        child = _Child(self, name or run_id)
        self._children.append(child)
        return child

    def create_children(self, count: int | None = None, tag_key: Any = None, tag_values: Any = None) -> list[Run]:
        values = list(tag_values) if tag_values is not None else [None] * int(count or 0)
        made = [self.child_run() for _ in values]
        for child, value in zip(made, values):
            if tag_key is not None and value is not None:
                child.tag(tag_key, value)
        return made

    def get_children(self, recursive: bool = False, tags: Any = None, **kwargs: Any) -> Any:
        """The children that this script made."""
        return iter(self._children)

    def get_secret(self, name: str) -> str:
        """A secret of the workspace's vault: an environment variable here. Raises KeyError naming it."""
        return context.secret(name)

    def get_secrets(self, secrets: list[str]) -> dict[str, str]:
        return {name: context.secret(name) for name in secrets}

    def start(self) -> None:
        """Nothing: the run was started by aml."""

    def clean(self) -> None:
        """Nothing: the run's files are kept."""

    def complete(self, _set_status: bool = True) -> None:
        """Write what is waiting. A submitted run's status is its script's exit code, as in v1."""
        self.flush()

    def fail(self, error_details: Any = None, error_code: Any = None, _set_status: bool = True) -> None:
        say_once("run.fail does not end the run, as in v1: its status is the script's exit code. Use sys.exit(1).")
        if error_details is not None:
            self.tag("error_details", str(error_details))
        self.flush()

    def cancel(self) -> None:
        say_once("run.cancel does nothing in the run's own script, as in v1. Use sys.exit(1) to end it.")

    def wait_for_completion(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Nothing to wait for: the run's own script asks."""
        self.flush()
        return {"runId": self._id, "status": self.status}

    def __enter__(self) -> Run:
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        self.flush()

    def __repr__(self) -> str:
        return f"Run(Experiment: {context.experiment()}, Id: {self._id}, Status: {self.status})"


class _SubmittedRun(Run):
    """What v1 calls the run inside its script."""


class ScriptRun(Run):
    """v1's class of the same run outside its script."""


class _Parent(Run):
    """The pipeline's run, or the run itself."""

    def _tracked(self) -> Tracked:
        return tracking.current() if self._id == context.run_id() else tracking.parent(self._id)

    @property
    def parent(self) -> Run:
        return self

    def cancel(self) -> None:
        """End this script as failed, so that no later step of the pipeline is started."""
        raise SystemExit("run.parent.cancel(): this step ends with exit code 1, and the steps after it do not run.")


class _Child(Run):
    """A run below the script's run."""

    def __init__(self, parent: Run, name: str | None) -> None:
        super().__init__()
        self._run = parent._tracked().child(name)
        self._id = self._run.run_id
        self._names: list[str] = []
        self._parent = parent
        self._status = "Running"

    def _tracked(self) -> Tracked:
        return self._run

    def _keep(self, path: str, name: str) -> None:
        """Among the child's own artifacts: outputs/ is the parent's."""
        self._run.file(path, name)

    @property
    def parent(self) -> Run:
        return self._parent

    @property
    def status(self) -> str:
        return self._status

    def _finish(self, status: str, mlflow: str) -> None:
        self._status = status
        self._run.end(mlflow)

    def complete(self, _set_status: bool = True) -> None:
        self._finish("Completed", "FINISHED")

    def fail(self, error_details: Any = None, error_code: Any = None, _set_status: bool = True) -> None:
        self._finish("Failed", "FAILED")

    def cancel(self) -> None:
        self._finish("Canceled", "KILLED")

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        self.fail() if error is not None else self.complete()


def get_run(experiment: Any, run_id: str, **kwargs: Any) -> Run:
    """This script's run or its parent by id. Raises NotAvailable for others."""
    return Run(experiment, run_id)


_lazy = lazily(__name__)


def __getattr__(name: str) -> Any:
    if name == "_OfflineRun":
        from azureml._amlrun.run_offline import _OfflineRun

        return _OfflineRun
    return _lazy(name)
