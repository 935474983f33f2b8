"""Cores and memory of a model's service. Written from documentation; not Microsoft's code."""

from __future__ import annotations

from typing import Any


class ResourceConfiguration:
    """Kept for scripts that register a model with it; the registry here does not."""

    def __init__(self, cpu: Any = None, memory_in_gb: Any = None, gpu: Any = None) -> None:
        self.cpu, self.memory_in_gb, self.gpu = cpu, memory_in_gb, gpu
