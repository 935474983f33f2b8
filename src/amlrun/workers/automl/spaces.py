"""The algorithms of AutoML: their first parameters, what is searched over them, and what they can take.

Plain data, standard library only: the driver of a search reads it too. A parameter is `[kind, low, high]` with kind
float, log, int or logint, or `[choice, values…]`; `first` is what the algorithm's first trial gets, which lies in the
space. The order is that of the first trials: the cheapest first.
"""

from __future__ import annotations

from typing import Any, Dict, List

# Above so many rows an algorithm is left out: its time grows faster than the table.
_SLOW = 10_000
_NEIGHBOURS = 50_000
_LARGE = 20_000

_TREE = {
    "max_depth": ["choice", None, 4, 6, 8, 12, 20],
    "min_samples_leaf": ["logint", 1, 64],
    "max_features": ["float", 0.2, 1.0],
}
# More trees never hurt, and cost time that a further trial is better worth: the ensemble at the end averages too.
_FOREST = {
    "n_estimators": ["logint", 20, 120],
    "max_features": ["log", 0.1, 1.0],
    "min_samples_leaf": ["logint", 1, 32],
    "max_depth": ["choice", None, 6, 10, 16],
}
_FOREST_FIRST = {"n_estimators": 60, "max_features": 0.5, "min_samples_leaf": 1, "max_depth": None}
_LIGHT_GBM = {
    "n_estimators": ["logint", 16, 600],
    "learning_rate": ["log", 0.02, 0.3],
    "num_leaves": ["logint", 4, 96],
    "min_child_samples": ["logint", 2, 100],
    "subsample": ["float", 0.5, 1.0],
    "colsample_bytree": ["float", 0.4, 1.0],
    "reg_alpha": ["log", 1e-4, 10.0],
    "reg_lambda": ["log", 1e-4, 10.0],
}
_LIGHT_GBM_FIRST = {"n_estimators": 100, "learning_rate": 0.1, "num_leaves": 31, "min_child_samples": 20,
                    "subsample": 1.0, "colsample_bytree": 1.0, "reg_alpha": 1e-4, "reg_lambda": 1e-4}  # fmt: skip
_BOOSTING = {
    "max_iter": ["logint", 16, 400],
    "learning_rate": ["log", 0.02, 0.3],
    "max_leaf_nodes": ["logint", 4, 64],
    "min_samples_leaf": ["logint", 2, 100],
    "l2_regularization": ["log", 1e-4, 10.0],
}
_BOOSTING_FIRST = {"max_iter": 100, "learning_rate": 0.1, "max_leaf_nodes": 31, "min_samples_leaf": 20,
                   "l2_regularization": 1e-4}  # fmt: skip
_NEIGHBOUR = {
    "n_neighbors": ["logint", 2, 60],
    "weights": ["choice", "uniform", "distance"],
    "p": ["choice", 1, 2],
}
_NEIGHBOUR_FIRST = {"n_neighbors": 5, "weights": "uniform", "p": 2}
_XGBOOST = {
    "n_estimators": ["logint", 16, 600],
    "learning_rate": ["log", 0.02, 0.3],
    "max_leaves": ["logint", 4, 96],
    "min_child_weight": ["log", 0.01, 50.0],
    "subsample": ["float", 0.5, 1.0],
    "colsample_bytree": ["float", 0.4, 1.0],
    "reg_alpha": ["log", 1e-4, 10.0],
    "reg_lambda": ["log", 1e-4, 10.0],
}
_XGBOOST_FIRST = {"n_estimators": 100, "learning_rate": 0.1, "max_leaves": 31, "min_child_weight": 1.0,
                  "subsample": 1.0, "colsample_bytree": 1.0, "reg_alpha": 1e-4, "reg_lambda": 1.0}  # fmt: skip

