"""The winner as a plain training script, which gives the same score: `outputs/train.py`.

It needs scikit-learn, pandas and what the winner's estimators come from, nothing of amlrun.
"""

from __future__ import annotations

import json
from typing import Any, Dict, List

import estimators  # type: ignore[import-not-found]
from constructor import Writer  # type: ignore[import-not-found]

_METRICS = {
    "accuracy": "metrics.accuracy_score(y, classes[p.argmax(axis=1)]{w})",
    "norm_macro_recall": "metrics.balanced_accuracy_score(y, classes[p.argmax(axis=1)], adjusted=True{w})",
    "precision_score_weighted": 'metrics.precision_score(y, classes[p.argmax(axis=1)], average="weighted", '
    "zero_division=0{w})",
    "normalized_root_mean_squared_error": "metrics.mean_squared_error(y, p{w}) ** 0.5 / spread",
    "normalized_mean_absolute_error": "metrics.mean_absolute_error(y, p{w}) / spread",
    "r2_score": "metrics.r2_score(y, p{w})",
    "spearman_correlation": "stats.spearmanr(y, p).statistic",
}
_GROUPS = {"number": "NUMBERS", "category": "CATEGORIES", "many_categories": "MANY_CATEGORIES", "date": "DATES",
           "text": "TEXTS"}  # fmt: skip
_READING = {
    "read_parquet": "pd.read_parquet({name})",
    "read_json_lines": "pd.read_json({name}, lines=True)",
}
_SCRIPT = '''"""Train what AutoML found best: {algorithm}.

{metric} {score:.6g}, {validation}. Written by AutoML; it is yours to change.
"""

import argparse
{imports}

TARGET = {target!r}
{columns}
COLUMNS = {all_columns}


def load(paths):
    """The rows of the files."""
    table = {reading}
{steps}    return table


def read(paths):
    """The table: what the model is given, and what it is to predict{weighted}."""
    table = load(paths)
    table = table[table[TARGET].notna()].reset_index(drop=True)
{test}{joined}    features = table[COLUMNS].replace([float("inf"), float("-inf")], float("nan"))
    return features, table[TARGET].to_numpy(){weights}{fold_columns}


def make_model():
    return {model}


def score(y, p{score_words}):
    """{metric}; `p` is what the model gave for the rows of `y`."""
{scoring}


def validate(features, target{more}):
    """The mean {metric} over the folds: {validation}."""
    found = []
    for kept, held in {folds}:
        model = make_model()
        model.fit(features.iloc[kept], target[kept]{fit_kept})
        found.append(score(target[held], model.{method}(features.iloc[held]){score_given}))
    return float(np.mean(found))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-path", nargs="+", default={paths!r})
    parser.add_argument("--model", default="outputs/model.pkl")
    args = parser.parse_args()
    features, target{unpacked} = read(args.data_path)
    print("{metric}:", validate(features, target{passed}))
    model = make_model().fit(features{first}, target{first}{fit_all})
    Path(args.model).parent.mkdir(parents=True, exist_ok=True)
    joblib.dump(model, args.model)


if __name__ == "__main__":
    main()
'''


def script(context: Any, order: Dict[str, Any]) -> str:
    """The script of the winner."""
    plan = context.plan
    groups: Dict[str, List[str]] = {}
    for name, about in plan["columns"].items():
        groups.setdefault(_GROUPS[about["kind"]], []).append(name)
    writer = Writer({name: names for name, names in groups.items() if name in _GROUPS.values()})
    writer.imports |= {"from pathlib import Path", "import joblib", "import numpy as np", "import pandas as pd",
                       "from sklearn import metrics"}  # fmt: skip
    model = writer.text(estimators.model(plan, order["algorithm"], order["parameters"]), 4)
    source, split = plan["sources"]["training_data"], plan["split"]
    writer.imports |= set(split["imports"])
    weighted = plan["weight"] is not None
    columns = split["columns"]
    regression = plan["task"] == "regression"
    if plan["metric"] == "spearman_correlation":
        writer.imports.add("from scipy import stats")
    reading = "pd.concat([%s for name in paths], ignore_index=True)" % _reading(source, "name")
    rows, joined, first = context.training_rows(), "", ""
    if plan["validation_rows"]:
        others = plan["sources"]["validation_data"]["files"]
        joined = "    validation = load(%r)\n    validation = validation[validation[TARGET].notna()]\n" % others
        joined += "    table = pd.concat([table, validation], ignore_index=True)\n"
        first = "[:%d]" % rows
    words = {
        "algorithm": order["algorithm"], "metric": plan["metric"], "score": order["score"],
        "validation": plan["validation"], "target": plan["target"], "model": model,
        "columns": "\n".join("%s = %s" % (name, _listed(names)) for name, names in groups.items()),
        "all_columns": " + ".join(groups), "paths": source["files"],
        "reading": reading, "steps": _steps(source), "test": split["test"], "joined": joined, "first": first,
        "weighted": ", and its weight" if weighted else "",
        "weights": ", table[%r].to_numpy()" % plan["weight"] if weighted else "",
        "fold_columns": ", table[%r]" % columns if columns else "",
        "more": (", weights" if weighted else "") + (", splits" if columns else ""),
        "unpacked": (", weights" if weighted else "") + (", splits" if columns else ""),
        "passed": (", weights" if weighted else "") + (", splits" if columns else ""),
        "folds": split["code"], "method": "predict" if regression else "predict_proba",
        "fit_kept": ", model__sample_weight=weights[kept]" if weighted else "",
        "fit_all": ", model__sample_weight=weights%s" % first if weighted else "",
        "score_words": (", classes" if not regression else ", spread") + (", weights" if weighted else ""),
        "score_given": (", model.classes_" if not regression else ", np.ptp(target)")
        + (", weights[held]" if weighted else ""),
        "scoring": _scoring(plan, weighted),
    }  # fmt: skip
    return _SCRIPT.format(imports=_imports(writer.imports), **words)


