"""Whether the notebook saves its model, the line that does so when it does not, and what stops it being loaded."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field

from runner.notebook.learning import Learning, inside
from runner.notebook.report import Report
from runner.notebook.source import dotted, root
from runner.notebook.statements import Notebook, Statement

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


def find(notebook: Notebook, learning: Learning, modules: dict[str, str], report: Report) -> Saving:
    """The save line that the notebook lacks; what is fitted and not saved, or cannot be loaded again, is reported."""
    saving = Saving()
    model = learning.model
    if model is None:
        report.ask("no fitted model was found, so nothing saves one: write it to outputs/ yourself")
        return saving
    saving.by = _saved(notebook, model)
    if saving.by is not None:
        report.did(f"the notebook saves {model} itself")
    else:
        _save_line(saving, notebook, learning, modules)
        report.did(f"added the line that saves {model}: {saving.line}")
        if learning.looped:
            report.ask(f"{model} is made anew in each turn of a loop and the last is saved: choose the one to keep")
        others = sorted(set(learning.fitted) - {model} - inside(notebook, model))
        if others:
            report.ask(f"fitted too, but only {model} is saved: {', '.join(others)}")
    prepared = [name for name in learning.prepared if not _saved(notebook, name)]
    if prepared:
        report.ask(
            f"fitted beside the model, needed to use it, and not saved with it: {', '.join(prepared)}; in scikit-learn "
            "one Pipeline holds them all"
        )
    _name_unloadable(notebook, model, report)
    return saving


def name_file(notebook: Notebook, saving: Saving, report: Report) -> None:
    """Say which file is to be registered when it is not the one that score.py loads. Call it when paths are edited."""
    text = saving.line or (saving.by.text() if saving.by is not None else "")
    found = re.search(r"""["'](outputs/[^"']+)["']""", text)
    if found and found[1] != "outputs/model.pkl":
        report.ask(
            f"the model is in {found[1]}: register that, and have score.py load it (it loads model.pkl with joblib)"
        )


def _saved(notebook: Notebook, model: str) -> Statement | None:
    """The statement that saves `model`."""
    for statement in notebook.body:
        for node in ast.walk(statement.node):
            if not isinstance(node, ast.Call):
                continue
            last = dotted(node.func).rpartition(".")[2]
            if last not in SAVES or last == "state_dict":
                continue
            arguments = [*node.args, *(keyword.value for keyword in node.keywords)]
            within = {root(argument) for argument in arguments} | {
                part.id for argument in arguments for part in ast.walk(argument) if isinstance(part, ast.Name)
            }
            if model in within or (isinstance(node.func, ast.Attribute) and root(node.func.value) == model):
                return statement
    return None


def _save_line(saving: Saving, notebook: Notebook, learning: Learning, modules: dict[str, str]) -> None:
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
        saving.line = f'joblib.dump({model}, "outputs/model.pkl")'
        saving.imports.add("import joblib")


def _made_with_keras(notebook: Notebook, maker: str, modules: dict[str, str]) -> bool:
    """Whether `maker` is a function or class of the notebook that is built of Keras's."""
    keras = {name for name, module in modules.items() if module.startswith(("tensorflow", "keras"))}
    for statement in notebook.body:
        node = statement.node
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == maker:
            return any(isinstance(part, ast.Name) and part.id in keras for part in ast.walk(node))
    return False


def _name_unloadable(notebook: Notebook, model: str, report: Report) -> None:
    """A pickle only names the classes and functions in it: those of the script itself are not where score.py runs."""
    made = {s.node.name: s.node for s in notebook.body if isinstance(s.node, ast.ClassDef | ast.FunctionDef) and s.kept}
    seen: set[str] = set()
    waiting = [model]
    own: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        for statement in notebook.body:
            node = statement.node
            if name not in statement.binds or not isinstance(node, ast.Assign):
                continue
            called = {id(part.func) for part in ast.walk(node.value) if isinstance(part, ast.Call)}
            # `cfg.alpha` hands over a value, not `cfg`.
            owners = {id(part.value) for part in ast.walk(node.value) if isinstance(part, ast.Attribute)}
            for part in ast.walk(node.value):
                if isinstance(part, ast.Lambda) and "FunctionTransformer" in ast.unparse(node.value):
                    report.ask("a lambda in the model cannot be pickled: make it a function", statement.cell)
                if not isinstance(part, ast.Name) or id(part) in owners:
                    continue
                if isinstance(made.get(part.id), ast.ClassDef) or (part.id in made and id(part) not in called):
                    own.add(part.id)
                elif part.id not in made:
                    waiting.append(part.id)
    if own:
        names = ", ".join(sorted(own))
        report.ask(
            f"{model} is saved with {names} of this script in it, so only this script can load it: move {names} to a "
            "file beside it, and import from there here and in score.py"
        )