# family: which features it is given (features.py). weights: whether it takes sample weights.
CLASSIFICATION: Dict[str, Dict[str, Any]] = {
    "bernoulli_naive_bayes": {
        "family": "linear",
        "space": {"alpha": ["log", 0.01, 10.0]},
        "first": {"alpha": 1.0},
    },
    "multinomial_naive_bayes": {
        "family": "positive",
        "space": {"alpha": ["log", 0.01, 10.0]},
        "first": {"alpha": 1.0},
    },
    "decision_tree": {
        "family": "tree",
        "space": _TREE,
        "first": {"max_depth": 6, "min_samples_leaf": 4, "max_features": 1.0},
    },
    "logistic_regression": {
        "family": "linear",
        "space": {"C": ["log", 0.001, 100.0], "class_weight": ["choice", None, "balanced"]},
        "first": {"C": 1.0, "class_weight": None},
    },
    "sgd": {
        "family": "linear",
        "space": {"alpha": ["log", 1e-6, 0.1], "penalty": ["choice", "l2", "elasticnet"]},
        "first": {"alpha": 1e-4, "penalty": "l2"},
    },
    "knn": {"family": "linear", "space": _NEIGHBOUR, "first": _NEIGHBOUR_FIRST, "weights": False, "most": _NEIGHBOURS},
    "light_gbm": {"family": "boosting", "space": _LIGHT_GBM, "first": _LIGHT_GBM_FIRST},
    "gradient_boosting": {"family": "boosting", "space": _BOOSTING, "first": _BOOSTING_FIRST},
    "xg_boost_classifier": {"family": "boosting", "space": _XGBOOST, "first": _XGBOOST_FIRST, "package": "xgboost"},
    "extreme_random_trees": {"family": "tree", "space": _FOREST, "first": _FOREST_FIRST},
    "random_forest": {"family": "tree", "space": _FOREST, "first": _FOREST_FIRST},
    "linear_svm": {
        "family": "linear",
        "space": {"C": ["log", 0.001, 30.0]},
        "first": {"C": 0.3},
        "weights": False,
    },
    "svm": {
        "family": "linear",
        "space": {"C": ["log", 0.03, 100.0], "gamma": ["log", 0.0003, 1.0]},
        "first": {"C": 1.0, "gamma": 0.03},
        "most": _SLOW,
    },
}
REGRESSION: Dict[str, Dict[str, Any]] = {
    "decision_tree": CLASSIFICATION["decision_tree"],
    "elastic_net": {
        "family": "linear",
        "space": {"alpha": ["log", 1e-4, 10.0], "l1_ratio": ["float", 0.0, 1.0]},
        "first": {"alpha": 0.01, "l1_ratio": 0.5},
    },
    "lasso_lars": {
        "family": "dense",
        "space": {"alpha": ["log", 1e-4, 1.0]},
        "first": {"alpha": 0.01},
        "weights": False,
    },
    "sgd": {
        "family": "linear",
        "space": {"alpha": ["log", 1e-6, 0.1], "penalty": ["choice", "l2", "elasticnet"]},
        "first": {"alpha": 1e-4, "penalty": "l2"},
    },
    "knn": CLASSIFICATION["knn"],
    "light_gbm": CLASSIFICATION["light_gbm"],
    "gradient_boosting": CLASSIFICATION["gradient_boosting"],
    "xg_boost_regressor": CLASSIFICATION["xg_boost_classifier"],
    "extreme_random_trees": CLASSIFICATION["extreme_random_trees"],
    "random_forest": CLASSIFICATION["random_forest"],
}
ALGORITHMS = {"classification": CLASSIFICATION, "regression": REGRESSION}
# What takes missing values as they are, without featurization.
TAKE_MISSING = ("light_gbm", "gradient_boosting", "xg_boost_classifier", "xg_boost_regressor", "decision_tree",
                "random_forest", "extreme_random_trees")  # fmt: skip
VOTE, STACK, BEST = "voting_ensemble", "stacking_ensemble", "best_model"


def names(task: str, allowed: List[str], blocked: List[str], rows: int) -> List[str]:
    """The algorithms of a task in the order of their first trials; `allowed` empty means all.

    The cheapest first; of a large table, where time may be for a few trials only, LightGBM before them.
    """
    found = [name for name in ALGORITHMS[task] if (name in allowed or not allowed) and name not in blocked]
    return sorted(found, key=lambda name: name != "light_gbm") if rows > _LARGE else found
