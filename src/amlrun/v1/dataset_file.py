"""v1's dataset file (`az ml dataset register -f`, V1_CLI §7): a name, and where its files are."""

from __future__ import annotations

from pathlib import Path

from amlrun.dataclass import dataclass
from amlrun.errors import AmlError
from amlrun.spec import node
from amlrun.spec.node import Node


@dataclass(frozen=True)
class DatasetFile:
    """What of the file counts in v2, where a data asset has one path. `name` is empty when the file has none."""

    name: str
    path: str
    description: str = ""


def read(file: Path) -> DatasetFile:
    """Read the file. Raises AmlError, with file and line, for another file, and for several paths."""
    tree, _ = node.read(file)
    if tree.kind != "map" or not (tree.get("registration") or tree.get("parameters")):
        raise AmlError(
            "is not a dataset file", file=file,
            hint='Expected {"datasetType": "File", "parameters": {"path": …}, "registration": {"name": …}}.',
        )  # fmt: skip
    registration, parameters = tree.get("registration"), tree.get("parameters")
    name, description = (registration.get(key) if registration else None for key in ("name", "description"))
    texts = ["" if one is None else one.text for one in (name, description)]
    return DatasetFile(texts[0], _path(parameters, file), texts[1])


def _path(parameters: Node | None, file: Path) -> str:
    """The one path as v2 writes it: a URL, `azureml://datastores/NAME/paths/PATH`, or a path from the file's folder."""
    found = parameters.get("path") if parameters else None
    if found is None or found.empty or (found.kind == "list" and not found.items):
        query = parameters.get("query") if parameters else None
        raise AmlError(
            "an SQL query is not a v2 data asset" if query else "has no path", file=file,
            line=query.line if query else 1, field="parameters.query" if query else "parameters.path",
            hint="Export the rows to files in a datastore, and register those.",
        )  # fmt: skip
    items = found.items if found.kind == "list" else [found]
    if len(items) != 1:
        raise AmlError(
            f"names {len(items)} paths; a v2 data asset has one", file=file, line=found.line, field="parameters.path",
            hint="Name the folder that holds them, with -p PATH.",
        )  # fmt: skip
    (item,) = items
    if item.kind == "scalar":
        if "://" in item.text or item.text.startswith("azureml:"):
            return item.text
        place = file.absolute().parent / Path(item.text.removesuffix("/**")).expanduser()
        if not place.exists():
            raise AmlError(f"no such file or folder: {place}", file=file, line=item.line, field="parameters.path")
        return str(place)
    store, relative = item.get("datastoreName"), item.get("relativePath")
    if store is None or relative is None:
        raise AmlError(
            "expected a URL, or datastoreName and relativePath", file=file, line=item.line, field="parameters.path"
        )
    return f"azureml://datastores/{store.text}/paths/{relative.text.strip('/').removesuffix('/**')}"
