"""A path on a datastore. Written from documentation; not Microsoft's code."""

from __future__ import annotations

import os
from typing import Any

from azureml._amlrun import context
from azureml.data.abstract_dataset import place_of


class DataPath:
    """A datastore's path: on this machine a dataset's folder, or a folder below the project's data/."""

    def __init__(self, datastore: Any = None, path_on_datastore: str | None = None, name: Any = None) -> None:
        self.datastore = datastore
        self.path_on_datastore = str(path_on_datastore or "").strip("/")
        self.name = name

    def target(self) -> str:
        """Where this script's uploads to that path are kept: below outputs/datastore/."""
        store = getattr(self.datastore, "name", None) or "workspaceblobstore"
        parts = [part for part in self.path_on_datastore.split("/") if part not in ("", ".", "..")]
        return os.path.join(context.folder(), "outputs", "datastore", str(store), *parts)

    def paths(self) -> list[str]:
        """The path here: what this script uploaded, the dataset named like its first folder, or data/PATH.

        Raises FileNotFoundError saying how to name it.
        """
        first, _, rest = self.path_on_datastore.partition("/")
        choices = [self.target(), os.path.join(context.root(), "data", *self.path_on_datastore.split("/"))]
        named = place_of(first)
        if named is not None:
            choices.insert(1, os.path.join(named, *rest.split("/")) if rest else named)
        for choice in choices:
            if os.path.exists(_without_pattern(choice)):
                return [choice]
        raise FileNotFoundError(
            "the datastore's path {!r} was not found here. Put the files at data/{}, or register their location: "
            "aml dataset register -n {} -p FOLDER".format(
                self.path_on_datastore, self.path_on_datastore, first or "NAME"
            )
        )


def _without_pattern(path: str) -> str:
    while any(letter in path for letter in "*?["):
        path = os.path.dirname(path)
    return path
