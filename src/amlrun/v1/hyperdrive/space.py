"""The `parameter_space` of a HyperDrive file: name, expression and positional values → v2's search space."""

from __future__ import annotations

import re
from typing import Any

from amlrun.spec import search_space
from amlrun.spec.job import Parameter
from amlrun.spec.yaml_data import line_of
from amlrun.v1.config import Config

_KEYS = ("name", "expression", "values")


def read(config: Config, kind: str) -> dict[str, Parameter]:
    """The parameters by their v2 name; mistakes are problems of `config`. `kind` is the sampling's type, if known."""
    listed = config.get("sampling", "parameter_space")
    if not isinstance(listed, list) or not listed:
        wanted = "expected a list of parameters, each with name, expression and values"
        config.problem(("sampling", "parameter_space"), wanted)
        return {}
    space: dict[str, Parameter] = {}
    for position, entry in enumerate(listed):
        place = f"parameter_space[{position}]"
        if not isinstance(entry, dict):
            config.problem((place,), "expected name, expression and values", line=line_of(listed, position))
            continue
        for key in entry.keys() - set(_KEYS):
            config.note((place, key), "unknown key, not used", line_of(entry, key))
        name = entry.get("name")
        if not isinstance(name, str) or not re.search(r"[A-Za-z0-9]", name) or re.search(r"\s", name):
            config.problem(
                (place, "name"), "expected the name of an argument, such as --alpha", line=line_of(entry, "name")
            )
            continue
        key = re.sub(r"[^A-Za-z0-9_]", "_", name.lstrip("-"))
        if key in space:
            config.problem((place, "name"), f"{name} is given twice", line=line_of(entry, "name"))
            continue
        # Names without dashes were arguments with two.
        parameter = Parameter(str(entry.get("expression")), name if name.startswith("-") else f"--{name}")
        part, wrong, hint = _fill(parameter, entry.get("values"), kind)
        if wrong:
            config.problem((place, part), wrong, hint, line_of(entry, part))
            continue
        space[key] = parameter
        slip = search_space.warn_suspicious_bounds(parameter, parameter.argument)
        if slip:
            config.note((), slip, 0)
    return space


def _fill(parameter: Parameter, values: Any, kind: str) -> tuple[str, str, str]:
    """Give a parameter its values; the key that is wrong, why, and what to do, all empty when nothing is."""
    if parameter.type not in search_space.SIGNATURES:
        right = parameter.type.lower()
        hint = f"Write it in lower case: {right}" if right in search_space.SIGNATURES else ""
        return "expression", f"expected one of {', '.join(search_space.SIGNATURES)}, got {parameter.type!r}", hint
    allowed = search_space.ALLOWED.get(kind)
    if allowed and parameter.type not in allowed:
        return "expression", f"{kind} sampling takes {', '.join(allowed)} only, not {parameter.type}", ""
    choice = parameter.type == "choice"
    wrong = search_space.choice(parameter, values, kind) if choice else search_space.numbers(parameter, values)
    return "values" if wrong else "", wrong, ""
