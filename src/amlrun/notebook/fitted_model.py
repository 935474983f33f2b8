"""Which variable is the fitted model, and what else is fitted that a prediction needs."""

from __future__ import annotations

import ast

from amlrun.dataclass import dataclass, field
from amlrun.notebook.statements import Notebook
from amlrun.python_source import bound, dotted, root, used

FIT = {"fit", "partial_fit", "fit_generator", "train_on_batch", "fit_predict"}
# Classes that prepare data: what they learn is not the model.
_PREPARES = (
    "Scaler", "Encoder", "Vectorizer", "Imputer", "Transformer", "Binarizer", "PCA", "SVD", "NMF", "Tokenizer",
    "Normalizer", "SelectKBest", "SelectPercentile", "Selector", "RFE", "RFECV", "Features", "Discretizer", "Hasher",
    "Umap", "UMAP", "TSNE", "Splitter", "TextVectorization", "Normalization", "SMOTE", "Sampler", "ImageDataGenerator",
)  # fmt: skip
# Classes that put fitted parts together.
_WRAPPERS = {"make_pipeline", "Pipeline", "FrozenEstimator", "CalibratedClassifierCV", "VotingClassifier"}
_TRAINS = {"xgboost.train", "lightgbm.train", "catboost.train", "pmdarima.auto_arima"}
_COPIES = {"deepcopy", "copy"}
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


@dataclass
class FittedModel:
    """`model` is the variable, `fitted` it and what else is fitted; `maker` the dotted name of what made it.

    `looped`: the model is made anew in each turn of a loop. `prepared` are scalers and the like beside the model.
    """

    model: str | None = None
    fitted: list[str] = field(default_factory=list)
    maker: str = ""
    torch: bool = False
    looped: bool = False
    prepared: list[str] = field(default_factory=list)


def find(notebook: Notebook, modules: dict[str, str]) -> FittedModel:
    """The model that the notebook fits last, or that it chooses among those it fitted."""
    made = makers(notebook)
    fitted = _fitted(notebook, made, modules)
    torch = [] if fitted else _torch(notebook, made, modules)
    learning = FittedModel(fitted=fitted or torch, torch=bool(torch))
    if learning.fitted:
        learning.model = learning.fitted[-1]
        learning.maker = made.get(learning.model, "")
        binding = [statement.node for statement in notebook.body if learning.model in statement.binds]
        learning.looped = bool(binding) and all(isinstance(node, ast.For | ast.While) for node in binding)
        learning.prepared = sorted(_prepared(notebook, made, learning.model))
    return learning


def inside(notebook: Notebook, model: str | None) -> set[str]:
    """What the model was put together from, or is a copy of, and what that was."""
    found: set[str] = set()
    waiting = [model]
    while waiting:
        name = waiting.pop()
        for statement in notebook.body:
            if isinstance(statement.node, _DEFINITIONS):
                continue
            for node in ast.walk(statement.node):
                new: set[str] = set()
                if isinstance(node, ast.Assign) and name in bound(node):
                    new = used(node.value) - found
                elif isinstance(node, ast.For) and name in _looped_over(
                    node.iter
                ):  # `for m in models:` of `models[best]`
                    new = bound(node.target) - found
                found |= new
                waiting += new
    return found


def _looped_over(node: ast.expr) -> set[str | None]:
    """`models` of `for … in models.items()` and `for … in enumerate(models)`."""
    arguments = node.args if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else []
    return {root(node), *(root(argument) for argument in arguments)}


def makers(notebook: Notebook) -> dict[str, str]:
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
    """Variables at the top that hold a fitted model, in the order in which they were fitted or chosen."""
    trainers = _trainers(notebook)
    found: list[str] = []
    kept: set[str] = set()  # dicts and lists that hold fitted models
    for statement in notebook.body:
        if isinstance(statement.node, _DEFINITIONS) or not statement.kept:
            continue
        nodes = list(ast.walk(statement.node))
        names = [name for node in nodes for name in _fit_on(node, made)]
        assigned = [node for node in nodes if isinstance(node, ast.Assign)]
        for node in assigned:
            if isinstance(node.value, ast.Call):
                names += _fit_gives(node.targets[0], node.value, made, modules, trainers)
                names += _wraps(node.targets[0], node.value, {*found, *names})
        for node in assigned:
            names += _chosen(node, {*found, *names}, kept)
        for name in names:
            if name not in modules and name != "_" and not prepares(made.get(name, "")):
                found = [*(other for other in found if other != name), name]
        kept |= _holders(nodes, {*found})
    return [name for name in found if name not in kept] or found


