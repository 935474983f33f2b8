"""Whether the notebook saves its model, the line that does so when it does not, and what stops it being loaded."""

from __future__ import annotations

import ast
import builtins
import itertools
import re
from collections.abc import Collection, Mapping

from amlrun.dataclass import dataclass, field
from amlrun.notebook.fitted_model import FittedModel, encodes_target, inside
from amlrun.notebook.model_rows import bundled
from amlrun.notebook.report import Report
from amlrun.notebook.statements import Notebook, Statement
from amlrun.python_source import Source, bound, dotted, root, used

SAVES = {
    "dump", "save", "save_model", "save_weights", "log_model", "save_pretrained", "state_dict", "to_pickle", "export",
    "save_checkpoint",
}  # fmt: skip


@dataclass
class Saving:
    """`line` saves the model where the notebook does not, and needs `imports`; else `by` is what saves it."""

    line: str | None = None
    by: Statement | None = None
    imports: set[str] = field(default_factory=set)
    # Where a preparation that is saved in one with the model is fitted, and with what.
    pipeline: tuple[Statement, ast.expr] | None = None
    own: set[str] = field(default_factory=set)  # functions and classes of the notebook that a pickle of it names


def find(
    notebook: Notebook, learning: FittedModel, modules: dict[str, str], report: Report, kept: Collection[str] = ()
) -> Saving:
    """The save line that the notebook lacks; what is fitted and not saved, or cannot be loaded again, is reported.

    The model keeps the variables `kept`, which score.py applies to rows.
    """
    saving = Saving()
    model = learning.model
    if model is None:
        judged = _only_judged(notebook)
        report.ask(
            f"{judged} is cross-validated, but never fitted: fit it on all of the data, and write it to outputs/"
            if judged
            else "no fitted model was found, so nothing saves one: write it to outputs/ yourself"
        )
        return saving
    saving.by = _saved(notebook, model)
    if saving.by is not None and _also_pickled(learning, modules, saving.by):
        report.did(f"{model} is saved by save_model, as in the notebook, and as a pickle, which score.py loads")
        saving.by = None
        _save_line(saving, notebook, learning, modules)
    elif saving.by is not None:
        report.did(f"the notebook saves {model} itself")
    else:
        _save_line(saving, notebook, learning, modules)
        report.did(f"added the line that saves {model}: {saving.line}")
        if learning.looped:
            report.ask(f"{model} is created in each pass of a loop and the last one is saved: choose the one to keep")
        others = sorted(set(learning.fitted) - {model} - inside(notebook, model))
        if others:
            report.ask(f"fitted too, but only {model} is saved: {', '.join(others)}")
    unsaved = [name for name in learning.prepared if not _saved(notebook, name)]
    report.bundled = _part(saving.pipeline)
    prepared = [name for name in unsaved if name not in {report.bundled, *kept}]
    for name in [name for name in prepared if encodes_target(notebook, name)]:
        prepared.remove(name)
        report.did(f"{name} encodes the target: score.py answers with its numbers, in the order of {name}.classes_")
    if prepared and saving.line is not None and "joblib.dump(" in saving.line and learning.maker:
        report.prepared = prepared
        report.ask(
            f"fitted beside the model, not applied by score.py: {', '.join(prepared)}. They are saved in the model: "
            f"call model.train_values[{prepared[0]!r}].transform(…) in score.py's read_table(), or use one Pipeline"
        )
    elif prepared:
        report.ask(
            f"fitted beside the model, needed to use it, and not saved with it: {', '.join(prepared)}; in scikit-learn "
            "one Pipeline holds them all"
        )
    saving.own = _unloadable(notebook, [model, *unsaved], report)
    return saving


def _also_pickled(learning: FittedModel, modules: dict[str, str], by: Statement) -> bool:
    """Whether the model, saved in a boosting library's own format, is one of its scikit-learn classes."""
    module, name = modules.get(learning.maker.split(".")[0], ""), learning.maker.rpartition(".")[2]
    boosted = module.partition(".")[0] in ("xgboost", "lightgbm", "catboost")
    return boosted and name.endswith(("Classifier", "Regressor", "Ranker")) and ".save_model(" in by.text()


