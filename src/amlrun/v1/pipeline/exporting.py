"""A v1 pipeline as a job to write down: with a comment for every key, and notes on what was not converted."""

from __future__ import annotations

from pathlib import Path

from amlrun.dataclass import dataclass
from amlrun.errors import first_of
from amlrun.spec.job import V1_DATASET, CommandJob
from amlrun.spec.pipeline import ParallelJob, PipelineJob
from amlrun.spec.write import relative
from amlrun.v1.pipeline.to_pipeline import V1Reading, inspect
from amlrun.v1.runconfig.exporting import without_folders


@dataclass
class ExportedPipeline:
    """`comments` by dotted v2 key; `notes` for a person, `head` for the file."""

    job: PipelineJob
    comments: dict[str, str]
    head: list[str]
    notes: list[str]


def export(file: Path, path: Path, folder: Path, *, target: str | None = None) -> ExportedPipeline:
    """The v2 pipeline of a v1 file, to be written into `folder`; `path` is what v1 counted its paths from.

    What would stop a submit here (a folder that is not there) is a note. Raises AmlError for what v1 refused too, and
    for a step that v2 has no counterpart of.
    """
    reading = inspect(file, path, target=target, exporting=True)
    if reading.refused:
        raise first_of(reading.refused)
    for step in reading.job.jobs.values():
        if step.unsupported:
            raise step.error("", step.unsupported, "Remove the step, or export the others without it.")
    notes = [*(str(error).partition("\n")[0] for error in reading.let_pass), *dict.fromkeys(reading.notes)]
    comments = _comments(reading)
    _leave_out(reading.job, folder, notes)
    head = [f"Written by `aml export` from {relative(file.absolute(), folder).removeprefix('./')}."]
    if notes:
        head.append("Not converted, or to be checked:")
        head += [f"- {without_folders(note, file.absolute().parent, path)}" for note in notes]
    return ExportedPipeline(reading.job, comments, head, notes)


def _comments(reading: V1Reading) -> dict[str, str]:
    """For each v2 key with a single value the v1 key that it came from."""
    found: dict[str, str] = {}
    for row in reading.rows:
        single = not isinstance(row.value, (dict, list))
        if row.status == "mapped" and single and row.becomes.startswith(("jobs.", "settings.", "display_name")):
            found.setdefault(row.becomes, f"from {row.key.removeprefix('pipeline.')}, line {row.line}")
    return found


def _leave_out(job: PipelineJob, folder: Path, notes: list[str]) -> None:
    """Leave out what would keep the YAML from loading: folders and conda files that are not there."""
    for step in job.jobs.values():
        own = step.job
        if not isinstance(own, (CommandJob, ParallelJob)):
            continue
        conda = own.environment.conda_file if own.environment is not None else None
        if own.environment is not None and isinstance(conda, Path) and not conda.is_file():
            own.environment.conda_file = None
            notes.append(
                f"jobs.{step.name}.environment: add conda_file: {relative(conda, folder)}, which is missing now"
            )
        if own.code is not None and not own.code.is_dir():
            notes.append(f"jobs.{step.name}.code: add code: {relative(own.code, folder)}, which is missing now")
            own.code = None
    for name, given in job.inputs.items():
        if given.path and given.path.startswith(V1_DATASET):
            notes.append(f"inputs.{name}.path: v2 has no address for a dataset's v1 id: write azureml:NAME:VERSION")
