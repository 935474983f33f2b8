"""The names that scripts import from `azureml.data`. Written from documentation; not Microsoft's code."""

from azureml._amlrun.notes import lazily as _lazily
from azureml.data.file_dataset import FileDataset
from azureml.data.tabular_dataset import TabularDataset

__all__ = ["FileDataset", "TabularDataset"]

__getattr__ = _lazily(__name__)
