"""Put the pieces together: what the Jinja template needs to write `train.py`."""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Collection
from pathlib import Path
from typing import Any

from amlrun.dataclass import dataclass, field
from amlrun.notebook import (
    cell_order,
    display,
    fitted_model,
    metrics,
    model_module,
    model_rows,
    outline,
    parameters,
    parser_options,
    paths,
    read,
    saving,
    statements,
)
from amlrun.notebook.data_option import Paths
from amlrun.notebook.report import Report
from amlrun.notebook.statements import Notebook, Statement
from amlrun.python_source import indent, needed_now, used

# Names of the script's own frame; one that the notebook uses itself gets an underscore.
_FRAME = (
    "args",
    "parse_args",
    "data_file",
    "save_figures",
    "save_request",
    "yes_or_no",
    "logged",
    "OUTPUTS",
    "SimpleNamespace",
)


@dataclass
class Script:
    """The rendered parts, in the order in which the template writes them. `names` are the frame's names."""

    doc: str
    names: dict[str, str]
    options: list[str]
    helpers: set[str]
    definitions: list[str]
    imports: list[str] = field(default_factory=list)
    future: list[str] = field(default_factory=list)
    sections: list[tuple[str, str]] = field(default_factory=list)
    pyplot: str | None = None  # what the script calls matplotlib.pyplot, when it needs it
    module: model_module.Module | None = None  # what has moved to a module beside the script

    @property
    def functions(self) -> bool:
        """Whether the script has any function beside those for its arguments."""
        return bool(self.definitions or self.helpers & {"data_file", "logged", "save_figures", "save_request"})


def plan(
    node: Any,
    base: Path,
    target: Path,
    title: str,
    report: Report,
    *,
    move: bool = False,
    called: Collection[str] = (),
    kept: Collection[str] = (),
    sampled: bool = False,
) -> Script:
    """Decide everything about the script that the notebook `node` becomes.

    `base` is the folder of the notebook, `target` that of the script, `title` the notebook's file name.
    `move` lets what the saved model needs of the notebook go to a module of its own, with the functions `called`.
    `sampled`: the script is to write two rows of what its model is fitted with as a sample request. The values of the
    variables `kept` are saved with the model.
    Raises `AmlError` naming the cell where one cannot be converted.
    """
    notebook = statements.split(cell_order.settled(read.cells(node), report), report)
    names = _fresh(notebook)
    modules = notebook.modules()
    _tqdm(notebook)
    lines = parser_options.take(notebook, modules, names["args"], report)
    shown = display.apply(notebook, modules, names["args"], names["save_figures"], report)
    learned = fitted_model.find(notebook, modules)
    saved = saving.find(notebook, learned, modules, report, kept)
    report.model = learned.model
    logs = "mlflow" not in {module.split(".")[0] for module in modules.values()} and metrics.log(
        notebook, learned.model, names["logged"], report
    )
    found = paths.apply(notebook, base, target, names["args"], names["data_file"], report)
    if not move:
        saving.name_file(notebook, saved, report)
    cell_order.check(notebook, report)
    doc = _doc(notebook, title)
    module = None
    for own in [saved.own | {*called}, saved.own] if move else []:
        if own and module is None:
            module = model_module.take(notebook, own, found.variables, target, title)
    if module is not None:
        report.modules.append(module.name)
        report.did(f"moved {', '.join(sorted(module.moved))} to {module.name}.py, for train.py and score.py")
    elif saved.own:
        saving.name_own(saved, learned.model, report)
    saving.keep(saved, learned.model, [*kept, *report.prepared])
    report.sampled = sampled and model_rows.sample(notebook, learned, names["save_request"], saved.pipeline)
    options, taken = parameters.find(notebook, found.variables, modules, report)
    values = parameters.assignments(options, taken, names["args"])
    everything = [*found.options, *options, *shown.options]

    helpers = set()
    helpers |= {"data_file"} if found.helper else set()
    helpers |= {"save_figures"} if shown.figures else set()
    helpers |= {"yes_or_no"} if any(option.type == "yes_or_no" for option in everything) else set()
    helpers |= {"logged"} if logs else set()
    helpers |= {"save_request"} if report.sampled else set()
    definitions, body = _definitions(notebook)
    script = Script(doc, names, [*(_line(o, names) for o in everything), *lines], helpers, definitions, module=module)
    if shown.closes or (shown.figures and shown.matplotlib) or any(shown.pyplot in used(s.node) for s in body):
        script.pyplot = shown.pyplot or "plt"
    _sections(script, outline.sections(body, learned.fitted, notebook), values, saved, found, shown, notebook.tail)
    _imports(script, notebook, saved, shown, report)
    return script


def _fresh(notebook: Notebook) -> dict[str, str]:
    taken = notebook.names()
    names = {}
    for name in _FRAME:
        fresh = name
        while fresh in taken:
            fresh += "_"
        names[name] = fresh
    return names


def _line(option: parameters.Option, names: dict[str, str]) -> str:
    if option.type == "yes_or_no":
        option.type = names["yes_or_no"]
    return option.line()


