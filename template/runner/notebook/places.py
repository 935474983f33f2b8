"""Which calls read, write or ask about a file, and the string literal that its path starts with."""

from __future__ import annotations

import ast
import posixpath
from dataclasses import dataclass

from runner.notebook.source import dotted, root
from runner.notebook.statements import Notebook, Statement

_READS = {
    "read_csv", "read_table", "read_parquet", "read_excel", "read_json", "read_feather", "read_pickle", "read_fwf",
    "read_hdf", "read_orc", "read_stata", "read_sas", "read_spss", "read_xml", "read_ipc", "read_ndjson", "scan_csv",
    "scan_parquet", "scan_ndjson", "scan_ipc", "ExcelFile", "HDFStore", "loadtxt", "genfromtxt",
    "fromfile", "loadmat", "load_svmlight_file", "load_files",
    "imread", "open_dataset", "open_mfdataset", "ImageFolder", "DatasetFolder", "image_dataset_from_directory",
    "flow_from_directory", "text_dataset_from_directory", "glob", "iglob", "listdir", "scandir", "walk",
    "load_from_disk", "read_text", "read_bytes", "iterdir", "rglob", "read_image", "read_file", "loadarff",
}  # fmt: skip
_LOADERS = {"numpy", "joblib", "torch", "xarray", "librosa", "cloudpickle", "soundfile", "PIL.Image", "PIL"}
_WRITES = {
    "to_csv", "to_parquet", "to_excel", "to_json", "to_pickle", "to_feather", "to_html", "to_markdown", "to_latex",
    "write_csv", "write_parquet", "savefig", "imsave", "imwrite", "savetxt", "savez", "savez_compressed", "save",
    "save_model", "save_weights", "save_pretrained", "write_html", "write_image", "write_text", "write_bytes",
    "makedirs", "mkdir", "export_graphviz", "export", "ExcelWriter",
}  # fmt: skip
_SECOND_IS_FILE = {"dump", "torch.save"}
_QUESTIONS = {"exists", "isfile", "isdir", "is_file", "is_dir", "getsize"}
_METHODS_ON_PATH = {
    "read_text",
    "read_bytes",
    "iterdir",
    "rglob",
    "write_text",
    "write_bytes",
    "mkdir",
    "glob",
    "open",
    "exists",
    "is_file",
    "is_dir",
}
_FILE_WORDS = (
    "filepath_or_buffer", "path_or_buf", "path", "filename", "file", "fname", "io", "source", "directory", "fp",
    "excel_writer", "f",
)  # fmt: skip


@dataclass
class Place:
    """The string literal that a path starts with; `path` is that literal, `rest` what is joined to it."""

    statement: Statement
    node: ast.expr
    path: str
    rest: str = ""
    variable: str | None = None  # the literal is assigned to this name
    unknown: bool = False  # more follows that only a run can tell


def literals_of(notebook: Notebook) -> dict[str, tuple[Statement, ast.expr]]:
    found = {}
    for statement in notebook.body:
        node = statement.node
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            found[node.targets[0].id] = (statement, node.value)
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None:
            found[node.target.id] = (statement, node.value)
    return {name: item for name, item in found.items() if notebook.times_bound(name) == 1}


def file_of(call: ast.Call, modules: dict[str, str]) -> tuple[str, ast.expr | None]:
    """Whether `call` reads ("read"), writes ("write") or asks about ("ask") a file, and the expression naming it."""
    name = dotted(call.func)
    last = name.rpartition(".")[2]
    owner = modules.get(root(call.func) or "", "")
    words = {keyword.arg: keyword.value for keyword in call.keywords}
    first = call.args[0] if call.args else next((words[w] for w in _FILE_WORDS if w in words), None)
    if (
        isinstance(call.func, ast.Attribute)
        and last in _METHODS_ON_PATH
        and not owner.startswith(("glob", "os", "gzip"))
    ):
        if last == "open":
            first_word = call.args[0] if call.args else words.get("mode")
            return _mode(first_word), call.func.value
        kind = "ask" if last in _QUESTIONS else "write" if last in ("write_text", "write_bytes", "mkdir") else "read"
        return kind, call.func.value
    if last == "open" and (
        name == "open" or owner.split(".")[0] in ("gzip", "bz2", "lzma", "codecs", "io", "zipfile", "tarfile")
    ):
        return _mode(call.args[1] if len(call.args) > 1 else words.get("mode")), first
    if last in ("load", "open") and owner.startswith(tuple(_LOADERS)):
        return "read", first
    if last in _QUESTIONS:
        return "ask", first
    if last in _READS:
        return "read", first
    if last == "dump" and owner.startswith(("joblib", "cloudpickle", "skops")):
        return "write", call.args[1] if len(call.args) > 1 else words.get("filename", words.get("file"))
    if last == "save" and owner.startswith("torch"):
        return "write", call.args[1] if len(call.args) > 1 else words.get("f")
    if last == "imwrite" or last in _WRITES:
        return "write", first
    return "ask", None


def _mode(mode: ast.expr | None) -> str:
    if mode is None:
        return "read"
    text = mode.value if isinstance(mode, ast.Constant) else None
    return "read" if isinstance(text, str) and not set(text) & set("wax+") else "write"


def resolve(
    node: ast.expr, statement: Statement, literals: dict[str, tuple[Statement, ast.expr]], depth: int = 0
) -> Place | None:
    """The literal that the path `node` begins with, through names, Path, os.path.join, `/`, `+` and f-strings."""
    if depth > 12:
        return None
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value and "\n" not in node.value:
        return Place(statement, node, node.value)
    if isinstance(node, ast.Name) and node.id in literals:
        origin, value = literals[node.id]
        place = resolve(value, origin, literals, depth + 1)
        if place is not None:
            place.variable = place.variable or node.id
        return place
    if isinstance(node, ast.Call):
        name = dotted(node.func).rpartition(".")[2]
        if name in ("Path", "PurePath", "str", "join", "abspath", "expanduser", "resolve", "fspath") and (
            node.args or name == "resolve"
        ):
            owner = node.args[0] if node.args else node.func.value if isinstance(node.func, ast.Attribute) else node
            place = resolve(owner, statement, literals, depth + 1)
            return _joined(place, node.args[1:]) if place else None
        return None
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div | ast.Add):
        place = resolve(node.left, statement, literals, depth + 1)
        return _joined(place, [node.right]) if place else None
    if isinstance(node, ast.JoinedStr) and node.values:
        head = node.values[0]
        if isinstance(head, ast.FormattedValue):
            place = resolve(head.value, statement, literals, depth + 1)
            return _joined(place, list(node.values[1:])) if place and place.variable else None
        if isinstance(head, ast.Constant) and isinstance(head.value, str) and "/" in head.value:
            return Place(statement, node, head.value.rpartition("/")[0], unknown=True)
    return None


def _joined(place: Place, parts: list[ast.expr]) -> Place:
    for part in parts:
        if isinstance(part, ast.Constant) and isinstance(part.value, str):
            place.rest = f"{place.rest}/{part.value.strip('/')}" if place.rest else part.value.strip("/")
        else:
            place.unknown = True
    return place


def plain(path: str) -> str:
    path = path.replace("\\", "/") if "\\" in path and "/" not in path else path
    return posixpath.normpath(path)
