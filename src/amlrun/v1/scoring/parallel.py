"""v1's ParallelRunConfig: how a folder of files is scored.

The keys are ParallelRunConfig's (`field_table.PARALLEL`); partition keys and tables have no counterpart here.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from amlrun.dataclass import dataclass
from amlrun.v1.config import Config

_UNITS = {"": 1, "B": 1, "KB": 1024, "MB": 1024**2, "GB": 1024**3}


@dataclass
class BatchSettings:
    """How files are scored. `files` a mini-batch, or about `bytes`; `timeout` in seconds for one run().

    `error_threshold` -1 lets every file fail; `output` is empty when the script saves its results itself.
    """

    files: int = 10
    bytes: int = 0
    workers: int = 0
    error_threshold: int = -1
    timeout: int = 60
    max_try: int = 3
    output: str = "parallel_run_step.txt"


def settings(config: Config) -> BatchSettings:
    """The settings of a ParallelRunConfig. Raises AmlError naming file, line and key for a value out of range."""
    found = BatchSettings(workers=config.get("process_count_per_node") or os.cpu_count() or 1)
    size = config.get("mini_batch_size")
    if size is not None:
        found.files, found.bytes = _size(str(size), config)
    least = {"error_threshold": -1, "run_invocation_timeout": 1, "run_max_try": 1, "process_count_per_node": 1}
    for key, bound in least.items():
        value = config.get(key)
        if value is not None and value < bound:
            raise config.error(key, f"expected {bound} or more, got {value}")
    for key, name in (
        ("error_threshold", "error_threshold"),
        ("run_invocation_timeout", "timeout"),
        ("run_max_try", "max_try"),
    ):
        if config.get(key) is not None:
            setattr(found, name, config.get(key))
    action = str(config.get("output_action") or "append_row").lower()
    if action not in ("append_row", "summary_only"):
        raise config.error("output_action", f"expected append_row or summary_only, got {action!r}")
    name = config.get("append_row_file_name") or found.output
    if Path(name).name != name:
        raise config.error("append_row_file_name", f"expected a file's name, got {name!r}")
    found.output = name if action == "append_row" else ""
    return found


def _size(text: str, config: Config) -> tuple[int, int]:
    match = re.fullmatch(r"\s*(\d+)\s*([KMG]?B?)\s*", text.upper())
    if not match or match[2] in ("K", "M", "G") or int(match[1]) == 0:
        raise config.error("mini_batch_size", f"expected a number of files, or a size such as 10MB, got {text!r}")
    return (0, int(match[1]) * _UNITS[match[2]]) if match[2] else (int(match[1]), 0)
