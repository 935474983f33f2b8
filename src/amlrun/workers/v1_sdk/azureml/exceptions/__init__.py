"""SDK v1's exceptions, by name. Written from documentation; not Microsoft's code."""

from __future__ import annotations

from typing import Any


class AzureMLException(Exception):
    """The base of all."""

    def __init__(self, exception_message: str = "", inner_exception: Any = None, **kwargs: Any) -> None:
        super().__init__(exception_message)
        self.message = exception_message
        self.inner_exception = inner_exception


class UserErrorException(AzureMLException):
    """The script asked for what cannot be."""


class RunEnvironmentException(AzureMLException):
    """There is no run."""


class ModelNotFoundException(AzureMLException):
    """There is no such model."""


class WebserviceException(AzureMLException):
    """A service, or a model, is not there."""


_made: dict[str, type] = {}


def __getattr__(name: str) -> Any:
    if name.endswith(("Exception", "Error")):
        return _made.setdefault(name, type(name, (AzureMLException,), {"__module__": __name__}))
    raise ImportError(f"azureml.exceptions has no {name!r}", name=__name__)
