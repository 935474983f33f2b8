"""Which calls read, write or ask about a file, the notebook's own functions included."""

from __future__ import annotations

import ast

from amlrun.notebook.statements import Notebook
from amlrun.python_source import argument, dotted, places_of, root

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
    "makedirs", "mkdir", "export_graphviz", "export", "ExcelWriter", "ModelCheckpoint", "CSVLogger", "save_checkpoint",
}  # fmt: skip
_QUESTIONS = {"exists", "isfile", "isdir", "is_file", "is_dir", "getsize"}
_METHODS_ON_PATH = {
    "read_text", "read_bytes", "iterdir", "rglob", "write_text", "write_bytes", "mkdir", "glob", "open", "exists",
    "is_file", "is_dir",
}  # fmt: skip
_FILE_WORDS = (
    "filepath_or_buffer", "path_or_buf", "path", "filename", "file", "fname", "io", "source", "directory", "fp",
    "excel_writer", "f", "filepath", "database",
)  # fmt: skip
JOINERS = {"os.path.join", "path.join", "Path", "PurePath", "pathlib.Path"}


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
    if last == "connect" and owner.split(".")[0] in ("sqlite3", "duckdb"):
        return "read", first
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
    if name.endswith("onnx.export"):
        return "write", call.args[2] if len(call.args) > 2 else words.get("f")
    if last == "imwrite" or last in _WRITES:
        return "write", first
    return "ask", None


def _mode(mode: ast.expr | None) -> str:
    if mode is None:
        return "read"
    text = mode.value if isinstance(mode, ast.Constant) else None
    return "read" if isinstance(text, str) and not set(text) & set("wax+") else "write"


def readers(notebook: Notebook, modules: dict[str, str]) -> dict[str, tuple[str, str, int]]:
    """The notebook's functions that are given a path: what they do with it, the parameter's name and its place."""
    found = {}
    for statement in notebook.body:
        node = statement.node
        if not isinstance(node, ast.FunctionDef):
            continue
        names = [one.arg for one in places_of(node)]
        for call in ast.walk(node):
            kind, value = file_of(call, modules) if isinstance(call, ast.Call) else ("ask", None)
            if value is not None and kind != "ask" and (name := _first_name(value)) in names:
                found[node.name] = (kind, str(name), names.index(str(name)))
    return found


def given(call: ast.Call, functions: dict[str, tuple[str, str, int]]) -> tuple[str, ast.expr | None]:
    """The path that a call hands to one of `readers`."""
    if not isinstance(call.func, ast.Name) or call.func.id not in functions:
        return "ask", None
    kind, word, at = functions[call.func.id]
    return kind, argument(call, word, at)


def defaults(node: ast.stmt, functions: dict[str, tuple[str, str, int]]) -> list[tuple[str, ast.expr]]:
    """The default of such a function's parameter."""
    if not isinstance(node, ast.FunctionDef) or node.name not in functions:
        return []
    kind, _, at = functions[node.name]
    at -= len(places_of(node)) - len(node.args.defaults)
    return [(kind, node.args.defaults[at])] if at >= 0 else []


def _first_name(node: ast.expr) -> str | None:
    """The name that the path `node` begins with, through Path, os.path.join, `/`, `+` and f-strings."""
    while not isinstance(node, ast.Name):
        if isinstance(node, ast.BinOp):
            node = node.left
        elif isinstance(node, ast.Call) and node.args and dotted(node.func) in (*JOINERS, "str"):
            node = node.args[0]
        elif isinstance(node, ast.JoinedStr) and node.values and isinstance(node.values[0], ast.FormattedValue):
            node = node.values[0].value
        else:
            return None
    return node.id
