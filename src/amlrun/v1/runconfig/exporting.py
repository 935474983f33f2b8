"""A run configuration as a job to write down: with a comment for every line, and notes on what was not converted."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from amlrun.dataclass import dataclass
from amlrun.spec.job import V1_DATASET, CommandJob, SparkJob
from amlrun.v1.config import by_line, is_file, raise_first
from amlrun.v1.runconfig import to_job
from amlrun.v1.runconfig.context import TranslationContext
from amlrun.v1.runconfig.to_spark import SIZES


@dataclass
class Exported:
    """`folder` is where the YAML will be; `comments` by dotted v2 key; `notes` for a person, `head` for the file."""

    job: CommandJob | SparkJob
    folder: Path
    comments: dict[str, str]
    head: list[str]
    notes: list[str]


def export(
    name: str,
    path: Path,
    folder: Path,
    *,
    source_directory: Path | None = None,
    target: str | None = None,
    conda_file: Path | None = None,
    script_and_arguments: Sequence[str] = (),
) -> Exported:
    """The v2 job of the configuration `name`, to be written into `folder`.

    What would stop a submit here (a script or conda file that is not there) is a note, for the job may be meant for
    elsewhere. Raises AmlError for a value that can't be read.
    """
    file = to_job.find(path, name)
    config = to_job.read(file, path)
    context = to_job.translate(
        config,
        path,
        source_directory=source_directory,
        target=target,
        conda_file=conda_file,
        script_and_arguments=script_and_arguments,
        exporting=True,
    )
    raise_first(by_line(config.problems))
    job = context.spark or context.job
    notes = [
        *(str(error).partition("\n")[0] for error in context.blocking_errors),
        *to_job.notes(context),
    ]
    comments = _comments(context)
    _stand_in(job, folder, notes, comments)
    head = [f"Written by `aml export` from {_seen_from(file, folder)}."]
    if notes:
        head += [
            "Not converted, or to be checked:",
            *(f"- {without_folders(note, file.parent, context.source, context.path)}" for note in notes),
        ]
    return Exported(job, folder, comments, head, notes)


def _seen_from(file: Path, folder: Path) -> str:
    from amlrun.spec.write import relative

    return relative(file, folder).removeprefix("./")


def without_folders(note: str, *folders: Path) -> str:
    """A note without this machine's folders: the file may be committed."""
    for folder in folders:
        note = note.replace(f"{folder}{os.sep}", "").replace(str(folder), folder.name)
    return note.replace("\n", " ")


def _comments(context: TranslationContext) -> dict[str, str]:
    """For each v2 key the v1 keys it came from, with their lines and the file's own remarks there."""
    config = context.config
    found = {}
    for place, keys in context.sources.items():
        origins = []
        for key in dict.fromkeys(keys):
            value, above = config.values.get(key), config.values.get(key[:-1])
            if value is not None and (value.is_set or key in (("script",), ("target",))):
                remark = f" ({value.comment})" if value.comment and "Registry" not in value.name else ""
                origins.append(f"{config.shown(key)}, line {value.line}{remark}")
            elif above is not None and key[-1] in above.lines:
                origins.append(f"{config.shown(key[:-1])}.{key[-1]}, line {above.lines[key[-1]]}")
        if origins:
            found[place] = "from " + "; ".join(dict.fromkeys(origins))
    if "environment.image" not in found:
        found["environment.image"] = "no image in the file: v1's own default"
    if context.spark is not None:
        found |= {
            f"conf.{name}": "required in v2; v1 left it to the cluster" for name in SIZES if f"conf.{name}" not in found
        }
        found.setdefault("resources.instance_type", "serverless Spark: v2 requires a size")
    found["code"] = "the folder that is copied and run in: --source-directory, else --path"
    if context.sources.get("compute") is None and context.local:
        found["compute"] = "the default"
    return found


def _stand_in(job: CommandJob | SparkJob, folder: Path, notes: list[str], comments: dict[str, str]) -> None:
    """Leave out what would keep the YAML from loading: a conda file that is not there."""
    environment = job.environment
    if environment is not None and isinstance(environment.conda_file, Path) and not is_file(environment.conda_file):
        from amlrun.spec.write import relative

        place = relative(environment.conda_file, folder)
        comments["environment.image"] = (
            f"{comments['environment.image']}; add conda_file: {place}, which is missing now"
        )
        environment.conda_file = None
    for name, data in job.inputs.items():
        if data.path and data.path.startswith(V1_DATASET):
            notes.append(f"inputs.{name}.path: v2 has no address for a dataset's v1 id: write azureml:NAME:VERSION")
            comments[f"inputs.{name}.path"] = "a v1 id: write azureml:NAME:VERSION"
        if data.path is None:
            notes.append(f"inputs.{name}: the file names no data: write path: azureml:NAME:VERSION")
            comments[f"inputs.{name}.type"] = "the file names no data: add path: azureml:NAME:VERSION"
