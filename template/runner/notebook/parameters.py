"""Assignments of plain values become typed argparse options (papermill's `parameters` tag, or the top's literals)."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from typing import Any

from runner.notebook.report import Report
from runner.notebook.statements import Notebook, Statement

_TYPES = {int: "int", float: "float", str: "str", bool: "yes_or_no"}
_BY_NAME: dict[str, type] = {"int": int, "float": float, "str": str, "bool": bool}


@dataclass
class Option:
    """One `parser.add_argument` line. `default` is Python text; `many` takes several words."""

    flag: str
    variable: str
    type: str
    default: str
    help: str = ""
    many: bool = False
    wrap: str = ""  # "tuple" turns argparse's list back into what the notebook had

    @property
    def attribute(self) -> str:
        """Where argparse puts the value."""
        return self.flag[2:].replace("-", "_")

    def line(self) -> str:
        """The call that adds it."""
        parts = [repr(self.flag)]
        if self.type != "str":
            parts.append(f"type={self.type}")
        if self.many:
            parts.append('nargs="+"')
        parts.append(f"default={self.default}")
        if self.help:
            parts.append(f"help={self.help!r}")
        return f"parser.add_argument({', '.join(parts)})"


def find(notebook: Notebook, taken: set[str], report: Report) -> tuple[list[Option], list[Statement]]:
    """The options, and the statements that they replace (taken out of the body).

    `taken` are variables that something else accounts for (data paths).
    """
    tagged = any(statement.tagged for statement in notebook.body)
    options: list[Option] = []
    statements: list[Statement] = []
    for statement in _candidates(notebook, tagged):
        name, value, annotation = _assignment(statement.node)
        if name is None or value is None or name in taken or name.startswith("__"):
            continue
        option = _option(name, value, annotation, statement)
        if option is None:
            if tagged:
                report.ask(f"parameter {name} is not a plain value, so it stays as code", statement.cell)
            continue
        if notebook.times_bound(name) > 1:
            if not tagged:
                continue
            report.ask(f"parameter {name} is assigned again later, which overrides {option.flag}", statement.cell)
        while option.flag in {other.flag for other in options} | {"--data-path", "--help"}:
            option.flag += "_"
        options.append(option)
        statements.append(statement)
        notebook.body.remove(statement)
        report.options.append({"flag": option.flag, "type": option.type, "default": option.default, "variable": name})
    return options, statements


def _candidates(notebook: Notebook, tagged: bool) -> list[Statement]:
    if tagged:
        return [statement for statement in notebook.body if statement.tagged]
    found = []
    for statement in notebook.body:
        node = statement.node
        name, value, _ = _assignment(node)
        if name is not None and value is not None:
            found.append(statement)
            if _value(value) is None and not isinstance(value, ast.Constant) and not _is_harmless(value):
                break
        elif not isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Expr | ast.AsyncFunctionDef):
            break
    return found


def _is_harmless(value: ast.expr) -> bool:
    """A collection, a path or an arithmetic of names still belongs to the notebook's settings at the top."""
    return isinstance(value, ast.Dict | ast.List | ast.Tuple | ast.Set | ast.BinOp | ast.JoinedStr) or (
        isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == "Path"
    )


def _assignment(node: ast.stmt) -> tuple[str | None, ast.expr | None, ast.expr | None]:
    if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
        return node.targets[0].id, node.value, None
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None:
        return node.target.id, node.value, node.annotation
    return None, None, None


def _value(node: ast.expr) -> Any:
    """The number or string that `node` spells, arithmetic of small numbers included; None for anything else."""
    if isinstance(node, ast.Constant) and isinstance(node.value, (bool, int, float, str)):
        return node.value
    numbers = all(
        isinstance(part, ast.BinOp | ast.UnaryOp | ast.operator | ast.unaryop)
        or (isinstance(part, ast.Constant) and isinstance(part.value, (int, float)) and -1e6 < part.value < 1e6)
        for part in ast.walk(node)
    )
    powers = [part for part in ast.walk(node) if isinstance(part, ast.BinOp) and isinstance(part.op, ast.Pow)]
    if not numbers or len(powers) > 1 or not isinstance(node, ast.BinOp | ast.UnaryOp):
        return None
    if powers and not re.fullmatch(r"-?\d{1,2}", ast.unparse(powers[0].right)):
        return None
    try:
        value = eval(compile(ast.Expression(node), "literal", "eval"), {"__builtins__": {}})  # noqa: S307
    except (ArithmeticError, TypeError, ValueError):
        return None
    return value if isinstance(value, (int, float)) else None


def _option(name: str, value: ast.expr, annotation: ast.expr | None, statement: Statement) -> Option | None:
    flag = "--" + (name.strip("_") or name).lower()
    remark = statement.trail.lstrip("# ").strip().replace("%", "%%")
    wanted = (
        next((part.id for part in ast.walk(annotation) if isinstance(part, ast.Name) and part.id in _BY_NAME), "")
        if annotation
        else ""
    )
    text = statement.source.slice(value)
    if isinstance(value, ast.List | ast.Tuple) and value.elts:
        found = {type(_value(item)) for item in value.elts}
        if found == {int, float}:
            found = {float}
        if len(found) != 1 or not found <= {int, float, str}:
            return None
        wrap = "tuple" if isinstance(value, ast.Tuple) else ""
        default = ast.unparse(ast.List(value.elts, ast.Load()))
        return Option(flag, name, _TYPES[found.pop()], default, remark, many=True, wrap=wrap)
    if isinstance(value, ast.Constant) and value.value is None:
        return Option(flag, name, _TYPES[_BY_NAME.get(wanted, str)], "None", remark)
    plain = _value(value)
    if plain is None:
        return None
    kind = type(plain)
    if kind is int and wanted == "float":
        kind = float
    if kind is str:
        if "\n" in plain or len(plain) > 200:
            return None
        text = repr(plain)
    return Option(flag, name, _TYPES[kind], text, remark)


def assignments(options: list[Option], statements: list[Statement], arguments: str) -> list[str]:
    """The lines that give the notebook's variables their values from the parsed arguments."""
    lines = []
    for option, statement in zip(options, statements):
        lines += [line for line in statement.lead if line]
        value = f"{arguments}.{option.attribute}"
        if option.wrap:
            value = f"{option.wrap}({value})"
        lines.append(f"{option.variable} = {value}")
    return lines
