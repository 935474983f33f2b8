"""A script's arguments, and the `data` sections of what stands in them."""

from __future__ import annotations

from typing import Any

from amlrun.migrate.drivers.context import Construction
from amlrun.migrate.drivers.data import Data, data
from amlrun.migrate.drivers.signatures import bound, name_of
from amlrun.migrate.drivers.values import NOTHING, Gap, SdkObject, Text, gaps_in, known, plain
from amlrun.migrate.drivers.views import View


def arguments(done: Construction, value: Any, tree: dict[str, Any], sections: list[Data]) -> list[Any]:
    """The script's arguments; datasets become their tokens, and are added to `sections`."""
    listed = known(value)
    if isinstance(listed, str):
        return [value]
    if not isinstance(listed, (list, tuple)):
        done.gaps += gaps_in(value)
        gap = value if isinstance(value, Gap) else Gap("arguments that is not in the code", done.made.line, "arguments")
        return [Gap(gap.reason, gap.line, gap.source, NOTHING, gap.file)]
    if isinstance(value, Gap):
        done.gaps.append(value)
    words: list[Any] = []
    before = "data"
    for item in listed:
        found = data(item, before)
        if found is not None:
            sections.append(found)
            words.append(found.token)
        elif isinstance(known(item), (str, int, float, Text)) or item is None:
            words.append(_word(item))
        elif isinstance(item, Gap):
            words.append(item)
        else:
            words.append(_object(item, done))
        before = str(known(item)).lstrip("-") if isinstance(known(item), str) else "data"
    return words


def _word(item: Any) -> Any:
    if isinstance(item, bool) or item is None:
        return "" if item is None else str(item)
    return item


def _object(item: Any, done: Construction) -> Any:
    made = known(item)
    if isinstance(made, SdkObject) and name_of(made) == "PipelineParameter":
        default = bound(made).get("default_value", NOTHING)
        return default if not isinstance(default, SdkObject) else Gap("a pipeline parameter", made.line, "parameter")
    return plain(item, done.made.line)


def add_sections(tree: dict[str, Any], sections: list[Data], view: View) -> None:
    """`data`, `dataReferences` and `outputData` of what stands in the arguments, or was put there by hand."""
    for path in ("data", "data_references"):
        for value in (known(view.mapping(path)) or {}).values() if isinstance(known(view.mapping(path)), dict) else []:
            made = known(value)
            inner = made.owner if isinstance(made, SdkObject) and made.name.endswith("to_config") else made
            found = data(inner)
            if found is not None:
                sections.append(found)
    for one in sections:
        if one.kind == "reference":
            place = one.location.get("dataPath", {})
            entry = {"dataStoreName": place.get("datastoreName"), "pathOnDataStore": place.get("relativePath") or "",
                     "mode": one.mechanism, "overwrite": False}  # fmt: skip
            if one.on_compute is not None:
                entry["pathOnCompute"] = one.on_compute
            tree.setdefault("dataReferences", {})[one.name] = entry
        elif one.kind == "output":
            location: dict[str, Any] = dict(one.location)
            if one.register is not None:
                location["dataset"] = {"name": one.register}
            tree.setdefault("outputData", {})[one.name] = {
                **({"outputLocation": location} if location else {}), "mechanism": one.mechanism}  # fmt: skip
        else:
            entry = {"dataLocation": one.location, "mechanism": one.mechanism, "environmentVariableName": one.name}
            if one.on_compute is not None:
                entry["pathOnCompute"] = one.on_compute
            tree.setdefault("data", {})[one.name] = entry