def _listed(names: List[str]) -> str:
    """A list of names, as many on a line as fit."""
    words = [json.dumps(name, ensure_ascii=False) for name in names]
    line = "[" + ", ".join(words) + "]"
    if len(line) < 100:
        return line
    lines = [""]
    for word in words:
        if len(lines[-1]) + len(word) > 94:
            lines.append("")
        lines[-1] += (" " if lines[-1] else "") + word + ","
    return "[\n%s\n]" % "\n".join("    " + line for line in lines)


def _imports(found: Any) -> str:
    """Grouped as isort has them: the standard library, then the others."""
    own = sorted(line for line in found if line.split()[1] in ("operator", "pathlib", "glob"))
    own = [line for line in own if line.startswith("import")] + [line for line in own if line.startswith("from")]
    others = sorted(line for line in found if line not in own)
    others = [line for line in others if line.startswith("import")] + _merged(
        [line for line in others if line.startswith("from")]
    )
    return "\n".join([*own, "", *others])


def _merged(lines: List[str]) -> List[str]:
    by_module: Dict[str, List[str]] = {}
    for line in lines:
        _, module, _, name = line.split()
        by_module.setdefault(module, []).append(name)
    return ["from %s import %s" % (module, ", ".join(sorted(names))) for module, names in by_module.items()]


def _reading(source: Dict[str, Any], name: str) -> str:
    kind, options = next(iter(source["steps"][0].items()))
    if kind in _READING:
        return _READING[kind].format(name=name)
    options = options or {}
    more = ""
    if str(options.get("delimiter", ",")) != ",":
        more += ", sep=%r" % str(options["delimiter"])
    if str(options.get("encoding", "utf8")).lower() not in ("utf8", "utf-8"):
        more += ", encoding=%r" % str(options["encoding"])
    if str(options.get("header", "")) == "no_header":
        more += ", header=None"
    return "pd.read_csv(%s%s, low_memory=False)" % (name, more)


def _steps(source: Dict[str, Any]) -> str:
    """The other transformations of an MLTable."""
    lines = []
    steps = source["steps"]
    if str((next(iter(steps[0].values())) or {}).get("header", "")) == "no_header":
        lines.append('table.columns = ["Column%d" % (at + 1) for at in range(len(table.columns))]')
    for step in steps[1:]:
        ((kind, options),) = step.items()
        names = options if isinstance(options, list) else [options]
        if kind in ("drop_columns", "keep_columns"):
            lines.append(
                "table = table.drop(columns=%r)" % names if kind == "drop_columns" else "table = table[%r]" % names
            )
        elif kind in ("take", "skip"):
            lines.append("table = table.%s" % ("head(%d)" % options if kind == "take" else "iloc[%d:]" % options))
        elif kind == "convert_column_types":
            for one in options:
                for name in one["columns"] if isinstance(one["columns"], list) else [one["columns"]]:
                    lines.append(_converted(name, one["column_type"]))
    return "".join("    %s\n" % line for line in lines)


def _converted(name: str, kind: Any) -> str:
    kind = next(iter(kind)) if isinstance(kind, dict) else kind
    if kind == "datetime":
        return 'table[%r] = pd.to_datetime(table[%r], errors="coerce")' % (name, name)
    types = {"int": "Int64", "float": "float64", "string": "object", "boolean": "boolean"}
    return "table[%r] = table[%r].astype(%r)" % (name, name, types[kind])


def _scoring(plan: Dict[str, Any], weighted: bool) -> str:
    w = ", sample_weight=weights" if weighted else ""
    metric = plan["metric"]
    if metric in _METRICS:
        return "    return " + _METRICS[metric].format(w=w)
    if metric == "AUC_weighted" and len(plan["classes"]) == 2:
        return "    return metrics.roc_auc_score(y == classes[1], p[:, 1]%s)" % w
    one = "roc_auc_score" if metric == "AUC_weighted" else "average_precision_score"
    own = ", sample_weight=weights" if weighted else ""
    size = "weights[y == name].sum()" if weighted else "(y == name).sum()"
    lines = [
        "    seen = [(at, name) for at, name in enumerate(classes) if (y == name).any() and not (y == name).all()]",
        "    shares = [metrics.%s(y == name, p[:, at]%s) for at, name in seen]" % (one, own),
        "    return np.average(shares, weights=[%s for _, name in seen])" % size,
    ]
    return "\n".join(lines)
