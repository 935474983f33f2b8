"""Which variable is the model, whether it is saved, what measures it, and where the script's sections begin."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from runner.notebook import metrics
from runner.notebook.report import Report
from runner.notebook.source import dotted, root
from runner.notebook.statements import Notebook, Statement

_FIT = {"fit", "partial_fit", "fit_generator", "train_on_batch", "fit_predict"}
# Classes that prepare data: what they learn is not the model.
_PREPARES = (
    "Scaler", "Encoder", "Vectorizer", "Imputer", "Transformer", "Binarizer", "PCA", "SVD", "NMF", "Tokenizer",
    "Normalizer", "SelectKBest", "SelectPercentile", "Selector", "RFE", "RFECV", "Features", "Discretizer", "Hasher",
    "Umap", "UMAP", "TSNE", "Splitter", "TextVectorization", "Normalization", "SMOTE", "Sampler", "ImageDataGenerator",
)  # fmt: skip
# Classes that put fitted parts together.
_WRAPPERS = {"make_pipeline", "Pipeline", "FrozenEstimator", "CalibratedClassifierCV", "VotingClassifier"}
_TRAINS = {"xgboost.train", "lightgbm.train"}
_SAVES = {
    "dump",
    "save",
    "save_model",
    "save_weights",
    "log_model",
    "save_pretrained",
    "state_dict",
    "to_pickle",
    "export",
}
_JUDGES = {
    "predict",
    "predict_proba",
    "score",
    "evaluate",
    "classification_report",
    "confusion_matrix",
    "roc_curve",
    "decision_function",
    "cross_val_score",
}


@dataclass
class Learning:
    """`model` is the variable, `fitted` it and what else is fitted; `save` the line that the notebook lacks."""

    model: str | None = None
    fitted: list[str] = field(default_factory=list)
    save: str | None = None
    imports: set[str] = field(default_factory=set)
    logs: bool = False


def find(notebook: Notebook, modules: dict[str, str], free: str, report: Report) -> Learning:
    """The fitted model, its save line, and the metrics logged. `free` is the script's name for the metric helper."""
    made = _makers(notebook)
    fitted = _fitted(notebook, made, modules)
    learning = Learning(fitted[-1] if fitted else None, fitted)
    if learning.model is None:
        report.ask("no fitted model was found, so nothing saves one: write it to outputs/ yourself")
    elif _saved(notebook, learning.model):
        report.did(f"the notebook saves {learning.model} itself")
    else:
        _save_line(learning, made.get(learning.model, ""), modules)
        report.did(f"added the line that saves {learning.model}: {learning.save}")
    others = sorted(set(fitted) - {learning.model} - _inside(notebook, learning.model))
    if others and learning.save:
        report.ask(f"{', '.join(others)} is fitted too, but only {learning.model} is saved")
    prepared = sorted({name for name in _prepared(notebook, made) if not _saved(notebook, name)})
    if prepared and learning.model:
        report.ask(f"{', '.join(prepared)} is fitted beside the model and not saved: put both into one Pipeline")
    report.model = learning.model
    if "mlflow" not in {module.split(".")[0] for module in modules.values()}:
        learning.logs = metrics.log(notebook, learning.model, free, report)
    return learning


def _inside(notebook: Notebook, model: str | None) -> set[str]:
    """What the model was put together from."""
    return {
        part.id
        for statement in notebook.body
        if model in statement.binds and isinstance(statement.node, ast.Assign)
        for part in ast.walk(statement.node.value)
        if isinstance(part, ast.Name)
    }


def _makers(notebook: Notebook) -> dict[str, str]:
    """Each variable with the dotted name of what last made it: `clf = RandomForestClassifier().fit(…)`."""
    made = {}
    for statement in notebook.body:
        for node in ast.walk(statement.node):
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
                value: ast.expr = node.value
                while (
                    isinstance(value, ast.Call)
                    and isinstance(value.func, ast.Attribute)
                    and isinstance(value.func.value, ast.Call)
                ):
                    value = value.func.value
                for target in node.targets:
                    if isinstance(target, ast.Name) and isinstance(value, ast.Call):
                        made[target.id] = dotted(value.func)
    return made


