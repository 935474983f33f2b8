"""The rows that the model is fitted with, where only a run knows them: the training writes two as a sample request."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from amlrun.notebook.fitted_model import FittedModel, inside, makers, prepares
from amlrun.notebook.row_steps import changed_names
from amlrun.notebook.statements import Notebook, Statement
from amlrun.python_source import Edit, bound, dotted, root

# Where the training writes the request.
FILE = "outputs/sample-request.json"


def sample(notebook: Notebook, learning: FittedModel, helper: str, pipeline: tuple[Statement, ast.expr] | None) -> bool:
    """Hand what the model is fitted with to the function `helper`, which gives it back; whether any call was found.

    `pipeline` is what `bundled` found, when it is saved.
    """
    meant = {learning.model} | (inside(notebook, learning.model) & set(learning.fitted))
    every = list(_fits(notebook))
    own = [(statement, rows) for statement, rows, names in every if names & meant]
    found = [pipeline] if pipeline is not None else own or [(statement, rows) for statement, rows, _ in every]
    for statement, rows in found:
        start, end = statement.source.span(rows)
        statement.edits += [Edit(start, start, f"{helper}("), Edit(end, end, ")")]
    return any(f"{helper}(" in statement.text() for statement, _ in found)


def _fits(notebook: Notebook) -> Iterator[tuple[Statement, ast.expr, set[str | None]]]:
    """Each `fit` of what is no preparation: what it is given, and the variables that hold what is fitted."""
    made = makers(notebook)
    for statement in notebook.body:
        if isinstance(statement.node, ast.ClassDef) or not statement.kept:
            continue
        targets = {id(part.value): bound(part) for part in ast.walk(statement.node) if isinstance(part, ast.Assign)}
        for call in ast.walk(statement.node):
            if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute) or call.func.attr != "fit":
                continue
            owner = root(call.func.value) or ""
            words = [word.value for word in call.keywords if word.arg in ("X", "x")]
            rows = next(iter([*call.args[:1], *words]), None)
            if rows is None or isinstance(rows, ast.Starred) or prepares(owner) or prepares(made.get(owner, "")):
                continue
            yield statement, rows, {owner, *targets.get(id(call), set())}


def bundled(notebook: Notebook, learning: FittedModel) -> tuple[Statement, ast.expr] | None:
    """What a preparation beside the model is fitted with, when it makes all that the model is fitted with.

    `Xs = scaler.fit_transform(X)`, `model.fit(Xs, y)`: the two are one pipeline, which takes X.
    """
    calls = [rows for _, rows, names in _fits(notebook) if learning.model in names]
    names = {rows.id for rows in calls if isinstance(rows, ast.Name)}
    if len(names) != 1 or not all(isinstance(rows, ast.Name) for rows in calls):
        return None
    (name,) = names
    makes = [one for one in notebook.body if name in one.binds | changed_names(one.node)]
    node = makes[-1].node if makes else None
    call = node.value if isinstance(node, ast.Assign) and len(node.targets) == 1 else None
    every = {f"{one}.fit_transform" for one in learning.prepared}
    if not isinstance(call, ast.Call) or dotted(call.func) not in every or not call.args:
        return None
    return makes[-1], call.args[0]
