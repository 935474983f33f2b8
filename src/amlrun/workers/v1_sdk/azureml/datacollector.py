"""2017's place of the collector. Written from documentation; not Microsoft's code."""

from azureml.monitoring import ModelDataCollector

__all__ = ["ModelDataCollector"]
