"""What serves a converted notebook's model: score.py, score_batch.py, a sample request, and a test of them all."""

from __future__ import annotations

import ast
import json
import os
import re
from pathlib import Path, PurePosixPath
from typing import Any

from amlrun.notebook import row_wise
from amlrun.notebook.conda import Proposal
from amlrun.notebook.edited import is_edited
from amlrun.notebook.model_module import Module
from amlrun.notebook.model_rows import FILE
from amlrun.notebook.report import Report, listed
from amlrun.notebook.row_wise import RowWise
from amlrun.notebook.trace import Trace, follow
from amlrun.notebook.trace_values import UNKNOWN, Frame, Series

_PICKLES = (".pkl", ".pickle", ".joblib", ".sav", ".p", ".bin")
_KERAS = (".keras", ".h5")
# How files begin that are the template's sample, or an earlier conversion's: they may be written over.
_OURS = (
    '"""Answer scoring requests',
    '"""Score many files',
    '"""score.py answers good requests',
    '"""train.py trains a good model on the sample',
    '"""From ',
)
# Packages that a pickled model is made of: score.py's environment needs them too.
_MODELS = {
    "sklearn", "xgboost", "lightgbm", "catboost", "imblearn", "category_encoders", "feature_engine", "sksurv", "sktime",
    "statsmodels", "skops", "tensorflow", "keras", "umap", "hdbscan", "mlxtend", "nltk", "spacy",
}  # fmt: skip


def files(
    script: str, target: Path, title: str, root: Path, report: Report, module: Module | None, *, overwrite: bool = True
) -> list[Proposal]:
    """The files that belong beside `script`, which is to be written at `target` of the project `root`.

    `module` holds the script's functions that score.py may import. A file that somebody has made their own stays, and
    one that they edited, unless `overwrite`; that, and what cannot be known without a run, is reported.
    """
    if report.model is None:
        return []
    known = _followed(script, target, report)
    if known.file is None or PurePosixPath(known.file).suffix not in (*_PICKLES, *_KERAS):
        how = _by_hand(script, report.model, module.name if module else "")
        report.ask(f"write score.py yourself: {report.model} is saved neither as a pickle nor with Keras{how}")
        return []
    report.model_file = known.file
    folder = target.absolute().parent
    request = root / "deployment" / "sample-request.json"
    columns = list(_columns(known))
    prepares = _prepares(known, script, module, report)
    rows = None if report.sampled else _rows(known, report)
    if report.sampled:
        report.did(f"the training writes {FILE}, two rows of what the model is fitted with: score.py takes such rows")
    values = _values(known, target, title, request, report)
    values |= {
        "request_known": rows is not None,
        "sampled": report.sampled,
        "prepares": prepares,
        "inputs": list(_columns(known)),
    }
    keras = PurePosixPath(known.file).suffix in _KERAS
    values |= {"sample": f"{FILE} of a run" if report.sampled else "deployment/sample-request.json"}
    values |= {"keras": ("from tensorflow " if "tensorflow" in script else "") + "import keras" if keras else ""}
    values |= {"module": module.name if module else "", "columns": columns if isinstance(known.inputs, Frame) else []}
    made = {folder / name: _rendered(f"{name}.j2", values) for name in ("score.py", "score_batch.py")}
    tests = folder / "tests"
    made[tests / "test_train.py"] = _rendered("test_train.py.j2", values)
    if rows is not None:
        made[request] = json.dumps({"data": rows}, indent=2, ensure_ascii=False) + "\n"
    return [Proposal(path, text) for path, text in made.items() if _may_replace(path, root, overwrite, report)]


