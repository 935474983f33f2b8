"""Expressions whose value in a row of the table depends on that row alone: not on other rows, and not on chance."""

from __future__ import annotations

import ast
import builtins
import copy

from amlrun.dataclass import dataclass, field

# Methods of a column whose result in a row depends on that row alone; `str` and `dt` have no others.
_METHODS = {
    "fillna", "astype", "map", "apply", "replace", "clip", "round", "abs", "isna", "isnull", "notna", "notnull", "isin",
    "eq", "ne", "lt", "le", "gt", "ge", "between", "add", "sub", "mul", "div", "to_numpy", "where", "mask",
}  # fmt: skip
_FUNCTIONS = {
    "pandas": {"to_datetime", "to_numeric", "isna", "isnull", "notna", "notnull", "Timestamp", "to_timedelta"},
    "numpy": {"log", "log1p", "log2", "log10", "exp", "sqrt", "abs", "where", "sign", "floor", "ceil", "minimum",
              "maximum", "clip", "isnan", "sin", "cos", "round", "select"},
}  # fmt: skip
_CONSTANTS = {"pandas": {"NA", "NaT"}, "numpy": {"nan", "inf", "pi", "e"}}
_TYPES = {"int", "float", "str", "bool", "len", "abs", "round"}
_CHANCE = {"random", "secrets", "time", "uuid", "numpy.random"}
_PARTS = (
    ast.Constant, ast.Dict, ast.List, ast.Tuple, ast.BinOp, ast.UnaryOp, ast.Compare, ast.keyword, ast.Slice,
)  # fmt: skip
_FORBIDDEN = (ast.Global, ast.Nonlocal, ast.Await, ast.Yield, ast.YieldFrom)


class OtherRowsError(Exception):
    """An expression is more than a matter of one row."""


@dataclass
class Names:
    """What the names of a script stand for: `modules` by alias, its own `functions`, and literals or lambdas.

    `imports` are the statements that bring the names that it imports; `options` are variables that hold an option's
    value or a preparation, such as an encoder, which only a run knows.
    """

    modules: dict[str, str]
    imports: dict[str, str]
    functions: dict[str, ast.FunctionDef]
    literals: dict[str, ast.expr] = field(default_factory=dict)
    options: set[str] = field(default_factory=set)


@dataclass
class RowValue:
    """An expression over the table `rows`; `reads` are its columns, `uses` the script's modules and functions in it."""

    node: ast.expr
    reads: set[str]
    uses: set[str]


def of(value: ast.expr, tables: set[str], names: Names) -> RowValue:
    """`value`, in which each of `tables` is the table, as an expression over `rows`. Raises OtherRowsError."""
    rewriter = _Rewriter(tables, names)
    node = rewriter.part(_Spelt(value, names).visit(copy.deepcopy(value)))
    return RowValue(ast.fix_missing_locations(node), rewriter.reads, rewriter.uses)


def constant(node: ast.expr, names: Names) -> object:
    """The value of a literal, of a name for one, or of texts put together. Raises OtherRowsError."""
    if isinstance(node, ast.Name) and node.id in names.literals:
        node = names.literals[node.id]
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        parts = [constant(node.left, names), constant(node.right, names)]
        if all(isinstance(one, str) for one in parts) or all(isinstance(one, list) for one in parts):
            return parts[0] + parts[1]  # type: ignore[operator]
    if isinstance(node, ast.JoinedStr):
        parts = [constant(part.value if isinstance(part, ast.FormattedValue) else part, names) for part in node.values]
        return "".join(map(str, parts))
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError):
        raise OtherRowsError from None


def is_literal(node: ast.expr) -> bool:
    """Whether `node` is a number, a text, or a list or dict of such."""
    try:
        ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError):
        return False
    return True


def columns_of(key: object) -> list[str]:
    """The column or columns that a literal names. Raises OtherRowsError."""
    columns = [key] if isinstance(key, str) else key
    if not isinstance(columns, list) or not all(isinstance(one, str) for one in columns):
        raise OtherRowsError
    return columns


class _Spelt(ast.NodeTransformer):
    """Literals and lambdas in place of the names that stand for them."""

    def __init__(self, value: ast.expr, names: Names) -> None:
        self.literals = {name: one for name, one in names.literals.items() if name not in _bound_in(value)}

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return copy.deepcopy(self.literals.get(node.id, node))


