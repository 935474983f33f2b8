"""Every kind of job, as one type."""

from __future__ import annotations

from typing import Union

from amlrun.spec.automl import AutoMLJob
from amlrun.spec.job import CommandJob, SparkJob, SweepJob
from amlrun.spec.pipeline import PipelineJob

Job = Union[CommandJob, SparkJob, SweepJob, AutoMLJob, PipelineJob]
