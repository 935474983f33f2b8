"""Data by name: what `data/datasets.yml` says here, and the job's input of that name in a job."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from amlrun.errors import AmlError, os_error
from amlrun.interactive.packages import need
from amlrun.prepare import data
from amlrun.project import find

_READERS = {".csv": ("read_csv", {}), ".tsv": ("read_csv", {"sep": "\t"}), ".parquet": ("read_parquet", {})}


def load_dataset(name: str, *, as_table: bool | None = None, path: Path | str = ".") -> Any:
    """The dataset `name`: a DataFrame if it is a single CSV, TSV or Parquet file, otherwise the path of its folder.

    In a job it is the job's input `name`; elsewhere the path is looked up in `data/datasets.yml` of the project that
    contains `path`. A folder with just one such file is read as a table too. `as_table=True` concatenates all table
    files of a folder, `as_table=False` always returns the path.

    Raises AmlError for an unknown name, missing data, files that cannot be read, and if pandas is not installed.

    >>> len(amlrun.load_dataset("sample"))
    569
    """
    place = _input(name) or data.locate(find(Path(path)), name, f"azureml:{name}")
    if as_table is False:
        return place
    files = [place] if place.is_file() else _files(place)
    tables = [file for file in files if file.suffix.lower() in _READERS]
    if as_table is None and not (len(tables) == 1 == len(files)):
        return place
    if not tables:
        raise AmlError(f"dataset {name!r} has no CSV, TSV or Parquet file", file=place, hint="Use as_table=False.")
    pandas = need("pandas", "a dataset as a table")
    read = [_read(pandas, file) for file in tables]
    return read[0] if len(read) == 1 else pandas.concat(read, ignore_index=True)


def _input(name: str) -> Path | None:
    """The path of the job's input, which the service and `aml` give in a variable; None outside a job."""
    if not os.environ.get("AZUREML_RUN_ID"):
        return None
    for variable in (f"AZUREML_DATAREFERENCE_{name}", f"AZURE_ML_INPUT_{name}", name):
        value = os.environ.get(variable)
        if value and Path(value).exists():
            return Path(value)
    raise AmlError(f"the job has no input {name!r}", hint=f"Add it to the run configuration's `data:` as {name}.")


def _files(folder: Path) -> list[Path]:
    """The files below a folder in order of their paths; hidden ones do not count."""
    found = (file for file in folder.rglob("*") if file.is_file())
    return sorted(file for file in found if not any(part.startswith(".") for part in file.relative_to(folder).parts))


def _read(pandas: Any, file: Path) -> Any:
    reader, options = _READERS[file.suffix.lower()]
    try:
        return getattr(pandas, reader)(file, **options)
    except OSError as error:
        raise os_error(error, f"read {file}") from error
    except ImportError as error:
        raise AmlError("pandas needs pyarrow to read Parquet", file=file, hint="uv add pyarrow") from error
    except ValueError as error:
        raise AmlError(f"not a table that pandas can read: {error}", file=file) from error
