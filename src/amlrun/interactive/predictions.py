"""What a model says about rows, whichever library it is of: labels, classes, and a score for each class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from amlrun.errors import AmlError


def predict(np: Any, model: Any, X: Any) -> tuple[Any, Any, Any, bool]:
    """Predicted labels, the classes, a score for each class (None without), and whether those are probabilities."""
    known = getattr(model, "classes_", None)
    if isinstance(known, list):
        raise AmlError("the model has several targets; evaluate one at a time")
    classes = None if known is None else np.asarray(known)
    for method in ("predict_proba", "decision_function"):
        if classes is None or not hasattr(model, method):
            continue
        scores = np.asarray(call(model, method, X), dtype=float)
        if scores.ndim == 1:
            scores = np.column_stack([-scores, scores])
        if scores.shape[1] == len(classes):
            return column(np, call(model, "predict", X)), classes, scores, method == "predict_proba"
    raw = np.asarray(call(model, "predict", X))
    if raw.dtype.kind != "f" or classes is not None:
        return column(np, raw), classes, None, False
    # Keras: `predict` gives probabilities, of one class (a sigmoid) or of each.
    if raw.ndim == 1 or raw.shape[1] == 1:
        raw = np.column_stack([1 - raw.reshape(-1), raw.reshape(-1)])
    if raw.ndim != 2 or (raw < -1e-6).any() or (raw > 1 + 1e-6).any():
        raise AmlError(
            "the model's predictions are neither classes nor probabilities",
            hint="End it with a softmax or sigmoid; for regression use evaluate_regressor.",
        )
    raw = raw.astype(float)
    return raw.argmax(axis=1), np.arange(raw.shape[1]), raw / raw.sum(axis=1, keepdims=True), True


def call(model: Any, method: str, X: Any) -> Any:
    """Call the model. Raises AmlError with what it says."""
    if not hasattr(model, method):
        raise AmlError(f"the model has no {method}()", hint="Give a fitted scikit-learn or Keras model.")
    try:
        return getattr(model, method)(X)
    except (ValueError, TypeError, AttributeError) as error:
        raise AmlError(f"{type(model).__name__}.{method}: {str(error).strip().splitlines()[0]}") from error


def labels(np: Any, y: Any) -> Any:
    """The true classes in one column; one-hot rows become the number of their class."""
    values = np.asarray(y)
    if values.ndim == 2 and values.shape[1] > 1:
        if not (np.isin(values, (0, 1)).all() and (values.sum(axis=1) == 1).all()):
            raise AmlError("y: expected one class for each row, or one-hot rows")
        return values.argmax(axis=1)
    return column(np, values)


def column(np: Any, values: Any) -> Any:
    """Values as one dimension. Raises AmlError for several columns."""
    array = np.asarray(values)
    if array.ndim == 2 and array.shape[1] != 1:
        raise AmlError(f"expected one column of values, got {array.shape[1]}")
    return array.reshape(-1)


def check_kind(truth: Any, classes: Any) -> None:
    """Raise AmlError where y holds text and the classes numbers, or the other way round."""
    text = "OUS"
    if (truth.dtype.kind in text) != (classes.dtype.kind in text):
        raise AmlError(
            f"y holds {truth.dtype}, the model's classes are {classes.dtype}: {', '.join(map(str, classes[:5]))}",
            hint="Give y as the model was trained with it; class_names are for what is shown.",
        )


def names(given: Sequence[Any] | None, classes: list[Any]) -> list[str]:
    if given is None:
        return [str(name) for name in classes]
    if len(given) != len(classes):
        raise AmlError(f"class_names has {len(given)} names, the model {len(classes)} classes")
    return [str(name) for name in given]
