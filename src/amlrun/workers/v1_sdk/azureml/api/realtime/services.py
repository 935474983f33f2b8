"""2017's description of a service. Written from documentation; not Microsoft's code."""

from __future__ import annotations

import json
from typing import Any

from azureml._amlrun.notes import say_once
from azureml._amlrun.values import plain


def generate_schema(run_func: Any, inputs: dict[str, Any], filepath: str | None = None, **kwargs: Any) -> Any:
    """The inputs' samples as JSON, written to `filepath` where one is named."""
    say_once("generate_schema keeps the samples only. Use inference-schema's decorators for a typed service.")
    found = {
        "input": {
            name: {"type": str(one.input_type), "sample": plain(getattr(one.input_sample, "values", one.input_sample))}
            for name, one in inputs.items()
        }
    }
    if filepath:
        with open(filepath, "w", encoding="utf-8") as stream:
            json.dump(found, stream, indent=2)
    return found
