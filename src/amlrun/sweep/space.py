"""The ten parameter expressions: from a number in [0, 1) to the value a trial gets (V1 and V2 share them).

The q-expressions give round(x/q)·q; the bounds of loguniform and qloguniform, and mu and sigma of lognormal and
qlognormal, are exponents of e. A value is an int where v1's was one (randint, and every q-expression with an int q).
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from statistics import NormalDist

from amlrun.prepare import shell
from amlrun.spec.job import BINDING, Parameter, Scalar

_SMALLEST = sys.float_info.epsilon / 2


def value_at(parameter: Parameter, quantile: float) -> Scalar:
    """The value below which the share `quantile` (in [0, 1)) of the expression's draws lie.

    For choice the values count in the order of the file. Raises ValueError for an unknown expression.
    """
    kind = parameter.type
    if kind == "choice":
        values = parameter.values or []
        return values[min(int(quantile * len(values)), len(values) - 1)]
    if kind == "randint":
        upper = parameter.upper or 1
        return min(int(quantile * upper), upper - 1)
    if kind.endswith("uniform"):
        low, high = parameter.min_value or 0.0, parameter.max_value or 0.0
        drawn = low + quantile * (high - low)
    elif kind.endswith("normal"):
        # A normal curve reaches minus infinity at 0 and infinity at 1.
        share = min(max(quantile, _SMALLEST), 1 - _SMALLEST)
        drawn = (parameter.mu or 0.0) + (parameter.sigma or 0.0) * NormalDist().inv_cdf(share)
    else:
        raise ValueError(f"no such expression: {kind}")
    if "log" in kind:
        drawn = math.exp(drawn)
    return quantised(drawn, parameter.q) if kind.startswith("q") else drawn


def quantised(drawn: float, q: int | float | None) -> Scalar:
    """round(drawn/q)·q; an int when q is one."""
    step = q or 1
    steps = round(drawn / step)
    # 3 * 0.1 is 0.30000000000000004: nobody wants that in a table.
    return steps * step if isinstance(step, int) else float(f"{steps * step:.12g}")


def word(value: Scalar) -> str:
    """A value as it stands on the trial's command line."""
    return value if isinstance(value, str) else repr(value)


def fill(command: list[str] | str, values: Mapping[str, Scalar]) -> list[str] | str:
    """The command with every `${{search_space.NAME}}` replaced by the trial's value; in a shell line it is one word."""
    texts = {f"search_space.{name}": word(value) for name, value in values.items()}
    if isinstance(command, str):
        return shell.fill(command, texts, texts)
    return [_filled(item, texts) for item in command]


def fill_variables(variables: dict[str, str], values: Mapping[str, Scalar]) -> dict[str, str]:
    """Environment variables with every `${{search_space.NAME}}` replaced by the trial's value."""
    texts = {f"search_space.{name}": word(value) for name, value in values.items()}
    return {name: _filled(text, texts) for name, text in variables.items()}


def _filled(text: str, texts: Mapping[str, str]) -> str:
    return BINDING.sub(lambda match: texts.get(f"{match[1]}.{match[2]}", match[0]), text)
