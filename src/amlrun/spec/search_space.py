"""The ten parameter expressions of a sweep, and what their values must be: v1's files and v2's share these rules.

The service's v2 client checks next to nothing of them, so what v1 refused is refused here.
"""

from __future__ import annotations

import math
from typing import Any

from amlrun.spec.job import Parameter, Scalar

# How each expression's positional values (v1) are called in v2.
SIGNATURES: dict[str, tuple[str, ...]] = {
    "choice": (),
    "randint": ("upper",),
    "uniform": ("min_value", "max_value"),
    "quniform": ("min_value", "max_value", "q"),
    "loguniform": ("min_value", "max_value"),
    "qloguniform": ("min_value", "max_value", "q"),
    "normal": ("mu", "sigma"),
    "qnormal": ("mu", "sigma", "q"),
    "lognormal": ("mu", "sigma"),
    "qlognormal": ("mu", "sigma", "q"),
}
# What a kind of sampling can draw from; random takes all ten.
ALLOWED = {"grid": ("choice",), "bayesian": ("choice", "uniform", "quniform")}
MOST_TRIALS = 1000
_LARGEST_EXPONENT = math.log(1.7e308)


def choice(parameter: Parameter, values: Any, kind: str | None) -> str:
    """Fill a choice; returns what is wrong with its values, or an empty string. `kind` is the sampling's type."""
    if isinstance(values, list) and len(values) == 1 and isinstance(values[0], list):
        values = values[0]
    if not isinstance(values, list) or not values:
        return "expected a list of the values to choose from"
    if any(not isinstance(value, (str, int, float)) for value in values):
        return "expected texts, numbers, true or false to choose from"
    if kind == "bayesian":
        if any(isinstance(value, bool) for value in values):
            return "bayesian sampling chooses from numbers or texts, not true and false"
        if len({isinstance(value, str) for value in values}) > 1:
            return "bayesian sampling chooses from all texts or all numbers, not from both"
    parameter.values = [_plain(value) for value in values]
    return ""


def _plain(value: Any) -> Scalar:
    """A value without what ruamel.yaml remembers of its spelling."""
    for type_ in (bool, int, float):
        if isinstance(value, type_):
            return type_(value)
    return str(value)


def numbers(parameter: Parameter, values: Any, *, whole_q: bool = True) -> str:
    """Fill an expression of numbers from its values in order; returns what is wrong with them, or an empty string.

    v1 wanted a whole `q`; v2's may be any number above 0.
    """
    names = SIGNATURES[parameter.type]
    wanted = f"{parameter.type} takes {len(names)}: [{', '.join(names)}]"
    if not isinstance(values, list):
        values = [values]
    if len(values) != len(names):
        return f"expected {wanted}; got {len(values)}"
    for name, value in zip(names, values):
        if not isinstance(value, (int, float)) or isinstance(value, bool) or not math.isfinite(value):
            return f"expected numbers ({wanted}); {name} is {value!r}"
        if name == "q" and not whole_q and value <= 0:
            return f"q must be above 0; got {value}"
        whole = name == "upper" or (name == "q" and (whole_q or isinstance(value, int)))
        if whole and (not isinstance(value, int) or value < 1):
            return f"{name} must be a whole number, 1 or more; got {value}"
        setattr(parameter, name, int(value) if whole else float(value))
    low, high, sigma = parameter.min_value, parameter.max_value, parameter.sigma
    logarithmic = "log" in parameter.type
    if low is not None and high is not None:
        if low > high or (low == high and not logarithmic):
            return f"min_value {low:g} must be {'at most' if logarithmic else 'below'} max_value {high:g}"
        if logarithmic and high > _LARGEST_EXPONENT:
            return f"the bounds are exponents: exp({high:g}) is too large a number"
    if sigma is not None and sigma < 0:
        return f"sigma must be 0 or more; got {sigma:g}"
    if sigma is not None and logarithmic and (parameter.mu or 0) + 9 * sigma > _LARGEST_EXPONENT:
        return f"mu and sigma are exponents: exp({parameter.mu:g} + 9·{sigma:g}) is too large a number"
    return ""


def warn_suspicious_bounds(parameter: Parameter, name: str) -> str:
    """The classic slip, bounds of loguniform that are no logarithms, in a line; else an empty string."""
    low, high = parameter.min_value, parameter.max_value
    if "log" not in parameter.type or low is None or high is None or not 0 < low < high <= 1:
        return ""
    return (
        f"{name}: the bounds of {parameter.type} are exponents: this draws from {math.exp(low):.4g} "
        f"to {math.exp(high):.4g}. For {low:g} to {high:g} write [{math.log(low):.4g}, {math.log(high):.4g}]."
    )
