"""A parallel step on this machine: its script's `run()` over mini-batches of files, by several worker processes."""

from __future__ import annotations

import json
import os
import re
import shlex
from pathlib import Path

from amlrun.pipeline.filling import Filled, outputs_of, without_absent
from amlrun.pipeline.graph import Node
from amlrun.spec.job import BINDING, CommandJob, Input, Limits, Local
from amlrun.spec.pipeline import ParallelJob

_WORKER = Path(__file__).parent.parent / "workers" / "batch_worker.py"
_ROWS = "parallel_run_step.txt"
_UNITS = {"": 1, "kb": 1024, "mb": 1024**2, "gb": 1024**3}
_SECONDS, _TRIES = 60, 3  # the service's defaults for one mini-batch


def command_of(node: Node, job: ParallelJob, filled: Filled, code: Path) -> CommandJob:
    """The command job that runs a parallel step. Raises AmlError for a mini_batch_size that is no size."""
    step = node.step
    inputs = {name: Input("string", value=value) for name, value in filled.literals.items()}
    inputs |= {name: Input(filled.types[name], str(place)) for name, place in filled.places.items()}
    bound = BINDING.search(job.input_data)
    outputs = outputs_of(step)
    threshold = job.mini_batch_error_threshold if job.mini_batch_error_threshold is not None else job.error_threshold
    plan = {
        "entry": job.entry_script,
        "input": bound[0] if bound else "",
        "mini_batch": _mini_batch(node, job.mini_batch_size),
        "workers": job.max_concurrency_per_instance or os.cpu_count() or 1,
        "error_threshold": -1 if threshold is None else threshold,
        "timeout": job.timeout or _SECONDS,
        "max_try": (job.max_retries or _TRIES - 1) + 1,
        "output": _rows(job, {name: output.type for name, output in outputs.items()}),
        "continue": "",
    }
    words = shlex.split(str(without_absent(job.program_arguments, inputs)))
    return CommandJob(
        command=["python", str(_WORKER), json.dumps(plan), *words],
        code=job.code or code,
        script=job.entry_script,
        display_name=step.display_name or step.name,
        inputs=inputs,
        outputs=outputs,
        environment=job.environment,
        environment_variables=dict(job.environment_variables),
        compute="local",
        limits=Limits(),
        local=Local(interpreter=job.local.interpreter),
    )


def _rows(job: ParallelJob, types: dict[str, str]) -> str:
    """The file below outputs/ that rows are appended to; empty when the script saves its results itself."""
    bound = BINDING.search(job.append_row_to or "")
    if bound is None or bound[2] not in types:
        return ""
    return bound[2] if types[bound[2]] == "uri_file" else f"{bound[2]}/{_ROWS}"


def _mini_batch(node: Node, text: str | None) -> dict[str, int]:
    """`5` is so many files, `10kb` about so many bytes; Azure ML's default is one file."""
    match = re.fullmatch(r"\s*(\d+)\s*(kb|mb|gb)?\s*", (text or "1").lower())
    if match is None or int(match[1]) == 0:
        hint = "Write a number of files, or a size such as 10kb."
        raise node.step.error("mini_batch_size", f"expected a number of files or a size, got {text!r}", hint)
    if match[2] is None:
        return {"files": int(match[1]), "bytes": 0}
    return {"files": 0, "bytes": int(match[1]) * _UNITS[match[2]]}
