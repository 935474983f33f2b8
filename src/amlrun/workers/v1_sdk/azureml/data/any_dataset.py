"""A dataset by name, which may be used as a table or as files. Written from documentation; not Microsoft's code."""

from __future__ import annotations

from azureml.data.file_dataset import FileDataset
from azureml.data.tabular_dataset import TabularDataset


class AnyDataset(TabularDataset, FileDataset):
    """datasets.yml does not say which of the two a dataset is: this is both."""
