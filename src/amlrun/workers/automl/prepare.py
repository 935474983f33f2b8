"""Reads and checks the table of a search, once, before its first trial.

Standard input holds the request as JSON; what trials need goes into the request's `folder`: table.pkl (the rows),
folds.npz and plan.json. Standard output gets one JSON document: `{"plan": …}`, or `{"error": …}` with a sentence.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
import warnings
from typing import Any, Dict

import columns  # type: ignore[import-not-found]
import folds  # type: ignore[import-not-found]
import numpy as np
import pandas as pd
import spaces  # type: ignore[import-not-found]
import table  # type: ignore[import-not-found]
import target  # type: ignore[import-not-found]


def prepare(request: Dict[str, Any]) -> Dict[str, Any]:
    """The plan of a search. Raises table.BadTable for what is wrong with its data."""
    frame = _read(request, "training_data")
    validation, test = _read(request, "validation_data"), _read(request, "test_data")
    name, weight, splits = request["target"], request["weight"], request["splits"]
    for part, rows in (("target_column_name", frame), ("validation_data", validation), ("test_data", test)):
        if rows is not None:
            target.find(rows, name, part)
    for one in splits:
        target.find(frame, one, "cv_split_column_names")
    if weight:
        target.find(frame, weight, "weight_column_name")
    before = len(frame)
    frame = target.without_missing(frame, name)
    lost = before - len(frame)
    classification = request["task"] == "classification"
    labels = target.classes(frame[name], name) if classification else None
    set_aside, size = "", request["test_data_size"]
    if test is None and size:
        codes = _codes(frame[name], labels) if classification else np.zeros(len(frame))
        split = (size, classification, request["seed"])
        kept, held = folds.hold_out(codes, *split)
        code = folds.hold_out_code("table", "table[TARGET]", codes, *split)
        set_aside = "    table = table.iloc[%s[0]].reset_index(drop=True)\n" % code
        frame, test = frame.iloc[kept].reset_index(drop=True), frame.iloc[held].reset_index(drop=True)
    validation_rows = 0
    if validation is not None:
        validation = _known_rows(target.without_missing(validation, name), frame, labels, name, "validation_data")
        validation_rows = len(validation)
        frame = pd.concat([frame, validation], ignore_index=True)
    truth = _codes(frame[name], labels) if classification else target.numbers(frame[name], name)
    made, how, split_code = folds.make(request, truth, frame[splits] if splits else None, validation_rows)
    split_code["test"] = set_aside
    if set_aside:
        split_code["imports"].append("from sklearn.model_selection import train_test_split")
    weights = _weights(frame, weight) if weight else None
    features = frame.drop(columns=[name, *splits, *([weight] if weight else [])])
    infinite = columns.clean(features)
    training = features.iloc[: len(features) - validation_rows]
    about = columns.describe(training, request)
    used = [one for one, kind in about.items() if kind["kind"] != "ignored"]
    if not used:
        raise table.BadTable("no column is left to learn from", "training_data",
                             "Left out: %s" % columns.listed(list(about)))  # fmt: skip
    rails = columns.guardrails(about, infinite)
    rails.insert(0, columns.guardrail("Validation", columns.DONE, how))
    if lost:
        rails.append(target.missing(lost))
    if classification:
        rails.append(target.balance(frame[name].value_counts()))
    rails.append(target.leaks(training, truth[: len(training)], used))
    plan = {
        "task": request["task"], "metric": request["metric"], "seed": request["seed"], "cores": request["cores"],
        "target": name, "featurization": request["featurization"], "validation": how, "rows": len(frame),
        "blocked_transformers": request["blocked_transformers"], "validation_rows": validation_rows,
        "columns": {one: about[one] for one in used}, "classes": labels, "guardrails": rails,
        "sources": request["sources"], "split": split_code, "weight": weight or None,
        "test_rows": 0 if test is None else len(test),
    }  # fmt: skip
    if classification:
        label = request["positive_label"]
        plan["positive"] = (
            target.positive(labels, label) if label is not None else 1 if len(labels or []) == 2 else None
        )
    else:
        plan["target_range"] = float(np.ptp(truth[: len(training)]))
    plan["algorithms"], plan["left_out"] = _algorithms(request, plan, training, weights is not None)
    if test is not None:
        test = _known_rows(target.without_missing(test, name), frame, labels, name, "test_data")
        columns.clean(test)
    _save(request["folder"], plan, {
        "features": features[used], "truth": truth, "weights": weights,
        "test": None if test is None else test[used],
        "test_truth": None if test is None else _codes(test[name], labels) if classification
        else target.numbers(test[name], name),
    }, made)  # fmt: skip
    return plan


def _read(request: Dict[str, Any], field: str) -> Any:
    source = request["sources"].get(field)
    return None if source is None else table.read(source)


def _codes(column: Any, labels: Any) -> Any:
    positions = {value: at for at, value in enumerate(labels)}
    return column.map(positions).to_numpy(dtype=np.int64)


def _known_rows(rows: Any, training: Any, labels: Any, name: str, field: str) -> Any:
    """The rows of another table, in the training table's columns. Raises BadTable."""
    missing = [one for one in training.columns if one not in rows.columns]
    if missing:
        raise table.BadTable("has no column %r, which training_data has" % missing[0], field)
    if labels is not None:
        unknown = sorted(str(value) for value in set(rows[name].unique()) - set(labels))
        if unknown:
            raise table.BadTable("has the class %r, which training_data does not have" % unknown[0], field)
    return rows[list(training.columns)]


