"""Which calls read, write or ask about a file, and the string literal that its path starts with."""

from __future__ import annotations

import ast
import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath

from runner.notebook.source import dotted, in_f_strings, root
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
_HERE = {"Path.cwd", "pathlib.Path.cwd", "os.getcwd"}
_JOINERS = {"os.path.join", "path.join", "Path", "PurePath", "pathlib.Path"}


@dataclass
class Place:
    """The string literal that a path starts with; `path` is that literal, `rest` what is joined to it."""

    statement: Statement
    node: ast.expr
    path: str
    rest: str = ""
    variable: str | None = None  # the literal is assigned to this name
    unknown: bool = False  # more follows that only a run can tell
    use: ast.expr | None = None  # the whole expression that the call is given
    of: Statement | None = None  # the statement of that call
    maker: str = ""  # `Path` or `pathlib.Path` when `node` is made by it, and not text

    @property
    def whole(self) -> str:
        """As much of the path as is known."""
        return plain(posixpath.join(plain(self.path), self.rest))

    def spelt(self, text: str) -> str:
        """`text`, code for a path as text, as what `node` was."""
        return f"{self.maker}({text})" if self.maker else text


def literals_of(notebook: Notebook) -> dict[str, tuple[Statement, ast.expr]]:
    found = {}
    for statement in notebook.body:
        node = statement.node
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            found[node.targets[0].id] = (statement, node.value)
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None:
            found[node.target.id] = (statement, node.value)
    times = notebook.times_bound()
    return {name: item for name, item in found.items() if times[name] == 1}


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
        names = [arg.arg for arg in [*node.args.posonlyargs, *node.args.args]]
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
    by_name = next((keyword.value for keyword in call.keywords if keyword.arg == word), None)
    return kind, by_name or (call.args[at] if len(call.args) > at else None)


def defaults(node: ast.stmt, functions: dict[str, tuple[str, str, int]]) -> list[tuple[str, ast.expr]]:
    """The default of such a function's parameter."""
    if not isinstance(node, ast.FunctionDef) or node.name not in functions:
        return []
    kind, _, at = functions[node.name]
    positional = [*node.args.posonlyargs, *node.args.args]
    at -= len(positional) - len(node.args.defaults)
    return [(kind, node.args.defaults[at])] if at >= 0 else []


def _first_name(node: ast.expr) -> str | None:
    """The name that the path `node` begins with, through Path, os.path.join, `/`, `+` and f-strings."""
    while not isinstance(node, ast.Name):
        if isinstance(node, ast.BinOp):
            node = node.left
        elif isinstance(node, ast.Call) and node.args and dotted(node.func) in (*_JOINERS, "str"):
            node = node.args[0]
        elif isinstance(node, ast.JoinedStr) and node.values and isinstance(node.values[0], ast.FormattedValue):
            node = node.values[0].value
        else:
            return None
    return node.id


def resolve(
    node: ast.expr, statement: Statement, literals: dict[str, tuple[Statement, ast.expr]], depth: int = 0
) -> Place | None:
    """The literal that the path `node` begins with, through names, Path, os.path.join, `/`, `+` and f-strings."""
    place = _begun(node, statement, literals, depth)
    if place is not None and place.rest and not place.unknown and not place.path.strip("./"):
        # Nothing but dots is no place of data: what follows belongs to it.
        made = place.maker if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div) else ""
        return Place(statement, node, place.whole, maker=made)
    return place


