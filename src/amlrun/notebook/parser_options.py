"""A notebook's own argparse parser, whose options become the script's: one parser, which reads the command line."""

from __future__ import annotations

import ast
import builtins

from amlrun.notebook.report import Report
from amlrun.notebook.statements import Notebook, Statement
from amlrun.python_source import dotted, full_name, root, used


def take(notebook: Notebook, modules: dict[str, str], arguments: str, report: Report) -> list[str]:
    """The `parser.add_argument` lines of the notebook's parser, which leaves it; `arguments` is what they are read as.

    A parser that is used in another way stays, and is reported: the script's own options are not its.
    """
    for maker in notebook.body:
        node = maker.node
        made = isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and node.value
        if not made or full_name(made.func, modules) != "argparse.ArgumentParser" or len(maker.binds) != 1:
            continue
        name = min(maker.binds)
        users = [one for one in notebook.body if name in used(one.node)]
        adds = [one for one in users if _verb(one, name) == "add_argument"]
        reads = [one for one in users if _verb(one, name) in ("parse_args", "parse_known_args")]
        plain = all(used(one.node) - {name} <= set(dir(builtins)) for one in adds)
        if len(reads) != 1 or len(adds) + 1 != len(users) or not plain or not isinstance(reads[0].node, ast.Assign):
            report.ask(
                f"{name} is a parser of its own, and does not read the script's options: join the two", maker.cell
            )
            continue
        lines = [_line(one, report) for one in adds]
        target = reads[0].node.targets[0]
        known = target.elts if isinstance(target, ast.Tuple) else [target]
        rest = "".join(f"; {ast.unparse(one)} = []" for one in known[1:])
        own = ast.unparse(known[0])
        reads[0].replaced = f"{own} = {arguments}{rest}".replace("; ", "\n")
        reads[0].node = ast.parse(f"{own} = vars()").body[0]  # no plain value: it is no option
        for one in [maker, *adds]:
            notebook.body.remove(one)
        report.did(f"the options of {name} became the script's", maker.cell)
        return lines
    return []


def _verb(statement: Statement, name: str) -> str:
    node = statement.node
    value = node.value if isinstance(node, ast.Expr | ast.Assign) else None
    if isinstance(value, ast.Call) and root(value.func) == name and dotted(value.func).count(".") == 1:
        return dotted(value.func).rpartition(".")[2]
    return ""


def _line(statement: Statement, report: Report) -> str:
    assert isinstance(statement.node, ast.Expr) and isinstance(statement.node.value, ast.Call)  # noqa: S101 - _verb says so
    call = statement.node.value
    words = {word.arg: ast.unparse(word.value) for word in call.keywords}
    flags = [ast.literal_eval(part) for part in call.args if isinstance(part, ast.Constant)]
    if flags:
        report.option(flags[-1], words.get("type", "str"), words.get("default", "None"))
    return f"parser.add_argument({', '.join([*map(ast.unparse, call.args), *map(ast.unparse, call.keywords)])})"
