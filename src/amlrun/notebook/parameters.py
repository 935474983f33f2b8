"""Assignments of plain values become typed argparse options (papermill's `parameters` tag, or the top's literals)."""

from __future__ import annotations

import ast
import builtins
import keyword
import re
from typing import Any

from amlrun.dataclass import dataclass
from amlrun.notebook.report import Report
from amlrun.notebook.statements import Notebook, Statement
from amlrun.python_source import assigned, full_name, used

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
    required: bool = False

    @property
    def attribute(self) -> str:
        """Where argparse puts the value."""
        name = self.flag[2:].replace("-", "_")
        return f"{name}_" if keyword.iskeyword(name) else name

    def line(self) -> str:
        """The call that adds it."""
        parts = [repr(self.flag)]
        if self.type != "str":
            parts.append(f"type={self.type}")
        if self.attribute != self.flag[2:].replace("-", "_"):
            parts.append(f"dest={self.attribute!r}")
        if self.many:
            parts.append('nargs="+"')
        parts.append("required=True" if self.required else f"default={self.default}")
        if self.help:
            parts.append(f"help={self.help!r}")
        return f"parser.add_argument({', '.join(parts)})"


def find(
    notebook: Notebook, taken: set[str], modules: dict[str, str], report: Report
) -> tuple[list[Option], list[Statement]]:
    """The options, and the statements that they replace (taken out of the body).

    `taken` are variables that something else accounts for (data paths).
    """
    tagged = any(statement.tagged for statement in notebook.body)
    times = notebook.times_bound()
    flags = {"--data-path", "--help"}
    options: list[Option] = []
    statements: list[Statement] = []
    for statement in _candidates(notebook, tagged):
        name, value, annotation = assigned(statement.node)
        if tagged and name is None and isinstance(statement.node, ast.Assign):
            report.ask("assigns several parameters at once, so they stay as code: one line each", statement.cell)
        if name is None or value is None or name in taken or name.startswith("__") or statement.edits:
            continue
        option = _asked(name, value, statement, report) or _option(name, value, annotation, statement, modules)
        if option is None:
            if tagged:
                report.ask(f"parameter {name} is not a plain value, so it stays as code", statement.cell)
            continue
        if times[name] > 1 and tagged and _overridden(statement, name, times[name], notebook):
            report.did(f"parameter {name} is set again further down, and the last value counts", statement.cell)
            notebook.body.remove(statement)
            times[name] -= 1
            continue
        if times[name] > 1:
            if not tagged:
                continue
            report.ask(f"parameter {name} is assigned again later, which overrides {option.flag}", statement.cell)
        while option.flag in flags:
            option.flag += "_"
        flags.add(option.flag)
        if option.default == "None" and option.type == "str" and annotation is None:
            report.ask(f"{option.flag} is None, so its type is a guess, str: give it a type=", statement.cell)
        options.append(option)
        statements.append(statement)
        notebook.body.remove(statement)
        report.option(option.flag, option.type, option.default or "none: required", name)
    for statement in notebook.body:
        if statement.kept and any(
            _input_of(part) is part for part in ast.walk(statement.node) if isinstance(part, ast.Call)
        ):
            report.ask("calls input(), but a run cannot read input: make it an option", statement.cell)
    return options, statements


def _candidates(notebook: Notebook, tagged: bool) -> list[Statement]:
    """What is tagged; else all plain values at the top, and numbers that are set once wherever they stand."""
    if tagged:
        return [s for s in notebook.body if s.tagged or _input_of(assigned(s.node)[1])]
    found = []
    top = True
    for statement in notebook.body:
        node = statement.node
        name, value, _ = assigned(node)
        if name is not None and value is not None:
            number = isinstance(_value(value), (int, float)) and not hasattr(builtins, name)
            if top or _input_of(value) or number:
                found.append(statement)
            if _value(value) is None and not isinstance(value, ast.Constant) and not _is_harmless(value):
                top = top and not statement.kept
        elif not isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Expr | ast.AsyncFunctionDef):
            top = False
    return [statement for statement in found if statement.kept]


def _overridden(statement: Statement, name: str, times: int, notebook: Notebook) -> bool:
    """Whether a later parameter sets `name` anew before anything reads it."""
    following = notebook.body[notebook.body.index(statement) + 1 :]
    setters = [s for s in following if name in s.binds]
    if len(setters) != times - 1 or not all(s.tagged for s in setters):
        return False
    return not any(name in used(s.node) for s in following[: following.index(setters[0]) + 1])


def _input_of(value: ast.expr | None) -> ast.Call | None:
    """The `input(…)` that `value` is, or that it turns into a number."""
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Name):
        if value.func.id == "input":
            return value
        if value.func.id in ("int", "float") and len(value.args) == 1:
            return _input_of(value.args[0])
    return None


def _asked(name: str, value: ast.expr, statement: Statement, report: Report) -> Option | None:
    """`n = int(input("How many?"))` as an option that must be given: nobody types during a run."""
    call = _input_of(value)
    if call is None:
        return None
    prompt = call.args[0].value if call.args and isinstance(call.args[0], ast.Constant) else ""
    kind = value.func.id if isinstance(value, ast.Call) and isinstance(value.func, ast.Name) else "input"
    option = Option(
        f"--{name.lower()}", name, "str" if kind == "input" else kind, "", str(prompt).strip(), required=True
    )
    report.ask(f"input() became the required option {option.flag}: a run cannot read input", statement.cell)
    return option


def _is_harmless(value: ast.expr) -> bool:
    """A collection, a path or an arithmetic of names still belongs to the notebook's settings at the top."""
    return isinstance(value, ast.Dict | ast.List | ast.Tuple | ast.Set | ast.BinOp | ast.JoinedStr) or (
        isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == "Path"
    )


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


# Calls whose value one word of the command line can spell, with what reads that word.
_READ_BY = {
    "datetime.date": "{}.fromisoformat", "datetime.datetime": "{}.fromisoformat", "pandas.Timestamp": "{}",
    "pandas.to_datetime": "{}", "pathlib.Path": "{}",
}  # fmt: skip


def _made_by(value: ast.expr, modules: dict[str, str], statement: Statement) -> str | None:
    """What reads a word as `value` was made: `date.fromisoformat` for `date(2020, 1, 1)`."""
    if not isinstance(value, ast.Call) or not all(isinstance(arg, ast.Constant) for arg in value.args):
        return None
    reader = _READ_BY.get(full_name(value.func, modules))
    return reader.format(statement.source.slice(value.func)) if reader and value.args and not value.keywords else None


def _option(
    name: str, value: ast.expr, annotation: ast.expr | None, statement: Statement, modules: dict[str, str]
) -> Option | None:
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
    reader = _made_by(value, modules, statement)
    if reader:
        return Option(flag, name, reader, text, remark)
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
