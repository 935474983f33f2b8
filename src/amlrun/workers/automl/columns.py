"""What each column of a table is, which are left out, and the guardrails that report it."""

from __future__ import annotations

from typing import Any, Dict, List

import numpy as np
import pandas as pd
from features import MOST_CATEGORIES  # type: ignore[import-not-found]
from table import BadTable  # type: ignore[import-not-found]

PASSED, DONE, ALERTED = "Passed", "Done", "Alerted"
_NAMES = {"Numeric": "number", "Categorical": "category", "CategoricalHash": "many_categories", "Text": "text",
          "DateTime": "date", "Ignore": "ignored"}  # fmt: skip
# A column of words whose values are nearly all different says nothing of a new row; so many words make a text.
_UNIQUE = 0.95
_TEXT_WORDS = 3.0
_SAMPLE = 5000


def clean(frame: Any) -> int:
    """Make infinite values missing, in place. Returns how many there were."""
    count = 0
    for name in frame.columns:
        column = frame[name]
        if pd.api.types.is_float_dtype(column.dtype):
            infinite = np.isinf(column.to_numpy(dtype=float, na_value=np.nan))
            if infinite.any():
                count += int(infinite.sum())
                frame[name] = column.mask(infinite)
    return count


def describe(frame: Any, request: Dict[str, Any]) -> Dict[str, Dict[str, Any]]:
    """Each column with its `kind` (number, category, many_categories, text, date, ignored), what was missing, and why
    it is ignored. Raises BadTable for a column that is named and not there.
    """
    forced = request["column_name_and_types"]
    for name in forced:
        if name not in frame.columns:
            raise BadTable("there is no column %r" % name, "featurization.column_name_and_types")
    found = {name: _describe(frame[name], forced.get(name)) for name in frame.columns}
    for one in request["imputers"]:
        for name in one["fields"]:
            if name not in found:
                raise BadTable("there is no column %r" % name, "featurization.transformer_params")
            if found[name]["kind"] == "number":
                found[name]["strategy"] = one["parameters"]["strategy"]
                found[name]["fill_value"] = one["parameters"].get("fill_value")
    blocked = request["blocked_transformers"]
    for about in found.values():
        if about["kind"] == "text" and "tf_idf" in blocked:
            about.update(kind="ignored", why="a text, and tf_idf is blocked")
    if request["featurization"] == "off":
        _check_off(frame, found)
    return found


def _check_off(frame: Any, found: Dict[str, Dict[str, Any]]) -> None:
    for name, about in found.items():
        if not pd.api.types.is_numeric_dtype(frame[name].dtype):
            raise BadTable("is off, and the column %r is not numeric" % name, "featurization.mode",
                           "Write: mode: auto, or take the column out of the table.")  # fmt: skip
        about.update(kind="number")


def _describe(column: Any, forced: Any) -> Dict[str, Any]:
    known = column.dropna()
    about: Dict[str, Any] = {"missing": int(len(column) - len(known)), "values": int(known.nunique())}
    about["kind"] = _NAMES[forced] if forced else _kind(known, about["values"])
    if about["kind"] == "date" and not pd.api.types.is_datetime64_any_dtype(column.dtype):
        about["missing"] = int(pd.to_datetime(column, errors="coerce").isna().sum())
    if not len(known):
        about.update(kind="ignored", why="empty")
    elif about["values"] == 1 and not about["missing"] and not forced:
        about.update(kind="ignored", why="constant")
    elif about["kind"] == "unique":
        about.update(kind="ignored", why="nearly every value is different")
    elif about["kind"] == "ignored":
        about["why"] = "Ignore, as column_name_and_types says"
    return about


def _kind(known: Any, values: int) -> str:
    kind = known.dtype
    if pd.api.types.is_datetime64_any_dtype(kind):
        return "date"
    if pd.api.types.is_numeric_dtype(kind) and not pd.api.types.is_bool_dtype(kind):
        return "number"
    if pd.api.types.is_bool_dtype(kind):
        return "category"
    sample = known.astype(str).head(_SAMPLE)
    if len(sample) and _is_date(sample):
        return "date"
    words = sample.str.count(r"\S+").mean() if len(sample) else 0
    if words >= _TEXT_WORDS and values > MOST_CATEGORIES:
        return "text"
    if values > MOST_CATEGORIES and values > _UNIQUE * len(known):
        return "unique"
    return "many_categories" if values > MOST_CATEGORIES else "category"


def _is_date(sample: Any) -> bool:
    """Words that look like dates, and nearly all are."""
    if not sample.str.contains(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}", regex=True).mean() > _UNIQUE:
        return False
    return bool(pd.to_datetime(sample, errors="coerce").notna().mean() > _UNIQUE)


def guardrails(columns: Dict[str, Dict[str, Any]], infinite: int) -> List[Dict[str, str]]:
    """What was found in the columns, and what was done about it."""
    missing = [name for name, about in columns.items() if about["missing"] and about["kind"] != "ignored"]
    many = [name for name, about in columns.items() if about["kind"] == "many_categories"]
    ignored = ["%s (%s)" % (name, about["why"]) for name, about in columns.items() if about["kind"] == "ignored"]
    found = [
        guardrail("Missing values", DONE if missing else PASSED,
                  "imputed: " + listed(missing) if missing else "no column has any"),
        guardrail("High cardinality", DONE if many else PASSED,
                  "encoded by the target's mean: " + listed(many) if many
                  else "no column has more than %d categories" % MOST_CATEGORIES),
        guardrail("Columns left out", DONE if ignored else PASSED, listed(ignored) if ignored else "none"),
    ]  # fmt: skip
    if infinite:
        found.append(guardrail("Infinite values", DONE, "%d treated as missing" % infinite))
    return found


def guardrail(name: str, status: str, detail: str) -> Dict[str, str]:
    return {"guardrail": name, "status": status, "detail": detail}


def listed(names: List[str], most: int = 6) -> str:
    """A few names, and how many more there are."""
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else "%s and %d more" % (shown, len(names) - most)
