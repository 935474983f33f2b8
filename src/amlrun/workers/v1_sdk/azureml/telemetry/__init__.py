"""Nothing is reported to anybody. Written from documentation; not Microsoft's code."""

from __future__ import annotations

import logging
from typing import Any

from azureml._amlrun.notes import lazily

INSTRUMENTATION_KEY = ""


def set_diagnostics_collection(send_diagnostics: bool = True, verbosity: Any = None, **kwargs: Any) -> None:
    """Nothing is sent."""


def get_telemetry_log_handler(*args: Any, **kwargs: Any) -> logging.Handler:
    return logging.NullHandler()


__getattr__ = lazily(__name__)
