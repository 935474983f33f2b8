"""The columns that a converted script changes or makes row by row before it trains: what is scored needs the same.

The script's tables are followed from where they are read, through its own functions, to what the model is fitted with.
Only what gives the same for a row wherever it stands is taken; the rest is named, so that nobody has to guess.
"""

from __future__ import annotations

import ast

from amlrun.dataclass import dataclass, field
from amlrun.notebook.row_steps import Call, Step, Table
from amlrun.notebook.row_values import Names
from amlrun.notebook.row_walk import Walk

_FITS = ("fit", "fit_transform", "partial_fit")


@dataclass
class RowWise:
    """`lines` change or make the columns `made` of the table `rows`, and read its `needs`; `imports` are theirs.

    `functions` are the script's own that the lines call; `left` are the statements that make wanted columns in a way
    that one row does not decide. `dummies`: the lines spread columns as `get_dummies` does. `options` are the script's
    variables with an option's value or a fitted preparation in them, which the model has to bring.
    """

    lines: list[str] = field(default_factory=list)
    needs: list[str] = field(default_factory=list)
    made: set[str] = field(default_factory=set)
    imports: list[str] = field(default_factory=list)
    functions: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    dummies: bool = False
    options: list[str] = field(default_factory=list)


def of_script(script: str, wanted: list[str], importable: set[str] | None = None, arguments: str = "") -> RowWise:
    """What of a converted script makes the columns `wanted`, which its model is fitted with, of the table it reads.

    Its own functions are called where they are `importable`; by default all are. `arguments` is the variable with its
    options, where the model can keep their values.
    """
    tree = ast.parse(script)
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    names = Names({}, {}, dict(functions))
    for node in tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            for alias in node.names:
                name = alias.asname or alias.name
                if isinstance(node, ast.Import):
                    names.modules[name] = alias.name
                one = (
                    ast.ImportFrom(node.module, [alias], node.level)
                    if isinstance(node, ast.ImportFrom)
                    else ast.Import([alias])
                )
                names.imports[name] = ast.unparse(one)
    body = next((node.body for node in reversed(tree.body) if isinstance(node, ast.If)), [])
    walk = Walk(names, arguments, _fitted_once(body) if arguments else set())
    walk.block([*(node for node in tree.body if isinstance(node, ast.Assign)), *body])
    table = walk.fitted or Table()
    callable_ = set(functions) if importable is None else importable & set(functions)
    found = _chosen(table, wanted, names.imports, set(functions) - callable_)
    found.options = [one for one in found.functions if one in walk.options]
    found.functions = [one for one in found.functions if one not in walk.options]
    return found


def _fitted_once(body: list[ast.stmt]) -> set[str]:
    """Variables of which the script calls `fit` or `fit_transform` once, in no loop: what they have learnt stays."""
    calls = [node.func for statement in body for node in ast.walk(statement) if isinstance(node, ast.Call)]
    fits = [ast.unparse(one.value) for one in calls if isinstance(one, ast.Attribute) and one.attr in _FITS]
    looped = {name for statement in body if isinstance(statement, ast.For | ast.While) for name in fits
              if f"{name}.fit" in ast.unparse(statement)}  # fmt: skip
    return {name for name in fits if fits.count(name) == 1} - looped


def _chosen(table: Table, wanted: list[str], imports: dict[str, str], missing: set[str]) -> RowWise:
    """The lines that lead to the columns `wanted`; what calls a function that is `missing` is left."""
    found = RowWise()
    needed, kept = set() if "" in table.lost else set(wanted) - set(table.lost), list[Step]()
    for step in reversed(table.steps):
        if not (needed if step.columns is None else step.columns & needed):
            continue
        if step.uses & missing:
            found.left.append(step.line)
            continue
        kept.insert(0, step)
        needed = (needed - (step.columns or set())) | step.reads
    for step in kept:
        found.needs += [one for one in sorted(step.reads) if one not in found.made and one not in found.needs]
        found.made |= step.columns or set()
        found.dummies |= step.dummies
    whole = {id(one.call) for one in kept if one.call is not None and _is_whole(one.call, kept, missing)}
    uses: set[str] = set()
    for step in kept:
        call = step.call if id(step.call) in whole else None
        line = f"rows = {call.function}(rows)" if call is not None else step.line
        if call is None or step is call.steps[0]:
            found.lines.append(line)
        uses |= {call.function} if call is not None else step.uses
    found.functions = sorted(uses - set(imports) - {"pd"})
    found.imports = [imports[one] for one in sorted(uses & set(imports))]
    lost = [table.lost[one] for one in wanted if one in table.lost] + [
        text for one, text in table.lost.items() if not one
    ]
    found.left = list(dict.fromkeys([*lost, *found.left]))
    return found


def _is_whole(call: Call, kept: list[Step], missing: set[str]) -> bool:
    return call.function not in missing and all(step in kept for step in call.steps)
