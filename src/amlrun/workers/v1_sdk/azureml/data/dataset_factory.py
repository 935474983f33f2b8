"""`Dataset.Tabular` and `Dataset.File`. Written from documentation; not Microsoft's code."""

from __future__ import annotations

import os
from typing import Any

from azureml._amlrun.notes import V1Class, lazily, say_once
from azureml.data.any_dataset import AnyDataset
from azureml.data.datapath import DataPath
from azureml.data.file_dataset import FileDataset
from azureml.data.tabular_dataset import TabularDataset


def _paths(path: Any) -> list[str]:
    """v1's ways of naming files (address, path, DataPath, (datastore, path), a list of these) as paths."""
    if isinstance(path, tuple) and len(path) == 2 and not isinstance(path[0], str):
        path = DataPath(path[0], path[1])
    if isinstance(path, (list, tuple)):
        return [one for item in path for one in _paths(item)]
    if isinstance(path, DataPath):
        return path.paths()
    return [os.fspath(path)]


class TabularDatasetFactory(V1Class):
    """Tables from files and addresses."""

    @staticmethod
    def from_delimited_files(
        path: Any, validate: bool = True, include_path: bool = False, infer_column_types: bool = True,
        set_column_types: Any = None, separator: str = ",", header: Any = True, partition_format: Any = None,
        support_multi_line: bool = False, empty_as_string: bool = False, encoding: str = "utf8", **kwargs: Any,
    ) -> TabularDataset:  # fmt: skip
        options: dict[str, Any] = {"encoding": "utf-8-sig" if encoding in ("utf8", "utf-8") else encoding}
        if separator != ",":
            options["sep"] = separator
        # v1's header: True, False, or PromoteHeadersBehavior, whose 0 means that there are none.
        if header is False or getattr(header, "value", header) == 0:
            options.update(header=None)
        if not infer_column_types:
            options["dtype"] = str
        if empty_as_string:
            options["keep_default_na"] = False
        if set_column_types is not None or partition_format is not None:
            say_once("set_column_types and partition_format are left out: pandas infers the column types.")
        return TabularDataset(_paths(path), options={**options, "include_path": include_path})

    @staticmethod
    def from_parquet_files(path: Any, validate: bool = True, include_path: bool = False, **kwargs: Any) -> Any:
        return TabularDataset(_paths(path), options={"kind": "parquet", "include_path": include_path})

    @staticmethod
    def from_json_lines_files(path: Any, validate: bool = True, include_path: bool = False, **kwargs: Any) -> Any:
        return TabularDataset(_paths(path), options={"kind": "json", "include_path": include_path})

    @staticmethod
    def register_pandas_dataframe(dataframe: Any, target: Any, name: str, *args: Any, **kwargs: Any) -> Any:
        """Keep a data frame as a CSV file of the run, and name it for this script."""
        folder = DataPath(*target).target() if isinstance(target, tuple) else DataPath(target, "").target()
        os.makedirs(folder, exist_ok=True)
        file = os.path.join(folder, name + ".csv")
        dataframe.to_csv(file, index=False)
        return AnyDataset([file]).register(None, name)


class FileDatasetFactory(V1Class):
    """Folders of files."""

    @staticmethod
    def from_files(path: Any, validate: bool = True, **kwargs: Any) -> FileDataset:
        return FileDataset(_paths(path))

    @staticmethod
    def upload_directory(src_dir: str, target: Any, **kwargs: Any) -> FileDataset:
        place = target if isinstance(target, DataPath) else DataPath(*target)
        place.datastore.upload(src_dir, place.path_on_datastore)
        return FileDataset(place.paths())


class DataType(V1Class):
    """The types that `set_column_types` names; pandas finds its own."""

    def __init__(self, kind: str) -> None:
        self.kind = kind

    @staticmethod
    def to_string(*args: Any) -> DataType:
        return DataType("string")

    @staticmethod
    def to_float(*args: Any) -> DataType:
        return DataType("float")

    @staticmethod
    def to_long(*args: Any) -> DataType:
        return DataType("long")

    @staticmethod
    def to_bool(*args: Any) -> DataType:
        return DataType("bool")

    @staticmethod
    def to_datetime(*args: Any) -> DataType:
        return DataType("datetime")


__getattr__ = lazily(__name__)