def _by_hand(script: str, model: str, module: str = "") -> str:
    """How a score.py loads and asks a model that PyTorch, XGBoost or LightGBM saved in a format of its own."""
    saved = re.search(r"""["']outputs/([^"'{}]+)["']""", script)
    file = f'next(Path(os.environ["AZUREML_MODEL_DIR"]).rglob("{saved[1] if saved else "FILE"}"))'
    made = [node.value for node in ast.walk(ast.parse(script)) if isinstance(node, ast.Assign)
            and isinstance(node.value, ast.Call) and ast.unparse(node.targets[0]) == model]  # fmt: skip
    maker = ast.unparse(made[-1]) if made else "..."
    if re.search(r"^(?:import|from) torch\b", script, re.MULTILINE):
        whole = f"{model} = torch.load({file}, weights_only=False)"
        parts = f"{model} = {maker}; {model}.load_state_dict(torch.load({file}))"
        load = f"{parts if 'state_dict()' in script else whole}; {model}.eval()"
        answer = f"{model}(torch.tensor(rows, dtype=torch.float32)).tolist()"
    elif maker.startswith(("xgb.", "xgboost.")):
        load = f"{model} = xgboost.Booster(model_file={file})"
        answer = f"{model}.predict(xgboost.DMatrix(pd.DataFrame(rows))).tolist()"
    elif maker.startswith(("lgb.", "lightgbm.")):
        load, answer = f"{model} = lightgbm.Booster(model_file={file})", f"{model}.predict(pd.DataFrame(rows)).tolist()"
    else:
        return ""
    own = (
        f" (import {maker.partition('(')[0]} from {module})" if module and load.startswith(f"{model} = {maker}") else ""
    )
    return f". init() loads it: `{load}`{own}; run() answers: `{answer}`"


def outdated(target: Path, root: Path) -> list[Path]:
    """The sample's own tests of what the conversion replaces, unless somebody edited them."""
    test = target.absolute().parent / "tests" / "test_score.py"
    return [test] if test.exists() and _is_ours(test) and not is_edited(test, root) else []


def needs(script: str) -> str:
    """The imports of `script` that its saved model needs."""
    kept = []
    for node in ast.parse(script).body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            name = node.module or "" if isinstance(node, ast.ImportFrom) else node.names[0].name
            kept += [ast.unparse(node)] if name.split(".")[0] in _MODELS else []
    return "\n".join(kept)


def _values(known: Trace, target: Path, title: str, request: Path, report: Report) -> dict[str, Any]:
    folder = target.absolute().parent
    words = []
    for option in report.options:
        if option["flag"].startswith("--data-path"):
            place = os.path.relpath(folder / str(_literal(option["default"])), folder).replace(os.sep, "/")
            words += [f'"{option["flag"]}"', f"(MODEL / {json.dumps(place, ensure_ascii=False)}).resolve()"]
    reads = "".join(f", {name}={_quoted(value)}" for name, value in known.reads.items())
    text = known.inputs if isinstance(known.inputs, Series) else None
    column = next((name for name, part in known.tables.items() if part is text), None) if text is not None else None
    return {
        "title": title,
        "file": _quoted(PurePosixPath(known.file or "").name),
        "saved": _quoted(known.file),
        "text": _quoted(column or "text") if text is not None else None,
        "reads": reads,
        "words": "".join(f", {word}" for word in words),
        "request": _quoted(os.path.relpath(request, folder).replace(os.sep, "/")),
    }


def _quoted(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)


def _rows(known: Trace, report: Report) -> list[Any] | None:
    inputs = known.inputs
    if inputs is None:
        report.ask(
            "the columns that the model is fitted with are only known in a run: write a request with them to "
            "deployment/sample-request.json"
        )
        return None
    if isinstance(inputs, Series):
        return [str(value or "") for value in inputs.values]
    guessed = [name for name, part in inputs.columns.items() if UNKNOWN in part.values]
    if guessed:
        report.ask(
            f"the values of {', '.join(guessed)} in deployment/sample-request.json are placeholders: replace them"
        )
    columns = [[0 if value is UNKNOWN else value for value in part.values] for part in inputs.columns.values()]
    rows = list(zip(*columns))
    return [list(row) for row in rows] if inputs.plain else [dict(zip(inputs.columns, row)) for row in rows]