def _begun(
    node: ast.expr, statement: Statement, literals: dict[str, tuple[Statement, ast.expr]], depth: int
) -> Place | None:
    written = _written(node)
    if written:
        makers = [dotted(part) for part in ast.walk(node) if isinstance(part, ast.Attribute | ast.Name)]
        return Place(statement, node, written, maker=next((name for name in makers if name.endswith("Path")), ""))
    if isinstance(node, ast.Name) and node.id in literals and depth < 12:
        origin, value = literals[node.id]
        place = resolve(value, origin, literals, depth + 1)
        if place is not None:
            place.variable = place.variable or node.id
        return place
    if isinstance(node, ast.Call):
        name = dotted(node.func).rpartition(".")[2]
        if name in ("Path", "PurePath", "str", "join", "abspath", "expanduser", "resolve", "fspath"):
            owner = node.args[0] if node.args else node.func.value if isinstance(node.func, ast.Attribute) else None
            place = _begun(owner, statement, literals, depth) if owner is not None else None
            return _joined(place, node.args[1:]) if place else None
        return None
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div | ast.Add):
        place = _begun(node.left, statement, literals, depth)
        return _joined(place, [node.right], "/" if isinstance(node.op, ast.Div) else "") if place else None
    if isinstance(node, ast.JoinedStr) and node.values:
        head = node.values[0]
        if isinstance(head, ast.FormattedValue):
            place = _begun(head.value, statement, literals, depth)
            return _joined(place, list(node.values[1:]), "") if place and place.variable else None
        if isinstance(head, ast.Constant) and isinstance(head.value, str) and "/" in head.value:
            return Place(statement, node, head.value.rpartition("/")[0], unknown=True)
    return None


def _written(node: ast.expr) -> str | None:
    """The path that `node` spells when nothing in it but a run could change: `Path("..") / "data"`."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value if "\n" not in node.value else None
    if isinstance(node, ast.Attribute) and node.attr == "parent":
        inner = _written(node.value)
        return posixpath.join(inner, "..") if inner and inner.strip("./") == "" else inner and posixpath.dirname(inner)
    parts: list[str | None] = []
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
        parts = [_written(node.left), _written(node.right)]
    elif isinstance(node, ast.Call) and not node.keywords:
        name = dotted(node.func)
        if name in _HERE and not node.args:
            return "."
        if name in _JOINERS:
            parts = [_written(arg) for arg in node.args]
        elif isinstance(node.func, ast.Attribute) and node.func.attr in ("resolve", "absolute", "expanduser"):
            return _written(node.func.value)
    known = [part for part in parts if part is not None]
    return posixpath.normpath(posixpath.join(*known)) if known and len(known) == len(parts) else None


def existing(statement: Statement, base: Path, seen: set[int], variables: dict[int, str]) -> Iterator[Place]:
    """Text in `statement` that names what lies below `base`, by whatever call it is read.

    `seen` are the nodes that are spoken for, `variables` the names that a literal is assigned to.
    """
    inside = in_f_strings(statement.node)
    for node in ast.walk(statement.node):
        if not isinstance(node, ast.Constant) or not isinstance(node.value, str) or id(node) in {*seen, *inside}:
            continue
        text = node.value
        if 3 < len(text) < 200 and "\n" not in text and ("/" in text or PurePath(text).suffix) and text[0] != "/":
            there = base / plain(text)
            if there.is_file() or (there.is_dir() and plain(text).strip("./")):
                yield Place(statement, node, text, variable=variables.get(id(node)))


def _joined(place: Place, parts: list[ast.expr], slash: str = "/") -> Place:
    """`place` with `parts` behind it, as far as they are known; `slash` is what stands between them."""
    for part in parts:
        if isinstance(part, ast.Constant) and isinstance(part.value, str) and not place.unknown:
            place.rest = f"{place.rest}{slash}{part.value}".lstrip("/")
        else:
            place.unknown = True
    return place


def plain(path: str) -> str:
    path = path.replace("\\", "/") if "\\" in path and "/" not in path else path
    return posixpath.normpath(path)


def edit_f_string(place: Place, new: str) -> None:
    """Put `new` in place of the folder that the f-string begins with."""
    text = place.statement.source.slice(place.node)
    match = re.match(r"([A-Za-z]+)('{3}|\"{3}|'|\")", text)
    old = f"{place.path}/"
    if match and text[match.end() :].startswith(old):
        place.statement.edit(place.node, f"{match[0]}{new}{text[match.end() + len(old) :]}")
