"""A pipeline file of either world, read and checked; and what a person sets over it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from amlrun.errors import AmlError, first_of
from amlrun.pipeline import overrides
from amlrun.pipeline.check import check
from amlrun.spec import node as yaml_node
from amlrun.spec import read_pipeline
from amlrun.spec.automl import AutoMLJob
from amlrun.spec.job import compute_named
from amlrun.spec.pipeline import PipelineJob, is_v1
from amlrun.spec.read_pipeline import Reading


def inspect(file: Path, folder: Path, *, target: str | None = None, tree: yaml_node.Tree | None = None) -> Reading:
    """The pipeline in `file` as far as it can be read; `folder` is what a v1 file's paths are counted from.

    `target` (`--ct`) is where every step shall run; `tree` is the file's, where it was read before. Raises AmlError
    only for a file that is no pipeline.
    """
    tree = tree or yaml_node.read(file)
    if is_v1(tree[0]):
        from amlrun.v1.pipeline import to_pipeline

        return to_pipeline.inspect(file, folder, target=target)
    reading = read_pipeline.inspect(file, tree)
    if target is not None:
        retarget(reading.job, target)
    return reading


def mistakes(reading: Reading) -> list[AmlError]:
    """Every mistake: of the text, and of what it says."""
    found = [*reading.refused, *reading.let_pass]
    found += check(reading.job, reading.component, partial=bool(reading.refused))
    own = str(reading.job.source.file)
    return sorted(found, key=lambda error: (str(error.file) != own, str(error.file), error.line or 0))


def load(
    file: Path,
    folder: Path,
    *,
    target: str | None = None,
    settings: Mapping[str, str] | Iterable[tuple[str, str]] = (),
    container: bool = False,
    tree: yaml_node.Tree | None = None,
) -> PipelineJob:
    """The pipeline in `file`, with `settings` over it, free of mistakes; its notes are in `local.notes`.

    With `container` each step that runs on this machine runs in the image of its environment.

    Raises AmlError, with file and line, for the first mistake; the others stand in its hint, a line each.
    """
    reading = inspect(file, folder, target=target, tree=tree)
    if reading.component is not None:
        hint = f"Name it in a pipeline job: `type: pipeline`, `component: {file.name}`, and its `inputs`."
        raise AmlError("is a pipeline component, not a job", file=file, line=1, hint=hint)
    if not reading.refused:
        overrides.apply(reading.job, settings.items() if isinstance(settings, Mapping) else settings)
    wrong = mistakes(reading)
    if wrong:
        raise first_of(wrong)
    reading.job.local.notes = reading.notes
    if container:
        _use_containers(reading.job)
    return reading.job


def retarget(job: PipelineJob, target: str) -> None:
    """Let every step run on `target`: `local`, or a compute's name."""
    job.compute = None
    job.settings.default_compute = compute_named(target)
    for step in job.jobs.values():
        step.compute = None
        if isinstance(step.job, PipelineJob):
            retarget(step.job, target)
        elif step.job is not None:
            step.job.compute = None


def _use_containers(job: PipelineJob) -> None:
    for step in job.jobs.values():
        if isinstance(step.job, PipelineJob):
            _use_containers(step.job)
        elif isinstance(step.job, AutoMLJob):
            raise step.error("", "an automl step can't run in a container", "Add --no-container.")
        elif step.job is not None:
            step.job.local.container = True
