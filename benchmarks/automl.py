"""AutoML here against FLAML: the same seconds, folds and cores; their scores on rows that neither saw.

    uv run python benchmarks/automl.py                          5 tables, 3 seeds, a minute each: about half an hour
    uv run python benchmarks/automl.py --tables bc --seeds 1    a part of it
    uv run python benchmarks/automl.py --show                   the table of what was measured so far

FLAML (with lightgbm and xgboost-cpu) gets an environment of its own, made by uv in the work folder. What was measured
is kept there, and not measured again. FLAML gives its single best model, as its default is; a search here gives its
winner, a vote included, as its default is; the single best of the search is shown beside it. The time is that of the
command, from its start to its end, imports included; FLAML's is that of `fit` alone. Each has two cores: two trials at
a time here, `n_jobs=2` there.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
from sklearn import datasets, metrics
from sklearn.model_selection import train_test_split

PACKAGES = ("flaml>=2.7,<3", "lightgbm>=4.5,<5", "xgboost-cpu>=3,<3.4", "scikit-learn>=1.5,<2", "pandas>=2.2,<3")
SECONDS = 60
FOLDS = 3
TABLES = ("bc", "mixed", "blobs", "diabetes", "friedman")
REGRESSIONS = ("diabetes", "friedman")
SMALL = ("bc", "diabetes")
# Ends when the budget does; the folds are those of scikit-learn's splitters with the seed, as the search's are.
FLAML = """\
import json, sys, time, joblib, pandas as pd
from flaml import AutoML
from sklearn.model_selection import KFold, StratifiedKFold
train, test, target, task, seed, seconds, folds = sys.argv[1:8]
table = pd.read_csv(train)
features, truth = table.drop(columns=target), table[target]
kind = StratifiedKFold if task == "classification" else KFold
found = AutoML()
began = time.monotonic()
found.fit(
    features, truth, task=task, metric="roc_auc" if task == "classification" else "r2", time_budget=float(seconds),
    eval_method="cv", n_splits=int(folds), split_type=kind(int(folds), shuffle=True, random_state=int(seed)),
    seed=int(seed), n_jobs=2, verbose=0, log_file_name="flaml.log", log_type="all",
)
took = time.monotonic() - began
table = pd.read_csv(test).drop(columns=target)
guess = found.predict_proba(table)[:, 1] if task == "classification" else found.predict(table)
trials = sum(1 for line in open("flaml.log") if "record_id" in line)
guess = [float(one) for one in guess]
print(json.dumps({"guess": guess, "seconds": took, "trials": trials, "best": found.best_estimator}))
"""
JOB = """\
type: automl
task: {task}
compute: local
experiment_name: benchmark
training_data: train.csv
target_column_name: target
primary_metric: {metric}
n_cross_validations: {folds}
limits:
  timeout_minutes: {minutes}
  max_concurrent_trials: 2
"""


def table(name: str, seed: int) -> pd.DataFrame:
    """A table with the column `target`; the generated ones differ from seed to seed."""
    if name in ("bc", "diabetes"):
        load = datasets.load_breast_cancer if name == "bc" else datasets.load_diabetes
        return load(as_frame=True).frame
    random = np.random.RandomState(seed)
    if name == "friedman":
        features, truth = datasets.make_friedman1(2000, n_features=12, noise=2.0, random_state=seed)
        return pd.DataFrame(features).add_prefix("x").assign(target=truth)
    if name == "blobs":
        features, truth = datasets.make_classification(
            8000, n_features=20, n_informative=8, n_redundant=4, n_clusters_per_class=4, flip_y=0.05, random_state=seed
        )
        return pd.DataFrame(features).add_prefix("x").assign(target=truth)
    numbers = pd.DataFrame(random.randn(1600, 16)).add_prefix("x")
    words = pd.DataFrame({f"c{at}": random.choice(list("abcdefgh")[: at + 3], 1600) for at in range(4)})
    signal = numbers["x0"] + numbers["x1"] * numbers["x2"] + (words["c0"] == "a") * numbers["x3"] + (words["c3"] < "c")
    found = pd.concat([numbers.mask(random.rand(*numbers.shape) < 0.03), words], axis=1)
    truth = (signal > signal.median()).astype(int)
    return found.assign(target=np.where(random.rand(1600) < 0.08, 1 - truth, truth))


def judge(name: str, truth: Any, guess: Any) -> float:
    """AUC, or R² of a regression."""
    kind = metrics.r2_score if name in REGRESSIONS else metrics.roc_auc_score
    return float(kind(truth, guess))


def with_flaml(work: Path, folder: Path, name: str, seed: int) -> dict[str, Any]:
    environment = work / "flaml"
    python = environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not python.exists():
        subprocess.run(["uv", "venv", "--quiet", "--python", sys.executable, str(environment)], check=True)
        subprocess.run(["uv", "pip", "install", "--quiet", "--python", str(python), *PACKAGES], check=True)
    task = "regression" if name in REGRESSIONS else "classification"
    words = [str(python), "-c", FLAML, "train.csv", "test.csv", "target", task, str(seed), str(SECONDS), str(FOLDS)]
    done = subprocess.run(words, cwd=folder, check=True, capture_output=True, text=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def with_amlrun(folder: Path, name: str, seed: int) -> dict[str, Any]:
    regression = name in REGRESSIONS
    text = JOB.format(task="regression" if regression else "classification", folds=FOLDS, minutes=SECONDS // 60,
                      metric="r2_score" if regression else "AUC_weighted")  # fmt: skip
    (folder / "automl.yml").write_text(text)
    (folder / "pyproject.toml").touch()
    words = [sys.executable, "-m", "amlrun", "automl", "submit", "automl.yml", "--seed", str(seed), "-t", "run.json"]
    began = time.monotonic()
    subprocess.run(words, cwd=folder, check=True, capture_output=True)
    took = time.monotonic() - began
    run = folder / "runs" / json.loads((folder / "run.json").read_text())["run_id"]
    with (run / "outputs" / "trials.csv").open(newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if row["best"]]
    searched = [row for row in rows if not row["algorithm"].endswith(("_ensemble", "_model"))]
    model, features = (
        joblib.load(run / "outputs" / "model.pkl"),
        pd.read_csv(folder / "test.csv").drop(columns="target"),
    )
    guess = model.predict(features) if regression else model.predict_proba(features)[:, 1]
    single = max(searched, key=lambda row: float(row["best"]))
    return {"guess": guess.tolist(), "seconds": took, "trials": len(searched), "single": single,
            "best": json.loads(rows[-1]["parameters"])["algorithm"], "run": str(run)}  # fmt: skip


def single_best(found: dict[str, Any], folder: Path, regression: bool) -> Any:
    """What the single best trial, trained on all rows, predicts."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "src" / "amlrun" / "workers" / "automl"))
    import estimators

    plan = json.loads((Path(found["run"]) / ".run" / "automl" / "plan.json").read_text())
    parameters = json.loads(found["single"]["parameters"])
    training = pd.read_csv(folder / "train.csv")
    model = estimators.model(plan, found["single"]["algorithm"], parameters)
    model.fit(training[list(plan["columns"])], training["target"])
    features = pd.read_csv(folder / "test.csv").drop(columns="target")
    return model.predict(features) if regression else model.predict_proba(features)[:, 1]


