"""Scalar metrics at the notebook's top level are logged to MLflow as they are computed."""

from __future__ import annotations

import ast

from runner.notebook.report import Report
from runner.notebook.source import Edit, dotted, in_f_strings, root
from runner.notebook.statements import Notebook

SCALARS = {
    "accuracy_score", "balanced_accuracy_score", "roc_auc_score", "f1_score", "precision_score", "recall_score",
    "log_loss", "brier_score_loss", "matthews_corrcoef", "average_precision_score", "jaccard_score",
    "cohen_kappa_score",
    "mean_squared_error", "root_mean_squared_error", "mean_absolute_error", "median_absolute_error", "r2_score",
    "mean_absolute_percentage_error", "mean_squared_log_error", "max_error", "explained_variance_score",
    "silhouette_score", "adjusted_rand_score", "normalized_mutual_info_score", "davies_bouldin_score",
}  # fmt: skip


def log(notebook: Notebook, model: str | None, helper: str, report: Report) -> bool:
    """Wrap scalar metrics at the top level in the helper that logs them to MLflow."""
    names: set[str] = set()
    for statement in notebook.body:
        node = statement.node
        if statement.replaced is not None or not isinstance(
            node, ast.Assign | ast.AnnAssign | ast.Expr | ast.AugAssign
        ):
            continue
        inside = in_f_strings(node)
        for call in _outer_calls(node):
            last = dotted(call.func).rpartition(".")[2]
            scored = last == "score" and isinstance(call.func, ast.Attribute) and root(call.func) == model
            if not scored and (
                last not in SCALARS
                or any(
                    k.arg in ("average", "multioutput") and getattr(k.value, "value", 0) in (None, "raw_values")
                    for k in call.keywords
                )
            ):
                continue
            name = _metric_name(node, call, last)
            while name in names:
                name = f"{name}_2"
            start, end = statement.source.span(call)
            outer = inside.get(id(call))
            quote = '"' if outer is None or "'" in statement.source.slice(outer)[:3] else "'"
            # Python before 3.12 may place what lies in an f-string wrongly: then the call stays as it is.
            if outer is not None and ast.dump(call) != _dumped(statement.source.text[start:end]):
                continue
            names.add(name)
            statement.edits += [Edit(start, start, f"{helper}({quote}{name}{quote}, "), Edit(end, end, ")")]
    if names:
        report.did(f"logs to MLflow: {', '.join(sorted(names))}")
    else:
        report.ask("no metric was found to log: call mlflow.log_metric where you judge the model")
    return bool(names)


def _dumped(text: str) -> str:
    try:
        return ast.dump(ast.parse(text, mode="eval").body)
    except SyntaxError:
        return ""


def _outer_calls(node: ast.AST) -> list[ast.Call]:
    """Calls in `node` that run exactly once: not those in comprehensions, lambdas or conditions."""
    found: list[ast.Call] = []
    waiting = list(ast.iter_child_nodes(node))
    while waiting:
        part = waiting.pop(0)
        if isinstance(
            part, ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp | ast.Lambda | ast.IfExp | ast.BoolOp
        ):
            continue
        if isinstance(part, ast.Call):
            found.append(part)
        waiting.extend(ast.iter_child_nodes(part))
    return found


def _metric_name(node: ast.stmt, call: ast.Call, last: str) -> str:
    if isinstance(node, ast.Assign) and node.value is call and isinstance(node.targets[0], ast.Name):
        return node.targets[0].id
    name = last.removesuffix("_score") if last != "score" else "score"
    words = {part.id.lower() for argument in call.args for part in ast.walk(argument) if isinstance(part, ast.Name)}
    return f"train_{name}" if any("train" in word for word in words) else name