def is_sampled(script: str, target: Path, report: Report, module: Module | None) -> bool:
    """Whether the values of a request are only known in a run, so that the training has to write one."""
    known = _followed(script, target, report)
    if report.model is None or known.file is None:
        return False
    _prepares(known, script, module, Report())
    inputs = known.inputs
    values = list(inputs.columns.values()) if isinstance(inputs, Frame) else [inputs]
    return not values or any(one is None or UNKNOWN in one.values for one in values)


def functions(script: str, target: Path, report: Report) -> list[str]:
    """The functions of `script` that score.py has to call to make the columns that the model is fitted with."""
    known = _followed(script, target, report)
    if report.model is None or not _columns(known):
        return []
    return row_wise.of_script(script, list(_columns(known))).functions


def options(script: str, target: Path, report: Report, module: Module | None) -> list[str]:
    """The variables of `script` with an option's value that score.py needs: the model has to keep it."""
    known = _followed(script, target, report)
    return _prepares(known, script, module, Report()).options if report.model and known.file else []


def _followed(script: str, target: Path, report: Report) -> Trace:
    options = {one["flag"][2:].replace("-", "_"): _literal(one["default"]) for one in report.options}
    return follow(script, options, target.absolute().parent, report.model, report.bundled)


def _columns(known: Trace) -> dict[str, Series]:
    """The columns of the table that the model is fitted with, where it is one."""
    return known.inputs.columns if isinstance(known.inputs, Frame) and not known.inputs.plain else {}


def _prepares(known: Trace, script: str, module: Module | None, report: Report) -> RowWise:
    """What score.py does to a row of the training data; `known.inputs` becomes such rows where it can do all of it.

    Where it cannot, whoever sends a row has to do it, and is told so.
    """
    wanted = list(_columns(known))
    if not wanted:
        return RowWise()
    # Attributes of a pickled model are kept with it; Keras keeps its own only.
    arguments = "args" if PurePosixPath(known.file or "").suffix in _PICKLES else ""
    prepares = row_wise.of_script(script, wanted, set() if module is None else module.moved, arguments)
    raw = next((one for one in known.read if set(prepares.needs) <= set(one.columns)), Frame())
    undone = [name for name in wanted if name not in raw.columns and name not in prepares.made]
    spread = isinstance(known.inputs, Frame) and known.inputs.spread
    for text in prepares.left:
        report.ask(f"score.py does not do this, which the model needs: put it into a pipeline, or send it done: {text}")
    if undone and raw.columns and not spread:
        report.did(f"requests and files to score need {listed(undone)}, which train.py makes of other columns")
    if undone or not raw.columns or spread != prepares.dummies:
        known.inputs = None if spread else known.inputs
        return RowWise()
    if prepares.lines:
        asked = [*prepares.needs, *(name for name in wanted if name not in prepares.made)]
        known.inputs = Frame({name: part for name, part in raw.columns.items() if name in asked})
        report.did(
            f"score.py makes {listed(sorted(prepares.made))} as train.py does: send rows as in the training data"
        )
    return prepares


def _may_replace(path: Path, root: Path, overwrite: bool, report: Report) -> bool:
    if not path.exists():
        return True
    if path.suffix == ".py" and not _is_ours(path):
        report.ask(f"{path.name} is your own and was not changed: make sure that it loads {report.model_file}")
        return False
    if overwrite or not is_edited(path, root):
        return True
    report.ask(f"{path.name} was edited and was not changed: --overwrite replaces it, and keeps a copy")
    return False


def _is_ours(path: Path) -> bool:
    return path.read_text(encoding="utf-8", errors="replace").startswith(_OURS)


def _rendered(name: str, values: dict[str, Any]) -> str:
    import jinja2

    text = (Path(__file__).parent / name).read_text(encoding="utf-8")
    made = jinja2.Template(text, keep_trailing_newline=True, autoescape=False).render(values)
    return re.sub(r"\n{4,}", "\n\n\n", made)


def _literal(text: Any) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text
