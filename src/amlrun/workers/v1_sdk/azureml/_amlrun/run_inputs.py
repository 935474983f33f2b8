"""`run.input_datasets` and `run.output_datasets`. Written from documentation; not Microsoft's code."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

from azureml._amlrun import context
from azureml._amlrun.notes import say_once
from azureml.data.abstract_dataset import Input, place_of

_PREFIX = "AZUREML_DATAREFERENCE_"


class Inputs(Mapping):  # type: ignore[type-arg]  # Python 3.7 has no Mapping[str, …]
    """The run's inputs by name: a path that can also be read as a dataset."""

    def __getitem__(self, name: str) -> Input:
        found = self._place(name)
        if found is None:
            raise KeyError(
                f"the run has no input {name!r} (it has: {', '.join(sorted(self)) or 'none'}). Add it under `data:` in "
                f"the run configuration, or register the dataset's location: aml dataset register -n {name} -p FOLDER"
            )
        return Input(found)

    def _place(self, name: str) -> str | None:
        """v1 has a variable of the input's own name, `aml` also one with a prefix; else a dataset of that name."""
        values = [os.environ.get(name), os.environ.get(_PREFIX + name)]
        return next((value for value in values if value and os.path.exists(value)), None) or place_of(name)

    def __setitem__(self, name: str, dataset: Any) -> None:
        say_once("run.input_datasets[…] = … is left out: it only showed the dataset in the studio.")

    def __iter__(self) -> Iterator[str]:
        return iter([key[len(_PREFIX) :] for key in os.environ if key.startswith(_PREFIX)])

    def __len__(self) -> int:
        return sum(1 for _ in self)


class Outputs(Inputs):
    """The run's named outputs: folders below outputs/."""

    def _place(self, name: str) -> str:
        named = os.environ.get(name) or os.environ.get(_PREFIX + name)
        place = named or os.path.join(context.folder(), "outputs", name)
        os.makedirs(place, exist_ok=True)
        return place
