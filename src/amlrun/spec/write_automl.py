"""An AutoML job as v2's YAML, and the MLTable that a bare file needs there.

azure-ai-ml takes no file but an MLTable's folder, whose data must lie in it, for the folder is what is uploaded.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from amlrun.dataclass import dataclass
from amlrun.errors import AmlError
from amlrun.spec.automl import TABLES, AutoMLJob
from amlrun.spec.job import Input, to_dict
from amlrun.spec.yaml_data import without_empty

_SCHEMA = "https://azuremlschemas.azureedge.net/latest/autoMLJob.schema.json"
_TABLE_SCHEMA = "https://azuremlschemas.azureedge.net/latest/MLTable.schema.json"
_FIRST = ("task", "name", "display_name", "experiment_name", "description", "tags", "compute", "resources",
          "queue_settings", "environment_variables", "environment_id", "log_verbosity", "primary_metric",
          "target_column_name")  # fmt: skip
_THEN = ("validation_data_size", "test_data_size", "n_cross_validations", "cv_split_column_names",
         "weight_column_name", "positive_label", "limits", "featurization", "training")  # fmt: skip
_TRANSFORMATIONS = {
    ".csv": '  - read_delimited:\n      delimiter: ","\n',
    ".tsv": '  - read_delimited:\n      delimiter: "\\t"\n',
    ".parquet": "  - read_parquet\n",
    ".jsonl": "  - read_json_lines\n",
}
_DELIMITED = "      encoding: utf8\n      header: all_files_same_headers\n"


@dataclass(frozen=True)
class Table:
    """An MLTable's folder to be made: its name, the data that is copied into it, and the text of its `MLTable`."""

    name: str
    data: Path
    text: str


def tree(job: AutoMLJob, relative: Callable[[Path], str]) -> dict[str, Any]:
    """The job as the YAML's plain data; `relative` gives paths as seen from its folder, where `tables` lie too."""
    made = {table.name: table for table in tables(job)}
    found: dict[str, Any] = {"$schema": _SCHEMA, "type": "automl"}
    for name in _FIRST:
        found[name] = to_dict(getattr(job, name))
    for name in TABLES:
        data: Input | None = getattr(job, name)
        if data is None:
            continue
        path = f"./{name}" if name in made else data.path or ""
        if Path(path).is_absolute():
            path = relative(Path(path))
        found[name] = to_dict(Input("mltable", path, data.mode))
    for name in _THEN:
        found[name] = to_dict(getattr(job, name))
    found["identity"] = {"type": job.identity} if job.identity else None
    found["outputs"] = {name: to_dict(output) for name, output in job.outputs.items()}
    found |= job.rest
    return without_empty(found)


def tables(job: AutoMLJob) -> list[Table]:
    """The MLTables that the cloud wants and that are not there: of each bare file.

    Raises AmlError for a file that no MLTable reads, or a folder without one.
    """
    made = []
    for name in TABLES:
        data: Input | None = getattr(job, name)

        def wrong(message: str, hint: str, name: str = name) -> AmlError:
            return AmlError(message, file=job.source.file, line=job.line(name), field=f"{name}.path", hint=hint)

        found = None if data is None else table(name, data, wrong)
        made += [found] if found is not None else []
    return made


def table(name: str, data: Input, wrong: Callable[[str, str], AmlError]) -> Table | None:
    """The MLTable, of that name, that `data` needs; None where it is no bare file. An MLTable that is named is its
    folder.

    Raises AmlError, made by `wrong` of a message and a hint, for a file that no MLTable reads, or a folder without one.
    """
    file = Path(data.path or "")
    if file.is_dir() and data.path and not (file / "MLTable").is_file():
        hint = "Name an MLTable's folder, or a CSV or Parquet file, which is then sent as one."
        raise wrong(f"there is no MLTable in {file}", hint)
    if not file.is_file():
        return None
    if file.name == "MLTable":
        data.path = str(file.parent)
        return None
    reading = _TRANSFORMATIONS.get(file.suffix.lower())
    if reading is None:
        hint = f"Known: {', '.join(_TRANSFORMATIONS)}, or an MLTable's folder."
        raise wrong(f"{file.name} is not a table that can be read here", hint)
    delimited = _DELIMITED if "delimited" in reading else ""
    head = f"$schema: {_TABLE_SCHEMA}\ntype: mltable\npaths:\n"
    return Table(name, file, f"{head}  - file: ./{file.name}\ntransformations:\n{reading}{delimited}")


def write_tables(made: list[Table], folder: Path) -> list[Path]:
    """Make those folders below `folder`, each with its `MLTable` and a copy of the data. Raises OSError."""
    import shutil

    from amlrun.runs.files import replace_text

    written = []
    for one in made:
        place = folder / one.name
        place.mkdir(parents=True, exist_ok=True)
        replace_text(place / "MLTable", one.text)
        shutil.copy2(one.data, place / one.data.name)
        written += [place / "MLTable", place / one.data.name]
    return written
