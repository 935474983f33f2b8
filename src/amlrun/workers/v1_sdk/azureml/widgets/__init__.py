"""Jupyter's view of a run. Written from documentation; not Microsoft's code."""

from __future__ import annotations

from typing import Any

from azureml._amlrun.notes import V1Class, lazily, say_once


class RunDetails(V1Class):
    """Shows nothing in a script."""

    def __init__(self, run_instance: Any = None) -> None:
        self._run = run_instance

    def show(self, *args: Any, **kwargs: Any) -> None:
        say_once("RunDetails(run).show() shows nothing here. See: aml run show --run latest")

    def get_widget_data(self) -> Any:
        return {}


__getattr__ = lazily(__name__)
