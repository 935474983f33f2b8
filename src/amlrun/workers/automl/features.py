"""The featurizer of a table: scikit-learn's own parts only, so that a model needs nothing of amlrun to be loaded.

What is fitted here is fitted on training rows alone: a trial fits it in each fold, the winner on all.
"""

from __future__ import annotations

import operator
from typing import Any, Dict, List

import numpy as np
import pandas as pd
import sklearn
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    StandardScaler,
    TargetEncoder,
)

# More values than this are encoded by the target's mean, not a column each.
MOST_CATEGORIES = 20
_DATE_PARTS = ("year", "month", "day", "day_of_week", "day_of_year", "quarter", "hour", "minute")
_WORDS = 2000
_TOPICS = 30


def featurizer(plan: Dict[str, Any], family: str) -> Any:
    """The transformer of the plan's columns for a family of algorithms: linear, dense, positive, tree or boosting.

    linear: imputed and scaled, texts as sparse words; dense: the same, texts as topics; positive: scaled to 0 … 1;
    tree: imputed; boosting: missing values as they are.
    """
    columns: Dict[str, List[str]] = {}
    for name, about in plan["columns"].items():
        columns.setdefault(about["kind"], []).append(name)
    if plan["featurization"] == "off":
        return ColumnTransformer([("numbers", "passthrough", columns["number"])])
    parts: List[Any] = []
    numbers = columns.get("number", [])
    by_strategy: Dict[str, List[str]] = {}
    for name in numbers:
        by_strategy.setdefault(plan["columns"][name].get("strategy", "median"), []).append(name)
    for strategy, names in by_strategy.items():
        parts.append(("numbers_" + strategy, _numbers(strategy, names, plan, family), names))
    few = columns.get("category", [])
    if few:
        parts.append(("categories", _categories(plan, family), few))
    many = columns.get("many_categories", [])
    if many:
        encoder: List[Any] = [_target_encoder(plan)]
        if family in ("linear", "dense"):
            encoder.append(StandardScaler())
        elif family == "positive":
            encoder.append(MinMaxScaler(clip=True))
        parts.append(("many_categories", make_pipeline(_words_of(), *encoder), many))
    for name in columns.get("date", []):
        parts.append(("date_" + name, _dates(family), name))
    for name in columns.get("text", []):
        parts.append(("text_" + name, _texts(plan, family), [name]))
    return ColumnTransformer(parts)


def _numbers(strategy: str, names: List[str], plan: Dict[str, Any], family: str) -> Any:
    if family == "boosting":
        return "passthrough"
    missing = any(plan["columns"][name].get("missing") for name in names)
    fill = {"fill_value": plan["columns"][names[0]]["fill_value"]} if strategy == "constant" else {}
    steps: List[Any] = [SimpleImputer(strategy=strategy, add_indicator=missing, **fill)]
    if family in ("linear", "dense"):
        steps.append(StandardScaler())
    elif family == "positive":
        steps.append(MinMaxScaler(clip=True))
    return make_pipeline(*steps)


def _words_of(missing: str = "missing") -> Any:
    """The columns as words; whatever stands for a missing one (None, NaN, NA) is `missing`."""
    return make_pipeline(
        FunctionTransformer(operator.methodcaller("astype", "object")),
        FunctionTransformer(operator.methodcaller("fillna", missing)),
        FunctionTransformer(operator.methodcaller("astype", "str")),
    )


def _target_encoder(plan: Dict[str, Any]) -> Any:
    """By the target's mean, each row by the mean of other folds; scikit-learn 1.9 takes the folds as an object."""
    if tuple(int(part) for part in sklearn.__version__.split(".")[:2]) < (1, 9):
        return TargetEncoder(random_state=plan["seed"])
    kind = StratifiedKFold if plan["task"] == "classification" else KFold
    return TargetEncoder(cv=kind(5, shuffle=True, random_state=plan["seed"]))


def _categories(plan: Dict[str, Any], family: str) -> Any:
    if "one_hot_encoder" in plan["blocked_transformers"]:
        encoder: Any = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
        if family in ("linear", "dense"):
            return make_pipeline(_words_of(), encoder, StandardScaler())
        if family == "positive":
            return make_pipeline(_words_of(), encoder, MinMaxScaler(clip=True))
    else:
        encoder = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    return make_pipeline(_words_of(), encoder)


def _dates(family: str) -> Any:
    """The parts of a date as numbers; what is no date has none."""
    found = []
    for part in _DATE_PARTS:
        steps = [
            FunctionTransformer(operator.attrgetter("dt." + part)),
            FunctionTransformer(operator.methodcaller("to_frame")),
        ]
        found.append((part, make_pipeline(*steps)))
    after: List[Any] = []
    if family != "boosting":
        after.append(SimpleImputer(strategy="median"))
    if family in ("linear", "dense"):
        after.append(StandardScaler())
    elif family == "positive":
        after.append(MinMaxScaler(clip=True))
    read = FunctionTransformer(pd.to_datetime, kw_args={"errors": "coerce"})
    return make_pipeline(read, FeatureUnion(found), *after)


def _texts(plan: Dict[str, Any], family: str) -> Any:
    words: List[Any] = [
        _words_of(""),
        FunctionTransformer(np.ravel),
        TfidfVectorizer(ngram_range=(1, 2), max_features=_WORDS, min_df=2, sublinear_tf=True),
    ]
    if family not in ("linear", "positive"):
        words.append(TruncatedSVD(_TOPICS, random_state=plan["seed"]))
    return make_pipeline(*words)


def pipeline(plan: Dict[str, Any], family: str, estimator: Any) -> Any:
    """The whole model: featurizer and estimator."""
    return Pipeline([("featurizer", featurizer(plan, family)), ("model", estimator)])
