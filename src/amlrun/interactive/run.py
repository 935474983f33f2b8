"""A run that is this process: `start_logging` makes it, the end of the block, or `complete`, ends it.

Inside a job there is a run already: it is joined, and its end is left to the job.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from amlrun.errors import CANCELLED, JOB_FAILED, AmlError, os_error, os_errors
from amlrun.events import Message, OnEvent, ignore
from amlrun.interactive import source
from amlrun.interactive.handle import InteractiveRun
from amlrun.project import Project, find
from amlrun.registry import from_runs
from amlrun.runs import mlflow_db, provenance, redact, tracking
from amlrun.runs import store as runs

_current: OwnRun | None = None
_CANCEL_POLL_SECONDS = 0.25


class OwnRun(InteractiveRun):
    """A run of the project's own `runs/`, which lives as long as this process does at most."""

    def __init__(self, project: Project, files: runs.RunFolder, experiment: str, on_event: OnEvent) -> None:
        super().__init__(files.id, experiment, files.folder, on_event)
        self._project, self._files = project, files
        self._began = time.monotonic()
        self._in_block = False
        self._over = threading.Event()
        self._variables = tracking.environment(files, experiment, os.environ)
        self._before = {name: os.environ.get(name) for name in self._variables}

    def begin(self) -> None:
        """Turn MLflow's variables to this run, until it ends. Raises OSError, AmlError."""
        if "MLFLOW_RUN_ID" in self._variables:
            tracking.create(self._files, self.experiment, {})
        # Shared: `aml run cancel` leaves a mark, and must not end a whole notebook.
        part = {"start_time_utc": runs.now(), "_supervisor": runs.this_process(), "_shared": True}
        self._files.write_part("process", part)
        os.environ.update(self._variables)
        if self._before.get("MLFLOW_EXPERIMENT_ID"):
            _choose_experiment(self._variables.get("MLFLOW_EXPERIMENT_ID"))
        threading.Thread(target=self._watch, name=f"amlrun {self.id}", daemon=True).start()

    def _watch(self) -> None:
        """Turn the mark of `aml run cancel` into Ctrl-C for the block."""
        while not self._over.wait(_CANCEL_POLL_SECONDS):
            if (self._files.private / "cancel.json").exists():
                if self._in_block:
                    import _thread

                    _thread.interrupt_main()
                return

    def _tracked(self) -> tuple[Any, str]:
        if self._over.is_set():
            raise AmlError(f"{self.id} has ended", hint="Start another run: amlrun.start_logging(…)")
        if self._mlflow is None and "MLFLOW_RUN_ID" in self._variables:
            from mlflow import MlflowClient

            self._mlflow = MlflowClient(self._variables["MLFLOW_TRACKING_URI"]), self.id
        return super()._tracked()

    def _log_files(self, client: Any, run_id: str, files: list[Path]) -> None:
        if "MLFLOW_RUN_ID" not in self._variables:  # a tracking server of the user's own
            for file in files:
                client.log_artifact(run_id, str(file), "outputs")

    def complete(self) -> None:
        self._end("FINISHED", {"exit_code": 0})

    def fail(self, reason: str = "") -> None:
        lines = redact.masked_text(reason).strip().splitlines() or ["failed"]
        self._end("FAILED", {"exit_code": JOB_FAILED, "error": {"message": lines[0]}})

    def cancel(self) -> None:
        if not self._over.is_set() and not (self._files.private / "cancel.json").exists():
            self._files.write_part("cancel", {"cancel": {"at": runs.now(), "reason": "Ctrl-C"}})
        self._end("KILLED", {"exit_code": CANCELLED})

    def _end(self, status: str, ended: Mapping[str, Any]) -> None:
        """Write down how the run ended, once, and leave the process's environment as it was."""
        global _current
        if self._over.is_set():
            return
        self._over.set()
        if _current is self:
            _current = None
        try:
            import mlflow

            while mlflow.active_run() is not None:
                mlflow.end_run(status)
        finally:
            try:
                self._write_end(ended)
            finally:
                self._restore()

    def _restore(self) -> None:
        for name, value in self._before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        if self._before.get("MLFLOW_EXPERIMENT_ID"):
            _choose_experiment(self._before["MLFLOW_EXPERIMENT_ID"])

    def _write_end(self, ended: Mapping[str, Any]) -> None:
        with os_errors("write the run's record"):
            (self._files.private / "reserve").unlink(missing_ok=True)
            # `aml run cancel` writes the end itself when the block takes long to see it.
            if "exit_code" not in self._files.part("exit"):
                seconds = round(time.monotonic() - self._began, 3)
                self._files.write_part("exit", {**ended, "end_time_utc": runs.now(), "seconds": seconds})
        try:
            own = mlflow_db.pending(self._project, [self._files])
            from_runs.take_over(self._project, own, self._on_event)
            mlflow_db.publish(self._project, own)
        except AmlError as error:
            self._warn(str(error))

    def __enter__(self) -> InteractiveRun:
        self._in_block = True
        return self