def keep(saving: Saving, model: str | None, variables: Collection[str]) -> None:
    """Have the model keep these variables' values, which score.py needs: options and preparations of the run."""
    if not variables:
        return
    line = f"{model}.train_values = {{{', '.join(f'{name!r}: {name}' for name in variables)}}}  # score.py needs them"
    if saving.by is not None:
        saving.by.lead.append(line)
    elif saving.line is not None and "make_pipeline(" in saving.line:
        whole = saving.line[saving.line.index("make_pipeline(") : saving.line.index(")") + 1]
        saving.line = f"{model} = {whole}\n{line}\n{saving.line.replace(whole, str(model))}"
    else:
        saving.line = f"{line}\n{saving.line}"


def _part(pipeline: tuple[Statement, ast.expr] | None) -> str | None:
    """The preparation of `scaled = scaler.fit_transform(rows)`."""
    node = pipeline[0].node if pipeline is not None else None
    call = node.value if isinstance(node, ast.Assign) else None
    return root(call.func) if isinstance(call, ast.Call) else None


def _only_judged(notebook: Notebook) -> str | None:
    """`clf` of `cross_val_score(clf, X, y)`."""
    calls = [part for s in notebook.body for part in ast.walk(s.node) if isinstance(part, ast.Call) and part.args]
    judged = (root(call.args[0]) for call in calls if dotted(call.func).rpartition(".")[2].startswith("cross_val"))
    return next(judged, None)


def name_file(notebook: Notebook, saving: Saving, report: Report) -> None:
    """Say which file is to be registered when it is not the one that score.py loads. Call it when paths are edited."""
    text = saving.line or (saving.by.text() if saving.by is not None else "")
    found = re.search(r"""["'](outputs/[^"']+)["']""", text)
    if text and (found is None or found[1] != "outputs/model.pkl"):
        # `"outputs/m_" + name` is the beginning of a path, not one.
        whole = found is not None and "{" not in found[1] and not re.match(r"\s*[+%]", text[found.end() :])
        where = f"in {found[1]}" if found and whole else "where the notebook saves it"
        report.ask(
            f"the model is {where}: register that, and have score.py load it (it loads model.pkl with joblib)",
            None if saving.by is None else saving.by.cell,
        )


def _saved(notebook: Notebook, model: str) -> Statement | None:
    """The statement that saves `model`."""
    for statement in notebook.body:
        for node in ast.walk(statement.node):
            if not isinstance(node, ast.Call):
                continue
            last = dotted(node.func).rpartition(".")[2]
            # What MLflow logs is beside the run: a file is registered.
            if last not in SAVES or last in ("state_dict", "log_model"):
                continue
            arguments = [*node.args, *(keyword.value for keyword in node.keywords)]
            within = {root(argument) for argument in arguments} | {
                part.id for argument in arguments for part in ast.walk(argument) if isinstance(part, ast.Name)
            }
            if model in within or (isinstance(node.func, ast.Attribute) and root(node.func.value) == model):
                return statement
    return None


def _save_line(saving: Saving, notebook: Notebook, learning: FittedModel, modules: dict[str, str]) -> None:
    model, maker = learning.model, learning.maker
    module = modules.get(maker.split(".")[0], "")
    if maker.endswith("Trainer") and module.startswith("transformers"):
        saving.line = f'{model}.save_model("outputs/model")'
    elif maker.endswith("Trainer") and "lightning" in module:
        saving.line = f'{model}.save_checkpoint("outputs/model.ckpt")'
    elif learning.torch:
        saving.line = f'torch.save({model}.state_dict(), "outputs/model.pt")'
        saving.imports.add("import torch")
    elif module.startswith(("tensorflow", "keras")) or _made_with_keras(notebook, maker, modules):
        saving.line = f'{model}.save("outputs/model.keras")'
    else:
        saving.imports.add("import joblib")
        saving.pipeline = (
            None if any(_saved(notebook, one) for one in learning.prepared) else bundled(notebook, learning)
        )
        whole = model
        if saving.pipeline is not None:
            whole = f"make_pipeline({_part(saving.pipeline)}, {model})"
            saving.imports.add("from sklearn.pipeline import make_pipeline")
        saving.line = f'joblib.dump({whole}, "outputs/model.pkl")'


def _made_with_keras(notebook: Notebook, maker: str, modules: dict[str, str]) -> bool:
    """Whether `maker` is a function or class of the notebook that is built of Keras's."""
    keras = {name for name, module in modules.items() if module.startswith(("tensorflow", "keras"))}
    for statement in notebook.body:
        node = statement.node
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == maker:
            return any(isinstance(part, ast.Name) and part.id in keras for part in ast.walk(node))
    return False


