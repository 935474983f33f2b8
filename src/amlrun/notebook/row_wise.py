"""The columns that a converted script changes or makes row by row before it trains: files to score need the same.

Only what gives the same for a row wherever it stands is taken: no mean of a column, no rank, nothing that other code
of the script has made. What follows from anything else is left out.
"""

from __future__ import annotations

import ast

from amlrun.dataclass import dataclass, field

# Methods of a column whose result in a row depends on that row alone; `str` and `dt` have no others.
_METHODS = {
    "fillna", "astype", "map", "replace", "clip", "round", "abs", "isna", "isnull", "notna", "notnull", "isin", "eq",
    "ne", "lt", "le", "gt", "ge", "between", "add", "sub", "mul", "div",
}  # fmt: skip
_FUNCTIONS = {
    "pandas": {"to_datetime", "to_numeric", "isna", "isnull", "notna", "notnull", "Timestamp"},
    "numpy": {"log", "log1p", "log2", "log10", "exp", "sqrt", "abs", "where", "sign", "floor", "ceil", "minimum",
              "maximum", "clip", "isnan", "sin", "cos"},
}  # fmt: skip
_CONSTANTS = {"pandas": {"NA", "NaT"}, "numpy": {"nan", "inf", "pi", "e"}}
# Methods of a table that leave the columns as they are, or take some away.
_KEEP_ROWS = {"dropna", "drop", "copy", "reset_index", "sort_values", "sort_index", "drop_duplicates", "sample", "head"}
_PARTS = (
    ast.Expression, ast.Constant, ast.Dict, ast.List, ast.Tuple, ast.BinOp, ast.UnaryOp, ast.Compare, ast.operator,
    ast.unaryop, ast.cmpop, ast.expr_context, ast.keyword,
)  # fmt: skip


@dataclass
class RowWise:
    """`lines` change or make columns of the table `rows`; they read the columns `needs`. `imports` are theirs."""

    lines: list[str] = field(default_factory=list)
    needs: list[str] = field(default_factory=list)
    imports: list[str] = field(default_factory=list)


def of_script(script: str, wanted: list[str]) -> RowWise:
    """What of a converted script makes the columns `wanted` of those in its table, up to where it splits or fits."""
    tree = ast.parse(script)
    body = next((node.body for node in tree.body if isinstance(node, ast.If)), [])
    walk = _Walk(_modules(tree))
    for node in body:
        if not walk.step(node):
            break
    return walk.chosen(wanted)


def _modules(tree: ast.Module) -> dict[str, str]:
    """The names by which the script knows pandas and NumPy."""
    aliases = [alias for node in tree.body if isinstance(node, ast.Import) for alias in node.names]
    return {alias.asname or alias.name: alias.name for alias in aliases if alias.name in _FUNCTIONS}


