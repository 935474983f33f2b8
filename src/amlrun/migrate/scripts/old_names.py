"""What other packages have dropped since: joblib's place in scikit-learn, NumPy's aliases, arguments by place."""

from __future__ import annotations

import ast
import builtins
import re

from amlrun.migrate.scripts.plan import Part
from amlrun.migrate.scripts.script import Script, starred

# NumPy 1.24 and 2.0 migration guides: the removed name, and what means the same.
_BUILTIN = {
    "float": "float", "int": "int", "bool": "bool", "object": "object", "str": "str", "complex": "complex",
    "long": "int", "unicode": "str",
}  # fmt: skip
_RENAMED = {
    "float_": "float64", "complex_": "complex128", "unicode_": "str_", "string_": "bytes_", "Inf": "inf",
    "Infinity": "inf", "infty": "inf", "PINF": "inf", "NaN": "nan", "NAN": "nan", "product": "prod",
    "cumproduct": "cumprod", "alltrue": "all", "sometrue": "any",
}  # fmt: skip
# scikit-learn 1.0: the first two arguments go by place, the others by name only.
_AVERAGED = ("labels", "pos_label", "average", "sample_weight", "zero_division")
_BY_NAME = {
    "confusion_matrix": ("labels", "sample_weight", "normalize"),
    "classification_report": ("labels", "target_names", "sample_weight", "digits", "output_dict", "zero_division"),
    "precision_score": _AVERAGED, "recall_score": _AVERAGED, "f1_score": _AVERAGED, "jaccard_score": _AVERAGED,
    "accuracy_score": ("normalize", "sample_weight"),
    "roc_auc_score": ("average", "sample_weight", "max_fpr", "multi_class", "labels"),
    "roc_curve": ("pos_label", "sample_weight", "drop_intermediate"),
    "precision_recall_curve": ("pos_label", "sample_weight"),
    "mean_squared_error": ("sample_weight", "multioutput", "squared"),
    "mean_absolute_error": ("sample_weight", "multioutput"), "r2_score": ("sample_weight", "multioutput"),
    "cohen_kappa_score": ("labels", "weights", "sample_weight"),
}  # fmt: skip
JOBLIB = "sklearn.externals.joblib"


def old_names(script: Script) -> None:
    """Replace NumPy's removed names, and name arguments. (Imports of joblib are replaced with the other imports.)"""
    for node in script.names.nodes:
        if isinstance(node, ast.Call):
            _name_arguments(script, node)
        if not isinstance(node, ast.Attribute) or not isinstance(node.ctx, ast.Load):
            continue
        dotted = script.kinds.dotted(node)
        if not dotted.startswith("numpy.") or dotted.count(".") != 1:
            continue
        name = node.attr
        if name in _BUILTIN and script.names.module.find(_BUILTIN[name]) is None and hasattr(builtins, _BUILTIN[name]):
            script.plan.replace(node, [_BUILTIN[name]])
        elif name in _RENAMED:
            script.plan.replace(node, [node.value, f".{_RENAMED[name]}"])


def _name_arguments(script: Script, call: ast.Call) -> None:
    """Give the arguments of a function of sklearn.metrics by name that are keyword-only now."""
    dotted = script.kinds.dotted(call.func)
    names = _BY_NAME.get(dotted.rpartition(".")[2], ()) if dotted.startswith("sklearn.metrics.") else ()
    if not 2 < len(call.args) <= 2 + len(names) or starred(call):
        return
    text, span = script.source.text, script.source.span
    parts: list[Part] = []
    at = span(call)[0]
    labels = ["", *("" for _ in call.args[:2]), *(f"{name}=" for name in names[: len(call.args) - 2])]
    # What stands between the arguments, comments too, stays.
    for label, part in zip(labels, (call.func, *call.args)):
        start, end = span(part)
        comma = re.match(r"[)\s]*,(?:\s|#[^\n]*\n)*", text[at:start])
        if label and comma is None:
            return
        first = at + (comma.end() if label and comma else 0)
        parts += [text[at:first] + label + text[first:start], part]
        at = end
    for keyword in sorted(call.keywords, key=lambda one: span(one.value)):
        start, end = span(keyword.value)
        parts += [text[at:start], keyword.value]
        at = end
    script.plan.replace(call, [*parts, text[at : span(call)[1]]])
