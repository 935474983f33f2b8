"""Where the script's sections begin: data, model, evaluation and save."""

from __future__ import annotations

import ast

from amlrun.notebook.fitted_model import FIT
from amlrun.notebook.metrics import SCALARS
from amlrun.notebook.saving import SAVES
from amlrun.notebook.statements import Notebook, Statement
from amlrun.python_source import dotted, root

_JUDGES = {
    "predict", "predict_proba", "score", "evaluate", "classification_report", "confusion_matrix", "roc_curve",
    "decision_function", "cross_val_score",
}  # fmt: skip


def sections(
    body: list[Statement], fitted: list[str], notebook: Notebook
) -> tuple[list[Statement], list[Statement], list[Statement], list[Statement]]:
    """The body cut, in order, into data, model, evaluation and save."""
    trainers = {s.node.name for s in notebook.body if isinstance(s.node, ast.FunctionDef) and _steps(s.node)}
    trains = [i for i, s in enumerate(body) if _trains(s.node, fitted, trainers)]
    if not trains:
        return body, [], [], []
    # From the first construction to the last fit: loss, optimiser and the like in between belong to the model.
    first, last = trains[0], trains[-1]
    saves = [i for i, s in enumerate(body) if i > last and _is_save(s.node)]
    end = saves[0] if saves and not any(_judges(s.node) for s in body[saves[0] :]) else len(body)
    return body[:first], body[first : last + 1], body[last + 1 : end], body[end:]


def _steps(node: ast.FunctionDef) -> bool:
    """Whether a function trains what it is given, as PyTorch's loops do."""
    return any(isinstance(part, ast.Attribute) and part.attr == "backward" for part in ast.walk(node))


def _trains(node: ast.stmt, fitted: list[str], trainers: set[str]) -> bool:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return False
    calls = [part for part in ast.walk(node) if isinstance(part, ast.Call)]
    binds_it = isinstance(node, ast.Assign) and any(
        isinstance(target, ast.Name) and target.id in fitted for target in node.targets
    )
    for call in calls:
        if isinstance(call.func, ast.Name) and call.func.id in trainers:
            return True
        if isinstance(call.func, ast.Attribute):
            on_it = root(call.func) in fitted and call.func.attr in (*FIT, "train")
            if on_it or call.func.attr == "backward":
                return True
    return binds_it and bool(calls)


def _is_save(node: ast.stmt) -> bool:
    return any(isinstance(part, ast.Call) and dotted(part.func).rpartition(".")[2] in SAVES for part in ast.walk(node))


def _judges(node: ast.stmt) -> bool:
    names = {dotted(part.func).rpartition(".")[2] for part in ast.walk(node) if isinstance(part, ast.Call)}
    return bool(names & (_JUDGES | SCALARS))
