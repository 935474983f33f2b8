"""The sweep's file and the editor's launch.json: they name the script's options, which a conversion changes."""

from __future__ import annotations

import json
import math
import os
import re
from pathlib import Path
from typing import Any

from amlrun.errors import AmlError
from amlrun.notebook.conda import Proposal
from amlrun.notebook.edited import is_edited
from amlrun.notebook.report import Report
from amlrun.spec.yaml_data import load

# Options that change what is measured, or nothing: a sweep over them says nothing about the model.
_NOT_SWEPT = re.compile(r"seed|random|path|file|dir|size|split|ratio|fold|verbos|jobs|workers|debug|show|plot|log|name")
_SMALLER_IS_BETTER = re.compile(r"loss|error|mse|mae|rmse|mape|deviance|distance|time", re.IGNORECASE)
_LOGGED = re.compile(r"""(?:log_metric|logged)\(\s*["']([\w .@/-]+)["']""")


def propose(script: str, target: Path, config: Path, root: Path, report: Report) -> list[Proposal]:
    """What the sweeps in `config` and the project's launch.json should say for `script`, at `target`.

    A file that somebody edited stays, and the report says what does not fit.
    """
    found = [_sweep(file, script, target, root, report) for file in sorted(config.glob("*.yml"))]
    launch = root / ".vscode" / "launch.json"
    return [one for one in [*found, _launch(launch, target, root, report) if launch.exists() else None] if one]


def _flags(report: Report) -> set[str]:
    return {str(option["flag"]) for option in report.options}


def _sweep(file: Path, script: str, target: Path, root: Path, report: Report) -> Proposal | None:
    try:
        tree: Any = load(file, expected="keys and values")
    except AmlError:
        return None
    space = (tree.get("sampling") or {}).get("parameter_space") if isinstance(tree.get("sampling"), dict) else None
    if not isinstance(space, list):
        return None
    names = [str(one.get("name")) for one in space if isinstance(one, dict)]
    metric, logged = str(tree.get("primary_metric_name")), list(dict.fromkeys(_LOGGED.findall(script)))
    gone = [name for name in names if name.startswith("--") and name not in _flags(report)]
    if not gone and (metric in logged or not logged):
        return None
    wrong = f"sweeps over {', '.join(gone)}" if gone else f"looks at the metric {metric}"
    if is_edited(file, root):
        report.ask(f"{file.name} {wrong}, which {target.name} does not have: correct it")
        return None
    values = {str(one["flag"]): _values(one) for one in report.options if not _NOT_SWEPT.search(str(one["flag"]))}
    swept = {flag: text for flag, text in values.items() if text}
    if not swept or not logged:
        lacks = "no number among its options to vary" if not swept else "no metric that it logs"
        report.ask(f"{file.name} {wrong}, which {target.name} does not have, and there is {lacks}: write what to sweep")
        return None
    return Proposal(file, _sweep_text(file, swept, logged[-1]))


def _values(option: dict[str, Any]) -> str:
    """The expression and the values around an option's default; empty for what has no range."""
    try:
        value = json.loads(str(option["default"]))
    except ValueError:
        return ""
    if option["type"] == "float" and isinstance(value, int | float) and not isinstance(value, bool) and value > 0:
        low, high = round(math.log(value / 10), 2), round(math.log(value * 10), 2)
        if value < 1 and re.search(r"dropout|l1_ratio|subsample|fraction|momentum|beta|gamma", str(option["flag"])):
            return f"uniform\n      values: [{round(value / 2, 4)}, {round((1 + value) / 2, 4)}]"
        meant = f"the bounds are exponents: {value / 10:.3g} to {value * 10:.3g}"
        return f"loguniform # {meant}\n      values: [{low}, {high}]"
    if option["type"] == "int" and isinstance(value, int) and not isinstance(value, bool) and value > 0:
        near = sorted({max(1, value // 2), value, value * 2})
        return f"choice\n      values: [{', '.join(map(str, near))}]"
    return ""


def _sweep_text(file: Path, swept: dict[str, str], metric: str) -> str:
    space = "".join(f"    - name: {flag}\n      expression: {text}\n" for flag, text in swept.items())
    goal = "minimize" if _SMALLER_IS_BETTER.search(metric) else "maximize"
    return f"""\
# A small sweep: aml run submit-hyperdrive -c train-local -e sweep --hyperdrive-configuration-name {file.name}
sampling:
  type: random # random, grid or bayesian
  parameter_space:
{space}policy:
  type: NoTerminationPolicy # the metric is logged once, at the end
primary_metric_name: {metric}
primary_metric_goal: {goal}
max_total_runs: 12
max_concurrent_runs: 4
max_duration_minutes: 60
"""


def _launch(file: Path, target: Path, root: Path, report: Report) -> Proposal | None:
    """The arguments of the configuration that debugs the script; the rest of the file stays as it is."""
    text = file.read_text(encoding="utf-8-sig")
    inside = os.path.relpath(target.absolute(), root).replace(os.sep, "/")
    found = re.search(
        rf'"program":\s*"\$\{{workspaceFolder\}}/{re.escape(inside)}".*?"args":\s*(\[[^\]]*\])', text, re.DOTALL
    )
    if found is None:
        return None
    gone = [word for word in re.findall(r'"(--[\w-]+)', found[1]) if word not in _flags(report)]
    path = next((one for one in report.options if one["flag"] == "--data-path"), None)
    place = os.path.normpath(target.absolute().parent / str(path["default"]).strip("'\"")) if path else ""
    wanted = (
        []
        if path is None
        else ["--data-path", f"${{workspaceFolder}}/{os.path.relpath(place, root)}".replace(os.sep, "/")]
    )
    kept = re.findall(r'"((?:[^"\\]|\\.)*)"', found[1])
    if not gone and kept[:2] == wanted:
        return None
    words = ", ".join(json.dumps(word, ensure_ascii=False) for word in wanted)
    return Proposal(file, text[: found.start(1)] + f"[{words}]" + text[found.end(1) :])
