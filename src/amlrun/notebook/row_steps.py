"""A table on its way through a script: the lines that made its columns, and what made those that no line can make."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from amlrun.dataclass import dataclass, field
from amlrun.notebook.row_values import is_literal


@dataclass(eq=False)
class Step:
    """A line that makes `columns` (any that there are, when None) of the columns `reads` of the table `rows`.

    `uses` are the script's modules and functions in it; `call` the call of the script's own function that it is from.
    """

    line: str
    columns: set[str] | None
    reads: set[str]
    uses: set[str]
    call: Call | None = None
    dummies: bool = False


@dataclass(eq=False)
class Call:
    """A call of the script's own `function` that does nothing but `steps`."""

    function: str
    steps: list[Step]


@dataclass(eq=False)
class Table:
    """`steps` made it; `lost` are the columns that something else made, with its text; "" stands for any column."""

    steps: list[Step] = field(default_factory=list)
    lost: dict[str, str] = field(default_factory=dict)

    def fork(self) -> Table:
        """The same table, which goes its own way from here."""
        return Table([*self.steps], dict(self.lost))

    def lose(self, columns: Iterable[str], node: ast.AST) -> None:
        """`node` makes these columns in a way that one row does not decide."""
        for column in columns:
            self.lost[column] = ast.unparse(node).split("\n")[0]

    def add(self, step: Step) -> None:
        """Take in a line, unless it reads what is lost."""
        columns = step.columns if step.columns is not None else {""}
        reads = {one for one in step.reads if one in self.lost}
        if reads or ("" in self.lost and step.reads):
            text = self.lost[min(reads)] if reads else self.lost[""]
            self.lost.update(dict.fromkeys(columns, text))
            return
        for column in (step.columns or set()) - step.reads:
            self.lost.pop(column, None)
        self.steps.append(step)


def is_plain(function: ast.FunctionDef) -> bool:
    """Whether a function needs no column but those of its steps, and hands its table back whole."""
    if len(function.args.args) != 1:
        return False
    for node in function.body:
        if isinstance(node, ast.Assign):
            target, value = node.targets[0], node.value
            copied = isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) and value.func.attr == "copy"
            if not (isinstance(target, ast.Subscript) or copied or is_literal(value)):
                return False
        elif isinstance(node, ast.Return):
            if not isinstance(node.value, ast.Name):
                return False
        elif not (
            isinstance(node, ast.AugAssign) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
        ):
            return False
    return True


def in_place(call: ast.Call) -> bool:
    """`df.drop(…, inplace=True)`"""
    return any(word.arg == "inplace" and ast.unparse(word.value) == "True" for word in call.keywords)


def changed_names(node: ast.AST) -> set[str]:
    """The variables that `node` sets, or changes in place or in a part."""
    found: set[str] = set()
    for part in ast.walk(node):
        owner = part.func if isinstance(part, ast.Call) and in_place(part) else part
        if isinstance(owner, ast.Subscript | ast.Attribute) and (
            owner is not part or isinstance(owner.ctx, ast.Store | ast.Del)
        ):
            found |= {one.id for one in ast.walk(owner.value) if isinstance(one, ast.Name)}
        elif isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
            found.add(part.id)
    return found