def _weights(frame: Any, name: str) -> Any:
    column = frame[name]
    numeric = pd.api.types.is_numeric_dtype(column.dtype)
    if not numeric or column.isna().any() or (column < 0).any() or not np.isfinite(column.to_numpy(float)).all():
        raise table.BadTable("the column %r must hold a weight of 0 or more in every row" % name, "weight_column_name")
    return column.to_numpy(dtype=float)


def _algorithms(request: Dict[str, Any], plan: Dict[str, Any], training: Any, weighted: bool) -> Any:
    """The algorithms that are tried, and why the others are not. Raises BadTable when none is left."""
    kept, left = [], {}
    off = request["featurization"] == "off"
    missing = [name for name, about in plan["columns"].items() if about["missing"]]
    known = spaces.ALGORITHMS[request["task"]]
    for name in spaces.names(request["task"], request["allowed"], request["blocked"], len(training)):
        about = known[name]
        if about.get("package") and not _installed(about["package"]):
            left[name] = "%s is not installed" % about["package"]
        elif about.get("package") and plan["classes"] and plan["classes"] != list(range(len(plan["classes"]))):
            left[name] = "its classes are 0, 1, …, and the target's are not"
        elif about.get("most") and len(training) > about["most"]:
            left[name] = "more than %s rows" % format(about["most"], ",")
        elif weighted and not about.get("weights", True):
            left[name] = "it takes no sample weights"
        elif off and missing and name not in spaces.TAKE_MISSING:
            left[name] = "featurization is off, and the column %r has missing values" % missing[0]
        elif off and about["family"] == "positive" and _negative(training, plan):
            left[name] = "featurization is off, and it takes no negative numbers"
        else:
            kept.append(name)
    named = [name for name in request["allowed"] if name in left and left[name].endswith("not installed")]
    if named:
        raise table.BadTable("%s: %s" % (named[0], left[named[0]]), "training.allowed_training_algorithms",
                             "Add xgboost-cpu, or xgboost, to this Python, or take it out of the list.")  # fmt: skip
    if not kept:
        raise table.BadTable("no algorithm is left: " + columns.listed(["%s (%s)" % pair for pair in left.items()]),
                             "training.allowed_training_algorithms")  # fmt: skip
    return kept, left


def _installed(package: str) -> bool:
    from importlib.util import find_spec

    return find_spec(package) is not None


def _negative(training: Any, plan: Dict[str, Any]) -> bool:
    return bool((training[list(plan["columns"])].min() < 0).any())


def _save(folder: str, plan: Dict[str, Any], data: Dict[str, Any], made: Any) -> None:
    os.makedirs(folder, exist_ok=True)
    pd.to_pickle(data, os.path.join(folder, "table.pkl"), compression=None)
    arrays = {
        "%s_%d" % (part, at): pair[side] for at, pair in enumerate(made) for side, part in enumerate(("kept", "held"))
    }
    np.savez(os.path.join(folder, "folds.npz"), **arrays)
    with open(os.path.join(folder, "plan.json"), "w", encoding="utf-8") as stream:
        json.dump({**plan, "folds": len(made)}, stream, default=_plain)


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else str(value)


def main() -> int:
    """Answer one request. The exit code is 0 also for a table that is refused: the answer says so."""
    warnings.simplefilter("ignore")
    answer: Dict[str, Any]
    try:
        answer = {"plan": prepare(json.load(sys.stdin))}
    except table.BadTable as error:
        answer = {"error": str(error), "field": error.field, "hint": error.hint}
    except MemoryError:
        answer = {"error": "the table does not fit into this machine's memory", "field": "training_data", "hint": ""}
    except Exception as error:
        traceback.print_exc()
        answer = {"error": "could not be prepared: %s: %s" % (type(error).__name__, error),
                  "field": "training_data", "hint": ""}  # fmt: skip
    json.dump(answer, sys.stdout, default=_plain)
    return 0


if __name__ == "__main__":
    sys.exit(main())
