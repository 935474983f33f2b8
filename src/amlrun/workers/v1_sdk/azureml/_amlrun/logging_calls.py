"""The calls of SDK v1's run that log values, tables and pictures. Written from documentation; not Microsoft's code."""

from __future__ import annotations

import json
import os
import tempfile
from typing import Any

from azureml._amlrun.notes import V1Class, say_once
from azureml._amlrun.tracking import Tracked
from azureml._amlrun.values import file_for, is_many, number
from azureml.exceptions import UserErrorException


class LoggingCalls(V1Class):
    """What a run, its parent and its children share; `_tracked` gives the MLflow run behind each."""

    def _tracked(self) -> Tracked:
        raise NotImplementedError

    def log(self, name: str, value: Any, description: str = "", step: int | None = None) -> None:
        """Log a number as a metric (the same name again makes a series), anything else as text."""
        found = number(value)
        if found is not None:
            self._tracked().metric(name, found, step)
        elif is_many(value):
            raise UserErrorException(
                f"run.log({name!r}, …): it takes one value, and got {type(value).__name__}. Use run.log_list."
            )
        else:
            self._tracked().text(name, str(value))

    def log_list(self, name: str, value: Any, description: str = "") -> None:
        """Log a list of numbers as a series; one with words in it as a table."""
        items = list(value)
        numbers = [number(one) for one in items]
        if None in numbers:
            self._tracked().rows(name, {name: items})
            return
        for one in numbers:
            self._tracked().metric(name, one)  # type: ignore[arg-type]

    def log_row(self, name: str, description: str | None = None, **kwargs: Any) -> None:
        """Add a row to a table."""
        self._tracked().rows(name, {key: [value] for key, value in kwargs.items()})

    def log_table(self, name: str, value: dict[str, Any], description: str = "") -> None:
        """Log a table: a dictionary of columns."""
        self._tracked().rows(name, value)

    def log_image(self, name: str, path: str | None = None, plot: Any = None, description: str = "") -> None:
        """Keep a picture: a file, or what has `savefig` (a figure, or matplotlib.pyplot)."""
        if (path is None) == (plot is None):
            raise UserErrorException(f"run.log_image({name!r}): give either path or plot.")
        tracked = self._tracked()
        if path is not None:
            tracked.file(path, tracked.unused(name, os.path.splitext(path)[1] or ".png"))
            return
        with tempfile.TemporaryDirectory() as place:
            picture = os.path.join(place, "plot.png")
            # A list of lines or axes, as plt.plot() returns them, knows its figure.
            drawn = plot[0] if isinstance(plot, (list, tuple)) and plot else plot
            if not hasattr(drawn, "savefig"):
                drawn = drawn.figure
            drawn.savefig(picture, format="png")
            tracked.file(picture, tracked.unused(name, ".png"))

    def log_confusion_matrix(self, name: str, value: Any, description: str = "") -> None:
        self._chart("log_confusion_matrix", name, value)

    def log_accuracy_table(self, name: str, value: Any, description: str = "") -> None:
        self._chart("log_accuracy_table", name, value)

    def log_residuals(self, name: str, value: Any, description: str = "") -> None:
        self._chart("log_residuals", name, value)

    def log_predictions(self, name: str, value: Any, description: str = "") -> None:
        self._chart("log_predictions", name, value)

    def _chart(self, call: str, name: str, value: Any) -> None:
        """Keep a chart's dictionary, which may come as JSON text, as a JSON file."""
        if isinstance(value, str):
            try:
                value = json.loads(value)
            except ValueError as error:
                message = f"run.{call}({name!r}, …): the text is not JSON: {error}"
                raise UserErrorException(message) from error
        say_once(f"run.{call} keeps the chart as JSON; MLflow does not draw it.")
        self._tracked().json(value, file_for(name, ".json"))

    def tag(self, key: str, value: str | None = None) -> None:
        self._tracked().tag(key, "" if value is None else str(value))

    def set_tags(self, tags: dict[str, str]) -> None:
        for key, value in tags.items():
            self.tag(key, value)

    def add_properties(self, properties: dict[str, str]) -> None:
        say_once("run.add_properties sets tags: MLflow has no properties, and tags can be changed later.")
        self.set_tags(properties)

    def get_tags(self) -> dict[str, str]:
        """The tags that were set, without those of MLflow itself."""
        tracked = self._tracked()
        tags = tracked.client.get_run(tracked.run_id).data.tags
        return {key: value for key, value in tags.items() if not key.startswith("mlflow.")}

    @property
    def tags(self) -> dict[str, str]:
        return self.get_tags()

    def get_properties(self) -> dict[str, str]:
        return self.get_tags()

    @property
    def properties(self) -> dict[str, str]:
        return self.get_tags()

    def get_metrics(
        self, name: str | None = None, recursive: bool = False, run_type: Any = None, populate: bool = False
    ) -> dict[str, Any]:
        """What was logged by name: a value, or a list where a name was logged more than once."""
        tracked = self._tracked()
        data = tracked.client.get_run(tracked.run_id).data
        found: dict[str, Any] = dict(data.params)
        for key in data.metrics:
            points = sorted(tracked.client.get_metric_history(tracked.run_id, key), key=lambda one: one.step)
            found[key] = points[0].value if len(points) == 1 else [one.value for one in points]
        for key, texts in tracked.texts.items():
            found[key] = texts[0] if len(texts) == 1 else list(texts)
        return found if name is None else {key: value for key, value in found.items() if key == name}

    def flush(self, timeout_seconds: int = 300) -> None:
        self._tracked().flush()
