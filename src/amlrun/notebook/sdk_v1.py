"""Azure ML's SDK v1 in a notebook: `run.log` becomes MLflow's, a dataset becomes files, the rest is left out.

Its support ended in June 2026, and a run needs none of it: `aml run submit-script` submits, MLflow logs.
"""

from __future__ import annotations

import ast

from amlrun.notebook.magics import parse
from amlrun.notebook.read import Cell
from amlrun.notebook.report import Report
from amlrun.notebook.source import Edit, Source, apply, bound, dotted, full_name, root, used

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
_MAKES_RUN = ("Run.get_context", ".start_logging")
_NAMES_DATA = ("Dataset.get_by_name", "Dataset.get_by_id")


class SdkV1:
    """One notebook's pass: it remembers which variables hold the run, datasets, and other things of the SDK.

    `modules` is what the notebook has imported so far; its owner keeps it up to date.
    """

    def __init__(self, report: Report, modules: dict[str, str]) -> None:
        self.report = report
        self.modules = modules
        self.runs: set[str] = set()
        self.data: dict[str, str] = {}
        self.gone: set[str] = set()

    def plain(self, cell: Cell, text: str) -> str:
        """`text`, a cell as plain Python, without SDK v1."""
        tree = parse(cell, text)
        if not self.gone and not any(_package(node).startswith(_PACKAGES) for node in tree.body):
            return text
        self.report.ask(
            "uses azureml-core, SDK v1, whose support has ended: submitting, compute and registering are `aml`'s now "
            "(see the phrase book); what a run does became MLflow's"
        )
        source = Source(text)
        edits: list[Edit] = []
        for node in tree.body:
            edits += self._statement(node, cell, source)
        return apply(text, edits)

    def _statement(self, node: ast.stmt, cell: Cell, source: Source) -> list[Edit]:
        if isinstance(node, ast.Import | ast.ImportFrom):
            if not _package(node).startswith(_PACKAGES):
                return []
            self.gone |= bound(node)
            return [_left_out(node, source)]
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            return self._calls(node, cell, source)
        target = node.targets[0] if isinstance(node, ast.Assign) else None
        name = target.id if isinstance(target, ast.Name) else ""
        value = node.value if isinstance(node, ast.Assign | ast.Expr) else None
        made = full_name(value.func, self.modules) if isinstance(value, ast.Call) else ""
        if name and made.endswith(_MAKES_RUN):
            self.runs.add(name)
            return [_left_out(node, source)]
        if name and isinstance(value, ast.Call) and made.endswith(_NAMES_DATA):
            self.data[name] = _text_of(value, "name", 1) or name
            return [_left_out(node, source)]
        if name and isinstance(value, ast.Subscript) and dotted(value.value).endswith(".input_datasets"):
            self.data[name] = ast.unparse(value.slice).strip("'\"")
            return [_left_out(node, source)]
        edits = self._calls(node, cell, source)
        if not edits and used(node) & (self.gone | self.runs):
            self.gone |= bound(node)
            if not (isinstance(value, ast.Call) and self._of_run(value) in _BY_ITSELF):
                self.report.ask("left out what SDK v1 did here", cell.number)
            return [_left_out(node, source)]
        return edits

    def _of_run(self, call: ast.Call) -> str:
        """`log` of `run.log(…)` and of `Run.get_context().log(…)`."""
        func = call.func
        if not isinstance(func, ast.Attribute):
            return ""
        inner = func.value
        fresh = isinstance(inner, ast.Call) and full_name(inner.func, self.modules).endswith(_MAKES_RUN)
        return func.attr if fresh or (isinstance(inner, ast.Name) and inner.id in self.runs) else ""

    def _calls(self, node: ast.stmt, cell: Cell, source: Source) -> list[Edit]:
        """Edits of the calls in `node` that have a counterpart."""
        edits = []
        for call in ast.walk(node):
            if not isinstance(call, ast.Call):
                continue
            verb = self._of_run(call)
            pair = [_argument(call, word, at) for at, word in enumerate(("name", "value"))]
            first, second = (source.slice(part) if part is not None else "" for part in pair)
            if verb == "log" and second:
                edits.append(Edit(*source.span(call), f'__import__("mlflow").log_metric({first}, {second})'))
            elif verb == "tag" and second:
                edits.append(Edit(*source.span(call), f'__import__("mlflow").set_tag({first}, {second})'))
            elif verb == "log_list" and second and isinstance(node, ast.Expr):
                lines = [
                    f"for step, number in enumerate({second}):",
                    f"    mlflow.log_metric({first}, number, step=step)",
                ]
                edits.append(Edit(*source.span(call), "\n".join(lines).replace("mlflow.", '__import__("mlflow").')))
            elif dotted(call.func).endswith("to_pandas_dataframe") and (data := self._dataset(call)):
                edits.append(Edit(*source.span(call), self._table(data, cell)))
            else:
                continue
            self.report.did(f"turned {dotted(call.func) or verb} into Python that needs no SDK v1", cell.number)
        return edits

    def _dataset(self, call: ast.Call) -> str:
        """The name of the dataset that `call` reads."""
        owner = call.func.value if isinstance(call.func, ast.Attribute) else None
        if isinstance(owner, ast.Call) and full_name(owner.func, self.modules).endswith(_NAMES_DATA):
            return _text_of(owner, "name", 1)
        return self.data.get(root(owner) or "", "") if owner is not None else ""

    def _table(self, name: str, cell: Cell) -> str:
        self.report.ask(
            f"the dataset {name} is read as the CSV files in data/{name}: put them there, and name the folder in the "
            "run configuration's data",
            cell.number,
        )
        pandas = next((key for key, module in self.modules.items() if module == "pandas"), '__import__("pandas")')
        files = f'sorted(__import__("glob").glob("../data/{name}/*.csv"))'
        return f"{pandas}.concat([{pandas}.read_csv(file) for file in {files}])"


def _package(node: ast.stmt) -> str:
    if isinstance(node, ast.ImportFrom):
        return node.module or ""
    return node.names[0].name if isinstance(node, ast.Import) else ""


def _argument(call: ast.Call, word: str, at: int) -> ast.expr | None:
    given = next((keyword.value for keyword in call.keywords if keyword.arg == word), None)
    return given or (call.args[at] if len(call.args) > at else None)


def _text_of(call: ast.Call, word: str, at: int) -> str:
    value = _argument(call, word, at)
    return value.value if isinstance(value, ast.Constant) and isinstance(value.value, str) else ""


def _left_out(node: ast.stmt, source: Source) -> Edit:
    return source.commented(node, "SDK v1")
