"""The metrics of AutoML, by the names that Azure ML gives them (how-to-understand-automated-ml.md).

They are scikit-learn's numbers, and the tests hold them to that; worked out from one confusion matrix and one sort a
class, they take a fiftieth of the time, which in the trials of a small table is most of it.
"""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Tuple

import numpy as np
from scipy.stats import rankdata

MINIMIZED = ("normalized_root_mean_squared_error", "normalized_mean_absolute_error")


def primary(plan: Dict[str, Any], truth: Any, predicted: Any, weights: Optional[Any] = None) -> float:
    """The plan's primary metric alone."""
    if plan["metric"] in ("AUC_weighted", "average_precision_score_weighted"):
        areas, precisions, sizes = _by_class(truth, predicted, weights)
        found = areas if plan["metric"] == "AUC_weighted" else precisions
        return _mean(found, sizes)
    return of(plan, truth, predicted, weights)[plan["metric"]]


def of(plan: Dict[str, Any], truth: Any, predicted: Any, weights: Optional[Any] = None) -> Dict[str, float]:
    """Every metric of the plan's task. `predicted` are class probabilities in the order of the plan's classes (a row
    each), or numbers. `weights`: a weight a row. A metric that these rows have no value for is NaN.
    """
    if plan["task"] == "regression":
        return _regression(plan, np.asarray(truth, dtype=float), np.asarray(predicted, dtype=float), weights)
    return _classification(plan, np.asarray(truth), np.asarray(predicted), weights)


def _classification(plan: Dict[str, Any], truth: Any, shares: Any, weights: Any) -> Dict[str, float]:
    """`truth` are positions in the plan's classes."""
    count = len(plan["classes"])
    guess = np.argmax(shares, axis=1)
    table = np.bincount(truth * count + guess, weights=weights, minlength=count * count).reshape(count, count)
    table = table.astype(float)
    total, right = table.sum(), np.diag(table)
    true, guessed = table.sum(axis=1), table.sum(axis=0)
    precision, recall = _ratio(right, guessed), _ratio(right, true)
    f1 = _ratio(2 * right, true + guessed)
    areas, precisions, sizes = _by_class(truth, shares, weights)
    accuracy = float(right.sum() / total)
    found = {
        "accuracy": accuracy,
        "AUC_weighted": _mean(areas, sizes),
        "AUC_macro": _mean(areas, np.ones(len(areas))),
        "average_precision_score_weighted": _mean(precisions, sizes),
        "average_precision_score_macro": _mean(precisions, np.ones(len(precisions))),
        "log_loss": _log_loss(truth, shares, weights),
        "matthews_correlation": _matthews(table),
    }
    for name, values in (("f1_score", f1), ("precision_score", precision), ("recall_score", recall)):
        found[name + "_macro"] = float(values.mean())
        found[name + "_micro"] = accuracy
        found[name + "_weighted"] = float(np.average(values, weights=true))
    # The mean over the classes that there are, as scikit-learn's balanced accuracy has it.
    seen = true > 0
    balanced = float(recall[seen].mean())
    found["balanced_accuracy"] = balanced
    found["norm_macro_recall"] = (balanced - 1 / seen.sum()) / (1 - 1 / seen.sum()) if seen.sum() > 1 else float("nan")
    at = plan.get("positive")
    if at is not None:
        found["f1_score_binary"], found["precision_score_binary"] = float(f1[at]), float(precision[at])
        found["recall_score_binary"] = float(recall[at])
    return found


def _ratio(above: Any, below: Any) -> Any:
    """The quotient, and 0 where nothing is below."""
    return np.divide(above, below, out=np.zeros(len(above)), where=below > 0)


def _matthews(table: Any) -> float:
    total, right = table.sum(), np.trace(table)
    true, guessed = table.sum(axis=1), table.sum(axis=0)
    below = np.sqrt(total**2 - (guessed**2).sum()) * np.sqrt(total**2 - (true**2).sum())
    return float((right * total - (true * guessed).sum()) / below) if below else 0.0


