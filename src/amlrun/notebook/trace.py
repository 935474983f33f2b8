"""What the converted script tells about its model without being run: the rows it is fitted with, and its file.

The script's text is followed statement by statement, over two rows of the CSV file that it reads. What cannot be
followed is unknown, and never guessed: only a column's value is, where just its name is known.
"""

from __future__ import annotations

import ast
import csv
import posixpath
from pathlib import Path
from typing import Any

from amlrun.dataclass import dataclass, field
from amlrun.notebook.trace_values import (
    OPERATORS,
    ROWS,
    UNKNOWN,
    Frame,
    Series,
    applied,
    as_function,
    cell,
    each,
    like,
    scalar,
)

_SAME = {
    "copy", "dropna", "reset_index", "sort_values", "sort_index", "sample", "head", "tail", "query", "drop_duplicates",
    "fillna", "infer_objects", "convert_dtypes", "interpolate", "ffill", "bfill", "replace", "astype",
}  # fmt: skip
_TEXT = {"strip", "lstrip", "rstrip", "title", "lower", "upper", "capitalize"}


@dataclass
class Trace:
    """`inputs` is what the model was fitted with; `file` where the script saves it; `reads` how it reads its CSV."""

    inputs: Frame | Series | None = None
    file: str | None = None
    reads: dict[str, Any] = field(default_factory=dict)
    tables: dict[str, Series] = field(default_factory=dict)  # the columns that were ever seen
    read: list[Frame] = field(default_factory=list)  # the tables as their files have them


def follow(text: str, options: dict[str, Any], folder: Path, model: str | None, bundled: str | None = None) -> Trace:
    """Follow the script `text`, which lies in `folder`; `options` are the defaults of its options by attribute.

    `bundled` prepares the rows within what is saved, so that the model is fitted with what it is given.
    """
    walk = _Walk(options, folder, model, bundled)
    walk.block(ast.parse(text).body)
    return walk.known


