"""A table in files, read by pandas. Written from documentation; not Microsoft's code."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from azureml._amlrun.notes import say_once
from azureml.data.abstract_dataset import AbstractDataset, is_address

_PARQUET = (".parquet", ".pq")
_JSON = (".json", ".jsonl", ".ndjson")


def read(file: str, options: dict[str, Any]) -> Any:
    """One file as a data frame, by its ending."""
    import pandas

    options = dict(options)
    kind = options.pop("kind", None)
    plain = file.lower().split("?")[0]
    for packed in (".gz", ".bz2", ".zip", ".xz"):
        if plain.endswith(packed):
            plain = plain[: -len(packed)]
    if kind == "parquet" or plain.endswith(_PARQUET):
        return pandas.read_parquet(file)
    if kind == "json" or plain.endswith(_JSON):
        return pandas.read_json(file, lines=True)
    if plain.endswith(".tsv"):
        options.setdefault("sep", "\t")
    return pandas.read_csv(file, **options)


class TabularDataset(AbstractDataset):
    """v1's table: calls that narrow it are kept, and done when it is read."""

    def __init__(self, paths: list[str], name: str | None = None, options: dict[str, Any] | None = None) -> None:
        super().__init__(paths, name)
        self._options = options or {}
        self._steps: list[Callable[[Any], Any]] = []
        self._time = ""

    def to_pandas_dataframe(self, on_error: str = "null", out_of_range_datetime: str = "null") -> Any:
        """The table. Its files are read by pandas: the recipe of a registered dataset is not known here."""
        import pandas

        options = dict(self._options)
        with_path = options.pop("include_path", False)
        frames = []
        for file in self._files():
            frame = read(file, options)
            if with_path:
                inside = file if is_address(file) else "/" + os.path.relpath(file, self._folder).replace(os.sep, "/")
                frame.insert(0, "Path", inside)
            frames.append(frame)
        table = frames[0] if len(frames) == 1 else pandas.concat(frames, ignore_index=True)
        if self.name:
            say_once(
                f"dataset {self.name!r} is read by pandas from {self._paths[0]}: types and headers that were set "
                "when it was registered are "
                "not known here."
            )
        for step in self._steps:
            table = step(table)
        return table

    def _then(self, step: Callable[[Any], Any]) -> Any:
        copy = type(self)(self._paths, self.name, self._options)
        copy._steps = [*self._steps, step]
        copy._time = self._time
        return copy

    def drop_columns(self, columns: Any) -> Any:
        names = _listed(columns)
        return self._then(lambda table: table.drop(columns=[name for name in names if name in table.columns]))

    def keep_columns(self, columns: Any, validate: bool = False) -> Any:
        names = _listed(columns)
        return self._then(lambda table: table[names])

    def take(self, count: int) -> Any:
        return self._then(lambda table: table.head(count))

    def skip(self, count: int) -> Any:
        return self._then(lambda table: table.iloc[count:].reset_index(drop=True))

    def take_sample(self, probability: float, seed: int | None = None) -> Any:
        return self._then(lambda table: table.sample(frac=probability, random_state=seed))

    def random_split(self, percentage: float, seed: int | None = None) -> Any:
        """Two parts by chance, the first with about that share. Without a seed the parts may share rows, so 0 is it."""
        seed = 0 if seed is None else seed

        def part(first: bool) -> Callable[[Any], Any]:
            def step(table: Any) -> Any:
                chosen = table.sample(frac=percentage, random_state=seed).index
                return table[table.index.isin(chosen) == first].reset_index(drop=True)

            return step

        return self._then(part(True)), self._then(part(False))

    def with_timestamp_columns(
        self, timestamp: str | None = None, partition_timestamp: str | None = None, validate: bool = False,
        **kwargs: Any,
    ) -> Any:  # fmt: skip
        copy = self._then(lambda table: table)
        copy._time = timestamp or kwargs.get("fine_grain_timestamp") or ""
        return copy

    def time_before(self, end_time: Any, include_boundary: bool = True, validate: bool = True) -> Any:
        return self._between(None, end_time, include_boundary)

    def time_after(self, start_time: Any, include_boundary: bool = True, validate: bool = True) -> Any:
        return self._between(start_time, None, include_boundary)

    def time_between(self, start_time: Any, end_time: Any, include_boundary: bool = True, validate: bool = True) -> Any:
        return self._between(start_time, end_time, include_boundary)

    def _between(self, start: Any, end: Any, include: bool) -> Any:
        column = self._time
        if not column:
            raise ValueError("name the time's column first: with_timestamp_columns(COLUMN)")

        def step(table: Any) -> Any:
            import pandas

            times = pandas.to_datetime(table[column])
            kept = pandas.Series(True, index=table.index)
            if start is not None:
                kept &= times >= start if include else times > start
            if end is not None:
                kept &= times <= end if include else times < end
            return table[kept].reset_index(drop=True)

        return self._then(step)


def _listed(columns: Any) -> list[str]:
    return [columns] if isinstance(columns, str) else list(columns)
