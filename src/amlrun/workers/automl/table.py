"""Reads a table as an MLTable says, or a bare file: CSV, TSV, Parquet, JSON lines. Raises BadTable."""

from __future__ import annotations

import glob
import os
from typing import Any, Dict, List

import pandas as pd

_ENDINGS = {".csv": ",", ".txt": ",", ".tsv": "\t"}
_PARQUET = (".parquet", ".pq")
_LINES = (".jsonl", ".ndjson")
_TYPES = {"int": "Int64", "float": "float64", "string": "object", "boolean": "boolean"}
KNOWN = (*_ENDINGS, *_PARQUET, *_LINES)


class BadTable(Exception):
    """What is wrong with the table, in a sentence; `field` is the key of the job's YAML that it belongs to."""

    def __init__(self, message: str, field: str = "training_data", hint: str = "") -> None:
        super().__init__(message)
        self.field, self.hint = field, hint


def read(source: Dict[str, Any]) -> Any:
    """The table of a source: `{paths, steps}` of an MLTable, or `{paths}` of bare files; its `files` are set."""
    field = source["field"]
    files: List[str] = []
    for pattern in source["paths"]:
        found = _files(pattern)
        if not found:
            raise BadTable("there is no file at %s" % pattern, field)
        files += found
    source["files"] = files
    steps = source.get("steps")
    if steps is None:
        steps = source["steps"] = [_reading(files[0], field)]
    frame = _join([_read_file(name, steps[0], field) for name in files], files, field)
    for step in steps[1:]:
        frame = _apply(frame, step, field)
    if frame.columns.duplicated().any():
        twice = [str(name) for name in frame.columns[frame.columns.duplicated()]]
        raise BadTable("has the column %r twice" % twice[0], field)
    frame.columns = [str(name) for name in frame.columns]
    if not len(frame):
        raise BadTable("has no rows", field)
    return frame.reset_index(drop=True)


def _files(pattern: str) -> List[str]:
    if os.path.isdir(pattern):
        found = (os.path.join(top, name) for top, _, names in os.walk(pattern) for name in names)
        return sorted(name for name in found if os.path.splitext(name)[1].lower() in KNOWN)
    return sorted(glob.glob(pattern, recursive=True)) or ([pattern] if os.path.exists(pattern) else [])


def _reading(name: str, field: str) -> Dict[str, Any]:
    """How a bare file is read, by its ending."""
    ending = os.path.splitext(name)[1].lower()
    if ending in _ENDINGS:
        return {"read_delimited": {"delimiter": _ENDINGS[ending]}}
    if ending in _PARQUET:
        return {"read_parquet": {}}
    if ending in _LINES:
        return {"read_json_lines": {}}
    raise BadTable(
        "%s is not a table that can be read here" % os.path.basename(name), field, "Known: " + ", ".join(KNOWN)
    )


def _read_file(name: str, step: Dict[str, Any], field: str) -> Any:
    ((kind, options),) = step.items()
    options = options or {}
    try:
        if kind == "read_parquet":
            return pd.read_parquet(name)
        if kind == "read_json_lines":
            return pd.read_json(name, lines=True, encoding=_encoding(options))
        header = str(options.get("header", "all_files_same_headers"))
        frame = pd.read_csv(
            name,
            sep=str(options.get("delimiter", ",")),
            encoding=_encoding(options),
            header=None if header == "no_header" else 0,
            keep_default_na=True,
            low_memory=False,
        )
    except ImportError as error:
        raise BadTable("%s can't be read: pyarrow is not installed" % os.path.basename(name), field,
                       "Add pyarrow to the environment, or write the table as CSV.") from error  # fmt: skip
    except UnicodeDecodeError as error:
        raise BadTable("%s is not %s text" % (os.path.basename(name), _encoding(options)), field,
                       "Save it as UTF-8, or name its encoding in an MLTable.") from error  # fmt: skip
    except (OSError, ValueError) as error:  # pandas' own errors are ValueErrors
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise BadTable("%s can't be read: %s" % (os.path.basename(name), first), field) from error
    if header == "no_header":
        frame.columns = ["Column%d" % (at + 1) for at in range(len(frame.columns))]
    return frame


def _encoding(options: Dict[str, Any]) -> str:
    named = str(options.get("encoding", "utf8")).lower()
    return {"utf8": "utf-8-sig", "utf-8": "utf-8-sig", "iso88591": "latin-1", "latin1": "latin-1",
            "windows1252": "cp1252"}.get(named, named)  # fmt: skip


def _join(frames: List[Any], files: List[str], field: str) -> Any:
    first = list(frames[0].columns)
    for name, frame in zip(files, frames):
        if list(frame.columns) != first:
            raise BadTable(
                "%s has different columns from %s" % (os.path.basename(name), os.path.basename(files[0])), field
            )
    return frames[0] if len(frames) == 1 else pd.concat(frames, ignore_index=True)


def _apply(frame: Any, step: Any, field: str) -> Any:
    kind: str
    options: Any
    ((kind, options),) = step.items()
    if kind == "take":
        return frame.head(int(options))
    if kind == "skip":
        return frame.iloc[int(options) :]
    if kind == "convert_column_types":
        for one in options or []:
            names = one["columns"] if isinstance(one["columns"], list) else [one["columns"]]
            for name in names:
                frame[name] = _converted(_column(frame, name, field), name, one["column_type"], field)
        return frame
    names = options if isinstance(options, list) else [options]
    for name in names:
        _column(frame, name, field)
    return frame.drop(columns=names) if kind == "drop_columns" else frame[names]


def _column(frame: Any, name: str, field: str) -> Any:
    if name not in frame.columns:
        raise BadTable("its MLTable names a column %r that does not exist" % name, field)
    return frame[name]


def _converted(column: Any, name: str, kind: Any, field: str) -> Any:
    kind = next(iter(kind)) if isinstance(kind, dict) else str(kind)
    try:
        if kind in ("datetime", "stream_info"):
            return pd.to_datetime(column, errors="coerce")
        if kind in _TYPES:
            return column.astype(_TYPES[kind])
    except (TypeError, ValueError) as error:
        raise BadTable("the column %r can't be read as %s" % (name, kind), field) from error
    raise BadTable("its MLTable converts the column %r to %s, which is not supported here" % (name, kind), field)
