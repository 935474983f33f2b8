"""What Databricks gives a notebook: `dbutils.widgets`, whose values become the script's options."""

from __future__ import annotations

import ast
import re
from typing import Any

from amlrun.notebook.parameters import Option
from amlrun.notebook.report import Report
from amlrun.notebook.statements import Notebook
from amlrun.python_source import dotted, used

_MAKES = ("text", "dropdown", "combobox", "multiselect")
_READS = ("dbutils.widgets.get", "getArgument", "dbutils.widgets.getArgument")


def widgets(notebook: Notebook, arguments: str, report: Report) -> list[Option]:
    """Turn widgets into options, `dbutils.widgets.get` into `ARGUMENTS.name`; other uses are reported."""
    found: dict[str, Option] = {}
    for statement in notebook.body:
        node = statement.node
        if not isinstance(node, ast.Expr) or not isinstance(node.value, ast.Call):
            continue
        owner, _, last = dotted(node.value.func).rpartition(".")
        if owner != "dbutils.widgets" or last in ("get", "getArgument"):
            continue
        statement.drop("a widget of Databricks")
        if last in _MAKES:
            said: dict[str | None, ast.expr] = dict(zip(("name", "defaultValue"), node.value.args))
            said.update({word.arg: word.value for word in node.value.keywords})
            name, default = _literal(said.get("name")), _literal(said.get("defaultValue"))
            if isinstance(name, str):
                found[name] = _option(name, default)
    for statement in notebook.body:
        if statement.replaced is not None:
            continue
        for call in [node for node in ast.walk(statement.node) if isinstance(node, ast.Call)]:
            name = _literal(call.args[0]) if dotted(call.func) in _READS and call.args else None
            if not isinstance(name, str):
                continue
            option = found.setdefault(name, _option(name, None))
            statement.edit(call, f"{arguments}.{option.attribute}")
    for name, option in found.items():
        report.did(f"the widget {name} became the option {option.flag}")
        report.options.append({"flag": option.flag, "type": option.type, "default": option.default, "variable": None})
    left = [one.cell for one in notebook.body if one.replaced is None and "dbutils" in used(ast.parse(one.text()))]
    for cell in left:
        report.ask("uses dbutils, which exists only on Databricks: do it in plain Python", cell)
    return list(found.values())


def _option(name: str, default: Any) -> Option:
    """An option for a widget; its value is text, as `dbutils.widgets.get` gives it."""
    flag = "--" + re.sub(r"\W+", "_", name).strip("_")
    return Option(flag, name, "str", repr("" if default is None else str(default)), "was a widget of Databricks")


def _literal(node: ast.expr | None) -> Any:
    return node.value if isinstance(node, ast.Constant) else None
