"""The run that the code is in, as its handle: logging, evaluation, and how it ends. As it is here it is a job's."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from amlrun.errors import os_errors
from amlrun.events import Message, OnEvent
from amlrun.interactive import evaluate


class InteractiveRun:
    """The run of the current process. `outputs` is the folder for its files; plain `mlflow` calls also log to it."""

    def __init__(self, run_id: str, experiment: str, folder: Path, on_event: OnEvent) -> None:
        self.id, self.experiment, self.folder = run_id, experiment, folder
        self._on_event = on_event
        self._mlflow: tuple[Any, str] | None = None

    @property
    def outputs(self) -> Path:
        """The run's `outputs/`, kept with it; `aml model register -r RUN --asset-path outputs/…` takes files of it."""
        return self.folder / "outputs"

    def log(self, name: str, value: float, step: int = 0) -> None:
        """Log a metric."""
        client, run_id = self._tracked()
        client.log_metric(run_id, name, float(value), step=step)

    def evaluate_classifier(
        self,
        model: Any,
        X: Any,
        y: Any,
        *,
        class_names: Sequence[Any] | None = None,
        history: Any = None,
        prefix: str = "",
    ) -> dict[str, float]:
        """Measure a classifier on data that it was not trained with. Returns the metrics, which are logged too.

        Into `outputs/`, as JSON and PNG: classification report, confusion matrix, and from the model's probabilities
        (or its decision function) ROC and precision-recall curves with a table of thresholds; one class against the
        rest for more than two. Accuracy is a fraction.

        `class_names` are shown for the classes, in the order of `model.classes_`. `history` is Keras' History, or a
        dict of lists: logged by epoch and drawn. `prefix` begins the names of metrics and files, e.g. `test_`.

        Raises AmlError where scikit-learn or matplotlib is missing, or data and model do not fit.
        """
        return self._report(evaluate.classifier(model, X, y, class_names, self._warn), history, prefix)

    def evaluate_regressor(
        self, model: Any, X: Any, y: Any, *, history: Any = None, prefix: str = ""
    ) -> dict[str, float]:
        """Measure a regressor: R², mean absolute and root mean squared error; predictions and residuals are drawn.

        The parameters and errors are those of `evaluate_classifier`.
        """
        return self._report(evaluate.regressor(model, X, y), history, prefix)

    def _report(self, found: evaluate.Report, history: Any, prefix: str) -> dict[str, float]:
        if history is not None:
            evaluate.add_history(found, history)
        metrics = {prefix + name: value for name, value in found.metrics.items()}
        with os_errors("write the evaluation"):
            files = found.write(self.outputs, prefix)
        client, run_id = self._tracked()
        for name, value in metrics.items():
            client.log_metric(run_id, name, value)
        for name, values in found.curves.items():
            for step, value in enumerate(values):
                client.log_metric(run_id, prefix + name, value, step=step)
        self._log_files(client, run_id, files)
        return metrics

    def _log_files(self, client: Any, run_id: str, files: list[Path]) -> None:
        """A job's, and a local run's, `outputs/` become artifacts at the end of the run."""

    def _warn(self, text: str) -> None:
        self._on_event(Message(text, warning=True))

    def _tracked(self) -> tuple[Any, str]:
        """MLflow's client and the id of the MLflow run."""
        if self._mlflow is None:
            import mlflow

            # Either the variables that say which run is meant, or a run of the user's own.
            active = mlflow.active_run() or mlflow.start_run()
            self._mlflow = mlflow.MlflowClient(), active.info.run_id
        return self._mlflow

    def complete(self) -> None:
        """End the run as Completed. A job's run ends with the job."""

    def fail(self, reason: str = "") -> None:
        """End the run as Failed. A job's run ends with the job."""

    def cancel(self) -> None:
        """End the run as Canceled. A job's run ends with the job."""

    def __enter__(self) -> InteractiveRun:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, KeyboardInterrupt):
            self.cancel()
        elif error is None or (isinstance(error, SystemExit) and error.code in (0, None)):
            self.complete()
        else:
            self.fail(f"{type(error).__name__}: {error}")
