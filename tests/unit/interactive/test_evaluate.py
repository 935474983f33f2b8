"""Evaluations with real scikit-learn models: what is measured, drawn and kept, and what is refused."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.linear_model import LinearRegression, LogisticRegression, Perceptron
from sklearn.metrics import average_precision_score, confusion_matrix, roc_auc_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from support.workplace import Workplace

import amlrun
from amlrun.errors import AmlError
from amlrun.interactive import evaluate

pytestmark = pytest.mark.slow

PNG = b"\x89PNG"


class Network:
    """A model as Keras' are: no classes_, `predict` gives probabilities."""

    def __init__(self, answer: Any) -> None:
        self.answer = np.asarray(answer, dtype="float32")

    def predict(self, X: Any) -> Any:
        return self.answer


def trained(data: Any) -> tuple[Any, Any, Any]:
    X, y = data(return_X_y=True, as_frame=True)
    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=500)).fit(X, y), X, y


def test_two_classes_in_a_run(workplace: Workplace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(workplace.model)
    model, X, y = trained(load_breast_cancer)
    history = {"loss": [0.9, 0.5, 0.4], "val_loss": [1.0, 0.7, 0.8]}
    with amlrun.start_logging("explore") as run:
        metrics = run.evaluate_classifier(model, X, y, class_names=["malignant", "benign"], history=history)
        run.evaluate_classifier(model, X, y, prefix="train_")
    logged = amlrun.get_run(run.id).metrics()
    scores = model.predict_proba(X)[:, 1]
    assert metrics["roc_auc"] == pytest.approx(roc_auc_score(y, scores)), "from probabilities, not from labels"
    assert metrics["average_precision"] == pytest.approx(average_precision_score(y, scores))
    assert 0.9 < metrics["accuracy"] <= 1, "a fraction"
    assert logged == pytest.approx({**metrics, **{f"train_{k}": v for k, v in metrics.items()},
                                    "loss": 0.4, "val_loss": 0.8})  # fmt: skip
    for name in ("confusion_matrix", "roc_curve", "precision_recall_curve", "history"):
        assert (run.outputs / f"{name}.png").read_bytes().startswith(PNG)
        assert (run.outputs / f"{name}.json").exists()
    kept = json.loads((run.outputs / "confusion_matrix.json").read_text())
    assert kept["matrix"] == confusion_matrix(y, model.predict(X)).tolist()
    assert kept["classes"] == ["malignant", "benign"]
    assert "benign" in json.loads((run.outputs / "classification_report.json").read_text())
    rows = json.loads((run.outputs / "thresholds.json").read_text())["benign"]
    assert rows[0]["recall"] == 1 and rows[-1]["threshold"] == pytest.approx(scores.max())
    for row in rows:
        assert row["true_positives"] == int(((scores >= row["threshold"]) & (y == 1)).sum())
    assert (run.folder / ".run" / "artifacts" / "outputs" / "roc_curve.png").exists(), "MLflow shows it"


def test_more_classes_one_against_the_rest_and_text_labels() -> None:
    model, X, y = trained(load_iris)
    names = np.array(["setosa", "versicolor", "virginica"])
    model.fit(X, names[y])
    found = evaluate.classifier(model, X, pd.Series(names[y]), None)
    assert set(found.tables["roc_curve"]) == set(names) == set(found.tables["thresholds"])
    expected = roc_auc_score(names[y], model.predict_proba(X), multi_class="ovr")
    assert found.metrics["roc_auc_ovr_macro"] == pytest.approx(expected)
    axes = found.figures["roc_curve"].axes[0]
    assert len(axes.lines) >= 3 and axes.get_xlabel() == "False positive rate"


def test_models_without_probabilities(tmp_path: Path) -> None:
    X, y = load_breast_cancer(return_X_y=True)
    found = evaluate.classifier(Perceptron().fit(X, y), X, y, None)
    assert "roc_auc" in found.metrics and "log_loss" not in found.metrics
    told: list[str] = []
    model = KNeighborsClassifier().fit(X, y)
    hard = type("Hard", (), {"classes_": model.classes_, "predict": lambda self, rows: model.predict(rows)})()
    found = evaluate.classifier(hard, X, y, None, told.append)
    assert "roc_curve" not in found.figures and "neither predict_proba" in told[0]
    assert {file.name for file in found.write(tmp_path, "")} == {
        "classification_report.json", "confusion_matrix.json", "confusion_matrix.png"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("answer", "y"),
    [
        ([[0.9], [0.2], [0.7], [0.1]], [1, 0, 0, 0]),
        ([[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.1, 0.1, 0.8], [0.7, 0.2, 0.1]], np.eye(3)[[0, 1, 2, 1]]),
        ([[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.1, 0.1, 0.8], [0.7, 0.2, 0.1]], [[0], [1], [2], [1]]),
    ],
)
def test_keras_like_models(answer: Any, y: Any) -> None:
    found = evaluate.classifier(Network(answer), np.zeros((4, 2)), y, None)
    assert found.metrics["accuracy"] == 0.75 and found.metrics["log_loss"] > 0
    history = type("History", (), {"history": {"loss": [np.float32(1), np.float32(0.5)]}})()
    evaluate.add_history(found, history)
    assert found.curves == {"loss": [1.0, 0.5]}


def test_one_class_only_and_classes_that_the_model_does_not_know() -> None:
    model, X, y = trained(load_iris)
    told: list[str] = []
    found = evaluate.classifier(model, X[y == 0], y[y == 0], None, told.append)
    assert found.metrics["accuracy"] == 1 and "roc_curve" not in found.figures and len(told) == 3
    told.clear()
    found = evaluate.classifier(model, X, y.replace(2, 7), None, told.append)
    assert "does not know: 7" in told[0]
    assert found.tables["confusion_matrix"]["classes"] == ["0", "1", "2", "7"]


def test_a_regressor(tmp_path: Path) -> None:
    X, y = load_diabetes(return_X_y=True)
    model = LinearRegression().fit(X, y)
    found = evaluate.regressor(model, X, y.reshape(-1, 1))
    assert found.metrics["r2"] == pytest.approx(model.score(X, y))
    assert {file.name for file in found.write(tmp_path, "t_")} == {
        "t_regression_report.json", "t_predictions.png", "t_residuals.png"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda X, y: (X, y[:-1]), "rows"),
        (lambda X, y: (X.iloc[:, :2], y), "Pipeline.predict"),
        (lambda X, y: (X, y.astype(str)), "y holds"),
        (lambda X, y: (X, pd.DataFrame({"a": y, "b": y})), "one-hot"),
    ],
)
def test_what_does_not_fit_is_named(change: Any, message: str) -> None:
    model, X, y = trained(load_iris)
    with pytest.raises(AmlError, match=message):
        evaluate.classifier(model, *change(X, y), None)
    with pytest.raises(AmlError, match="class_names has 2"):
        evaluate.classifier(model, X, y, ["a", "b"])
    with pytest.raises(AmlError, match="neither classes nor probabilities"):
        evaluate.classifier(Network([[3.0], [-2.0]]), [[0], [1]], [0, 1], None)
    with pytest.raises(AmlError, match="must be numbers"):
        evaluate.regressor(model, X, ["a"] * len(X))
    with pytest.raises(AmlError, match="no predict"):
        evaluate.regressor(object(), X, y)
    with pytest.raises(AmlError, match="history"):
        evaluate.add_history(evaluate.Report(), 3)


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.metrics", None)
    with pytest.raises(AmlError, match="needs scikit-learn, which is not installed\nuv add scikit-learn"):
        evaluate.classifier(None, [], [], None)
