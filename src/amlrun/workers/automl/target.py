"""Checks the target column, and looks for columns that give it away. Raises BadTable with a sentence for each."""

from __future__ import annotations

import difflib
from typing import Any, List

import numpy as np
import pandas as pd
from columns import ALERTED, DONE, PASSED, guardrail, listed  # type: ignore[import-not-found]
from table import BadTable  # type: ignore[import-not-found]

Rail = Any  # of columns.guardrail
_FIELD = "target_column_name"
# More classes than this, in more than half as many rows, are numbers.
_MOST_CLASSES = 1000
_IMBALANCE = 0.05
_LEAK = 0.9999


def find(frame: Any, name: str, field: str = _FIELD) -> None:
    """Refuse a column that is not there."""
    if name in frame.columns:
        return
    near = difflib.get_close_matches(name, list(frame.columns), 1)
    meant = "; did you mean %r?" % near[0] if near else ""
    raise BadTable(
        "there is no column %r%s" % (name, meant), field, "The columns: %s." % listed(list(frame.columns), 12)
    )


def without_missing(frame: Any, name: str) -> Any:
    """The rows whose target is there."""
    kept = frame[frame[name].notna()]
    if not len(kept):
        raise BadTable("the column %r is empty" % name, _FIELD)
    return kept.reset_index(drop=True)


def numbers(column: Any, name: str) -> Any:
    """A regression's target. Raises BadTable for words, infinite values and a constant."""
    if pd.api.types.is_bool_dtype(column.dtype) or not pd.api.types.is_numeric_dtype(column.dtype):
        first = column.iloc[0]
        raise BadTable("the column %r is not numeric (%r, …): a regression predicts numbers" % (name, first), _FIELD,
                       "For classes: task: classification")  # fmt: skip
    found = column.to_numpy(dtype=float)
    if not np.isfinite(found).all():
        raise BadTable("the column %r has infinite values" % name, _FIELD, "Remove or correct these rows.")
    if np.ptp(found) == 0:
        raise BadTable("the column %r is %g in every row: there is nothing to learn" % (name, found[0]), _FIELD)
    return found


def classes(column: Any, name: str) -> List[Any]:
    """A classification's classes, in order. Raises BadTable for one class, and for what looks like numbers."""
    found = sorted(column.unique().tolist(), key=lambda value: (str(type(value)), value))
    if len(found) == 1:
        raise BadTable("the column %r is %r in every row: there is nothing to learn" % (name, found[0]), _FIELD,
                       "A classification needs two classes.")  # fmt: skip
    if len(found) > _MOST_CLASSES or (len(found) > 20 and len(found) > 0.5 * len(column)):
        numeric = pd.api.types.is_numeric_dtype(column.dtype)
        hint = "For a number to predict: task: regression" if numeric else "Merge or drop the rare classes."
        raise BadTable("the column %r has %s different values in %s rows: too many classes"
                       % (name, format(len(found), ","), format(len(column), ",")), _FIELD, hint)  # fmt: skip
    return found


def positive(found: List[Any], label: Any) -> int:
    """The position of the positive label; of two classes the second when none is named."""
    named = [str(value) for value in found]
    wanted = str(label)
    if wanted not in named and wanted + ".0" in named:
        wanted += ".0"
    if wanted not in named:
        raise BadTable("there is no class %r" % label, "positive_label", "The classes: %s." % listed(named, 12))
    return named.index(wanted)


def balance(counts: Any) -> Rail:
    """Whether a class is much rarer than the largest."""
    rare = [str(name) for name, count in counts.items() if count < _IMBALANCE * counts.max()]
    if rare:
        return guardrail("Class balance", ALERTED, "rarer than 5 %% of the largest class: %s" % listed(rare))
    return guardrail("Class balance", PASSED, "no class is rarer than 5 % of the largest")


def leaks(frame: Any, truth: Any, names: List[str]) -> Rail:
    """Columns that give the target away: known only afterwards, as a rule. They are kept, and named."""
    found = [name for name in names if _gives_away(frame[name], truth)]
    if not found:
        return guardrail("Leaking columns", PASSED, "no column gives the target away")
    return guardrail("Leaking columns", ALERTED, "each gives the target away by itself: %s. Are they known when a "
                     "prediction is made?" % listed(found))  # fmt: skip


def _gives_away(column: Any, truth: Any) -> bool:
    known = column.notna().to_numpy()
    if known.sum() < 20:
        return False
    values, truth = column[known], pd.Series(truth)[known]
    if pd.api.types.is_numeric_dtype(values.dtype) and values.nunique() > 2:
        numbers = values.to_numpy(dtype=float)
        spread = np.std(numbers) * np.std(truth.to_numpy(dtype=float))
        related = abs(np.mean((numbers - numbers.mean()) * (truth - truth.mean())) / spread) if spread else 0.0
        if related > _LEAK:
            return True
    groups = truth.groupby(values.to_numpy(), sort=False)
    return len(groups) <= max(20, len(values) // 10) and len(groups) > 1 and bool((groups.nunique() == 1).all())


def missing(count: int) -> Rail:
    """What became of rows without a target."""
    return guardrail("Missing targets", DONE, "%s rows without a target are left out" % format(count, ","))