def _unloadable(notebook: Notebook, waiting: list[str], report: Report) -> set[str]:
    """A pickle only names the classes and functions in it: those of the script itself are not where score.py runs."""
    made = {s.node.name: s.node for s in notebook.body if isinstance(s.node, ast.ClassDef | ast.FunctionDef) and s.kept}
    values = _values(notebook, made)
    seen: set[str] = set()
    own: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        for value, statement in values.get(name, []):
            own |= _named_lambdas(notebook, value, statement, report)
            called, others = _held(value, made)
            own |= {part for part in others if part in made}
            own |= {part for part in called if isinstance(made[part], ast.ClassDef)}
            waiting += called | others
    return own


def _named_lambdas(notebook: Notebook, value: ast.expr, statement: Statement, report: Report) -> set[str]:
    """Make functions of the lambdas in the model, which cannot be pickled; their names."""
    calls = [part for part in ast.walk(value) if isinstance(part, ast.Call)]
    takers = [one for one in calls if dotted(one.func).endswith(("FunctionTransformer", "Vectorizer"))]
    found = set[str]()
    for call in takers:
        for node in [*call.args, *(word.value for word in call.keywords)]:
            if not isinstance(node, ast.Lambda):
                continue
            known = {
                *dir(builtins),
                *notebook.modules(),
                *(one.arg for one in ast.walk(node) if isinstance(one, ast.arg)),
            }
            known |= {s.node.name for s in notebook.body if isinstance(s.node, ast.FunctionDef)}
            if not used(node) <= known or statement not in notebook.body:
                report.ask("a lambda in the model cannot be pickled: make it a function", statement.cell)
                continue
            taken = notebook.names() | found
            name = next(one for one in (f"transform_{n}" for n in itertools.count(1)) if one not in taken)
            text = f"def {name}({ast.unparse(node.args)}):\n    return {ast.unparse(node.body)}"
            function = Statement(ast.parse(text).body[0], statement.cell, Source(text), 0, len(text), binds={name})
            notebook.body.insert(notebook.body.index(statement), function)
            statement.edit(node, name)
            report.did(f"a lambda in the model, which cannot be pickled, became the function {name}", statement.cell)
            found.add(name)
    return found


def name_own(saving: Saving, model: str | None, report: Report) -> None:
    """Say which definitions of the script are in its saved model, so that no other program can load it."""
    names = ", ".join(sorted(saving.own))
    report.ask(
        f"{model} is saved with {names} of this script in it, so only this script can load it: move {names} to a "
        "file beside it, and import from there here and in score.py"
    )


def _values(notebook: Notebook, made: Mapping[str, ast.stmt]) -> dict[str, list[tuple[ast.expr, Statement]]]:
    """What each name is assigned, and what each function of the notebook hands back, with the statement."""
    found: dict[str, list[tuple[ast.expr, Statement]]] = {}
    for statement in notebook.body:
        node = statement.node
        parts = ast.walk(node) if not isinstance(node, ast.ClassDef) else []
        for part in parts:
            if isinstance(part, ast.Assign):
                for name in bound(part):
                    found.setdefault(name, []).append((part.value, statement))
            elif isinstance(part, ast.Return) and part.value is not None and isinstance(node, ast.FunctionDef):
                found.setdefault(node.name, []).append((part.value, statement))
    return found


def _held(value: ast.expr, made: Mapping[str, ast.stmt]) -> tuple[set[str], set[str]]:
    """What of the notebook is called in `value`, and the other names that may stay in what comes out."""
    called: set[str] = set()
    others: set[str] = set()
    waiting: list[ast.AST] = [value]
    while waiting:
        part = waiting.pop()
        if isinstance(part, ast.Call) and isinstance(part.func, ast.Name) and part.func.id in made:
            called.add(part.func.id)
            if isinstance(made[part.func.id], ast.FunctionDef):
                # It hands back what it made; of what it is given only a class or function stays as such.
                given = {root(argument) or "" for argument in part.args if isinstance(argument, ast.Name)}
                others |= given & set(made)
                continue
        if isinstance(part, ast.Attribute) and isinstance(part.value, ast.Name):
            continue  # `cfg.alpha` hands over a value, not `cfg`
        if isinstance(part, ast.Name):
            others.add(part.id)
        elif isinstance(part, ast.Call) and isinstance(part.func, ast.Name) and part.func.id in made:
            waiting += [*part.args, *part.keywords]
        else:
            waiting += ast.iter_child_nodes(part)
    return called, others