def _tqdm(notebook: Notebook) -> None:
    """tqdm's notebook bar needs a browser; its plain one is the same for code."""
    for statement in notebook.imports:
        text = statement.source.slice(statement.node)
        plain = re.sub(r"\btqdm\.notebook\b|\btqdm\.autonotebook\b", "tqdm", text)
        plain = re.sub(r"\btqdm_notebook\b(?!\s+as)", "tqdm as tqdm_notebook", plain).replace(
            "tqdm_notebook as", "tqdm as"
        )
        plain = plain.replace("tqdm as tqdm as tqdm_notebook", "tqdm as tqdm_notebook")
        if plain != text:
            statement.replaced, statement.node = plain, ast.parse(plain).body[0]


def _doc(notebook: Notebook, title: str) -> str:
    """The notebook's first heading, when it has one, names the script."""
    for statement in [*notebook.imports[:1], *notebook.body[:1]]:
        for line in statement.lead[:1]:
            heading = re.match(r"#\s*#+\s*(.+)", re.sub(r"<[^<>]+>", "", line))
            if heading:
                statement.lead = statement.lead[2 if statement.lead[1:2] == ["#"] else 1 :]
                text = f"{heading[1].strip().rstrip('.')}. Converted from {title}."
                return text.replace("\\", "\\\\").replace('"', "'")
    return f"Converted from {title}."


def _definitions(notebook: Notebook) -> tuple[list[str], list[Statement]]:
    """Functions and classes that stand on their own move to the top of the script, so that they can be imported."""
    free = {name for s in notebook.imports for name in s.binds} | set(dir(builtins))
    times = notebook.times_bound()
    texts, body = [], []
    for statement in notebook.body:
        node = statement.node
        definition = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        # One that says `global x` sets the script's own variables, and stays where it is called.
        alone = definition and len(statement.binds) == 1 and all(times[n] == 1 for n in statement.binds)
        if alone and statement.kept and not statement.after and needed_now(ast.parse(statement.text()).body[0]) <= free:
            free |= statement.binds
            texts.append("\n".join([*statement.lead, statement.text()]))
        else:
            body.append(statement)
    return texts, body


def _sections(
    script: Script,
    cut: tuple[list[Statement], ...],
    values: list[str],
    saved: saving.Saving,
    found: Paths,
    shown: display.Display,
    tail: list[str],
) -> None:
    data, model, judged, last_part = cut
    start = list(values)
    outputs = script.names["OUTPUTS"]
    folders = sorted(folder for folder in found.folders if folder not in ("", "outputs", "."))
    if saved.line or shown.figures or found.folders or "save_request" in script.helpers:
        start.append(f"{outputs}.mkdir(exist_ok=True)")
        start += [f"Path({folder!r}).mkdir(parents=True, exist_ok=True)" for folder in folders]
        script.helpers.add("OUTPUTS")
    if script.pyplot:
        start.append(f'{script.pyplot}.switch_backend("Agg")  # a run has no screen')
    if "logged" in script.helpers and script.options:
        start.append(f"mlflow.log_params(vars({script.names['args']}))")
    last = "\n".join(text for text in (_text(last_part), saved.line) if text)
    parts = [
        ("", "\n".join(start)),
        ("Data", _text(data)),
        ("Model", _text(model)),
        ("Evaluation", _text(judged)),
        ("Save", last),
    ]
    if tail:
        name, text = next((part for part in reversed(parts) if part[1]), parts[0])
        parts[parts.index((name, text))] = (name, f"{text}\n" + "\n".join(tail))
    script.sections = [(name, indent(text)) for name, text in parts if text.strip()]


def _text(body: list[Statement]) -> str:
    lines: list[str] = []
    cell = None
    for statement in body:
        if lines and (statement.cell != cell or statement.lead):
            lines.append("")
        lines += [*statement.lead, statement.text()]
        cell = statement.cell
    return "\n".join(lines)


def _imports(script: Script, notebook: Notebook, saved: saving.Saving, shown: display.Display, report: Report) -> None:
    added = set(saved.imports) | {"import argparse"}
    if "logged" in script.helpers:
        added.add("import mlflow")
    if "save_request" in script.helpers:
        added.add("import json")
    if script.module is not None:
        kept = set().union(*(used(ast.parse(s.text() or "pass")) for s in notebook.body))
        names = sorted(script.module.moved & kept)
        added |= {f"from {script.module.name} import {', '.join(names)}"} if names else set()
    if shown.namespace:
        added.add(f"from types import SimpleNamespace{_as(script, 'SimpleNamespace')}")
    if {"OUTPUTS", "data_file"} & script.helpers:
        added.add("from pathlib import Path")
    if script.pyplot and not shown.pyplot:
        added.add("import matplotlib.pyplot as plt")
    extra = used(ast.parse("\n".join(script.options))) | ({script.pyplot} if script.pyplot else set())
    statements.prune_imports(notebook, extra, report)
    texts = [statement.text() for statement in notebook.imports]
    present = {line for text in texts for line in text.split("\n")}
    script.future = sorted({text for text in texts if text.startswith("from __future__")})
    script.imports = sorted(added - present) + [text for text in texts if not text.startswith("from __future__")]


def _as(script: Script, name: str) -> str:
    return "" if script.names[name] == name else f" as {script.names[name]}"