def prepares(maker: str) -> bool:
    """Whether what `maker`, a class's name, makes prepares data: what it learns is not the model."""
    return maker.rpartition(".")[2].endswith(_PREPARES)


def _fit_on(node: ast.AST, made: dict[str, str]) -> list[str]:
    """`clf` of `clf.fit(…)`, and of `trainer.train()` when it is a Trainer."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return []
    owner = node.func.value
    if not isinstance(owner, ast.Name):
        return []
    trains = node.func.attr == "train" and made.get(owner.id, "").endswith("Trainer")
    return [owner.id] if node.func.attr in FIT or trains else []


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


def _wraps(target: ast.expr, call: ast.Call, fitted: set[str]) -> list[str]:
    """`model` of `model = make_pipeline(scaler, clf)` when `clf` is fitted: it is the whole of the two."""
    parts = {part.id for part in ast.walk(call) if isinstance(part, ast.Name)}
    wraps = dotted(call.func).rpartition(".")[2] in _WRAPPERS and parts & fitted
    return [target.id] if wraps and isinstance(target, ast.Name) else []


def _chosen(node: ast.Assign, fitted: set[str], kept: set[str]) -> list[str]:
    """`best` of `best = clf`, `score, best = s, deepcopy(clf)`, `best = search.best_estimator_`, `best = models[i]`."""
    target, value = node.targets[0], node.value
    pairs = [(target, value)]
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        pairs = list(zip(target.elts, value.elts))
    found = []
    for name, part in pairs:
        if isinstance(part, ast.Call) and len(part.args) == 1 and dotted(part.func).rpartition(".")[2] in _COPIES:
            part = part.args[0]
        if isinstance(part, ast.Attribute) and part.attr == "best_estimator_":
            part = part.value
        same = isinstance(part, ast.Name) and part.id in fitted
        if isinstance(name, ast.Name) and (same or (isinstance(part, ast.Subscript) and root(part) in kept)):
            found.append(name.id)
    return found


def _holders(nodes: list[ast.AST], fitted: set[str]) -> set[str]:
    """Dicts and lists that fitted models are in: looped over and fitted, or filled."""
    found: set[str | None] = set()
    for node in nodes:
        if isinstance(node, ast.For):
            targets = {part.id for part in ast.walk(node.target) if isinstance(part, ast.Name)}
            if targets & {name for part in ast.walk(node) for name in _fit_on(part, {})}:
                found |= used(node.iter)
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Subscript):
            found |= {root(node.targets[0])} if _holds(node.value, fitted) else set()
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            owner = node.func.value
            fits = node.func.attr in FIT and isinstance(owner, ast.Subscript)
            fills = node.func.attr == "append" and bool(node.args) and _holds(node.args[0], fitted)
            found |= {root(owner)} if fits or fills else set()
    return {name for name in found if name}


def _holds(node: ast.AST, fitted: set[str]) -> bool:
    """Whether `node` is a fitted model, or a tuple or dict with one: not what a call made of it."""
    return bool(used(node) & fitted) and not any(isinstance(part, ast.Call) for part in ast.walk(node))


def _prepared(notebook: Notebook, made: dict[str, str], model: str) -> set[str]:
    """What holds fitted preparation (scalers, encoders) outside a pipeline, which a prediction needs too."""
    body = notebook.body
    uses = [i for i, s in enumerate(body) if any(model in _fit_on(node, made) for node in ast.walk(s.node))]
    last = max(uses, default=len(body))  # PyTorch fits in a loop of its own
    fitted: set[str] = set()
    wrapped: set[str] = set()
    for statement in body[: last + 1]:
        for node in ast.walk(statement.node):
            if not isinstance(node, ast.Call):
                continue
            if dotted(node.func).rpartition(".")[2] in _WRAPPERS:
                wrapped |= {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}
            if isinstance(node.func, ast.Attribute) and node.func.attr in ("fit", "fit_transform", "transform"):
                owner = node.func.value
                if isinstance(owner, ast.Name):
                    maker = made.get(owner.id, "")
                    if prepares(maker) or (node.func.attr == "fit_transform" and maker):
                        fitted.add(owner.id)
                elif isinstance(owner, ast.Call) and node.func.attr == "fit_transform":
                    fitted |= {dotted(owner.func)} if prepares(dotted(owner.func)) else set()
    return fitted - wrapped - {model}


def encodes_target(notebook: Notebook, name: str) -> bool:
    """Whether a LabelEncoder makes `y`, or a column that the notebook takes as `y` or drops from what it fits with."""
    if not makers(notebook).get(name, "").endswith(("LabelEncoder", "LabelBinarizer")):
        return False
    nodes = [node for statement in notebook.body for node in ast.walk(statement.node)]
    assigned = [node for node in nodes if isinstance(node, ast.Assign)]
    made = [node.targets[0] for node in assigned
            if isinstance(node.value, ast.Call) and dotted(node.value.func) == f"{name}.fit_transform"]  # fmt: skip
    columns = {ast.unparse(one.slice) for one in made if isinstance(one, ast.Subscript)}
    taken = {ast.unparse(node.value.slice) for node in assigned
             if isinstance(node.targets[0], ast.Name) and isinstance(node.value, ast.Subscript)}  # fmt: skip
    drops = [node for node in nodes if isinstance(node, ast.Call) and dotted(node.func).endswith((".drop", ".pop"))]
    taken |= {ast.unparse(part) for call in drops for part in ast.walk(call) if isinstance(part, ast.Constant)}
    return bool(made) and columns <= taken


def _trainers(notebook: Notebook) -> set[str]:
    """Functions that fit something and hand it back, or hand back what another such function gave them."""
    functions = [s.node for s in notebook.body if isinstance(s.node, ast.FunctionDef)]
    found: set[str] = set()
    for _ in functions:
        found |= {function.name for function in functions if _hands_back(function, found)}
    return found


def _hands_back(function: ast.FunctionDef, trainers: set[str]) -> bool:
    nodes = list(ast.walk(function))
    fitted = {name for node in nodes for name in _fit_on(node, {})}
    for node in nodes:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and dotted(node.value.func) in trainers:
            target = node.targets[0].elts[0] if isinstance(node.targets[0], ast.Tuple) else node.targets[0]
            fitted |= {target.id} if isinstance(target, ast.Name) else set()
    for node in nodes:
        if isinstance(node, ast.Return) and node.value is not None:
            first = node.value.elts[0] if isinstance(node.value, ast.Tuple) and node.value.elts else node.value
            called = first.func if isinstance(first, ast.Call) else None
            direct = (isinstance(called, ast.Attribute) and called.attr in FIT) or (
                isinstance(called, ast.Name) and called.id in trainers
            )
            if direct or (isinstance(first, ast.Name) and first.id in fitted):
                return True
    return False


def _torch(notebook: Notebook, made: dict[str, str], modules: dict[str, str]) -> list[str]:
    """A PyTorch model: what an optimiser is given the parameters of, else an instance of an `nn.Module` class."""
    if not any(module.split(".")[0] == "torch" for module in modules.values()):
        return []
    tops = {name for statement in notebook.body for name in statement.binds}
    trained = [
        root(node.func.value) or ""
        for statement in notebook.body
        if not isinstance(statement.node, _DEFINITIONS)
        for node in ast.walk(statement.node)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "parameters"
    ]
    classes = {
        s.node.name
        for s in notebook.body
        if isinstance(s.node, ast.ClassDef) and any(dotted(base).endswith("Module") for base in s.node.bases)
    }
    instances = [name for name, maker in made.items() if maker in classes or maker.endswith("Sequential")]
    return list(dict.fromkeys(name for name in [*instances, *trained] if name in tops))
