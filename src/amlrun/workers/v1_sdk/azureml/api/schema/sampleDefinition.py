"""2017's sample of a service's input. Written from documentation; not Microsoft's code."""

from __future__ import annotations

from typing import Any


class SampleDefinition:
    """A sample and its type."""

    def __init__(self, input_type: Any, input_sample: Any) -> None:
        self.input_type, self.input_sample = input_type, input_sample
