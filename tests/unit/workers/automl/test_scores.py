"""AutoML's metrics are scikit-learn's numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics

pytestmark = pytest.mark.unit


def rows(classes: int, seed: int, ties: bool) -> tuple[Any, Any, Any]:
    random = np.random.RandomState(seed)
    truth = np.concatenate([np.arange(classes), random.randint(0, classes, 200)])
    shares = random.dirichlet(np.ones(classes), len(truth)) + 0.5 * np.eye(classes)[truth]
    shares = np.round(shares / shares.sum(axis=1, keepdims=True), 1 if ties else 12) + 1e-9
    return truth, shares / shares.sum(axis=1, keepdims=True), random.rand(len(truth))


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("classes", [2, 3, 7])
def test_the_metrics_of_classes_are_scikit_learns(classes: int, ties: bool, weighted: bool) -> None:
    import scores

    for seed in range(10):
        truth, shares, weights = rows(classes, seed, ties)
        how: dict[str, Any] = {"sample_weight": weights if weighted else None}
        plan = {"task": "classification", "classes": list(range(classes)), "positive": 1 if classes == 2 else None}
        found = scores.of(plan, truth, shares, how["sample_weight"])
        guess = shares.argmax(axis=1)
        wanted = {
            "accuracy": metrics.accuracy_score(truth, guess, **how),
            "matthews_correlation": metrics.matthews_corrcoef(truth, guess, **how),
            "log_loss": metrics.log_loss(truth, shares, **how),
            "norm_macro_recall": metrics.balanced_accuracy_score(truth, guess, adjusted=True, **how),
        }
        for average in ("macro", "micro", "weighted"):
            more = {"average": average, "zero_division": 0, **how}
            wanted[f"f1_score_{average}"] = metrics.f1_score(truth, guess, **more)
            wanted[f"precision_score_{average}"] = metrics.precision_score(truth, guess, **more)
            wanted[f"recall_score_{average}"] = metrics.recall_score(truth, guess, **more)
        for average in ("macro", "weighted"):
            one_hot = np.eye(classes)[truth]
            wanted[f"average_precision_score_{average}"] = metrics.average_precision_score(
                one_hot, shares, average=average, **how
            )
            if classes > 2:
                wanted[f"AUC_{average}"] = metrics.roc_auc_score(
                    one_hot, shares, average=average, multi_class="ovr", **how
                )
            else:
                wanted[f"AUC_{average}"] = metrics.roc_auc_score(truth, shares[:, 1], **how)
                wanted["f1_score_binary"] = metrics.f1_score(truth, guess, **how)
        for name, value in wanted.items():
            assert found[name] == pytest.approx(value, abs=1e-9), name
        metric = "AUC_weighted"
        assert scores.primary({**plan, "metric": metric}, truth, shares, how["sample_weight"]) == found[metric]


@pytest.mark.parametrize("weighted", [False, True])
def test_the_metrics_of_numbers_are_scikit_learns(weighted: bool) -> None:
    import scores

    random = np.random.RandomState(0)
    truth, guess = random.randn(100) * 7, random.randn(100) * 5
    how: dict[str, Any] = {"sample_weight": random.rand(100) if weighted else None}
    found = scores.of({"task": "regression", "target_range": 20.0}, truth, guess, how["sample_weight"])
    wanted = {
        "normalized_root_mean_squared_error": metrics.mean_squared_error(truth, guess, **how) ** 0.5 / 20,
        "normalized_mean_absolute_error": metrics.mean_absolute_error(truth, guess, **how) / 20,
        "r2_score": metrics.r2_score(truth, guess, **how),
        "explained_variance": metrics.explained_variance_score(truth, guess, **how),
        "spearman_correlation": stats.spearmanr(truth, guess).statistic,
    }
    for name, value in wanted.items():
        assert found[name] == pytest.approx(value, abs=1e-9), name


def test_a_class_that_the_rows_lack_leaves_the_others_metrics() -> None:
    import scores

    plan = {"task": "classification", "classes": ["a", "b", "c"], "metric": "AUC_weighted"}
    truth = np.array([0, 1, 0, 1])
    shares = np.array([[0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0.4, 0.5, 0.1], [0.3, 0.6, 0.1]])
    found = scores.of(plan, truth, shares)
    assert found["AUC_weighted"] == 1.0
    assert found["accuracy"] == 0.75
    assert np.isnan(scores.of(plan, np.zeros(4, dtype=int), shares)["AUC_weighted"])
