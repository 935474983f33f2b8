"""Where a job's tables lie on this machine, and how an MLTable says that they are read.

The files are read by a trial's own Python (workers/automl/table.py); here only the `MLTable` file is read, with the
line of what is wrong in it. Its keys are those of reference-yaml-mltable.md.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from amlrun.errors import placed
from amlrun.prepare import data
from amlrun.project import Project
from amlrun.spec import node
from amlrun.spec.automl import AutoMLJob
from amlrun.spec.job import Input
from amlrun.spec.read_sections import Sections

NAMES = ("training_data", "validation_data", "test_data")
_READERS = {
    "read_delimited": ("delimiter", "encoding", "header", "empty_as_string", "include_path_column",
                       "infer_column_types", "support_multi_line"),
    "read_parquet": ("include_path_column",),
    "read_json_lines": ("encoding", "invalid_lines", "include_path_column"),
}  # fmt: skip
_STEPS = ("drop_columns", "keep_columns", "convert_column_types", "take", "skip")
_HEADERS = ("no_header", "from_first_file", "all_files_same_headers", "all_files_different_headers")


def sources(project: Project, job: AutoMLJob) -> dict[str, dict[str, Any]]:
    """Each table of the job as workers/automl/table.py reads it: `{field, paths, steps}`. Raises AmlError."""
    found = {}
    for name in NAMES:
        wanted: Input | None = getattr(job, name)
        if wanted is not None:
            found[name] = _source(project, job, name, wanted)
    return found


def _source(project: Project, job: AutoMLJob, name: str, wanted: Input) -> dict[str, Any]:
    key = f"{name}.path"
    with placed(job.source.file, job.line(key), key):
        place = data.locate(project, name, wanted.path)
    recipe = place if place.name == "MLTable" else place / "MLTable"
    if place.is_dir() and recipe.is_file():
        return {"field": name, **read(recipe)}
    if place == recipe and place.is_file():
        return {"field": name, **read(place)}
    return {"field": name, "paths": [str(place)], "steps": None}


def read(file: Path) -> dict[str, Any]:
    """The paths and steps of an `MLTable` file. Raises AmlError, with its line, for what is not read here."""
    root, _ = node.read(file)
    reader = Sections(file, root)
    found = reader.section("", root, ("$schema", "type", "paths", "transformations", "metadata", "name", "version",
                                      "description", "tags", "properties"))  # fmt: skip
    if "paths" not in found or found["paths"].kind != "list":
        raise reader.error("paths", "is missing", root.line, "Write: paths: [{file: ./table.csv}]")
    paths = [_path(reader, item) for item in found["paths"].items]
    steps = [_step(reader, item) for item in found["transformations"].items] if "transformations" in found else []
    if steps and next(iter(steps[0])) not in _READERS:
        line = found["transformations"].line
        raise reader.error("transformations", "the first transformation must be a reader of the files", line,
                           f"Known: {', '.join(_READERS)}.")  # fmt: skip
    return {"paths": paths, "steps": steps or None}


def _path(reader: Sections, item: node.Node) -> str:
    parts = reader.section("paths", item, ("file", "folder", "pattern"))
    if len(parts) != 1:
        raise reader.error("paths", "expected file, folder or pattern", item.line)
    ((kind, value),) = parts.items()
    if "://" in value.text or value.text.startswith("azureml:"):
        raise reader.error(f"paths.{kind}", f"{value.text!r} is not on this machine", value.line,
                           "Download it, and name its path, relative to the MLTable.")  # fmt: skip
    place = reader.folder / Path(value.text).expanduser()
    if kind != "pattern" and not place.exists():
        raise reader.error(f"paths.{kind}", f"no such file or folder: {place}", value.line,
                           "Paths are relative to the MLTable.")  # fmt: skip
    return str(place)


def _step(reader: Sections, item: node.Node) -> dict[str, Any]:
    """One transformation: a word, or a word with its options."""
    if item.kind == "map" and len(item.pairs) == 1:
        name, line, options = item.pairs[0]
    elif item.kind == "scalar":
        name, line, options = item.text, item.line, node.Node("map", item.line)
    else:
        raise reader.error("transformations", "expected one transformation in each entry", item.line)
    key = f"transformations.{name}"
    if name in _READERS:
        if options.kind == "map":
            reader.section(key, options, _READERS[name])
        value = options.plain() if options.kind == "map" else {}
        header = str((value or {}).get("header", "all_files_same_headers"))
        if header not in _HEADERS or header == "all_files_different_headers":
            raise reader.error(f"{key}.header", f"{header} is not supported here", options.line)
        return {name: value}
    if name not in _STEPS:
        known = ", ".join((*_READERS, *_STEPS))
        raise reader.error(
            key, "is not supported here", line, f"Known: {known}. Apply it to the data itself, or remove it."
        )
    value = options.plain()
    if name in ("take", "skip") and (isinstance(value, bool) or not isinstance(value, int) or value < 0):
        raise reader.error(key, "expected a whole number", line)
    if name == "convert_column_types" and not (
        isinstance(value, list)
        and all(isinstance(one, dict) and {"columns", "column_type"} <= set(one) for one in value)
    ):
        raise reader.error(key, "expected a list of columns and column_type", line)
    return {name: value}
