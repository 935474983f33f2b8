"""How a trial is validated: the predictions of an algorithm, or of an ensemble, for each fold, and their metrics."""

from __future__ import annotations

import json
import os
from typing import Any, Dict, List

import estimators  # type: ignore[import-not-found]
import numpy as np
import scores  # type: ignore[import-not-found]
import spaces  # type: ignore[import-not-found]

_STEPS = 12
PREDICTIONS = os.path.join(".run", "validation.npz")


def validate(context: Any, algorithm: str, parameters: Dict[str, Any]) -> List[Any]:
    """The predictions for each fold's validation rows, by a model that was trained on the fold's training rows."""
    plan = context.plan
    if algorithm == spaces.VOTE:
        return vote(context, parameters)
    found = []
    if algorithm == spaces.STACK:
        for kept, held in context.folds:
            model = estimators.model(plan, algorithm, parameters)
            model.fit(context.features.iloc[kept], context.truth[kept])
            found.append(predict(plan, model, context.features.iloc[held]))
        return found
    pairs = context.fold_features(estimators.family(plan, algorithm))
    for (kept, _), (first, second) in zip(context.folds, pairs):
        model = estimators.estimator(plan, algorithm, parameters)
        weights = {} if context.weights is None else {"sample_weight": context.weights[kept]}
        model.fit(first, context.truth[kept], **weights)
        found.append(predict(plan, model, second))
    return found


def vote(context: Any, parameters: Dict[str, Any]) -> List[Any]:
    """The vote of the members that is best on these folds; `.run/ensemble.json` says which, and by which weights.

    A vote's prediction is the weighted mean of its members', and those are known for these rows. Tried are the best
    two, three, … with equal weights, and members added one by one while that helps (Caruana et al., 2004).
    """
    members = parameters["members"]
    known = []
    for member in members:
        with np.load(os.path.join(member["run"], PREDICTIONS)) as arrays:
            known.append([arrays["fold_%d" % at] for at in range(len(arrays.files))])
    sign = -1.0 if context.plan["metric"] in scores.MINIMIZED else 1.0

    def mixed(weights: List[int]) -> List[Any]:
        total = float(sum(weights))
        parts = [(weight / total, own) for weight, own in zip(weights, known) if weight]
        return [sum(share * own[at] for share, own in parts) for at in range(len(context.folds))]

    def judged(weights: List[int]) -> float:
        values = []
        for (_, held), own in zip(context.folds, mixed(weights)):
            row = None if context.weights is None else context.weights[held]
            values.append(scores.primary(context.plan, context.truth[held], own, row))
        found = [value for value in values if np.isfinite(value)]
        return sign * float(np.mean(found)) if found else -np.inf

    tried = [[1] * count + [0] * (len(members) - count) for count in range(2, len(members) + 1)]
    grown = [1] + [0] * (len(members) - 1)
    for _ in range(_STEPS):
        steps = [[own + (at == place) for place, own in enumerate(grown)] for at in range(len(members))]
        grown = max(steps, key=judged)
        tried.append(grown)
    best_weights = max(tried, key=judged)
    chosen = [
        {"algorithm": one["algorithm"], "parameters": one["parameters"]}
        for one, weight in zip(members, best_weights)
        if weight
    ]
    order: Dict[str, Any] = {"members": chosen, "weights": [weight for weight in best_weights if weight]}
    with open(os.path.join(".run", "ensemble.json"), "w", encoding="utf-8") as stream:
        json.dump(order, stream)
    shown = ["%s %d" % (one["algorithm"], weight) for one, weight in zip(chosen, order["weights"])]
    print("weights: " + ", ".join(shown))
    return mixed(best_weights)


def predict(plan: Dict[str, Any], model: Any, features: Any) -> Any:
    """Class probabilities in the order of the plan's classes, also of those that the training rows lack; or numbers."""
    if plan["task"] == "regression":
        return np.asarray(model.predict(features), dtype=float)
    shares = model.predict_proba(features)
    if shares.shape[1] == len(plan["classes"]):
        return shares
    whole = np.zeros((len(shares), len(plan["classes"])))
    whole[:, np.asarray(model.classes_, dtype=int)] = shares
    return whole


def judge(context: Any, predictions: List[Any]) -> Dict[str, float]:
    """The mean of every metric over the folds."""
    rows = []
    for (_, held), own in zip(context.folds, predictions):
        weights = None if context.weights is None else context.weights[held]
        rows.append(scores.of(context.plan, context.truth[held], own, weights))
    found: Dict[str, float] = scores.mean(rows)
    return found


def save(predictions: List[Any]) -> None:
    """Leave the predictions in the run's folder, for the vote."""
    np.savez(PREDICTIONS, **{"fold_%d" % at: one for at, one in enumerate(predictions)})
