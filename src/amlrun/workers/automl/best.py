"""Trains the winner on all training rows, tests and explains it, and writes it in every form that serves it."""

from __future__ import annotations

import csv
import logging
import os
import sys
import time
from typing import Any, Dict, List

import estimators  # type: ignore[import-not-found]
import joblib
import logged  # type: ignore[import-not-found]
import numpy as np
import scores  # type: ignore[import-not-found]
import script_text  # type: ignore[import-not-found]
from sklearn.inspection import permutation_importance

_ROWS = 1000
_REPEATS = 5
# One fold's training rows are so much less than all.
_SHARE = 0.7
_NO_TIME = "No explanation: it would take longer than the time limit leaves."


def train(context: Any, order: Dict[str, Any]) -> None:
    """Write `outputs/`: model.pkl, mlflow-model, train.py, importance.csv, guardrails.csv.

    `order`: the winner's algorithm, parameters and metric; `explain`; the `seconds` that are left.
    """
    plan = context.plan
    rows = context.training_rows()
    features, truth = context.features.iloc[:rows], context.truth[:rows]
    model = estimators.model(plan, order["algorithm"], order["parameters"])
    began = time.monotonic()
    model.fit(features, context.labels(truth), **_weights(context, np.arange(rows)))
    took = time.monotonic() - began
    os.makedirs("outputs", exist_ok=True)
    joblib.dump(model, os.path.join("outputs", "model.pkl"), compress=1)
    _write_mlflow(model, features)
    _write_rails(plan)
    text = script_text.script(context, order)
    with open(os.path.join("outputs", "train.py"), "w", encoding="utf-8") as stream:
        stream.write(text)
    found = {plan["metric"]: order["score"]}
    if context.test is not None:
        found.update(("test_" + name, value) for name, value in test(context, model).items())
    logged.metrics(found)
    left = order["seconds"] - (time.monotonic() - began)
    if order["explain"] and _SHARE * took < left:
        explain(context, order, left)
    elif order["explain"]:
        print(_NO_TIME, file=sys.stderr)
    print("%s, trained on %s rows" % (order["algorithm"], format(rows, ",")))


def _weights(context: Any, rows: Any) -> Dict[str, Any]:
    """The weights as the last step of a pipeline takes them."""
    return {} if context.weights is None else {"model__sample_weight": context.weights[rows]}


def test(context: Any, model: Any) -> Dict[str, float]:
    """Every metric on the test rows."""
    foretell = model.predict if context.plan["task"] == "regression" else model.predict_proba
    guess = foretell(context.test)
    found = scores.of(context.plan, context.test_truth, guess)
    return {name: value for name, value in found.items() if np.isfinite(value)}


def explain(context: Any, order: Dict[str, Any], left: float) -> None:
    """Permutation importance on validation rows, by a model that was trained on the first fold's training rows.

    How much the metric gets worse when a column is shuffled; as many repeats, 5 at most, as `left` seconds allow.
    """
    plan = context.plan
    kept, held = context.folds[0]
    began = time.monotonic()
    model = estimators.model(plan, order["algorithm"], order["parameters"])
    model.fit(context.features.iloc[kept], context.truth[kept], **_weights(context, kept))
    if len(held) > _ROWS:
        held = np.random.RandomState(plan["seed"]).choice(held, _ROWS, replace=False)
    features, truth = context.features.iloc[held], context.truth[held]
    sign = -1.0 if plan["metric"] in scores.MINIMIZED else 1.0

    def judge(fitted: Any, table: Any, known: Any) -> float:
        guess = fitted.predict(table) if plan["task"] == "regression" else fitted.predict_proba(table)
        return sign * float(scores.primary(plan, known, guess))

    once = time.monotonic()
    judge(model, features, truth)
    cost = (time.monotonic() - once) * features.shape[1]
    left -= time.monotonic() - began
    repeats = min(_REPEATS, int(left / max(cost, 1e-3)))
    if repeats < 1:
        print(_NO_TIME, file=sys.stderr)
        return
    found = permutation_importance(model, features, truth, scoring=judge, n_repeats=repeats, random_state=plan["seed"])
    ranked = np.argsort(-found.importances_mean, kind="stable")
    table = [[features.columns[at], found.importances_mean[at], found.importances_std[at]] for at in ranked]
    _write_table("importance.csv", ["column", "importance", "deviation"], table)


def _write_mlflow(model: Any, features: Any) -> None:
    """`outputs/mlflow-model`; the requirements are named, for MLflow would look through all packages for them."""
    import lightgbm
    import mlflow.sklearn
    import pandas
    import sklearn
    from mlflow.models import infer_signature

    packages = {"scikit-learn": sklearn, "lightgbm": lightgbm, "pandas": pandas, "numpy": np, "cloudpickle": None}
    if "xgboost" in sys.modules:
        packages["xgboost"] = sys.modules["xgboost"]
    wanted = [name if package is None else "%s==%s" % (name, package.__version__) for name, package in packages.items()]
    # It warns of the format that it is asked for, and of a pip that is not there.
    logging.getLogger("mlflow").setLevel(logging.ERROR)
    sample = features.head(50)
    mlflow.sklearn.save_model(
        model,
        os.path.join("outputs", "mlflow-model"),
        serialization_format="cloudpickle",
        signature=infer_signature(sample, model.predict(sample)),
        pip_requirements=wanted,
    )


def _write_rails(plan: Dict[str, Any]) -> None:
    rows = [[rail["guardrail"], rail["status"], rail["detail"]] for rail in plan["guardrails"]]
    _write_table("guardrails.csv", ["guardrail", "status", "detail"], rows)


def _write_table(name: str, head: List[str], rows: List[List[Any]]) -> None:
    with open(os.path.join("outputs", name), "w", encoding="utf-8", newline="") as stream:
        table = csv.writer(stream)
        table.writerow(head)
        table.writerows(rows)
