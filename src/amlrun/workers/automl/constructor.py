"""An estimator as the Python that makes it: constructors with the parameters that are not their defaults."""

from __future__ import annotations

import inspect
import operator
from typing import Any, Dict, List, Set

import numpy as np
import pandas as pd
from sklearn.model_selection import BaseCrossValidator

_WIDTH = 100


class Writer:
    """Writes constructors; `imports` collects what they need, a line each. `named` are lists that have a name."""

    def __init__(self, named: Dict[str, List[str]]) -> None:
        self.imports: Set[str] = set()
        self._named = named

    def text(self, value: Any, indent: int = 0) -> str:
        """The Python that makes a value, its continuation lines indented by so many spaces."""
        for name, known in self._named.items():
            if isinstance(value, list) and value == known:
                return name
        if isinstance(value, (list, tuple)):
            marks = "[]" if isinstance(value, list) else "()"
            parts = [self.text(item, indent + 4) for item in value]
            return _joined(marks[0], parts, marks[1], indent, single=isinstance(value, tuple) and len(parts) == 1)
        if isinstance(value, dict):
            parts = ["%r: %s" % (key, self.text(item, indent + 4)) for key, item in value.items()]
            return _joined("{", parts, "}", indent)
        if isinstance(value, (operator.attrgetter, operator.methodcaller)):
            self.imports.add("import operator")
            return repr(value)
        if value is pd.to_datetime:
            return "pd.to_datetime"
        if value is np.ravel:
            self.imports.add("import numpy as np")
            return "np.ravel"
        if hasattr(value, "get_params") and not isinstance(value, type):
            return self._constructor(value, indent)
        if isinstance(value, BaseCrossValidator):
            self.imports.add("from sklearn.model_selection import %s" % type(value).__name__)
            return repr(value)
        if isinstance(value, np.generic):
            value = value.item()
        if isinstance(value, float) and value != value:
            return 'float("nan")'
        return repr(value)

    def _constructor(self, estimator: Any, indent: int) -> str:
        kind = type(estimator)
        self.imports.add("from %s import %s" % (_public(kind.__module__), kind.__name__))
        parts = []
        for name, value in _said(estimator).items():
            parts.append("%s=%s" % (name, self.text(value, indent + 4)))
        return _joined(kind.__name__ + "(", parts, ")", indent)


def _said(estimator: Any) -> Dict[str, Any]:
    """The parameters that are not the constructor's defaults."""
    defaults = {name: one.default for name, one in inspect.signature(type(estimator).__init__).parameters.items()}
    found = {}
    for name, value in estimator.get_params(deep=False).items():
        default = defaults.get(name, inspect.Parameter.empty)
        same = value is default or (type(value) is type(default) and _plain(value) and value == default)
        if not same and not (value != value and default != default if isinstance(value, float) else False):
            found[name] = value
    return found


def _plain(value: Any) -> bool:
    return isinstance(value, (str, int, float, bool, tuple))


def _public(module: str) -> str:
    """Where a class is imported from: scikit-learn's files are private, LightGBM and XGBoost have them at the top."""
    parts = module.split(".")
    if parts[0] in ("lightgbm", "xgboost"):
        return parts[0]
    private = [at for at, part in enumerate(parts) if part.startswith("_")]
    return ".".join(parts[: private[0]]) if private else module


def _joined(first: str, parts: List[str], last: str, indent: int, single: bool = False) -> str:
    comma = "," if single else ""
    line = first + ", ".join(parts) + comma + last
    if len(line) + indent <= _WIDTH and "\n" not in line:
        return line
    inner = " " * (indent + 4)
    return first + "\n" + "".join("%s%s,\n" % (inner, part) for part in parts) + " " * indent + last