class _Walk:
    def __init__(self, modules: dict[str, str]) -> None:
        self.modules = modules
        self.frame = ""
        self.made: list[tuple[str, ast.expr, set[str]]] = []
        self.spoilt: set[str] = set()

    def step(self, node: ast.stmt) -> bool:
        """Take in one statement; False once nothing after it is for all rows."""
        if not isinstance(node, ast.Assign) or len(node.targets) != 1:
            return not self._trains(node) and not self._changes_in_place(node)
        target, value = node.targets[0], node.value
        if isinstance(target, ast.Name) and _called(value) == "read_csv":
            fresh, self.frame = not self.frame, target.id
            return fresh
        column = self._column_of(target)
        if column is not None:
            self._column(column, value)
            return True
        if isinstance(target, ast.Name) and target.id == self.frame:
            return _called(value) in _KEEP_ROWS or (isinstance(value, ast.Subscript) and self._is_table(value.value))
        return not self._trains(node) and not self._changes_in_place(node)

    def chosen(self, wanted: list[str]) -> RowWise:
        """The statements that lead to the columns `wanted`."""
        needed, kept = set(wanted), []
        for column, value, reads in reversed(self.made):
            if column in needed:
                kept.append((column, value, reads))
                needed |= reads
        found, known = RowWise(), set[str]()
        for column, value, reads in reversed(kept):
            found.needs += [one for one in sorted(reads) if one not in known and one not in found.needs]
            known.add(column)
            found.lines.append(f"rows[{column!r}] = {ast.unparse(_Renamed(self.frame).visit(value))}")
        names = {part.id for _, value, _ in kept for part in ast.walk(value) if isinstance(part, ast.Name)}
        found.imports = [f"import {name} as {alias}" for alias, name in self.modules.items() if alias in names]
        return found

    def _column(self, column: str, value: ast.expr) -> None:
        reads = self._reads(value)
        if reads is None or reads & self.spoilt:
            self.spoilt.add(column)
            self.made = [one for one in self.made if one[0] != column]
            return
        if column not in reads:
            self.spoilt.discard(column)
        self.made.append((column, value, reads))

    def _reads(self, value: ast.expr) -> set[str] | None:
        """The columns that an expression reads; None when it is more than a matter of one row."""
        column = self._column_of(value)
        if column is not None:
            return {column}
        if isinstance(value, ast.Call):
            given = [*value.args, *(word.value for word in value.keywords)]
            return self._together([self._callee(value.func), *map(self._reads, given)])
        if isinstance(value, ast.Attribute):
            module = self.modules.get(value.value.id, "") if isinstance(value.value, ast.Name) else ""
            if module:
                return set() if value.attr in _CONSTANTS[module] else None
            if self._is_table(value.value):
                return {value.attr}
            owner = self._accessed(value.value)
            return None if owner is None else self._reads(owner)
        if isinstance(value, ast.Name):
            return set() if value.id in ("int", "float", "str", "bool") else None
        if not isinstance(value, _PARTS):
            return None
        return self._together([self._reads(part) for part in ast.iter_child_nodes(value) if isinstance(part, ast.expr)])

    def _callee(self, func: ast.expr) -> set[str] | None:
        if not isinstance(func, ast.Attribute):
            return None
        owner = func.value
        module = self.modules.get(owner.id, "") if isinstance(owner, ast.Name) else ""
        if module:
            return set() if func.attr in _FUNCTIONS[module] else None
        column = self._accessed(owner)
        if column is not None:
            return self._reads(column)
        return self._reads(owner) if func.attr in _METHODS else None

    def _together(self, parts: list[set[str] | None]) -> set[str] | None:
        found: set[str] = set()
        for part in parts:
            if part is None:
                return None
            found |= part
        return found

    def _accessed(self, node: ast.expr) -> ast.expr | None:
        """The column in `column.str` and `column.dt`; None for anything else."""
        named = isinstance(node, ast.Attribute) and node.attr in ("str", "dt") and not self._is_table(node.value)
        return node.value if isinstance(node, ast.Attribute) and named else None

    def _is_table(self, node: ast.AST) -> bool:
        return isinstance(node, ast.Name) and node.id == self.frame

    def _column_of(self, node: ast.expr) -> str | None:
        """The name in `df["name"]`; None for anything else."""
        if not isinstance(node, ast.Subscript) or not self._is_table(node.value):
            return None
        key = node.slice.value if isinstance(node.slice, ast.Constant) else None
        return key if isinstance(key, str) else None

    def _names_table(self, node: ast.AST) -> bool:
        return any(self._is_table(part) for part in ast.walk(node))

    def _trains(self, node: ast.AST) -> bool:
        calls = [part for part in ast.walk(node) if isinstance(part, ast.Call)]
        return any(_called(call) in ("fit", "fit_transform", "train_test_split") for call in calls)

    def _changes_in_place(self, node: ast.stmt) -> bool:
        """`df.rename(…, inplace=True)`, or a loop or branch that assigns to the table."""
        for part in ast.walk(node):
            if isinstance(part, ast.keyword) and part.arg == "inplace" and self._names_table(node):
                return not (isinstance(node, ast.Expr) and _called(node.value) in _KEEP_ROWS)
            stored = isinstance(part, ast.Subscript | ast.Attribute | ast.Name) and isinstance(part.ctx, ast.Store)
            if stored and self._names_table(part):
                return True
        return False


class _Renamed(ast.NodeTransformer):
    """The script's table as `rows`, its columns by their names in brackets."""

    def __init__(self, frame: str) -> None:
        self.frame = frame

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        if isinstance(node.value, ast.Name) and node.value.id == self.frame:
            return ast.Subscript(ast.Name("rows", ast.Load()), ast.Constant(node.attr), ast.Load())
        self.generic_visit(node)
        return node

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return ast.Name("rows", node.ctx) if node.id == self.frame else node


def _called(node: ast.AST) -> str:
    func = node.func if isinstance(node, ast.Call) else None
    return func.attr if isinstance(func, ast.Attribute) else func.id if isinstance(func, ast.Name) else ""
