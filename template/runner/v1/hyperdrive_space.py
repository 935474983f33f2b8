"""The `parameter_space` of a HyperDrive file: name, expression and positional values → v2's search space."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

from runner.job import Parameter, Scalar

if TYPE_CHECKING:
    from runner.v1.hyperdrive import _Reader

# How each expression's positional values are called in v2.
_SIGNATURES: dict[str, tuple[str, ...]] = {
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
_ALLOWED = {"grid": ("choice",), "bayesian": ("choice", "uniform", "quniform")}
_LARGEST_EXPONENT = math.log(1.7e308)


def read(reader: _Reader, sampling: Any, kind: str | None) -> dict[str, Parameter]:
    """The parameters by their v2 name; mistakes are noted in `reader`. `kind` is the sampling's type."""
    listed = sampling.get("parameter_space")
    if not isinstance(listed, list) or not listed:
        reader.mistake(
            "expected a list of parameters, each with name, expression and values",
            sampling, "parameter_space", "sampling.parameter_space",
        )  # fmt: skip
        return {}
    space: dict[str, Parameter] = {}
    for position, entry in enumerate(listed):
        field = f"parameter_space[{position}]"
        if not isinstance(entry, dict):
            reader.mistake("expected name, expression and values", listed, position, field)
            continue
        reader.unknown(entry, ("name", "expression", "values"), f"{field}.")
        name = entry.get("name")
        if not isinstance(name, str) or not re.search(r"[A-Za-z0-9]", name) or re.search(r"\s", name):
            reader.mistake("expected the name of an argument, such as --alpha", entry, "name", f"{field}.name")
            continue
        key = re.sub(r"[^A-Za-z0-9_]", "_", name.lstrip("-"))
        if key in space:
            reader.mistake(f"{name} is here twice", entry, "name", f"{field}.name")
            continue
        # Names without dashes were arguments with two.
        parameter = _parameter(reader, entry, field, name if name.startswith("-") else f"--{name}", kind)
        if parameter is not None:
            space[key] = parameter
    return space


def _parameter(reader: _Reader, entry: Any, field: str, argument: str, kind: str | None) -> Parameter | None:
    expression = entry.get("expression")
    if expression not in _SIGNATURES:
        right = str(expression).lower()
        hint = f"Write it in small letters: {right}" if right in _SIGNATURES else ""
        known = ", ".join(_SIGNATURES)
        reader.mistake(f"expected one of {known}, got {expression!r}", entry, "expression", f"{field}.expression", hint)
        return None
    allowed = _ALLOWED.get(kind or "")
    if allowed and expression not in allowed:
        reader.mistake(
            f"{kind} sampling takes {', '.join(allowed)} only, not {expression}",
            entry, "expression", f"{field}.expression",
        )  # fmt: skip
        return None
    parameter = Parameter(expression, argument)
    values = entry.get("values")
    wrong = _choice(parameter, values, kind) if expression == "choice" else _numbers(parameter, values)
    if wrong:
        reader.mistake(wrong, entry, "values", f"{field}.values")
        return None
    _wonder(reader, parameter)
    return parameter


def _choice(parameter: Parameter, values: Any, kind: str | None) -> str:
    """Fill a choice; returns what is wrong with its values, or an empty string."""
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


def _numbers(parameter: Parameter, values: Any) -> str:
    """Fill an expression of numbers; returns what is wrong with its values, or an empty string."""
    names = _SIGNATURES[parameter.type]
    wanted = f"{parameter.type} takes {len(names)}: [{', '.join(names)}]"
    if not isinstance(values, list):
        values = [values]
    if len(values) != len(names):
        return f"expected {wanted}; got {len(values)}"
    for name, value in zip(names, values):
        if not isinstance(value, (int, float)) or isinstance(value, bool) or not math.isfinite(value):
            return f"expected numbers ({wanted}); {name} is {value!r}"
        if name in ("upper", "q") and (not isinstance(value, int) or value < 1):
            return f"{name} must be a whole number, 1 or more; got {value}"
        setattr(parameter, name, int(value) if name in ("upper", "q") else float(value))
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


def _wonder(reader: _Reader, parameter: Parameter) -> None:
    """The classic slip: bounds of loguniform that are no logarithms."""
    low, high = parameter.min_value, parameter.max_value
    if "log" in parameter.type and low is not None and high is not None and 0 < low < high <= 1:
        reader.notes.append(
            f"{parameter.argument}: the bounds of {parameter.type} are exponents: this draws from {math.exp(low):.4g} "
            f"to {math.exp(high):.4g}. For {low:g} to {high:g} write [{math.log(low):.4g}, {math.log(high):.4g}]."
        )
