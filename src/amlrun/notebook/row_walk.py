"""A script's tables, followed statement by statement and through its own functions to where a model is fitted."""

from __future__ import annotations

import ast
from typing import Any

from amlrun.notebook import row_values
from amlrun.notebook.fitted_model import prepares
from amlrun.notebook.row_steps import Call, Step, Table, changed_names, in_place, is_plain
from amlrun.notebook.row_values import Names, OtherRowsError
from amlrun.python_source import dotted

# Methods of a table that leave its columns as they are, or take some away.
_KEEP = {
    "dropna", "drop", "copy", "reset_index", "sort_values", "sort_index", "drop_duplicates", "sample", "head", "tail",
    "query", "infer_objects", "filter",
}  # fmt: skip
# Methods that change any column by what they are given alone.
_CHANGE = {"fillna", "replace", "astype"}
_DEPTH = 5


class Walk:
    """`fitted` is the table that a model was fitted with last.

    `arguments` is the variable with the script's options, empty where the model keeps no value; `once` is fitted once.
    """

    def __init__(self, names: Names, arguments: str, once: set[str]) -> None:
        self.names, self.arguments, self.once = names, arguments, once
        self.tables: dict[str, Any] = {}
        self.fitted: Table | None = None
        self.depth = 0
        self.options: set[str] = set()

    def block(self, body: list[ast.stmt]) -> Any:
        """Follow statements; what they return."""
        for node in body:
            if isinstance(node, ast.Return):
                self._note_fits(node)
                return None if node.value is None else self.value(node.value)
            self._step(node)
        return None

    def _step(self, node: ast.stmt) -> None:
        if isinstance(node, ast.FunctionDef):
            self.names.functions[node.name] = node
        elif isinstance(node, ast.With):
            self.block(node.body)
        elif isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            value = self.value(node.value)
            self._note_fits(node)
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                self._bind(target, value, node.value, node)
        elif isinstance(node, ast.AugAssign):
            now = ast.parse(ast.unparse(node.target), mode="eval").body
            self._bind(node.target, None, ast.BinOp(now, node.op, node.value), node)
        elif isinstance(node, ast.Expr):
            self._note_fits(node)
            self._effect(node)
        elif not (isinstance(node, ast.For) and self._unrolled(node)):
            self._note_fits(node)
            self._lose_stored(node)

    def _unrolled(self, node: ast.For) -> bool:
        """`for one in ["a", "b"]:` of literals, turn by turn."""
        try:
            turns = row_values.constant(node.iter, self.names)
        except OtherRowsError:
            return False
        if not isinstance(node.target, ast.Name) or not isinstance(turns, (list, tuple)) or len(turns) > 100:
            return False
        if any(isinstance(part, ast.Break | ast.Continue) for part in ast.walk(node)):
            return False
        for one in turns:
            self.names.literals[node.target.id] = ast.parse(repr(one), mode="eval").body
            self.block(node.body)
        return True

    def _lose_stored(self, node: ast.AST) -> None:
        """A statement that is not followed: each table that it changes may have any columns after it."""
        for name in changed_names(node):
            if isinstance(self.tables.get(name), Table):
                self.tables[name].lose([""], node)
            self.names.literals.pop(name, None)

    def _bind(self, target: ast.expr, value: Any, node: ast.expr, statement: ast.stmt) -> None:
        if isinstance(target, ast.Subscript | ast.Attribute):
            self._store(target, node, statement)
        elif isinstance(target, ast.Tuple | ast.List):
            alike = isinstance(node, ast.Tuple | ast.List) and len(node.elts) == len(target.elts)
            for at, one in enumerate(target.elts):
                known = value[at] if isinstance(value, list) and at < len(value) else None
                part = node.elts[at] if alike and isinstance(node, ast.Tuple | ast.List) else node
                self._bind(one, known, part if alike else ast.Name("", ast.Load()), statement)
        elif isinstance(target, ast.Name):
            self.tables.pop(target.id, None)
            self.names.literals.pop(target.id, None)
            self.names.options.discard(target.id)
            if self._is_kept(target.id, node):
                self.names.options.add(target.id)
                self.options.add(target.id)
            elif value is not None:
                self.tables[target.id] = value
            elif isinstance(node, ast.Lambda) or row_values.is_literal(node):
                self.names.literals[target.id] = node

    def _is_kept(self, name: str, node: ast.expr) -> bool:
        """Whether the model can keep this value: an option's, or a preparation that learns once."""
        option = isinstance(node, ast.Attribute) and ast.unparse(node.value) == self.arguments
        return option or (name in self.once and isinstance(node, ast.Call) and prepares(dotted(node.func)))

    def _same(self, table: Table) -> set[str]:
        return {name for name, one in self.tables.items() if one is table}

    def _store(self, target: ast.expr, value: ast.expr, statement: ast.stmt) -> None:
        """`df["a"] = …`, `df[["a", "b"]] = …`, `df.loc[rows, "a"] = …`; anything else may change any column."""
        owner = target.value if isinstance(target, ast.Subscript) else None
        place = owner.value if isinstance(owner, ast.Attribute) and owner.attr == "loc" else None
        known = place if place is not None else owner
        table = self.tables.get(known.id) if isinstance(known, ast.Name) else None
        if not isinstance(table, Table) or not isinstance(target, ast.Subscript):
            self._lose_stored(statement)
            return
        same, columns = self._same(table), [""]
        try:
            key = target.slice
            if place is not None:
                if not isinstance(key, ast.Tuple) or len(key.elts) != 2:
                    raise OtherRowsError
                where, key = row_values.of(key.elts[0], same, self.names), key.elts[1]
            name = row_values.constant(key, self.names)
            columns = row_values.columns_of(name)
            made = row_values.of(value, same, self.names)
            if place is None:
                step = Step(f"rows[{name!r}] = {ast.unparse(made.node)}", set(columns), made.reads, made.uses)
            else:
                line = f"rows.loc[{ast.unparse(where.node)}, {name!r}] = {ast.unparse(made.node)}"
                reads = made.reads | where.reads | set(columns)
                step = Step(line, set(columns), reads, made.uses | where.uses)
            table.add(step)
        except OtherRowsError:
            table.lose(columns, statement)

    def _effect(self, node: ast.Expr) -> None:
        """A call for its effect: a change in place, or a function of the script that changes its table."""
        call = node.value
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute) or not in_place(call):
            self.value(call)
            return
        plain = ast.Call(call.func, call.args, [word for word in call.keywords if word.arg != "inplace"])
        table = self.value(call.func.value)
        if not isinstance(table, Table):  # `df["a"].fillna(0, inplace=True)`
            self._store(call.func.value, plain, node)
            return
        new = self.value(plain)
        if isinstance(new, Table):
            table.steps, table.lost = new.steps, new.lost
        else:
            table.lose([""], node)

    def value(self, node: ast.expr) -> Any:
        """The table that `node` is, a list of such, or None."""
        if isinstance(node, ast.Name):
            return self.tables.get(node.id)
        if isinstance(node, ast.Tuple | ast.List):
            found = [self.value(part) for part in node.elts]
            return found if any(isinstance(one, (Table, list)) for one in found) else None
        if isinstance(node, ast.Subscript):
            by_place = isinstance(node.value, ast.Attribute) and node.value.attr in ("loc", "iloc")
            table = self.value(node.value.value if by_place and isinstance(node.value, ast.Attribute) else node.value)
            key = self.names.literals.get(node.slice.id) if isinstance(node.slice, ast.Name) else node.slice
            column = isinstance(key, ast.Constant) and not by_place
            return table.fork() if isinstance(table, Table) and not column else None
        return self._called(node) if isinstance(node, ast.Call) else None

    def _called(self, node: ast.Call) -> Any:
        func = node.func
        name = func.attr if isinstance(func, ast.Attribute) else func.id if isinstance(func, ast.Name) else ""
        if name == "read_csv":
            return self._read(node)
        if name == "fit_transform" and node.args:  # of what is saved with the model, so that rows are what it is given
            return self.value(node.args[0])
        if name == "train_test_split":
            return [table for part in node.args for table in [self.value(part)] * 2]
        if isinstance(func, ast.Name) and name in self.names.functions:
            return self._noted(name, [*map(self.value, node.args)], node)
        table = self.value(node.args[0]) if node.args else None
        if name == "get_dummies" and isinstance(table, Table):
            # The columns of each value are put in order by the model's own list, so that none is dropped here.
            words = [word for word in node.keywords if word.arg != "drop_first"]
            line = f"rows = {ast.unparse(ast.Call(func, [ast.Name('rows'), *node.args[1:]], words))}"
            module = func.value.id if isinstance(func, ast.Attribute) and isinstance(func.value, ast.Name) else "pd"
            table = table.fork()
            table.add(Step(line, None, set(), {module}, dummies=True))
            return table
        owner = self.value(func.value) if isinstance(func, ast.Attribute) else None
        if not isinstance(owner, Table) or not isinstance(func, ast.Attribute):
            return None
        if name in _KEEP:
            return owner.fork()
        if name == "pipe" and node.args and isinstance(node.args[0], ast.Name):
            known = node.args[0].id in self.names.functions and len(node.args) == 1 and not node.keywords
            return self._noted(node.args[0].id, [owner], node) if known else None
        return self._changed(owner, name, node)

    def _changed(self, owner: Table, name: str, node: ast.Call) -> Table | None:
        """What a method that makes or changes columns hands back."""
        table, same = owner.fork(), self._same(owner)
        given = [*node.args, *(word.value for word in node.keywords)]
        try:
            if name in _CHANGE and given:
                what = row_values.constant(given[0], self.names)
                words = [
                    ast.unparse(one)
                    for one in [*node.args[1:], *node.keywords]
                    if one is not given[0] and getattr(one, "value", None) is not given[0]
                ]
                columns = set(map(str, what)) if isinstance(what, dict) and name != "replace" else None
                line = f"rows = rows.{name}({', '.join([repr(what), *words])})"
                table.add(Step(line, columns, columns or set(), set()))
            elif name == "rename" and node.keywords and node.keywords[0].arg == "columns":
                what = row_values.constant(node.keywords[0].value, self.names)
                for old, new in what.items() if isinstance(what, dict) else ():
                    pair = {old: new}
                    table.add(Step(f"rows = rows.rename(columns={pair!r})", {new}, {old}, set()))
            elif name == "assign":
                for word in node.keywords:
                    value, tables = word.value, same
                    if isinstance(value, ast.Lambda):
                        tables, value = {value.args.args[0].arg}, value.body
                    made = row_values.of(value, tables, self.names)
                    column = str(word.arg)
                    table.add(Step(f"rows[{column!r}] = {ast.unparse(made.node)}", {column}, made.reads, made.uses))
            else:
                return None
        except OtherRowsError:
            table.lose([""], node)
        return table

    def _noted(self, name: str, given: list[Any], node: ast.Call) -> Any:
        """What a function of the script hands back; one that does nothing but steps can be called as it is."""
        first = given[0] if len(given) == 1 and not node.keywords else None
        before = [*first.steps] if isinstance(first, Table) else []
        found = self._own(name, given, node)
        table = first if found is None else found
        if isinstance(first, Table) and isinstance(table, Table) and table.steps[: len(before)] == before:
            new = table.steps[len(before) :]
            if is_plain(self.names.functions[name]) and found is not None:
                call = Call(name, new)
                for step in new:
                    step.call = call
        return found

    def _own(self, name: str, given: list[Any], node: ast.Call) -> Any:
        """What a function of the script hands back of the tables that it is given."""
        function = self.names.functions[name]
        if self.depth >= _DEPTH:
            return None
        tables, literals = self.tables, self.names.literals
        parameters = [one.arg for one in function.args.args]
        words = {word.arg: word.value for word in node.keywords if word.arg}
        self.tables = {
            **tables,
            **{one: self.value(value) for one, value in words.items()},
            **dict(zip(parameters, given)),
        }
        defaults = zip(parameters[len(parameters) - len(function.args.defaults) :], function.args.defaults)
        values = {**dict(defaults), **dict(zip(parameters, node.args)), **words}
        self.names.literals = {one: value for one, value in literals.items() if one not in parameters}
        for one, value in values.items():
            value = literals.get(value.id, value) if isinstance(value, ast.Name) else value
            option = isinstance(value, ast.Name) and value.id in self.names.options
            if option or isinstance(value, ast.Lambda) or row_values.is_literal(value):
                self.names.literals[one] = value
        self.depth += 1
        found = self.block(function.body)
        self.depth -= 1
        self.tables, self.names.literals = tables, literals
        return found

    def _read(self, node: ast.Call) -> Table:
        table = Table()
        for word in node.keywords:
            if word.arg == "parse_dates":
                try:
                    dates = row_values.columns_of(row_values.constant(word.value, self.names))
                except OtherRowsError:
                    continue
                for one in dates:
                    table.add(Step(f"rows[{one!r}] = pd.to_datetime(rows[{one!r}])", {one}, {one}, {"pd"}))
        return table

    def _note_fits(self, node: ast.AST) -> None:
        for part in ast.walk(node):
            if isinstance(part, ast.Call) and isinstance(part.func, ast.Attribute) and part.func.attr == "fit":
                given = part.args[0] if part.args else next((w.value for w in part.keywords if w.arg == "X"), None)
                table = self.value(given) if given is not None else None
                self.fitted = table.fork() if isinstance(table, Table) else self.fitted