class _Walk:
    def __init__(self, options: dict[str, Any], folder: Path, model: str | None, bundled: str | None) -> None:
        self.options, self.folder, self.model, self.bundled = options, folder, model, bundled
        self.names: dict[str, Any] = {}
        self.functions: dict[str, ast.FunctionDef] = {}
        self.known = Trace()
        self.depth = 0

    def block(self, body: list[ast.stmt]) -> Any:
        for node in body:
            if isinstance(node, ast.FunctionDef):
                self.functions[node.name] = node
            elif isinstance(node, ast.Return):
                return self.value(node.value) if node.value is not None else None
            elif isinstance(node, ast.Assign):
                if isinstance(node.value, ast.Lambda) and isinstance(node.targets[0], ast.Name):
                    self.functions[node.targets[0].id] = as_function(node.value)
                value = self.value(node.value)
                for target in node.targets:
                    self.bind(target, value)
            elif isinstance(node, ast.Expr):
                self.value(node.value)
            elif isinstance(node, ast.With):
                for item in node.items:
                    value = self.value(item.context_expr)
                    if item.optional_vars is not None:
                        self.bind(item.optional_vars, value)
                self.block(node.body)
            elif isinstance(node, ast.If | ast.For | ast.While | ast.Try):
                turns = self.value(node.iter) if isinstance(node, ast.For) else UNKNOWN
                for one in turns if isinstance(turns, list) and 0 < len(turns) < 100 else [UNKNOWN]:
                    if isinstance(node, ast.For):
                        self.bind(node.target, one)
                    self.block(node.body)
        return None

    def bind(self, target: ast.expr, value: Any) -> None:
        if isinstance(target, ast.Name):
            self.names[target.id] = value
        elif isinstance(target, ast.Tuple | ast.List):
            values = value if isinstance(value, (tuple, list)) else []
            for number, part in enumerate(target.elts):
                self.bind(part, values[number] if number < len(values) else UNKNOWN)
        elif isinstance(target, ast.Subscript):
            owner, key = self.value(target.value), self.value(target.slice)
            if isinstance(owner, Frame) and isinstance(key, str):
                owner.columns[key] = value if isinstance(value, Series) else Series([scalar(value)] * ROWS)

    def value(self, node: ast.expr) -> Any:
        """What `node` is, or `UNKNOWN`."""
        try:
            return self._value(node)
        except (TypeError, ValueError, KeyError, AttributeError, IndexError, ZeroDivisionError, OSError):
            return UNKNOWN

    def _value(self, node: ast.expr) -> Any:
        if isinstance(node, ast.Constant):
            return node.value
        if isinstance(node, ast.Name):
            return self.names.get(node.id, UNKNOWN)
        if isinstance(node, ast.List | ast.Tuple):
            return [self.value(part) for part in node.elts]
        if isinstance(node, ast.Dict):
            return {self.value(key): self.value(part) for key, part in zip(node.keys, node.values) if key is not None}
        if isinstance(node, ast.JoinedStr):
            parts = [self.value(p.value if isinstance(p, ast.FormattedValue) else p) for p in node.values]
            return UNKNOWN if UNKNOWN in parts else "".join(map(str, parts))
        if isinstance(node, ast.Attribute):
            return self._attribute(node)
        if isinstance(node, ast.Subscript):
            return self._subscript(self.value(node.value), node.slice)
        if isinstance(node, ast.BinOp):
            return self._operation(type(node.op), self.value(node.left), self.value(node.right))
        if isinstance(node, ast.Compare) and len(node.ops) == 1:
            return self._operation(type(node.ops[0]), self.value(node.left), self.value(node.comparators[0]))
        return self._call(node) if isinstance(node, ast.Call) else UNKNOWN

    def _attribute(self, node: ast.Attribute) -> Any:
        if isinstance(node.value, ast.Name) and node.value.id.rstrip("_") == "args":
            return self.options.get(node.attr, UNKNOWN)
        if isinstance(node.value, ast.Attribute) and node.value.attr == "dt":
            return Series([UNKNOWN] * ROWS)
        owner = self.value(node.value)
        if isinstance(owner, Frame):
            if node.attr == "values":
                return like(owner, owner.columns, plain=True)
            return list(owner.columns) if node.attr == "columns" else owner.columns.get(node.attr, UNKNOWN)
        return owner if node.attr == "T" or (isinstance(owner, Series) and node.attr in ("str", "values")) else UNKNOWN

    def _subscript(self, owner: Any, index: ast.expr) -> Any:
        key = self.value(index)
        if isinstance(owner, Frame):
            if isinstance(key, str):
                return owner.columns[key]
            if isinstance(key, list) and all(isinstance(name, str) for name in key):
                return like(owner, {name: owner.columns[name] for name in key})
            return like(owner, owner.columns) if isinstance(key, Series) else UNKNOWN
        return owner[key] if isinstance(owner, (dict, list)) else UNKNOWN

    def _operation(self, kind: type[ast.AST], left: Any, right: Any) -> Any:
        if isinstance(left, Series) or isinstance(right, Series):
            pairs = zip(*(side.values if isinstance(side, Series) else [side] * ROWS for side in (left, right)))
            return Series([applied(OPERATORS.get(kind), one, other) for one, other in pairs])
        if UNKNOWN in (left, right) or isinstance(left, Frame) or isinstance(right, Frame):
            return UNKNOWN
        return (
            posixpath.join(left, right) if kind is ast.Div and isinstance(left, str) else OPERATORS[kind](left, right)
        )

    def _call(self, node: ast.Call) -> Any:
        func = node.func
        name = func.id if isinstance(func, ast.Name) else func.attr if isinstance(func, ast.Attribute) else ""
        words = {word.arg: self.value(word.value) for word in node.keywords if word.arg}
        given = [self.value(part) for part in node.args]
        if name == "read_csv":
            return self._read(given[0], words)
        if name in ("fit", "fit_transform") and isinstance(func, ast.Attribute):
            self.value(func.value)
            inputs = words.get("X", given[0] if given else UNKNOWN)
            if name == "fit" and isinstance(inputs, (Frame, Series)):
                self.known.inputs = inputs
                for table in self.names.values():
                    self.known.tables.update(table.columns if isinstance(table, Frame) else {})
            held = isinstance(func.value, ast.Name) and func.value.id == self.bundled
            return inputs if name == "fit_transform" and held else UNKNOWN
        if name == "save" and isinstance(func, ast.Attribute) and ast.unparse(func.value) == self.model and given:
            self.known.file = given[0] if isinstance(given[0], str) else self.known.file
            return UNKNOWN
        if name == "dump" and self.model in {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}:
            place = next((one for one in [*given[1:], *words.values()] if isinstance(one, str)), None)
            self.known.file = place or self.known.file
            return UNKNOWN
        if name == "open" and given:
            return given[0]
        if name in ("Path", "str", "fspath"):
            return given[0] if len(given) == 1 else posixpath.join(*given)
        if name in ("join", "data_file") and all(isinstance(part, str) for part in given):
            inside = name == "join" or (self.folder / given[0]).is_dir()
            return posixpath.join(*given) if inside else given[0]
        if name == "get_dummies" and given and isinstance(given[0], Frame):
            return Frame(dict(given[0].columns), spread=True)
        if name == "train_test_split":
            return [part for part in given for _ in range(2)]
        if name in ("list", "to_datetime", "to_numeric", "sorted") and given:
            return given[0]
        if isinstance(func, ast.Name) and name in self.functions and self.depth < 5:
            return self._own(self.functions[name], given, words)
        if isinstance(func, ast.Attribute):
            if isinstance(func.value, ast.Attribute) and func.value.attr == "str" and name in _TEXT:
                return each(self.value(func.value), lambda text: getattr(str(text), name)())
            return self._method(self.value(func.value), name, given, words, node)
        return UNKNOWN

    def _method(self, owner: Any, name: str, given: list[Any], words: dict[str, Any], node: ast.Call) -> Any:
        if isinstance(owner, Series):
            if name == "map" and given and isinstance(given[0], dict):
                return each(owner, lambda value: given[0].get(value, UNKNOWN))
            if name == "astype" and node.args and ast.unparse(node.args[0]).strip("'\"") in ("int", "float", "str"):
                return each(owner, {"int": int, "float": float, "str": str}[ast.unparse(node.args[0]).strip("'\"")])
            if name in _SAME or name in ("to_frame", "to_numpy"):
                return owner
            return Series([UNKNOWN] * ROWS) if name in ("apply", "map", "clip", "round") else UNKNOWN
        if not isinstance(owner, Frame):
            return UNKNOWN
        if name in ("drop", "pop"):
            gone = words.get("columns", words.get("labels", given[0] if given else []))
            gone = [gone] if isinstance(gone, str) else gone
            rest = {key: part for key, part in owner.columns.items() if key not in gone}
            if name == "pop" or words.get("inplace"):
                taken = owner.columns.get(gone[0], UNKNOWN) if gone else UNKNOWN
                owner.columns = rest
                return taken
            return like(owner, rest)
        if name == "rename" and isinstance(words.get("columns"), dict):
            renamed = {words["columns"].get(key, key): part for key, part in owner.columns.items()}
            if words.get("inplace"):
                owner.columns = renamed
            return like(owner, renamed)
        if name == "assign":
            made = {key: part if isinstance(part, Series) else Series([UNKNOWN] * ROWS) for key, part in words.items()}
            return like(owner, {**owner.columns, **made})
        if name == "to_numpy":
            return like(owner, owner.columns, plain=True)
        if name == "pipe" and node.args and isinstance(node.args[0], ast.Name) and self.depth < 5:
            return self._own(self.functions[node.args[0].id], [owner, *given[1:]], words)
        return like(owner, owner.columns) if name in _SAME else UNKNOWN

    def _own(self, function: ast.FunctionDef, given: list[Any], words: dict[str, Any]) -> Any:
        outer, self.names = self.names, dict(self.names)
        optional = function.args.args[len(function.args.args) - len(function.args.defaults) :]
        self.names.update(zip((one.arg for one in optional), map(self.value, function.args.defaults)))
        self.names.update(zip((one.arg for one in function.args.args), given))
        self.names.update(words)
        self.depth += 1
        try:
            return self.block(function.body)
        finally:
            self.names, self.depth = outer, self.depth - 1

    def _read(self, place: Any, words: dict[str, Any]) -> Any:
        if not isinstance(place, str) or "header" in words or "names" in words:
            return UNKNOWN
        path = self.folder / place
        separator = words.get("sep", words.get("delimiter", ","))
        self.known.reads = {"sep": separator} if separator != "," else {}
        with path.open(encoding=words.get("encoding", "utf-8-sig"), newline="") as file:
            rows = csv.reader(file, delimiter=separator)
            head = next(rows)
            some = [row for _, row in zip(range(200), rows) if len(row) == len(head)]
        chosen = ([row for row in some if all(row)] + some)[:ROWS]
        if len(chosen) < ROWS:
            return UNKNOWN
        columns = {name: Series([cell(row[at]) for row in chosen]) for at, name in enumerate(head)}
        index = words.get("index_col")
        gone = head[index] if isinstance(index, int) and not isinstance(index, bool) else index
        kept = words["usecols"] if isinstance(words.get("usecols"), list) else head
        columns = {name: part for name, part in columns.items() if name != gone and name in kept}
        self.known.read.append(Frame(dict(columns)))
        return Frame(columns)