def _log_loss(truth: Any, shares: Any, weights: Any) -> float:
    smallest = np.finfo(float).eps
    clipped = np.clip(shares, smallest, 1 - smallest)
    clipped = clipped / clipped.sum(axis=1, keepdims=True)
    return float(-np.average(np.log(clipped[np.arange(len(truth)), truth]), weights=weights))


def _by_class(truth: Any, shares: Any, weights: Any) -> Tuple[Any, Any, Any]:
    """Of each class against the rest: area under the ROC curve (NaN where the rows are all or none of it), average
    precision, and weight. Of two classes the area of one is that of the other.
    """
    shares = np.asarray(shares)
    weights = np.ones(len(truth)) if weights is None else np.asarray(weights)
    areas, precisions, sizes = [], [], []
    for at in range(shares.shape[1]):
        own = np.asarray(truth) == at
        size = float(weights[own].sum())
        area, precision = _ranked(own, shares[:, at], weights) if size else (float("nan"), float("nan"))
        areas.append(area)
        precisions.append(precision)
        sizes.append(size)
    return np.array(areas), np.array(precisions), np.array(sizes)


def _ranked(own: Any, shares: Any, weights: Any) -> Tuple[float, float]:
    """Area under the ROC curve and average precision from one sort, equal shares being one step."""
    order = np.argsort(-shares, kind="stable")
    shares, own, weights = shares[order], own[order], weights[order]
    ends = np.append(np.flatnonzero(np.diff(shares)), len(shares) - 1)
    hits = np.cumsum(weights * own)[ends]
    others = np.cumsum(weights * ~own)[ends]
    steps = np.diff(hits, prepend=0.0)
    precision = float((steps * hits / np.maximum(hits + others, 1e-300)).sum() / hits[-1])
    if not others[-1]:
        return float("nan"), precision
    before = np.concatenate([[0.0], hits[:-1]])
    area = float((np.diff(others, prepend=0.0) * (before + hits) / 2).sum() / (hits[-1] * others[-1]))
    return area, precision


def _mean(values: Any, weights: Any) -> float:
    usable = np.isfinite(values)
    return float(np.average(values[usable], weights=weights[usable])) if usable.any() else float("nan")


def _regression(plan: Dict[str, Any], truth: Any, guess: Any, weights: Any) -> Dict[str, float]:
    """The errors are also divided by the range of the training target."""
    spread = plan["target_range"]
    off = truth - guess
    square = float(np.average(off**2, weights=weights))
    mean = float(np.average(np.abs(off), weights=weights))
    centre = np.average(truth, weights=weights)
    variance = float(np.average((truth - centre) ** 2, weights=weights))
    shift = float(np.average(off, weights=weights))
    found = {
        "normalized_root_mean_squared_error": square**0.5 / spread,
        "normalized_mean_absolute_error": mean / spread,
        "root_mean_squared_error": square**0.5,
        "mean_absolute_error": mean,
        "median_absolute_error": float(np.median(np.abs(off))),
        "r2_score": 1 - square / variance if variance else float("nan"),
        "explained_variance": 1 - (square - shift**2) / variance if variance else float("nan"),
        "spearman_correlation": _spearman(truth, guess),
    }
    return found


def _spearman(truth: Any, guess: Any) -> float:
    """0 where one of the two is constant."""
    if len(truth) < 2 or np.ptp(truth) == 0 or np.ptp(guess) == 0:
        return 0.0
    return float(np.corrcoef(rankdata(truth), rankdata(guess))[0, 1])


def mean(rows: List[Dict[str, float]]) -> Dict[str, float]:
    """The mean of each metric over the folds; a fold that has no value for one is left out of it."""
    found = {}
    for name in rows[0]:
        values = [row[name] for row in rows if np.isfinite(row[name])]
        if values:
            found[name] = float(np.mean(values))
    return found
