"""The logger of Azure ML Workbench (2017). Written from documentation; not Microsoft's code."""

from __future__ import annotations

from typing import Any

from azureml._amlrun.values import is_many


class AzureMLLogger:
    """Logs to the run, as `run.log` does; a list is a series."""

    def __init__(self) -> None:
        from azureml.core.run import Run

        self._run = Run.get_context()

    def log(self, name: str, value: Any, *args: Any, **kwargs: Any) -> None:
        if is_many(value):
            self._run.log_list(name, value)
        else:
            self._run.log(name, value)


def get_azureml_logger() -> AzureMLLogger:
    return AzureMLLogger()
