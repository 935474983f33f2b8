"""`run.input_datasets` and `run.output_datasets`. Written from documentation; not Microsoft's code."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from azureml._amlrun import context
from azureml._amlrun.notes import say_once
from azureml.data.abstract_dataset import Input, place_of

_PREFIX = "AZUREML_DATAREFERENCE_"


class Inputs:
    """The run's inputs by name: a path that can also be read as a dataset."""

    def __getitem__(self, name: str) -> Input:
        found = self.get(name)
        if found is None:
            names = ", ".join(sorted(self)) or "none"
            raise KeyError(
                f"the run has no input {name!r} (it has: {names}). Add it under `data:` in the run "
                f"configuration, or say where "
                f"the dataset lies: aml dataset register -n {name} -p FOLDER"
            )
        return found

    def get(self, name: str, default: Any = None) -> Input | None:
        for variable in (name, _PREFIX + name):
            value = os.environ.get(variable)
            if value and os.path.exists(value):
                return Input(value)
        place = place_of(name)
        return default if place is None else Input(place)

    def __setitem__(self, name: str, dataset: Any) -> None:
        say_once("run.input_datasets[…] = … is left out: it only showed the dataset in the studio.")

    def __contains__(self, name: object) -> bool:
        return self.get(str(name)) is not None

    def __iter__(self) -> Iterator[str]:
        return iter([key[len(_PREFIX) :] for key in os.environ if key.startswith(_PREFIX)])

    def keys(self) -> Any:
        return list(self)

    def values(self) -> Any:
        return [self[name] for name in self]

    def items(self) -> Any:
        return [(name, self[name]) for name in self]

    def __len__(self) -> int:
        return len(list(self))


class Outputs(Inputs):
    """The run's named outputs: folders below outputs/."""

    def get(self, name: str, default: Any = None) -> Input | None:
        value = os.environ.get(name) or os.environ.get(_PREFIX + name)
        place = value or os.path.join(context.folder(), "outputs", name)
        os.makedirs(place, exist_ok=True)
        return Input(place)
