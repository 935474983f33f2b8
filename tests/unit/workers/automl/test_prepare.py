"""What AutoML finds in a table before its first trial: a sentence for each kind of bad input, and the guardrails."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

pytestmark = pytest.mark.unit


def table(rows: int = 200) -> pd.DataFrame:
    random = np.random.RandomState(1)
    found = pd.DataFrame({"x": random.randn(rows), "y": random.randn(rows)})
    found["colour"] = random.choice(["red", "green", "blue"], rows)
    found["amount"] = found["x"] + random.randn(rows)
    found["kind"] = np.where(found["amount"] > 0, "yes", "no")
    return found


def request(tmp_path: Path, frame: Any, **more: Any) -> dict[str, Any]:
    file = tmp_path / "table.csv"
    if isinstance(frame, bytes):
        file.write_bytes(frame)
    else:
        frame.to_csv(file, index=False)
    source = {"field": "training_data", "paths": [str(file)], "steps": None}
    return {
        "task": "classification", "metric": "AUC_weighted", "target": "kind", "weight": None, "splits": [],
        "positive_label": None, "validation_data_size": None, "n_cross_validations": None, "test_data_size": None,
        "featurization": "auto", "column_name_and_types": {}, "imputers": [], "blocked_transformers": [],
        "allowed": [], "blocked": [], "seed": 1, "cores": 1, "folder": str(tmp_path / "automl"),
        "sources": {"training_data": source}, **more,
    }  # fmt: skip


def plan(tmp_path: Path, frame: Any, **more: Any) -> dict[str, Any]:
    import prepare

    found: dict[str, Any] = prepare.prepare(request(tmp_path, frame, **more))
    return found


def refusal(tmp_path: Path, frame: Any, **more: Any) -> tuple[str, str]:
    """The sentence, and the key of the job's file that it belongs to."""
    import table as tables

    with pytest.raises(tables.BadTable) as told:
        plan(tmp_path, frame, **more)
    return str(told.value), told.value.field


