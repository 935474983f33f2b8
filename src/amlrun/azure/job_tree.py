"""A job of any kind as the official YAML that azure-ai-ml loads."""

from __future__ import annotations

from typing import Any

from amlrun.azure import command_tree, spark_tree
from amlrun.spec import write_sweep
from amlrun.spec.job import CommandJob, SparkJob, SweepJob


def tree(job: CommandJob | SweepJob | SparkJob, name: str, experiment: str, code: str | None) -> dict[str, Any]:
    """The job's official YAML as a dict: named `name`, its code the asset `code`. Raises AmlError."""
    if isinstance(job, SparkJob):
        return spark_tree.tree(job, name, experiment, code)
    if isinstance(job, SweepJob):
        trial = command_tree.tree(job.trial, name, experiment, code, job.search_space)
        return write_sweep.tree(job, trial, schema=False)
    return command_tree.tree(job, name, experiment, code, ())
