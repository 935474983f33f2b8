"""Azure ML's SDK v1 in a notebook: `run.log` becomes MLflow's, a dataset becomes files, other calls are left out.

Its support ended in June 2026, and a run needs none of it: `aml run submit-script` submits, MLflow logs.
"""

from __future__ import annotations

import ast
import re
import textwrap

from amlrun.notebook.magics import parse
from amlrun.notebook.read import Cell
from amlrun.notebook.report import Report
from amlrun.notebook.sdk_v1_data import Datasets
from amlrun.python_source import (
    Edit,
    Source,
    apply,
    argument,
    bound,
    dotted,
    full_name,
    indent,
    parameters_of,
    root,
    used,
)

_Compound = (ast.For, ast.While, ast.If, ast.With, ast.Try, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)

_PACKAGES = (
    "azureml.core",
    "azureml.train",
    "azureml.widgets",
    "azureml.data",
    "azureml.pipeline",
    "azureml.telemetry",
)
# What a run does by itself: everything in outputs/ and logs/ is kept, and the run ends with its script.
_BY_ITSELF = {"complete", "flush", "upload_file", "upload_folder", "add_properties", "wait_for_completion", "start"}
_MAKES_RUN = ("Run.get_context", ".start_logging", ".child_run")
_RUN_NAME = re.compile(r"(?:\w*_)?run(?:_context)?")  # what functions call a run that they are given
# Calls that read a table or the like: what they give is wanted by the code below, which stays.
_READS = re.compile(r"(?:^|\.)(?:read_\w+|load\w*|to_\w*dataframe)$")
_TELLS = {"print", "display", "sleep", "pprint"}