def _fitted(notebook: Notebook, made: dict[str, str], modules: dict[str, str]) -> list[str]:
    """Variables at the top that hold a fitted model, in the order in which they were fitted."""
    trainers = _trainers(notebook)
    found: list[str] = []
    for statement in notebook.body:
        if isinstance(statement.node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
            continue
        names = [name for node in ast.walk(statement.node) for name in _fit_on(node)]
        for node in ast.walk(statement.node):
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
                inside = found + names
                names += _fit_gives(node.targets[0], node.value, made, modules, trainers)
                names += _wraps(node.targets[0], node.value, inside)
        for name in names:
            if name not in modules and not made.get(name, "").rpartition(".")[2].endswith(_PREPARES):
                found = [*(other for other in found if other != name), name]
    return found or _torch(notebook, made, modules)


def _fit_on(node: ast.AST) -> list[str]:
    """`clf` of `clf.fit(…)`."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _FIT:
        return [node.func.value.id] if isinstance(node.func.value, ast.Name) else []
    return []


def _fit_gives(
    target: ast.expr, call: ast.Call, made: dict[str, str], modules: dict[str, str], trainers: set[str]
) -> list[str]:
    """`clf` of `clf = SVC().fit(…)`, `clf = train(…)`, `clf, other = train(…)`, `result = ols.fit()`."""
    name = dotted(call.func)
    if isinstance(target, ast.Tuple) and target.elts and name in trainers:
        target = target.elts[0]
    if not isinstance(target, ast.Name):
        return []
    head, _, rest = name.partition(".")
    full = ".".join(part for part in (modules.get(head, head), rest) if part)
    owner = (
        call.func.value if isinstance(call.func, ast.Attribute) and call.func.attr in ("fit", "partial_fit") else None
    )
    # `history = model.fit()` of Keras is no model: a fit hands one over when it is on a fresh object, or statsmodels'.
    maker = made.get(owner.id, "") if isinstance(owner, ast.Name) else ""
    stats = modules.get(maker.split(".")[0], "").startswith("statsmodels")
    return [target.id] if isinstance(owner, ast.Call) or stats or full in _TRAINS or name in trainers else []


def _wraps(target: ast.expr, call: ast.Call, fitted: list[str]) -> list[str]:
    """`model` of `model = make_pipeline(scaler, clf)` when `clf` is fitted: it is the whole of the two."""
    parts = {part.id for part in ast.walk(call) if isinstance(part, ast.Name)}
    wraps = dotted(call.func).rpartition(".")[2] in _WRAPPERS and parts & set(fitted)
    return [target.id] if wraps and isinstance(target, ast.Name) else []


def _prepared(notebook: Notebook, made: dict[str, str]) -> set[str]:
    """Variables that hold fitted preparation (scalers, encoders) outside a pipeline, which a prediction needs too."""
    fitted: set[str] = set()
    wrapped: set[str] = set()
    for statement in notebook.body:
        for node in ast.walk(statement.node):
            if not isinstance(node, ast.Call):
                continue
            if dotted(node.func).rpartition(".")[2] in _WRAPPERS:
                wrapped |= {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}
            if isinstance(node.func, ast.Attribute) and node.func.attr in ("fit", "fit_transform", "transform"):
                owner = node.func.value
                if isinstance(owner, ast.Name) and made.get(owner.id, "").rpartition(".")[2].endswith(_PREPARES):
                    fitted.add(owner.id)
    return fitted - wrapped


def _trainers(notebook: Notebook) -> set[str]:
    """Functions that fit something and hand it back."""
    found = set()
    for statement in notebook.body:
        node = statement.node
        if not isinstance(node, ast.FunctionDef):
            continue
        fitted = {
            root(call.func.value)
            for call in ast.walk(node)
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr in _FIT
        }
        for part in ast.walk(node):
            if isinstance(part, ast.Return) and part.value is not None:
                first = part.value.elts[0] if isinstance(part.value, ast.Tuple) and part.value.elts else part.value
                direct = (
                    isinstance(first, ast.Call) and isinstance(first.func, ast.Attribute) and first.func.attr in _FIT
                )
                if direct or (isinstance(first, ast.Name) and first.id in fitted):
                    found.add(node.name)
    return found


def _torch(notebook: Notebook, made: dict[str, str], modules: dict[str, str]) -> list[str]:
    """A PyTorch model: an instance of an `nn.Module` class of the notebook, or an `nn.Sequential`."""
    if not any(module.split(".")[0] == "torch" for module in modules.values()):
        return []
    classes = {
        s.node.name
        for s in notebook.body
        if isinstance(s.node, ast.ClassDef) and any(dotted(base).endswith("Module") for base in s.node.bases)
    }
    return [name for name, maker in made.items() if maker in classes or maker.endswith("Sequential")]


def _saved(notebook: Notebook, model: str) -> bool:
    for statement in notebook.body:
        for node in ast.walk(statement.node):
            if not isinstance(node, ast.Call):
                continue
            last = dotted(node.func).rpartition(".")[2]
            if last not in _SAVES or last == "state_dict":
                continue
            arguments = [*node.args, *(keyword.value for keyword in node.keywords)]
            inside = {root(argument) for argument in arguments} | {
                part.id for argument in arguments for part in ast.walk(argument) if isinstance(part, ast.Name)
            }
            if model in inside or (isinstance(node.func, ast.Attribute) and root(node.func.value) == model):
                return True
    return False


def _save_line(learning: Learning, maker: str, modules: dict[str, str]) -> None:
    module = modules.get(maker.split(".")[0], "")
    used_modules = {name.split(".")[0] for name in modules.values()}
    keras = module.startswith(("tensorflow", "keras")) or (
        maker.rpartition(".")[2] in ("Sequential", "Model") and used_modules & {"tensorflow", "keras"}
    )
    if keras:
        learning.save = f'{learning.model}.save("outputs/model.keras")'
    elif "torch" in used_modules and not used_modules & {"sklearn"}:
        learning.save = f'torch.save({learning.model}.state_dict(), "outputs/model.pt")'
        learning.imports.add("import torch")
    else:
        learning.save = f'joblib.dump({learning.model}, "outputs/model.pkl")'
        learning.imports.add("import joblib")


def sections(
    body: list[Statement], fitted: list[str]
) -> tuple[list[Statement], list[Statement], list[Statement], list[Statement]]:
    """The body cut, in order, into data, model, evaluation and save."""
    trains = [i for i, s in enumerate(body) if _trains(s.node, fitted)]
    if not trains:
        return body, [], [], []
    # From the first construction to the last fit: loss, optimiser and the like in between belong to the model.
    first, last = trains[0], trains[-1]
    saves = [i for i, s in enumerate(body) if i > last and _is_save(s.node)]
    end = saves[0] if saves and not any(_judges(s.node) for s in body[saves[0] :]) else len(body)
    return body[:first], body[first : last + 1], body[last + 1 : end], body[end:]


def _trains(node: ast.stmt, fitted: list[str]) -> bool:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return False
    calls = [part for part in ast.walk(node) if isinstance(part, ast.Call)]
    binds_it = isinstance(node, ast.Assign) and any(
        isinstance(target, ast.Name) and target.id in fitted for target in node.targets
    )
    return any(
        isinstance(call.func, ast.Attribute)
        and ((call.func.attr in _FIT and root(call.func) in fitted) or call.func.attr in ("backward",))
        for call in calls
    ) or (binds_it and bool(calls))


def _is_save(node: ast.stmt) -> bool:
    return any(isinstance(part, ast.Call) and dotted(part.func).rpartition(".")[2] in _SAVES for part in ast.walk(node))


def _judges(node: ast.stmt) -> bool:
    names = {dotted(part.func).rpartition(".")[2] for part in ast.walk(node) if isinstance(part, ast.Call)}
    return bool(names & (_JUDGES | metrics.SCALARS))
