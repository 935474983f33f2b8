"""v1's ParallelRunConfig file, as a ParallelRunStep names it → what a v2 parallel step runs."""

from __future__ import annotations

from pathlib import Path

from amlrun.spec.job import Environment
from amlrun.spec.pipeline import ParallelJob
from amlrun.v1.scoring import inference, parallel
from amlrun.v1.scoring.field_table import PARALLEL


def parallel_job(file: Path, folder: Path) -> ParallelJob:
    """The parallel job of a ParallelRunConfig; `folder` is what its paths are counted from.

    `append_row_to` is set, without a place, where rows are appended. Raises AmlError naming file, line and key.
    """
    config = inference.read(file, PARALLEL)
    script = inference.inference(
        folder, config, entry=config.get("entry_script"), source=config.get("source_directory"),
        conda=config.get("conda_file"),
    )  # fmt: skip
    settings = parallel.settings(config)
    job = ParallelJob(entry_script=script.entry, code=script.source, environment_variables=dict(script.variables))
    job.environment = Environment(image=config.get("environment.docker.baseImage"), conda_file=script.conda)
    job.mini_batch_size = str(settings.bytes or settings.files)
    job.mini_batch_error_threshold = settings.error_threshold
    job.max_concurrency_per_instance = config.get("process_count_per_node")
    job.max_retries, job.timeout = settings.max_try, settings.timeout
    job.logging_level = config.get("logging_level")
    job.append_row_to = "" if settings.output else None
    job.local.interpreter = script.interpreter
    return job
