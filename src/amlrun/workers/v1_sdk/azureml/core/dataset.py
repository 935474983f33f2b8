"""`Dataset`. Written from documentation; not Microsoft's code."""

from __future__ import annotations

from azureml._amlrun.notes import lazily
from azureml.data.any_dataset import AnyDataset
from azureml.data.dataset_factory import FileDatasetFactory, TabularDatasetFactory


class Dataset(AnyDataset):
    """Datasets by name, and the two ways to make one."""

    class Scenario:
        """v1's names of what a registered model used a dataset for."""

        TRAINING = "training"
        VALIDATION = "validation"
        INFERENCING = "inferencing"

    Tabular = TabularDatasetFactory
    File = FileDatasetFactory
    from_delimited_files = TabularDatasetFactory.from_delimited_files
    from_parquet_files = TabularDatasetFactory.from_parquet_files


__getattr__ = lazily(__name__)
