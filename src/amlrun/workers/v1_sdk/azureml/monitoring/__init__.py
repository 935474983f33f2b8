"""v1's collector of a service's data. Written from documentation; not Microsoft's code."""

from __future__ import annotations

from typing import Any

from azureml._amlrun.notes import V1Class, lazily, say_once


class ModelDataCollector(V1Class):
    """Collects nothing here: it wrote to the workspace's storage."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        say_once("ModelDataCollector collects nothing here. The service's requests: aml service stats")

    def collect(self, *args: Any, **kwargs: Any) -> Any:
        return True, ""

    def add_correlations(self, input_data: Any, correlations: Any = None) -> Any:
        return input_data

    def add_correlation_headers(self, headers: Any = None) -> Any:
        return headers


__getattr__ = lazily(__name__)