REGRESSION = {"task": "regression", "metric": "r2_score", "target": "amount"}
LATE = table().assign(kind=[None] * 200)
BAD: list[tuple[str, Any, dict[str, Any], str, str]] = [
    ("target missing", table(), {"target": "knd"}, "no column 'knd'; did you mean 'kind'?", "target_column_name"),
    ("target empty", LATE, {}, "the column 'kind' is empty", "target_column_name"),
    ("one class", table().assign(kind="yes"), {}, "is 'yes' in every row", "target_column_name"),
    ("constant target", table().assign(amount=3.0), REGRESSION, "is 3 in every row", "target_column_name"),
    ("a text to predict", table(), {**REGRESSION, "target": "colour"}, "is not numeric", "target_column_name"),
    ("an infinite target", table().assign(amount=np.inf), REGRESSION, "has infinite values", "target_column_name"),
    ("numbers as classes", table(), {"target": "x"}, "200 different values in 200 rows", "target_column_name"),
    ("no class of that name", table(), {"positive_label": "maybe"}, "no class 'maybe'", "positive_label"),
    ("no columns", table()[["kind"]], {}, "no column is left", "training_data"),
    ("too many folds", table(12), {"n_cross_validations": 11}, "11 folds need as many rows", "n_cross_validations"),
    ("no weight", table(), {"weight": "colour"}, "must hold a weight", "weight_column_name"),
    ("a text, off", table(), {"featurization": "off"}, "the column 'colour' is not numeric", "featurization.mode"),
    ("a fold column with words", table(), {"splits": ["colour"]}, "other values than 0 and 1", "cv_split_column_names"),
    ("no such forced column", table(), {"column_name_and_types": {"z": "Text"}}, "no column 'z'",
     "featurization.column_name_and_types"),
    ("not a table", b"\xff\xfe\x00\x01", {}, "can't be read|is not", "training_data"),
    ("no rows", b"x,kind\n", {}, "has no rows", "training_data"),
    ("nothing", b"", {}, "can't be read", "training_data"),
    ("no such package", table(), {"allowed": ["xg_boost_classifier"]}, "xgboost is not installed",
     "training.allowed_training_algorithms"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("frame", "more", "sentence", "field"), [case[1:] for case in BAD], ids=[case[0] for case in BAD]
)
def test_a_bad_table_is_refused_with_a_sentence(
    tmp_path: Path, frame: Any, more: dict[str, Any], sentence: str, field: str
) -> None:
    import re

    said, where = refusal(tmp_path, frame, **more)
    assert re.search(sentence if "|" in sentence else re.escape(sentence), said)
    assert where == field


def rails(found: dict[str, Any]) -> dict[str, tuple[str, str]]:
    return {rail["guardrail"]: (rail["status"], rail["detail"]) for rail in found["guardrails"]}


def test_what_can_be_mended_is_mended_and_told(tmp_path: Path) -> None:
    frame = table()
    frame.loc[3, "x"] = np.inf
    frame.loc[5:9, "y"] = np.nan
    frame.loc[0, "kind"] = None
    frame["empty"], frame["same"], frame["id"] = np.nan, 1, [f"id-{at}" for at in range(200)]
    frame["city"] = [f"city {at % 60}" for at in range(200)]
    frame["day"] = pd.date_range("2024-01-01", periods=200).astype(str)
    frame["text"] = [f"some words of text number {at}" for at in range(200)]
    found = plan(tmp_path, frame)
    told = rails(found)
    assert told["Infinite values"] == ("Done", "1 treated as missing")
    assert told["Missing targets"][1].startswith("1 rows")
    assert told["Missing values"] == ("Done", "imputed: x, y")
    left = told["Columns left out"][1]
    assert "empty (empty)" in left and "same (constant)" in left and "id (nearly every value is different)" in left
    kinds = {name: about["kind"] for name, about in found["columns"].items()}
    assert kinds == {"x": "number", "y": "number", "amount": "number", "colour": "category", "day": "date",
                     "city": "many_categories", "text": "text"}  # fmt: skip


def test_a_column_that_gives_the_target_away_is_named(tmp_path: Path) -> None:
    frame = table()
    frame["answer"] = frame["kind"].map({"yes": "ja", "no": "nein"})
    status, detail = rails(plan(tmp_path, frame))["Leaking columns"]
    assert status == "Alerted"
    assert "answer" in detail and "amount" not in detail
    other = rails(plan(tmp_path, frame.assign(twice=frame["amount"] * 2), **REGRESSION))["Leaking columns"]
    assert other[0] == "Alerted" and "twice" in other[1]


@pytest.mark.parametrize(
    ("rows", "more", "folds", "words"),
    [
        (200, {}, 10, "10-fold cross-validation, stratified"),
        (1500, {}, 3, "3-fold cross-validation, stratified"),
        (20_001, {}, 1, "10 % held out"),
        (200, {"validation_data_size": 0.25}, 1, "25 % held out"),
        (200, {"validation_data_size": 0.25, "n_cross_validations": 4}, 4, "4 random parts of 25 % held out"),
        (200, {"n_cross_validations": "auto"}, 10, "10-fold cross-validation, stratified"),
        (200, REGRESSION, 10, "10-fold cross-validation"),
    ],
)
def test_models_are_validated_by_the_clouds_rules(
    tmp_path: Path, rows: int, more: dict[str, Any], folds: int, words: str
) -> None:
    found = plan(tmp_path, table(rows), **more)
    assert found["validation"] == words
    assert json.loads((tmp_path / "automl" / "plan.json").read_text())["folds"] == folds
    with np.load(tmp_path / "automl" / "folds.npz") as arrays:
        for at in range(folds):
            assert not set(arrays[f"kept_{at}"]) & set(arrays[f"held_{at}"])


@pytest.mark.parametrize("family", ["linear", "dense", "positive", "tree", "boosting"])
def test_no_transformer_sees_a_validation_row(tmp_path: Path, family: str) -> None:
    """The features of a fold do not change, whatever its validation rows' values and targets are."""
    import context
    import features

    frame = table(300)
    frame["city"] = [f"city {at % 60}" for at in range(300)]
    frame["text"] = [f"some words of text number {at % 7}" for at in range(300)]
    frame.loc[::9, "x"] = np.nan
    plan(tmp_path, frame, n_cross_validations=3)
    shared = context.Context(str(tmp_path / "automl"))
    (kept, held), *_ = shared.folds
    before, _ = shared.fold_features(family)[0]
    changed = context.Context(str(tmp_path / "automl"))
    changed.features.loc[held, ["x", "y", "amount"]] *= 1000
    changed.features.loc[held, "colour"] = "purple"
    changed.features.loc[held, "city"] = "elsewhere"
    changed.truth = np.where(np.isin(np.arange(300), held), 1 - changed.truth, changed.truth)
    after, _ = changed.fold_features(family)[0]
    assert dense(before) == pytest.approx(dense(after), nan_ok=True)
    # It would be seen: fitted on all rows, the features are others.
    whole = features.featurizer(changed.plan, family).fit(changed.features, changed.truth)
    assert not np.allclose(dense(whole.transform(changed.features.iloc[kept])).mean(), dense(before).mean())


def dense(features: Any) -> Any:
    return np.asarray(features.todense() if hasattr(features, "todense") else features, dtype=float)


def test_ten_thousand_categories_are_one_column(tmp_path: Path) -> None:
    import context

    frame = pd.concat([table(12_000)] * 2, ignore_index=True)
    frame["shop"] = [f"shop {at % 10_000}" for at in range(len(frame))]
    found = plan(tmp_path, frame)
    assert found["columns"]["shop"]["kind"] == "many_categories"
    shared = context.Context(str(tmp_path / "automl"))
    assert shared.fold_features("linear")[0][0].shape[1] < 10
