"""Datasets of Azure ML's SDK v1 in a notebook, as the files below `data/` that a run is given."""

from __future__ import annotations

import ast
import posixpath
import re

from amlrun.notebook.read import Cell
from amlrun.notebook.report import Report
from amlrun.python_source import argument, full_name, literal_text

_BY_NAME = ("Dataset.get_by_name", "Dataset.get_by_id")
_FROM_FILES = re.compile(
    r"(?:Tabular|File|TabularDatasetFactory|FileDatasetFactory|Dataset)\.(?:from_\w+|auto_read_files)$"
)
_OF_WORKSPACE = ("datasets", "input_datasets")
# Methods that give the same dataset, or one that pandas can narrow as well.
_SAME = {"register", "with_timestamp_columns", "as_named_input", "as_mount", "as_download", "get"}
_TABLES = {"to_pandas_dataframe"}


class Datasets:
    """Which variables hold a dataset: `known` maps each to its place (a URL, or a path below `../data/`) and rest.

    The rest is what pandas does for `keep_columns` and the like.
    """

    def __init__(self, report: Report, modules: dict[str, str]) -> None:
        self.report = report
        self.modules = modules
        self.known: dict[str, tuple[str, str]] = {}

    def named(self, value: ast.expr, names: set[str]) -> bool:
        """Whether `value` is a dataset; it is known by `names` from now on."""
        found = self._place(value, min(names))
        if found is None:
            for name in names:
                self.known.pop(name, None)
            return False
        self.known.update(dict.fromkeys(names, found))
        return True

    def read(self, part: ast.expr, cell: Cell) -> str:
        """Python for `part` when it reads a dataset: as a table, or where its files lie."""
        func = part.func if isinstance(part, ast.Call) else part
        if not isinstance(func, ast.Attribute):
            return ""
        if not isinstance(part, ast.Call):
            place = self._place(func.value) if func.attr == "mount_point" else None
            return repr(f"../data/{place[0].split('/')[0]}") if place and "://" not in place[0] else ""
        if func.attr not in _TABLES | {"download", "to_path"} or (place := self._place(func.value)) is None:
            return ""
        path, rest = place
        if func.attr not in _TABLES:
            self._ask(path, cell)
            return f'sorted(__import__("glob").glob({"../data/" + path.split("/")[0] + "/*"!r}))'
        pandas = next((key for key, module in self.modules.items() if module == "pandas"), '__import__("pandas")')
        reader = f"{pandas}.read_parquet" if path.endswith(".parquet") else f"{pandas}.read_csv"
        if "://" in path:
            return f"{reader}({path!r}){rest}"
        self._ask(path, cell)
        if "*" not in path:
            return f"{reader}({f'../data/{path}'!r}){rest}"
        return f'{pandas}.concat([{reader}(file) for file in sorted(__import__("glob").glob("../data/{path}"))]){rest}'

    def _ask(self, path: str, cell: Cell) -> None:
        folder = path.split("/")[0]
        kind = "Parquet" if path.endswith(".parquet") else "CSV"
        self.report.ask(
            f"the dataset {folder} is read as the {kind} files in data/{folder}: put them there, and name the folder "
            "in the run configuration's data",
            cell.number,
        )

    def _place(self, value: ast.expr, default: str = "dataset") -> tuple[str, str] | None:
        if isinstance(value, ast.Name):
            return self.known.get(value.id)
        if isinstance(value, ast.Subscript):
            of = isinstance(value.value, ast.Attribute) and value.value.attr in _OF_WORKSPACE
            return (_folder(literal_text(value.slice) or default), "") if of else None
        if not isinstance(value, ast.Call):
            return None
        made = full_name(value.func, self.modules)
        if made.endswith(_BY_NAME):
            return _folder(literal_text(argument(value, "name", 1)) or default), ""
        if _FROM_FILES.search(made) and made.startswith("azureml."):
            return _files(value, made, default), ""
        func = value.func
        if not isinstance(func, ast.Attribute):
            return None
        if func.attr == "get" and isinstance(func.value, ast.Attribute) and func.value.attr in _OF_WORKSPACE:
            return _folder(literal_text(argument(value, "key", 0)) or default), ""
        inner = (
            self._place(func.value, default)
            if not isinstance(func.value, ast.Name) or func.value.id in self.known
            else None
        )
        first = ast.unparse(value.args[0]) if value.args else ""
        if inner is None:
            return None
        if func.attr in _SAME or func.attr == "mount":
            return inner
        narrowed = {"keep_columns": f"[{first}]", "drop_columns": f".drop(columns={first})", "take": f".head({first})"}
        return (inner[0], inner[1] + narrowed[func.attr]) if first and func.attr in narrowed else None


def _folder(name: str) -> str:
    return f"{re.sub(r'[^A-Za-z0-9_.-]+', '-', name).strip('-.') or 'dataset'}/*.csv"


def _files(call: ast.Call, made: str, default: str) -> str:
    """`path=(store, "a/*.csv")` as `a/*.csv`; a URL as it is."""
    path = argument(call, "path", 0)
    first = next((text for part in ast.walk(path) if (text := literal_text(part))), "") if path is not None else ""
    if "://" in first:
        return first
    last = ".parquet" if "parquet" in made else ".csv"
    parts = [part for part in first.replace("\\", "/").split("/") if part not in ("", ".", "..")]
    ending = posixpath.splitext(parts[-1])[1] if parts else ""
    if not parts or (not ending and "*" not in first):
        return f"{_folder('-'.join(parts) or default)[:-4]}{last}"
    folder = re.sub(r"[*?]+", "", parts[0]).strip("-.") if len(parts) > 1 else ""
    return f"{folder or default}/{parts[-1] if ending else '*' + last}"