def _choose_experiment(experiment_id: str | None) -> None:
    """Tell MLflow, which remembers the experiment that `mlflow.set_experiment` chose, that another one is meant."""
    if experiment_id is None:
        return
    import mlflow
    from mlflow.exceptions import MlflowException

    try:
        mlflow.set_experiment(experiment_id=experiment_id)
    except MlflowException as error:
        raise AmlError(f"MLFLOW_EXPERIMENT_ID: {str(error).splitlines()[0]}") from error


def start_logging(
    experiment: str = "interactive",
    *,
    display_name: str | None = None,
    tags: Mapping[str, str] | None = None,
    source_file: Path | str | None = None,
    path: Path | str = ".",
    on_event: OnEvent = ignore,
) -> InteractiveRun:
    """Start a run in this notebook or script, with a folder in `runs/` like that of a submitted run.

    Use it as `with amlrun.start_logging("explore") as run:`: the end of the block completes the run, an exception
    fails it, Ctrl-C and `aml run cancel` cancel it. Without `with`, call `run.complete()`; a run that is still open
    is completed by the next `start_logging`. Until then plain `mlflow` calls log to it. The notebook or script is
    copied to its folder (pass `source_file` if it cannot be detected). Inside a job it is the job's run.

    Raises AmlError for an invalid experiment name, inside another such block, while an MLflow run is active, and if
    the run's folder cannot be written.

    >>> with amlrun.start_logging("explore") as run:
    ...     mlflow.log_metric("rows", 569)
    >>> amlrun.get_run(run.id).metrics()
    {'rows': 569.0}
    """
    global _current
    if run_id := os.environ.get("AZUREML_RUN_ID"):
        name = os.environ.get("AZUREML_EXPERIMENT_NAME") or os.environ.get("MLFLOW_EXPERIMENT_NAME") or experiment
        return InteractiveRun(run_id, name, Path.cwd(), on_event)
    runs.check_experiment(experiment, "experiment")
    if _current is not None:
        if _current._in_block:
            raise AmlError(f"{_current.id} is still running in a block around this one", hint="End that block first.")
        _current.complete()
    import mlflow

    if (active := mlflow.active_run()) is not None:
        raise AmlError(f"the MLflow run {active.info.run_id} is active", hint="End it first: mlflow.end_run()")
    project = find(Path(path))
    code = Path(source_file) if source_file is not None else source.find(project.root)
    if code is not None and not code.is_file():
        raise AmlError("source_file: there is no such file", file=code)
    git = provenance.git_properties(project.root)
    files = runs.create(project.runs, runs.new_id(experiment), {
        "_experiment_name": experiment, "_target_type": "local", "target": "local", "display_name": display_name,
        "script_name": code.name if code else None, "tags": {key: str(value) for key, value in (tags or {}).items()},
        "command_line": [],
    })  # fmt: skip
    run = OwnRun(project, files, experiment, on_event)
    try:
        source.keep(code, files.folder)
        files.write_part("prepared", {"properties": dict(git())})
        run.begin()
    except OSError as error:
        run.fail(str(error))
        raise os_error(error, "start the run") from error
    except BaseException as error:
        run.fail(str(error))
        raise
    _current = run
    on_event(Message(f"RunId: {run.id}"))
    return run