class SdkV1:
    """One notebook's pass: it remembers which variables hold the run, datasets, and other things of the SDK.

    `modules` is what the notebook has imported so far; its owner keeps it up to date.
    """

    def __init__(self, report: Report, modules: dict[str, str]) -> None:
        self.report = report
        self.modules = modules
        self.runs: set[str] = set()
        self.gone: set[str] = set()
        self.functions: set[str] = set()
        self.datasets = Datasets(report, modules)

    def plain(self, cell: Cell, text: str) -> str:
        """`text`, a cell as plain Python, without SDK v1."""
        tree = parse(cell, text)
        if not self.gone and not any(_package(node).startswith(_PACKAGES) for node in ast.walk(tree)):
            return text
        self.report.ask(
            "uses azureml-core, SDK v1, whose support has ended: `aml` now submits, registers and manages compute (see "
            "the phrase book), and calls on the run became MLflow's"
        )
        source = Source(text)
        edits, _ = self._block(tree.body, cell, source)
        return _flat(apply(text, edits))

    def _block(self, body: list[ast.stmt], cell: Cell, source: Source) -> tuple[list[Edit], bool]:
        """The edits of `body`, and whether SDK v1 was all that it was about."""
        edits: list[Edit] = []
        left = [False]
        idle = True
        for node in body:
            new, out = self._statement(node, cell, source)
            edits += new
            left.append(out)
            idle = idle and (out or _idle(node))
        if body and all(left[1:]) and body[0].col_offset and edits[-1].text != "pass":
            column = " " * body[0].col_offset
            edits[-1] = Edit(edits[-1].start, edits[-1].end, f"{edits[-1].text}\n{column}pass")
        return edits, idle and any(left)

    def _statement(self, node: ast.stmt, cell: Cell, source: Source) -> tuple[list[Edit], bool]:
        """The edits of `node`, and whether it is left out."""
        if isinstance(node, ast.Import | ast.ImportFrom):
            if not _package(node).startswith(_PACKAGES):
                return [], False
            self.gone |= bound(node)
            return [_left_out(node, source)], True
        if isinstance(node, _Compound):
            return self._compound(node, cell, source)
        value = node.value if isinstance(node, ast.Assign | ast.AnnAssign | ast.Expr | ast.Return) else None
        call = value if isinstance(value, ast.Call) else None
        names = bound(node)
        if names and call and full_name(call.func, self.modules).endswith(_MAKES_RUN):
            self.runs |= names
            return [_left_out(node, source)], True
        if names and value is not None and self.datasets.named(value, names):
            return [_left_out(node, source)], True
        edits = self._calls(node, cell, source)
        mine = self.gone | self.runs | set(self.datasets.known)
        if edits or not used(node) & mine:
            self.gone -= names
            return edits, False
        own = call is not None and isinstance(call.func, ast.Name) and call.func.id in self.functions
        if own and call is not None:
            given = [*call.args, *(keyword.value for keyword in call.keywords)]
            return [Edit(*source.span(part), "None") for part in given if root(part) in mine], False
        if call is not None and names and _READS.search(dotted(call.func)):
            self.report.ask(
                f"{', '.join(sorted(names))} came through SDK v1: write `{min(names)} = …` there, from a file below "
                "data/; the code that uses it is kept",
                cell.number,
            )
            return [_left_out(node, source)], True
        if isinstance(node, ast.Return) and root(value or node) not in mine:
            return [], False
        self.gone |= names
        if not (call is not None and self._of_run(call) in _BY_ITSELF):
            self.report.ask("left out what SDK v1 did here", cell.number)
        return [_left_out(node, source)], True

    def _compound(self, node: ast.stmt, cell: Cell, source: Source) -> tuple[list[Edit], bool]:
        """A loop, a `with`, a function and the like: what it holds stays when not all of it is SDK v1's."""
        edits: list[Edit] = []
        before = set(self.runs)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            self.functions.add(node.name)
            self.runs |= {one.arg for one in parameters_of(node) if _RUN_NAME.fullmatch(one.arg)}
        header = [part for part in ast.iter_child_nodes(node) if isinstance(part, ast.expr | ast.withitem)]
        mine = self.gone | before | set(self.datasets.known)
        touched = any(used(part) & mine for part in header)
        if isinstance(node, ast.With):
            edits += self._with(node, mine, source)
            touched = bool(edits)
        elif isinstance(node, ast.For):
            edits += self._calls(node.iter, cell, source)
            touched = touched and not edits
            self.gone |= bound(node.target) if touched else set()
        whole = []
        for body in (part for name in ("body", "orelse", "finalbody") if (part := getattr(node, name, None))):
            new, out = self._block(body, cell, source)
            edits += new
            whole.append(out or all(_idle(part) for part in body))
        for handler in node.handlers if isinstance(node, ast.Try) else []:
            new, out = self._block(handler.body, cell, source)
            edits += new
            whole.append(out or all(_idle(part) for part in handler.body))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            self.runs = before
        if (edits or touched) and all(whole) and not isinstance(node, ast.FunctionDef | ast.ClassDef):
            self.gone |= bound(node) - set(self.datasets.known)
            return [_left_out(node, source)], True
        if touched and not isinstance(node, ast.With):
            self.report.ask(
                f"this `{type(node).__name__.lower()}` depends on SDK v1: write the value there", cell.number
            )
        return edits, False

    def _with(self, node: ast.With, mine: set[str], source: Source) -> list[Edit]:
        """`with exp.start_logging() as run:` is no block any more; other things that the line opens stay."""
        kept = []
        for item in node.items:
            if not used(item.context_expr) & mine:
                kept.append(item)
                continue
            made = full_name(getattr(item.context_expr, "func", item.context_expr), self.modules)
            new = bound(item.optional_vars) if item.optional_vars is not None else set()
            if made.endswith(_MAKES_RUN):
                self.runs |= new
            elif not (new and self.datasets.named(item.context_expr, new)):
                self.gone |= new
        if len(kept) == len(node.items):
            return []
        start, _ = source.span(node)
        last = node.items[-1]
        end = source.text.index(":", source.span(last.optional_vars or last.context_expr)[1]) + 1
        opened = ", ".join(ast.unparse(item) for item in kept)
        return [Edit(start, end, f"with {opened}:" if kept else _NO_BLOCK)]

    def _of_run(self, call: ast.Call) -> str:
        """`log` of `run.log(…)` and of `Run.get_context().log(…)`."""
        func = call.func
        if not isinstance(func, ast.Attribute):
            return ""
        inner = func.value
        fresh = isinstance(inner, ast.Call) and full_name(inner.func, self.modules).endswith(_MAKES_RUN)
        return func.attr if fresh or (isinstance(inner, ast.Name) and inner.id in self.runs) else ""

    def _calls(self, node: ast.AST, cell: Cell, source: Source) -> list[Edit]:
        """Edits of the calls in `node` that have a counterpart."""
        edits = []
        for part in ast.walk(node):
            if not isinstance(part, ast.Call | ast.Attribute):
                continue
            new = self.datasets.read(part, cell) or (
                self._logged(part, node, source) if isinstance(part, ast.Call) else ""
            )
            if new:
                edits.append(Edit(*source.span(part), new))
                verb = dotted(part.func) if isinstance(part, ast.Call) else dotted(part)
                self.report.did(f"turned {verb or 'a call'} into Python that needs no SDK v1", cell.number)
        return edits

    def _logged(self, call: ast.Call, node: ast.AST, source: Source) -> str:
        """What MLflow says for a call of the run; "" when there is nothing."""
        verb = self._of_run(call)
        pair = [argument(call, word, at) for at, word in enumerate(("name", "value"))]
        first, second = (source.slice(part) if part is not None else "" for part in pair)
        if verb == "log" and second:
            return f'__import__("mlflow").log_metric({first}, {second})'
        if verb == "tag" and second:
            return f'__import__("mlflow").set_tag({first}, {second})'
        if verb == "log_list" and second and isinstance(node, ast.Expr):
            column = " " * node.col_offset
            log = f'{column}    __import__("mlflow").log_metric({first}, number, step=step)'
            return f"for step, number in enumerate({second}):\n{log}"
        if verb == "log_row" and first:
            row = ", ".join(f"{word.arg!r}: {source.slice(word.value)}" for word in call.keywords if word.arg != "name")
            return f'__import__("mlflow").log_metrics({{{row}}})'
        if verb == "log_image" and (plot := argument(call, "plot", 2)) is not None:
            figure = f"{source.slice(plot)}.gcf()" if self.modules.get(root(plot) or "") == "matplotlib.pyplot" else ""
            return f'__import__("mlflow").log_figure({figure or source.slice(plot)}, f"{{{first}}}.png")'
        if verb == "log_image" and (path := argument(call, "path", 1)) is not None:
            return f'__import__("mlflow").log_artifact({source.slice(path)})'
        return ""


