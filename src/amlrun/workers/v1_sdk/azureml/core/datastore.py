"""`Datastore`. Written from documentation; not Microsoft's code."""

from __future__ import annotations

import os
import shutil
from typing import Any

from azureml._amlrun.notes import V1Class, lazily, say_once
from azureml.data.data_reference import DataReference
from azureml.data.datapath import DataPath
from azureml.data.file_dataset import FileDataset


class Datastore(V1Class):
    """A name: its paths are looked for on this machine, and what is written to it stays with the run."""

    def __init__(self, workspace: Any = None, name: str | None = None) -> None:
        self.workspace = workspace
        self.name = name or "workspaceblobstore"
        self.datastore_type = "AzureBlob"

    @classmethod
    def get(cls, workspace: Any, datastore_name: str) -> Datastore:
        return cls(workspace, datastore_name)

    @classmethod
    def get_default(cls, workspace: Any) -> Datastore:
        return cls(workspace)

    def path(self, path: str | None = None, data_reference_name: str | None = None) -> DataReference:
        return DataReference(self, data_reference_name, path)

    def as_mount(self) -> DataReference:
        return DataReference(self)

    as_download = as_mount

    def upload(self, src_dir: str, target_path: str | None = None, overwrite: bool = False, **kwargs: Any) -> Any:
        files = [os.path.join(here, one) for here, _, names in os.walk(src_dir) for one in names]
        return self.upload_files(files, src_dir, target_path, overwrite)

    def upload_files(
        self, files: list[str], relative_root: str | None = None, target_path: str | None = None,
        overwrite: bool = False, **kwargs: Any,
    ) -> DataReference:  # fmt: skip
        """Copy files below outputs/datastore/ of the run: a local run changes no datastore."""
        place = DataPath(self, target_path).target()
        say_once("uploads to a datastore are kept with the run, below outputs/datastore/.")
        for file in files:
            inside = os.path.relpath(file, relative_root) if relative_root else os.path.basename(file)
            target = os.path.join(place, inside)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            if overwrite or not os.path.exists(target):
                shutil.copyfile(file, target)
        return DataReference(self, None, target_path)

    def download(self, target_path: str, prefix: str | None = None, overwrite: bool = False, **kwargs: Any) -> int:
        """Copy files to a folder; returns how many."""
        found = FileDataset(DataPath(self, prefix).paths()).download(os.path.join(target_path, prefix or ""), True)
        return len(found)


__getattr__ = lazily(__name__)