def measure(work: Path, name: str, seed: int) -> dict[str, Any]:
    """Both engines on one table, one after the other."""
    folder = work / f"{name}-{seed}"
    folder.mkdir(parents=True, exist_ok=True)
    whole = table(name, seed)
    by = None if name in REGRESSIONS else whole["target"]
    train, test = train_test_split(whole, test_size=0.25, random_state=seed, stratify=by)
    train.to_csv(folder / "train.csv", index=False)
    test.to_csv(folder / "test.csv", index=False)
    ours = with_amlrun(folder, name, seed)
    theirs = with_flaml(work, folder, name, seed)
    single = single_best(ours, folder, name in REGRESSIONS)
    return {
        "table": name, "seed": seed,
        "ours": judge(name, test["target"], ours["guess"]), "ours_seconds": ours["seconds"],
        "ours_trials": ours["trials"], "ours_best": ours["best"],
        "single": judge(name, test["target"], single), "single_best": ours["single"]["algorithm"],
        "flaml": judge(name, test["target"], theirs["guess"]), "flaml_seconds": theirs["seconds"],
        "flaml_trials": theirs["trials"], "flaml_best": theirs["best"],
    }  # fmt: skip


def show(rows: list[dict[str, Any]]) -> None:
    """The table, and whether the targets are met."""
    print(f"{'table':9} {'seeds':5} {'ours':>7} {'single':>7} {'FLAML':>7} {'ahead':>7} {'s of 60':>8} {'FLAML s':>8} "
          f"{'trials/s':>8} {'FLAML':>6}  ours / FLAML's")  # fmt: skip
    by_table: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        by_table[row["table"]].append(row)
    for name in [name for name in TABLES if name in by_table]:
        own = by_table[name]
        mean = {
            key: float(np.mean([row[key] for row in own])) for key in own[0] if isinstance(own[0][key], (int, float))
        }
        rate, other = mean["ours_trials"] / mean["ours_seconds"], mean["flaml_trials"] / mean["flaml_seconds"]
        bests = ", ".join(f"{row['ours_best']} / {row['flaml_best']}" for row in own[:3])
        print(f"{name:9} {len(own):5} {mean['ours']:7.4f} {mean['single']:7.4f} {mean['flaml']:7.4f} "
              f"{mean['ours'] - mean['flaml']:+7.4f} {mean['ours_seconds']:8.1f} {mean['flaml_seconds']:8.1f} "
              f"{rate:8.2f} {other:6.2f}  {bests}")  # fmt: skip
    ranks = [1.5 if row["ours"] == row["flaml"] else 1.0 if row["ours"] > row["flaml"] else 2.0 for row in rows]
    print(f"mean rank: ours {np.mean(ranks):.2f}, FLAML {3 - np.mean(ranks):.2f}, over {len(rows)} pairs")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", default=",".join(TABLES))
    parser.add_argument("--seeds", default="1,2,3")
    parser.add_argument("--work", default=str(Path.home() / ".cache" / "amlrun-benchmark-automl"))
    parser.add_argument("--show", action="store_true")
    args = parser.parse_args()
    work = Path(args.work)
    work.mkdir(parents=True, exist_ok=True)
    kept = work / "measured.jsonl"
    rows = [json.loads(line) for line in kept.read_text().splitlines()] if kept.exists() else []
    if not args.show:
        for seed in map(int, args.seeds.split(",")):
            for name in args.tables.split(","):
                if not any(row["table"] == name and row["seed"] == seed for row in rows):
                    rows.append(measure(work, name, seed))
                    with kept.open("a") as stream:
                        stream.write(json.dumps(rows[-1]) + "\n")
    show(rows)


if __name__ == "__main__":
    main()