def _idle(node: ast.stmt) -> bool:
    """Whether `node` only tells something or does nothing."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        return dotted(node.value.func).rpartition(".")[2] in _TELLS
    return isinstance(node, ast.Pass | ast.Break | ast.Continue) or (
        isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    )


_NO_BLOCK = "if True:  # a block of SDK v1's"


def _flat(text: str) -> str:
    """`text` without the blocks that a `with` of SDK v1 has left; one with text over several lines stays a block."""
    while _NO_BLOCK in text:
        source = Source(text)
        node = next(
            part
            for part in ast.walk(ast.parse(text))
            if isinstance(part, ast.If) and source.text.startswith(_NO_BLOCK, source.span(part)[0])
        )
        start, end = source.span(node)
        strings = (part for part in ast.walk(node) if isinstance(part, ast.Constant | ast.JoinedStr))
        inside = text[start + len(_NO_BLOCK) : end].lstrip(" ").lstrip("\n")
        if any(part.end_lineno != part.lineno for part in strings) or node.body[0].lineno == node.lineno:
            text = f"{text[:start]}if True:{text[start + len(_NO_BLOCK) :]}"
        else:
            text = text[:start] + indent(textwrap.dedent(inside), " " * node.col_offset).lstrip(" ") + text[end:]
    return text


def _package(node: ast.AST) -> str:
    if isinstance(node, ast.ImportFrom):
        return node.module or ""
    return node.names[0].name if isinstance(node, ast.Import) else ""


def _left_out(node: ast.stmt, source: Source) -> Edit:
    return source.commented(node, "SDK v1")
