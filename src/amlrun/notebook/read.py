"""Open a notebook, or say what is wrong with it. The file is never written."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

from amlrun.dataclass import dataclass, field
from amlrun.errors import AmlError, os_error

LEFT_OUT_TAGS = ("skip", "exploration")


@dataclass
class Cell:
    """`number` counts all cells from 1, as they lie in the file; `count` is Jupyter's, of the last run."""

    number: int
    kind: str
    source: str
    tags: list[str] = field(default_factory=list)
    count: int | None = None


def load(path: Path) -> Any:
    """The notebook at `path`, or the script with cells, as a checked nbformat 4 node.

    Raises `AmlError` for a file that is missing, empty, no notebook, of nbformat 3 or older, not Python's, or
    without code.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise AmlError("there is no such notebook", file=path, hint="Give the path of an .ipynb file.") from None
    except IsADirectoryError:
        raise AmlError("this is a folder", file=path, hint="Give the path of an .ipynb file.") from None
    except UnicodeDecodeError as error:
        raise AmlError("this is not a notebook: it is not UTF-8 text", file=path) from error
    except OSError as error:
        raise os_error(error, f"read {path}") from error
    if path.suffix == ".py":
        from amlrun.notebook import script_cells

        return checked(script_cells.read(text, path), path)
    if not text.strip():
        raise AmlError("the notebook is empty", file=path, hint="Save it in Jupyter, then convert it again.")
    try:
        raw = json.loads(text)
    except RecursionError:
        raise AmlError("this is not a notebook: its JSON is nested too deeply", file=path) from None
    except json.JSONDecodeError as error:
        conflict = "<<<<<<<" in text and ">>>>>>>" in text
        hint = "It holds merge-conflict marks: settle them first." if conflict else "Open and save it in Jupyter."
        hint = "It is a web page: download the raw file." if text.lstrip().startswith("<!") else hint
        hint = "It is a Git LFS pointer: git lfs pull" if text.startswith("version https://git-lfs") else hint
        raise AmlError(f"this is not a notebook: {error.msg}", file=path, line=error.lineno, hint=hint) from None
    return checked(raw, path)


def checked(raw: Any, path: Path | None) -> Any:
    """`raw`, a notebook's JSON, as an nbformat 4 node; the checks of `load` after its JSON was read."""
    import nbformat

    if not isinstance(raw, dict) or not isinstance(raw.get("nbformat"), int):
        raise AmlError("this is JSON, but not a notebook: it has no nbformat", file=path)
    if raw["nbformat"] < 4:
        raise AmlError(
            f"nbformat {raw['nbformat']} is too old",
            file=path,
            field="nbformat",
            hint="Convert it first: jupyter nbconvert --to notebook --nbformat 4 FILE",
        )
    if raw["nbformat"] > nbformat.current_nbformat:
        raise AmlError(f"nbformat {raw['nbformat']} is newer than this tool knows", file=path, field="nbformat")
    try:
        node = nbformat.from_dict(raw)
        if "name" not in node.get("metadata", {}).get("kernelspec", {"name": ""}):
            del node.metadata["kernelspec"]  # says nothing, and nbformat refuses it
        node = nbformat.convert(node, nbformat.current_nbformat)
        for cell in node.cells:
            if isinstance(cell.get("source"), list):
                cell["source"] = "".join(cell["source"])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a missing cell id is mended, and nobody needs to know
            _, node = nbformat.validator.normalize(node)
            nbformat.validate(node, relax_add_props=True)
    except Exception as error:  # nbformat raises its own, jsonschema's, KeyError and AttributeError for bad shapes
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise AmlError(f"the notebook is damaged: {reason}", file=path, hint="Open and save it in Jupyter.") from None
    _check_kernel(node, path)
    if not any(cell.cell_type == "code" and cell.source.strip() for cell in node.cells):
        raise AmlError("the notebook has no code cell", file=path, hint="There is nothing to convert.")
    return node


def _check_kernel(node: Any, path: Path | None) -> None:
    kernel = node.metadata.get("kernelspec", {})
    language = node.metadata.get("language_info", {}).get("name") or kernel.get("language") or "python"
    if str(language).lower() not in ("python", "ipython", "python3"):
        raise AmlError(
            f"the notebook's kernel is {kernel.get('display_name') or language}, and only Python can be converted",
            file=path,
            field="kernelspec",
        )


def cells(node: Any) -> list[Cell]:
    """The notebook's cells, with line ends made plain."""
    found = []
    for number, cell in enumerate(node.cells, 1):
        source = str(cell.source).replace("\r\n", "\n").replace("\r", "\n")
        tags = [str(tag) for tag in cell.metadata.get("tags", []) or []]
        found.append(Cell(number, cell.cell_type, source, tags, cell.get("execution_count")))
    return found
