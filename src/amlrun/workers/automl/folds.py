"""How models are validated, by the cloud's rules: which rows are trained on, and which judge, in each fold."""

from __future__ import annotations

from typing import Any, Dict, List, Tuple

import numpy as np
from sklearn.model_selection import KFold, ShuffleSplit, StratifiedKFold, StratifiedShuffleSplit, train_test_split
from table import BadTable  # type: ignore[import-not-found]

Folds = List[Tuple[Any, Any]]
_LARGE, _SMALL = 20_000, 1_000


def make(request: Dict[str, Any], truth: Any, splits: Any, validation_rows: int) -> Tuple[Folds, str, Dict[str, Any]]:
    """The folds as (training rows, validation rows), how they were made, in words, and as Python for a script.

    `splits` are the columns that say it themselves (1: training, 0: validation); the last `validation_rows` rows are
    those of validation_data. Without a word: more than 20,000 rows hold out 10 %, fewer than 1,000 make 10 folds, those
    between 3 (how-to-configure-cross-validation-data-splits.md).
    """
    rows, seed = len(truth), request["seed"]
    stratify = request["task"] == "classification"
    if validation_rows:
        first = rows - validation_rows
        code = "[(np.arange(%d), np.arange(%d, %d))]" % (first, first, rows)
        return [(np.arange(first), np.arange(first, rows))], "on validation_data", _code(code)
    if splits is not None:
        code = "[(np.flatnonzero(one == 1), np.flatnonzero(one == 0)) for one in splits.to_numpy().T]"
        return _of_columns(splits), "on the folds of cv_split_column_names", _code(code, columns=list(splits.columns))
    size, folds = request["validation_data_size"], request["n_cross_validations"]
    if folds == "auto" or (folds is None and size is None):
        if rows > _LARGE and folds is None:
            size = 0.1
        else:
            folds = 10 if rows < _SMALL else 3
            folds = max(2, min(folds, _most(truth, stratify)))
    if size is not None and folds is not None:
        monte = StratifiedShuffleSplit if stratify else ShuffleSplit
        made = monte(int(folds), test_size=size, random_state=seed)
        _check_held_out(truth, size, stratify)
        words = "%s random parts of %d %% held out" % (folds, round(100 * size))
        code = "%s(%d, test_size=%r, random_state=%d).split(features, target)" % (monte.__name__, folds, size, seed)
        return list(made.split(truth, truth)), words, _code(code, monte.__name__)
    if size is not None:
        _check_held_out(truth, size, stratify)
        words = "%d %% held out" % round(100 * size)
        code = "[" + hold_out_code("features", "target", truth, size, stratify, seed) + "]"
        return [hold_out(truth, size, stratify, seed)], words, _code(code, "train_test_split")
    if folds > _most(truth, stratify):
        what = "class" if stratify else "table"
        raise BadTable("%d folds need as many rows, and the largest %s has %d" % (folds, what, _most(truth, stratify)),
                       "n_cross_validations", "Give fewer folds, or more rows.")  # fmt: skip
    splitter = StratifiedKFold if stratify else KFold
    made = list(splitter(int(folds), shuffle=True, random_state=seed).split(truth, truth))
    code = "%s(%d, shuffle=True, random_state=%d).split(features, target)" % (splitter.__name__, folds, seed)
    words = "%d-fold cross-validation%s" % (folds, ", stratified" if stratify else "")
    return made, words, _code(code, splitter.__name__)


def _code(code: str, name: str = "", columns: Any = ()) -> Dict[str, Any]:
    imports = ["from sklearn.model_selection import " + name] if name else []
    return {"code": code, "imports": imports, "columns": list(columns), "test": ""}


def _most(truth: Any, stratify: bool) -> int:
    return int(np.bincount(truth).max()) if stratify else len(truth)


def _check_held_out(truth: Any, size: float, stratify: bool) -> None:
    classes = len(np.unique(truth)) if stratify else 1
    if min(size, 1 - size) * len(truth) < classes:
        raise BadTable("a fraction of %g of %d rows is fewer than one row per class" % (size, len(truth)),
                       "validation_data_size", "Give more rows, or n_cross_validations.")  # fmt: skip


def hold_out(truth: Any, size: float, stratify: bool, seed: int) -> Tuple[Any, Any]:
    """One part of the rows held out, by class where each class has rows enough."""
    rows = np.arange(len(truth))
    by = truth if _by_class(truth, stratify) else None
    kept, held = train_test_split(rows, test_size=size, random_state=seed, stratify=by)
    return np.sort(kept), np.sort(held)


def _by_class(truth: Any, stratify: bool) -> bool:
    return bool(stratify and np.bincount(truth)[np.unique(truth)].min() > 1)


def hold_out_code(rows: str, by: str, truth: Any, size: float, stratify: bool, seed: int) -> str:
    """`hold_out` as Python: sorted positions of the kept and the held rows."""
    stratified = ", stratify=%s" % by if _by_class(truth, stratify) else ""
    split = "train_test_split(np.arange(len(%s)), test_size=%r, random_state=%d%s)" % (rows, size, seed, stratified)
    return "[np.sort(part) for part in %s]" % split


def _of_columns(splits: Any) -> Folds:
    found = []
    for name in splits.columns:
        values = splits[name].to_numpy()
        if not np.isin(values, (0, 1)).all():
            raise BadTable("the column %r has other values than 0 and 1" % name, "cv_split_column_names",
                           "1 is a training row of the fold, 0 a validation row.")  # fmt: skip
        kept, held = np.flatnonzero(values == 1), np.flatnonzero(values == 0)
        if not len(kept) or not len(held):
            raise BadTable("the column %r leaves no rows to train or to validate" % name, "cv_split_column_names")
        found.append((kept, held))
    return found
