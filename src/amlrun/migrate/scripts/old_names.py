"""Names that other packages have dropped since: joblib's place in scikit-learn, NumPy's aliases."""

from __future__ import annotations

import ast
import builtins

from amlrun.migrate.scripts.script import Script

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
JOBLIB = "sklearn.externals.joblib"


def old_names(script: Script) -> None:
    """Replace NumPy's removed names. (Imports of joblib are replaced with the other imports.)"""
    for node in script.names.nodes:
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
