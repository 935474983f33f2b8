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
from amlrun.notebook.report import Report, listed
from amlrun.notebook.row_wise import RowWise
from amlrun.notebook.trace import UNKNOWN, Frame, Series, Trace, follow

_PICKLES = (".pkl", ".pickle", ".joblib", ".sav", ".p", ".bin")
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
    "statsmodels", "skops", "umap", "hdbscan", "mlxtend", "nltk", "spacy",
}  # fmt: skip


def files(
    script: str, target: Path, title: str, root: Path, report: Report, *, overwrite: bool = True
) -> list[Proposal]:
    """The files that belong beside `script`, which is to be written at `target` of the project `root`.

    A file that somebody has made their own stays, and one that they edited, unless `overwrite`; that, and what cannot
    be known without a run, is reported.
    """
    if report.model is None or report.prepared:
        return []
    options = {one["flag"][2:].replace("-", "_"): _literal(one["default"]) for one in report.options}
    known = follow(script, options, target.absolute().parent, report.model)
    if known.file is None or PurePosixPath(known.file).suffix not in _PICKLES:
        report.ask(f"score.py is yours to write: it can load a pickled model, and {report.model} is saved otherwise")
        return []
    report.model_file = known.file
    folder = target.absolute().parent
    request = root / "deployment" / "sample-request.json"
    rows = _rows(known, report)
    table = known.inputs if isinstance(known.inputs, Frame) and not known.inputs.plain else None
    prepares = row_wise.of_script(script, list(table.columns)) if table is not None else RowWise()
    _tell_made_columns(known, prepares, report, folder)
    values = _values(known, target, title, request, report)
    needs = "{" + ", ".join(map(_quoted, prepares.needs)) + "}"
    values |= {"request_known": rows is not None, "prepares": prepares, "needs": needs}
    made = {folder / name: _rendered(f"{name}.j2", values) for name in ("score.py", "score_batch.py")}
    tests = folder / "tests"
    made[tests / "test_train.py"] = _rendered("test_train.py.j2", values)
    if rows is not None:
        made[request] = json.dumps({"data": rows}, indent=2, ensure_ascii=False) + "\n"
    return [Proposal(path, text) for path, text in made.items() if _may_replace(path, root, overwrite, report)]


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
        "columns": list(known.inputs.columns) if isinstance(known.inputs, Frame) and not known.inputs.plain else [],
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
        report.ask(f"the values of {', '.join(guessed)} in deployment/sample-request.json are guesses: correct them")
    columns = [[0 if value is UNKNOWN else value for value in part.values] for part in inputs.columns.values()]
    rows = list(zip(*columns))
    return [list(row) for row in rows] if inputs.plain else [dict(zip(inputs.columns, row)) for row in rows]


def _tell_made_columns(known: Trace, prepares: RowWise, report: Report, folder: Path) -> None:
    """Say which columns the script makes: whoever sends a request must send them too; a file only where they depend on
    more than its rows.
    """
    if not isinstance(known.inputs, Frame) or known.inputs.plain:
        return
    places = [folder / str(_literal(one["default"])) for one in report.options if one["flag"].startswith("--data-path")]
    tables = [file for place in places for file in ([place] if place.is_file() else sorted(place.glob("*.csv"))[:1])]
    header = "".join(file.open(encoding="utf-8", errors="replace").readline() for file in tables)
    made = [name for name in map(str, known.inputs.columns) if name not in header]
    if header and made:
        alone = all(any(line.startswith(f"rows[{name!r}] = ") for line in prepares.lines) for name in made)
        who = "requests" if alone else "requests and files to score"
        report.did(f"{who} need {listed(made)}, which train.py makes of other columns")
        if alone:
            report.did("score_batch.py makes them for files like the training data")


def _may_replace(path: Path, root: Path, overwrite: bool, report: Report) -> bool:
    if not path.exists():
        return True
    if path.suffix == ".py" and not _is_ours(path):
        report.ask(f"{path.name} is your own, and stays: see that it loads {report.model_file}")
        return False
    if overwrite or not is_edited(path, root):
        return True
    report.ask(f"{path.name} was edited, and stays: --overwrite replaces it, and keeps a copy")
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
