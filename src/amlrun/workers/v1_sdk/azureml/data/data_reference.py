"""v1's data reference in a script. Written from documentation; not Microsoft's code."""

from __future__ import annotations

import os
from typing import Any

from azureml.data.datapath import DataPath


class DataReference(DataPath):
    """A datastore's path under a name; as text it is the path on this machine."""

    def __init__(
        self, datastore: Any = None, data_reference_name: Any = None, path_on_datastore: Any = None, **kwargs: Any
    ) -> None:
        super().__init__(datastore, path_on_datastore, data_reference_name)
        self.data_reference_name = data_reference_name

    def as_mount(self) -> DataReference:
        return self

    def as_download(self, *args: Any, **kwargs: Any) -> DataReference:
        return self

    def __str__(self) -> str:
        named = os.environ.get(f"AZUREML_DATAREFERENCE_{self.data_reference_name}")
        return named or self.paths()[0]

    __fspath__ = __str__
