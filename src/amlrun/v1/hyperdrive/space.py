"""The `parameter_space` of a HyperDrive file: name, expression and positional values → v2's search space."""

from __future__ import annotations

import re
from typing import Any

from amlrun.spec import search_space
from amlrun.spec.job import Parameter
from amlrun.v1.hyperdrive.file import HyperdriveFile


def read(file: HyperdriveFile, sampling: Any, kind: str | None) -> dict[str, Parameter]:
    """The parameters by their v2 name; mistakes are noted in `file`. `kind` is the sampling's type."""
    listed = sampling.get("parameter_space")
    if not isinstance(listed, list) or not listed:
        file.mistake(
            "expected a list of parameters, each with name, expression and values",
            sampling, "parameter_space", "sampling.parameter_space",
        )  # fmt: skip
        return {}
    space: dict[str, Parameter] = {}
    for position, entry in enumerate(listed):
        field = f"parameter_space[{position}]"
        if not isinstance(entry, dict):
            file.mistake("expected name, expression and values", listed, position, field)
            continue
        file.unknown(entry, ("name", "expression", "values"), f"{field}.")
        name = entry.get("name")
        if not isinstance(name, str) or not re.search(r"[A-Za-z0-9]", name) or re.search(r"\s", name):
            file.mistake("expected the name of an argument, such as --alpha", entry, "name", f"{field}.name")
            continue
        key = re.sub(r"[^A-Za-z0-9_]", "_", name.lstrip("-"))
        if key in space:
            file.mistake(f"{name} is given twice", entry, "name", f"{field}.name")
            continue
        # Names without dashes were arguments with two.
        parameter = _parameter(file, entry, field, name if name.startswith("-") else f"--{name}", kind)
        if parameter is not None:
            space[key] = parameter
    return space


def _parameter(file: HyperdriveFile, entry: Any, field: str, argument: str, kind: str | None) -> Parameter | None:
    expression = entry.get("expression")
    if expression not in search_space.SIGNATURES:
        right = str(expression).lower()
        hint = f"Write it in lower case: {right}" if right in search_space.SIGNATURES else ""
        known = ", ".join(search_space.SIGNATURES)
        file.mistake(f"expected one of {known}, got {expression!r}", entry, "expression", f"{field}.expression", hint)
        return None
    allowed = search_space.ALLOWED.get(kind or "")
    if allowed and expression not in allowed:
        file.mistake(
            f"{kind} sampling takes {', '.join(allowed)} only, not {expression}",
            entry, "expression", f"{field}.expression",
        )  # fmt: skip
        return None
    parameter = Parameter(expression, argument)
    values = entry.get("values")
    if expression == "choice":
        wrong = search_space.choice(parameter, values, kind)
    else:
        wrong = search_space.numbers(parameter, values)
    if wrong:
        file.mistake(wrong, entry, "values", f"{field}.values")
        return None
    slip = search_space.warn_suspicious_bounds(parameter, parameter.argument)
    file.notes += [slip] if slip else []
    return parameter
