"""The estimators of AutoML's algorithms, with their parameters, and the ensembles of them."""

from __future__ import annotations

from typing import Any, Dict, List

import spaces  # type: ignore[import-not-found]
from features import pipeline  # type: ignore[import-not-found]
from lightgbm import LGBMClassifier, LGBMRegressor
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.linear_model import ElasticNet, LassoLars, LogisticRegression, RidgeCV, SGDClassifier, SGDRegressor
from sklearn.naive_bayes import BernoulliNB, MultinomialNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor


def estimator(plan: Dict[str, Any], algorithm: str, parameters: Dict[str, Any]) -> Any:
    """The estimator of an algorithm, not fitted. Raises ImportError for XGBoost where it is not installed."""
    classes = plan["task"] == "classification"
    seed, cores = plan["seed"], plan["cores"]
    if algorithm == "light_gbm":
        kind = LGBMClassifier if classes else LGBMRegressor
        bagging = {"subsample_freq": 1} if parameters.get("subsample", 1.0) < 1 else {}
        return kind(random_state=seed, n_jobs=cores, verbosity=-1, **bagging, **parameters)
    if algorithm in ("xg_boost_classifier", "xg_boost_regressor"):
        import xgboost

        kind = xgboost.XGBClassifier if classes else xgboost.XGBRegressor
        return kind(random_state=seed, n_jobs=cores, grow_policy="lossguide", max_depth=0, **parameters)
    if algorithm == "gradient_boosting":
        kind = HistGradientBoostingClassifier if classes else HistGradientBoostingRegressor
        return kind(random_state=seed, early_stopping=False, **parameters)
    if algorithm in ("random_forest", "extreme_random_trees"):
        pairs = {
            "random_forest": (RandomForestClassifier, RandomForestRegressor),
            "extreme_random_trees": (ExtraTreesClassifier, ExtraTreesRegressor),
        }
        kind = pairs[algorithm][0 if classes else 1]
        return kind(random_state=seed, n_jobs=cores, **parameters)
    if algorithm == "decision_tree":
        kind = DecisionTreeClassifier if classes else DecisionTreeRegressor
        return kind(random_state=seed, **parameters)
    if algorithm == "knn":
        kind = KNeighborsClassifier if classes else KNeighborsRegressor
        return kind(n_jobs=cores, **parameters)
    if algorithm == "sgd":
        if classes:
            return SGDClassifier(loss="log_loss", random_state=seed, **parameters)
        return _scaled(SGDRegressor(random_state=seed, **parameters))
    if algorithm == "svm":
        return CalibratedClassifierCV(SVC(random_state=seed, **parameters), ensemble=False, cv=3)
    if algorithm == "linear_svm":
        return CalibratedClassifierCV(LinearSVC(random_state=seed, **parameters), ensemble=False, cv=3)
    if algorithm == "logistic_regression":
        return LogisticRegression(max_iter=1000, **parameters)
    if algorithm == "elastic_net":
        return _scaled(ElasticNet(random_state=seed, **parameters))
    if algorithm == "lasso_lars":
        return _scaled(LassoLars(**parameters))
    plain = {"multinomial_naive_bayes": MultinomialNB, "bernoulli_naive_bayes": BernoulliNB}
    return plain[algorithm](**parameters)


def _scaled(regressor: Any) -> Any:
    """A penalty means the same whatever the target's unit is."""
    return TransformedTargetRegressor(regressor, transformer=StandardScaler())


def family(plan: Dict[str, Any], algorithm: str) -> str:
    """Which features the algorithm is given."""
    return str(spaces.ALGORITHMS[plan["task"]][algorithm]["family"])


def model(plan: Dict[str, Any], algorithm: str, parameters: Dict[str, Any]) -> Any:
    """The whole model of a trial, ensembles too: from the table's columns to a prediction."""
    if algorithm not in (spaces.VOTE, spaces.STACK):
        return pipeline(plan, family(plan, algorithm), estimator(plan, algorithm, parameters))
    members = [
        ("%s_%d" % (one["algorithm"], at), model(plan, one["algorithm"], one["parameters"]))
        for at, one in enumerate(parameters["members"])
    ]
    return ensemble(plan, algorithm, members, parameters)


def ensemble(plan: Dict[str, Any], algorithm: str, members: List[Any], parameters: Dict[str, Any]) -> Any:
    """A vote of the members by their weights, or a stack on top of them."""
    classes = plan["task"] == "classification"
    if algorithm == spaces.VOTE:
        if classes:
            return VotingClassifier(members, voting="soft", weights=parameters["weights"])
        return VotingRegressor(members, weights=parameters["weights"])
    if classes:
        return StackingClassifier(members, final_estimator=LogisticRegression(max_iter=1000), cv=3)
    return StackingRegressor(members, final_estimator=RidgeCV(), cv=3)
