"""What a model is worth on held-out data: metrics, tables as JSON, and scikit-learn's own displays as PNG."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from amlrun.dataclass import dataclass, field
from amlrun.errors import AmlError
from amlrun.interactive import predictions
from amlrun.interactive.packages import need

_MOST_POINTS = 200  # of a curve or threshold table in JSON; the picture has them all
_MOST_CLASSES = 20  # with a curve each in the picture


@dataclass
class Report:
    """Metrics, curves by epoch, and by file name tables (JSON) and figures (PNG)."""

    metrics: dict[str, float] = field(default_factory=dict)
    curves: dict[str, list[float]] = field(default_factory=dict)
    tables: dict[str, Any] = field(default_factory=dict)
    figures: dict[str, Any] = field(default_factory=dict)

    def figure(self, name: str) -> Any:
        """New axes; the figure is nobody's in pyplot, so a notebook's own ones are left alone."""
        figure = need("matplotlib.figure", "drawing an evaluation").Figure(figsize=(7, 6), layout="constrained")
        self.figures[name] = figure
        return figure.subplots()

    def write(self, folder: Path, prefix: str) -> list[Path]:
        """Write all files into the folder and return them. Raises OSError."""
        folder.mkdir(parents=True, exist_ok=True)
        files = []
        for name, table in self.tables.items():
            files.append(folder / f"{prefix}{name}.json")
            files[-1].write_text(json.dumps(_plain(table), indent=2) + "\n", encoding="utf-8")
        for name, figure in self.figures.items():
            files.append(folder / f"{prefix}{name}.png")
            figure.savefig(files[-1], dpi=120)
        return files


def classifier(
    model: Any, X: Any, y: Any, class_names: Sequence[Any] | None, warn: Callable[[str], None] = lambda text: None
) -> Report:
    """The report of a classifier; `warn` is told what could not be measured. Raises AmlError."""
    sk = need("sklearn.metrics", "evaluate_classifier")
    np = need("numpy", "evaluate_classifier")
    truth = predictions.labels(np, y)
    predicted, classes, scores, are_probabilities = predictions.predict(np, model, X)
    if len(truth) != len(predicted):
        raise AmlError(f"X has {len(predicted)} rows, y has {len(truth)}")
    if len(truth) == 0:
        raise AmlError("there are no rows to evaluate")
    if classes is None or scores is None:
        classes = np.unique(np.concatenate([truth, predicted])) if classes is None else classes
    predictions.check_kind(truth, classes)
    unknown = sorted(set(truth.tolist()) - set(classes.tolist()), key=str)
    if unknown:
        warn(f"y has classes that the model does not know: {', '.join(map(str, unknown[:5]))}")
    labels = [*classes.tolist(), *unknown]
    names = predictions.names(class_names, classes.tolist()) + [str(label) for label in unknown]

    found = Report()
    found.metrics = {
        "accuracy": float(sk.accuracy_score(truth, predicted)),
        "balanced_accuracy": _mean_recall(sk, truth, predicted),
        "f1_macro": float(sk.f1_score(truth, predicted, average="macro", zero_division=0)),
        "precision_macro": float(sk.precision_score(truth, predicted, average="macro", zero_division=0)),
        "recall_macro": float(sk.recall_score(truth, predicted, average="macro", zero_division=0)),
    }
    found.tables["classification_report"] = sk.classification_report(
        truth, predicted, labels=labels, target_names=names, output_dict=True, zero_division=0
    )
    matrix = sk.confusion_matrix(truth, predicted, labels=labels)
    found.tables["confusion_matrix"] = {"classes": names, "rows": "truth", "columns": "predicted", "matrix": matrix}
    axes = found.figure("confusion_matrix")
    display = sk.ConfusionMatrixDisplay(matrix, display_labels=names)
    display.plot(ax=axes, xticks_rotation=45 if len(names) > 2 else "horizontal", include_values=len(names) <= 30)
    if scores is None:
        warn("the model has neither predict_proba nor decision_function: no ROC and precision-recall curves")
        return found
    _curves(found, sk, np, truth, classes, names, scores, warn)
    if are_probabilities and not unknown:
        found.metrics["log_loss"] = float(sk.log_loss(truth, scores, labels=classes))
    return found


def _curves(
    found: Report,
    sk: Any,
    np: Any,
    truth: Any,
    classes: Any,
    names: list[str],
    scores: Any,
    warn: Callable[[str], None],
) -> None:
    """ROC and precision-recall: of the second class for two, else of each against the rest."""
    # With two classes the second is the positive one, as everywhere in scikit-learn.
    shown = [1] if len(classes) == 2 else range(len(classes))
    areas: dict[str, float] = {}
    precisions: dict[str, float] = {}
    tables: dict[str, dict[str, Any]] = {"roc_curve": {}, "precision_recall_curve": {}, "thresholds": {}}
    axes = {name: found.figure(name) for name in ("roc_curve", "precision_recall_curve")}
    for number in shown:
        name, is_class, score = names[number], truth == classes[number], scores[:, number]
        if is_class.all() or not is_class.any():
            warn(f"class {name}: y has only positive or only negative rows, so there are no curves")
            continue
        fpr, tpr, at = sk.roc_curve(is_class, score)
        precision, recall, cut = sk.precision_recall_curve(is_class, score)
        areas[name] = float(sk.roc_auc_score(is_class, score))
        precisions[name] = float(sk.average_precision_score(is_class, score))
        tables["roc_curve"][name] = {
            "roc_auc": areas[name], **_thin(np, false_positive_rate=fpr, true_positive_rate=tpr, threshold=at)
        }  # fmt: skip
        tables["precision_recall_curve"][name] = {
            "average_precision": precisions[name],
            **_thin(np, precision=precision[:-1], recall=recall[:-1], threshold=cut),
        }  # fmt: skip
        tables["thresholds"][name] = _thresholds(np, is_class, score)
        if len(areas) <= _MOST_CLASSES:
            sk.RocCurveDisplay.from_predictions(is_class, score, name=name, ax=axes["roc_curve"])
            sk.PrecisionRecallDisplay.from_predictions(is_class, score, name=name, ax=axes["precision_recall_curve"])
    if not areas:
        for name in axes:
            del found.figures[name]
        return
    if len(areas) > _MOST_CLASSES:
        warn(f"the plots show the curves of the first {_MOST_CLASSES} classes; the JSON files have all")
    # The displays would write "Positive label: 1" for every class; its name is in the legend.
    axes["roc_curve"].set(xlabel="False positive rate", ylabel="True positive rate")
    axes["precision_recall_curve"].set(xlabel="Recall", ylabel="Precision")
    found.tables |= tables
    several = "" if len(classes) == 2 else "_ovr_macro"
    found.metrics[f"roc_auc{several}"] = sum(areas.values()) / len(areas)
    found.metrics[f"average_precision{'_macro' if several else ''}"] = sum(precisions.values()) / len(precisions)


def _thresholds(np: Any, is_class: Any, score: Any) -> list[dict[str, float]]:
    """At quantiles of the scores: what taking the class from that score on gives. The counts are of rows."""
    rows = []
    for threshold in np.unique(np.quantile(score, np.linspace(0, 1, 101), method="nearest")):
        taken = score >= threshold
        right, wrong = int((taken & is_class).sum()), int((taken & ~is_class).sum())
        missed, left = int((~taken & is_class).sum()), int((~taken & ~is_class).sum())
        rows.append({
            "threshold": float(threshold), "precision": right / (right + wrong), "recall": right / (right + missed),
            "f1": 2 * right / (2 * right + wrong + missed), "false_positive_rate": wrong / (wrong + left),
            "true_positives": right, "false_positives": wrong, "true_negatives": left, "false_negatives": missed,
        })  # fmt: skip
    return rows


def regressor(model: Any, X: Any, y: Any) -> Report:
    """The report of a regressor with one target. Raises AmlError."""
    sk = need("sklearn.metrics", "evaluate_regressor")
    np = need("numpy", "evaluate_regressor")
    try:
        truth, predicted = (
            predictions.column(np, values).astype(float) for values in (y, predictions.call(model, "predict", X))
        )
    except (TypeError, ValueError) as error:
        raise AmlError(f"a regressor's y and predictions must be numbers: {error}") from error
    if len(truth) != len(predicted):
        raise AmlError(f"the model predicted {len(predicted)} values, y has {len(truth)}")
    if not (np.isfinite(truth).all() and np.isfinite(predicted).all() and len(truth)):
        raise AmlError(
            "y or the predictions contain NaN, infinity or values that are not numbers", hint="Drop these rows."
        )
    found = Report()
    found.metrics = {
        "mean_absolute_error": float(sk.mean_absolute_error(truth, predicted)),
        "root_mean_squared_error": math.sqrt(sk.mean_squared_error(truth, predicted)),
        "median_absolute_error": float(sk.median_absolute_error(truth, predicted)),
    }
    if len(truth) > 1:
        found.metrics["r2"] = float(sk.r2_score(truth, predicted))
    residuals = truth - predicted
    quantiles = (0, 0.05, 0.25, 0.5, 0.75, 0.95, 1)
    found.tables["regression_report"] = {
        **found.metrics, "rows": len(truth),
        "residual_quantiles": {str(at): float(np.quantile(residuals, at)) for at in quantiles},
    }  # fmt: skip
    for name, kind in (("predictions", "actual_vs_predicted"), ("residuals", "residual_vs_predicted")):
        sk.PredictionErrorDisplay.from_predictions(truth, predicted, kind=kind, ax=found.figure(name))
    return found


def add_history(found: Report, history: Any) -> None:
    """Keras' History, or a dict of lists of numbers, by epoch. Raises AmlError for anything else."""
    values = getattr(history, "history", history)
    try:
        curves = {str(name): [float(value) for value in points] for name, points in dict(values).items()}
    except (TypeError, ValueError) as error:
        raise AmlError("history: expected Keras' History or a dict of lists of numbers") from error
    if not any(curves.values()):
        return
    found.curves = curves
    found.tables["history"] = curves
    axes = found.figure("history")
    for name, points in curves.items():
        axes.plot(range(len(points)), points, label=name)
    axes.set_xlabel("epoch")
    axes.legend()


def _mean_recall(sk: Any, truth: Any, predicted: Any) -> float:
    """Balanced accuracy, which scikit-learn computes with a warning where a class occurs in the predictions only."""
    return float(
        sk.recall_score(truth, predicted, labels=sorted(set(truth.tolist())), average="macro", zero_division=0)
    )


def _thin(np: Any, **columns: Any) -> dict[str, Any]:
    """Columns of equal length, of so many points at most, evenly taken, ends kept."""
    length = len(next(iter(columns.values())))
    chosen = np.unique(np.linspace(0, length - 1, min(length, _MOST_POINTS)).astype(int))
    return {name: values[chosen] for name, values in columns.items()}


def _plain(value: Any) -> Any:
    """For JSON: arrays as lists, numbers that JSON does not know (NaN, infinity) as null."""
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    if isinstance(value, (list, tuple, Iterator)):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
