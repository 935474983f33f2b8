"""Scalar metrics at the notebook's top level are logged to MLflow as they are computed."""

from __future__ import annotations

import ast
import itertools

from amlrun.notebook.report import Report
from amlrun.notebook.statements import Notebook, Statement
from amlrun.python_source import Edit, dotted, in_f_strings, root

SCALARS = {
    "accuracy_score", "balanced_accuracy_score", "roc_auc_score", "f1_score", "precision_score", "recall_score",
    "log_loss", "brier_score_loss", "matthews_corrcoef", "average_precision_score", "jaccard_score",
    "cohen_kappa_score",
    "mean_squared_error", "root_mean_squared_error", "mean_absolute_error", "median_absolute_error", "r2_score",
    "mean_absolute_percentage_error", "mean_squared_log_error", "max_error", "explained_variance_score",
    "silhouette_score", "adjusted_rand_score", "normalized_mutual_info_score", "davies_bouldin_score",
}  # fmt: skip
# Functions of one number, so that `rmse = np.sqrt(mean_squared_error(…))` is the metric that its author means.
_OF_ONE_NUMBER = {"sqrt", "round", "float", "abs", "log", "exp"}


def log(notebook: Notebook, model: str | None, helper: str, report: Report) -> bool:
    """Wrap scalar metrics at the top level in the helper that logs them to MLflow."""
    names: set[str] = set()
    repeated = False
    for statement in notebook.body:
        node = statement.node
        if not statement.kept:
            continue
        if not isinstance(node, ast.Assign | ast.AnnAssign | ast.Expr | ast.AugAssign):
            repeated |= _name_repeated(statement, model, report)
            continue
        inside = in_f_strings(node)
        calls = [call for call in _outer_calls(node) if _is_metric(call, model)]
        roots = _rooted(node)
        for call in calls:
            whole = _meant(node, call) if len(calls) == 1 else call
            whole = roots.get(id(call), whole) if whole is call else whole
            outer = inside.get(id(call))
            quote = '"' if outer is None or "'" in statement.source.slice(outer)[:3] else "'"
            start, end = statement.source.span(whole)
            # Python before 3.12 may place what lies in an f-string wrongly: then the call stays as it is.
            if outer is not None and ast.dump(whole) != _dumped(statement.source.text[start:end]):
                continue
            name = _free(_metric_name(node, whole, call), names)
            statement.edits += [Edit(start, start, f"{helper}({quote}{name}{quote}, "), Edit(end, end, ")")]
        for name in _evaluated(node):
            statement.after.append(f'{helper}("{_free(name, names)}", {name})')
    if names:
        report.did(f"logs to MLflow: {', '.join(sorted(names))}")
    elif not repeated:
        report.ask("no metric was found to log: call mlflow.log_metric where you judge the model")
    return bool(names)


def _is_metric(call: ast.Call, model: str | None) -> bool:
    last = dotted(call.func).rpartition(".")[2]
    if last == "score" and isinstance(call.func, ast.Attribute) and root(call.func) == model:
        return True
    several = any(
        word.arg in ("average", "multioutput") and getattr(word.value, "value", 0) in (None, "raw_values")
        for word in call.keywords
    )
    return last in SCALARS and not several


def _free(name: str, names: set[str]) -> str:
    numbered = itertools.chain([name], (f"{name}_{number}" for number in itertools.count(2)))
    free = next(word for word in numbered if word not in names)
    names.add(free)
    return free


def _name_repeated(statement: Statement, model: str | None, report: Report) -> bool:
    """A metric in a loop or a function may be computed many times, and only its author knows which is the one."""
    node, found = statement.node, False
    if isinstance(node, ast.ClassDef | ast.Import | ast.ImportFrom):
        return False
    where = f"{node.name}()" if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) else "a block"
    where = "a loop" if isinstance(node, ast.For | ast.While) else where
    for call in ast.walk(node):
        if isinstance(call, ast.Call) and _is_metric(call, model):
            found = True
            name = dotted(call.func).rpartition(".")[2]
            report.ask(f"{name} in {where} is not logged: call mlflow.log_metric where it is final", statement.cell)
    return found


def _meant(node: ast.stmt, call: ast.Call) -> ast.expr:
    """All of `np.sqrt(mse(…))` or `round(acc(…) * 100, 2)` that is assigned; else `call` itself."""
    value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
    part = value
    while isinstance(part, ast.expr) and part is not call:
        if isinstance(part, ast.Call) and part.args and dotted(part.func).rpartition(".")[2] in _OF_ONE_NUMBER:
            part = part.args[0]
        elif isinstance(part, ast.UnaryOp):
            part = part.operand
        elif isinstance(part, ast.BinOp) and isinstance(part.right, ast.Constant):
            part = part.left
        elif isinstance(part, ast.BinOp) and isinstance(part.left, ast.Constant):
            part = part.right
        else:
            return call
    return value if value is not None else call


def _rooted(node: ast.stmt) -> dict[int, ast.expr]:
    """The square root that a call stands in, by the call's id."""
    found: dict[int, ast.expr] = {}
    for part in ast.walk(node):
        if isinstance(part, ast.Call) and dotted(part.func).endswith("sqrt") and part.args:
            found[id(part.args[0])] = part
        elif (
            isinstance(part, ast.BinOp) and isinstance(part.op, ast.Pow) and ast.unparse(part.right) in ("0.5", "1 / 2")
        ):
            found[id(part.left)] = part
    return found


def _evaluated(node: ast.stmt) -> list[str]:
    """`loss` and `acc` of Keras's `loss, acc = model.evaluate(…)`."""
    if not isinstance(node, ast.Assign) or not isinstance(node.value, ast.Call):
        return []
    target, func = node.targets[0], node.value.func
    pair = isinstance(target, ast.Tuple) and isinstance(func, ast.Attribute) and func.attr == "evaluate"
    names = [item.id for item in target.elts if isinstance(item, ast.Name)] if isinstance(target, ast.Tuple) else []
    return [name for name in names if name != "_"] if pair else []


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


def _metric_name(node: ast.stmt, whole: ast.expr, call: ast.Call) -> str:
    if isinstance(node, ast.Assign) and node.value is whole and isinstance(node.targets[0], ast.Name):
        return node.targets[0].id
    last = dotted(call.func).rpartition(".")[2]
    name = last.removesuffix("_score") if last != "score" else "score"
    words = [{part.id.lower() for part in ast.walk(arg) if isinstance(part, ast.Name)} for arg in call.args]
    name = name if whole is call or whole is getattr(node, "value", None) else f"root_{name}"
    train = bool(words) and all(any("train" in word for word in names) for names in words)
    return f"train_{name}" if train else name