class _Rewriter:
    def __init__(self, tables: set[str], names: Names) -> None:
        self.tables, self.names = tables, names
        self.reads: set[str] = set()
        self.uses: set[str] = set()

    def part(self, node: ast.expr) -> ast.expr:
        """`node` over `rows`; what is more than a matter of one row raises."""
        if isinstance(node, ast.Name) and node.id in _TYPES | self.names.options:
            self.uses |= {node.id} & self.names.options
            return node
        if isinstance(node, ast.Subscript):
            return self._subscript(node)
        if isinstance(node, ast.Attribute):
            return self._attribute(node)
        if isinstance(node, ast.Call):
            return self._call(node)
        if isinstance(node, ast.ListComp) and len(node.generators) == 1 and isinstance(node.elt, ast.expr):
            loop = node.generators[0]
            if loop.ifs or loop.is_async or not isinstance(loop.target, ast.Name):
                raise OtherRowsError
            loop.iter = self.part(loop.iter)
            self._free(node.elt, {loop.target.id})
            return node
        if not isinstance(node, _PARTS):
            raise OtherRowsError
        for name, old in ast.iter_fields(node):
            if isinstance(old, list):
                setattr(node, name, [self.part(one) if isinstance(one, ast.expr) else one for one in old])
            elif isinstance(old, ast.expr):
                setattr(node, name, self.part(old))
        return node

    def _is_table(self, node: ast.expr) -> bool:
        return isinstance(node, ast.Name) and node.id in self.tables

    def _subscript(self, node: ast.Subscript) -> ast.expr:
        if self._is_table(node.value):
            key = constant(node.slice, self.names)
            self.reads.update(columns_of(key))
            return ast.Subscript(ast.Name("rows", ast.Load()), ast.parse(repr(key), mode="eval").body, ast.Load())
        # `df.name.str[0]`, and a part of what `str.split` or `str.extract` gives.
        if not self._through_text(node.value):
            raise OtherRowsError
        constant(node.slice, self.names) if not isinstance(node.slice, ast.Slice) else self.part(node.slice)
        node.value = self.part(node.value) if isinstance(node.value, ast.Call) else self._accessor(node.value)
        return node

    def _through_text(self, node: ast.expr) -> bool:
        func = node.func if isinstance(node, ast.Call) else None
        owner = func.value if isinstance(func, ast.Attribute) else node
        return isinstance(owner, ast.Attribute) and owner.attr == "str"

    def _attribute(self, node: ast.Attribute) -> ast.expr:
        module = self._module(node.value)
        if module is not None:
            if node.attr not in _CONSTANTS.get(module, ()):
                raise OtherRowsError
            return node
        if self._is_table(node.value):
            self.reads.add(node.attr)
            return ast.Subscript(ast.Name("rows", ast.Load()), ast.Constant(node.attr), ast.Load())
        if node.attr == "values":
            node.value = self.part(node.value)
            return node
        node.value = self._accessor(node.value)
        return node

    def _accessor(self, node: ast.expr) -> ast.expr:
        """`column.str` and `column.dt`."""
        if not isinstance(node, ast.Attribute) or node.attr not in ("str", "dt") or self._is_table(node.value):
            raise OtherRowsError
        node.value = self.part(node.value)
        return node

    def _module(self, node: ast.expr) -> str | None:
        module = self.names.modules.get(node.id) if isinstance(node, ast.Name) else None
        if module is not None and isinstance(node, ast.Name):
            self.uses.add(node.id)
        return module

    def _call(self, node: ast.Call) -> ast.expr:
        func = node.func
        if isinstance(func, ast.Name) and func.id in self.names.functions and node.args:
            raise OtherRowsError  # what it does with a whole column is not known
        if isinstance(func, ast.Name) and func.id in ("list", "round", "abs"):
            return self._arguments(node)
        if not isinstance(func, ast.Attribute):
            raise OtherRowsError
        learnt = isinstance(func.value, ast.Name) and func.value.id in self.names.options
        if learnt and func.attr in ("transform", "fit_transform") and len(node.args) == 1 and not node.keywords:
            func.value, func.attr = self.part(func.value), "transform"
            return self._arguments(node)
        module = self._module(func.value)
        if module is not None:
            if module == "pandas" and func.attr == "cut":
                edges = [*node.args[1:2], *(word.value for word in node.keywords if word.arg == "bins")]
                if not edges or not isinstance(constant(edges[0], self.names), list):
                    raise OtherRowsError  # a number of bins is counted between the least and the greatest of all rows
            elif func.attr not in _FUNCTIONS.get(module, ()):
                raise OtherRowsError
            return self._arguments(node)
        if func.attr in ("apply", "map") and node.args and self._is_function(node.args[0]):
            return self._applied(node, func)
        if isinstance(func.value, ast.Attribute) and func.value.attr in ("str", "dt"):
            func.value = self._accessor(func.value)
        elif func.attr in _METHODS and not self._is_table(func.value):
            func.value = self.part(func.value)
        else:
            raise OtherRowsError
        return self._arguments(node)

    def _arguments(self, node: ast.Call) -> ast.Call:
        node.args = [self.part(one) for one in node.args]
        for word in node.keywords:
            word.value = self.part(word.value)
        return node

    def _is_function(self, node: ast.expr) -> bool:
        return isinstance(node, ast.Lambda) or (isinstance(node, ast.Name) and node.id in self.names.functions)

    def _applied(self, node: ast.Call, func: ast.Attribute) -> ast.Call:
        """`column.apply(f)`, and `df.apply(f, axis=1)` where the columns that `f` reads can be told."""
        words = {word.arg: ast.unparse(word.value) for word in node.keywords}
        if self._is_table(func.value):
            if words not in ({"axis": "1"}, {"axis": "'columns'"}) or len(node.args) != 1:
                raise OtherRowsError
            self.reads |= self._columns_of(node.args[0])
            func.value = ast.Name("rows", ast.Load())
        elif words or len(node.args) != 1:
            raise OtherRowsError
        else:
            func.value = self.part(func.value)
        given = node.args[0]
        if isinstance(given, ast.Lambda):
            self._free(given.body, {one.arg for one in given.args.args})
        elif isinstance(given, ast.Name):
            self._own(given.id)
        return node

    def _columns_of(self, node: ast.expr) -> set[str]:
        """The columns that a function of a row reads: `row["a"]`, `row.a`, and nothing else of `row`."""
        known = self.names.functions.get(node.id) if isinstance(node, ast.Name) else node
        if not isinstance(known, ast.FunctionDef | ast.Lambda) or len(known.args.args) != 1:
            raise OtherRowsError
        row, found, uses = known.args.args[0].arg, set[str](), 0
        for part in ast.walk(known):
            if isinstance(part, ast.Call) and isinstance(part.func, ast.Attribute):
                uses -= isinstance(part.func.value, ast.Name) and part.func.value.id == row  # `row.sum()`
            if isinstance(part, ast.Subscript) and isinstance(part.value, ast.Name) and part.value.id == row:
                key = constant(part.slice, self.names)
                found |= set(map(str, key)) if isinstance(key, (list, tuple)) else {str(key)}
                uses += 1
            elif isinstance(part, ast.Attribute) and isinstance(part.value, ast.Name) and part.value.id == row:
                found.add(part.attr)
                uses += 1
            elif isinstance(part, ast.Name) and part.id == row:
                uses -= 1
        if uses:
            raise OtherRowsError
        return found

    def _own(self, name: str) -> None:
        """A function of the script, applied to each value: what it does with one is its own affair."""
        if any(isinstance(part, _FORBIDDEN) for part in ast.walk(self.names.functions[name])):
            raise OtherRowsError
        self.uses.add(name)

    def _free(self, body: ast.expr, bound: set[str]) -> None:
        """See that `body` needs nothing but `bound`, modules, built-in functions and the script's own."""
        inner = _bound_in(body)
        for part in ast.walk(body):
            if not isinstance(part, ast.Name) or part.id in bound | inner:
                continue
            if part.id in self.names.functions:
                self._own(part.id)
            elif part.id in self.names.options or (
                part.id in self.names.imports and self.names.imports[part.id].split()[1] not in _CHANCE
            ):
                self.uses.add(part.id)
            elif part.id not in dir(builtins):
                raise OtherRowsError


def _bound_in(value: ast.expr) -> set[str]:
    """The names that lambdas and comprehensions in `value` bind."""
    parts = list(ast.walk(value))
    bound = {one.arg for part in parts if isinstance(part, ast.Lambda) for one in part.args.args}
    return bound | {part.id for part in parts if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)}
