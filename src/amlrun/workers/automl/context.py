"""What the trials of one search share: the plan, the table, the folds, and each fold's features, made once.

A fork server loads it ahead (`prepare`); a trial that is a process of its own loads it itself. The featurizer of a fold
is fitted on the fold's training rows only.
"""

from __future__ import annotations

import importlib
import json
import os
import time
from typing import Any, Dict, List, Optional, Tuple

import numpy as np
import pandas as pd
from features import featurizer  # type: ignore[import-not-found]

# Features are kept between trials up to this many bytes; with more, each trial makes its own.
_MOST_BYTES = 2_000_000_000
_MOST_SECONDS = 20.0


class Context:
    """One search: `plan` is what prepare.py found out, `folds` are (training rows, validation rows)."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        with open(os.path.join(folder, "plan.json"), encoding="utf-8") as stream:
            self.plan: Dict[str, Any] = json.load(stream)
        # Written by prepare.py, into the run's own folder.
        data = pd.read_pickle(os.path.join(folder, "table.pkl"), compression=None)  # noqa: S301
        self.features, self.truth, self.weights = data["features"], data["truth"], data["weights"]
        self.test, self.test_truth = data["test"], data["test_truth"]
        with np.load(os.path.join(folder, "folds.npz")) as arrays:
            self.folds: List[Tuple[Any, Any]] = [
                (arrays["kept_%d" % at], arrays["held_%d" % at]) for at in range(self.plan["folds"])
            ]
        self._made: Dict[str, List[Tuple[Any, Any]]] = {}
        self._bytes = 0

    def fold_features(self, family: str) -> List[Tuple[Any, Any]]:
        """(training features, validation features) of each fold for a family of algorithms."""
        if family in self._made:
            return self._made[family]
        found = []
        for kept, held in self.folds:
            maker = featurizer(self.plan, family)
            first = maker.fit_transform(self.features.iloc[kept], self.truth[kept])
            found.append((first, maker.transform(self.features.iloc[held])))
        size = sum(_size(part) for pair in found for part in pair)
        if self._bytes + size <= _MOST_BYTES:
            self._made[family] = found
            self._bytes += size
        return found

    def labels(self, codes: Any) -> Any:
        """Classes by their positions, numbers as they are."""
        return codes if self.plan["classes"] is None else np.asarray(self.plan["classes"])[codes]

    def training_rows(self) -> int:
        """How many rows the winner is trained on: all but those of validation_data."""
        return len(self.features) - int(self.plan["validation_rows"])


def _size(part: Any) -> int:
    return int(part.data.nbytes + part.indices.nbytes if hasattr(part, "indices") else part.nbytes)


_loaded: Dict[str, Context] = {}


def load(folder: str) -> Context:
    """The context of a search's folder, read once in a process and its forks."""
    if folder not in _loaded:
        _loaded[folder] = Context(folder)
    return _loaded[folder]


def prepare(folder: str, families: Optional[str] = None) -> None:
    """Load ahead of the trials, features included: what a fork finds there it need not make."""
    # Modules beside the script are not imported ahead by the server itself: a script's own may change.
    for name in ("best", "logged", "validation"):
        importlib.import_module(name)
    context = load(folder)
    began = time.monotonic()
    for family in (families or "").split(",") if families else ():
        if time.monotonic() - began < _MOST_SECONDS:
            context.fold_features(family)
