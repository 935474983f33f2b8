"""The sample: train.py by itself, what its tests in the render see, and the notebook it came from."""

from __future__ import annotations

import ast
import json
import shutil
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import joblib
import pandas as pd
import pytest
from support.rendering import commit_all, copy_template, git, render, run


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A default render in a repository of its own."""
    folder = tmp_path_factory.mktemp("sample")
    return commit_all(render(folder / "project", source=copy_template(folder / "template")), "rendered")


@pytest.fixture
def model(project, tmp_path):
    """The model's folder in a fresh copy of the project."""
    return shutil.copytree(project, tmp_path / "project") / "models" / "model1"


def train(model: Path, *words: str, expect: int = 0) -> str:
    return run([sys.executable, "train.py", "--data-path", "../../data/sample", *words], model, expect=expect)


def test_train_py_alone_gives_a_good_model(model):
    said = train(model, "--something-a-platform-adds", "7")
    metrics = json.loads((model / "outputs" / "metrics.json").read_text())
    assert metrics["auc"] > 0.95 and metrics["accuracy"] > 0.9
    assert f"AUC {metrics['auc']:.4f}" in said
    for name in ("roc_curve.png", "confusion_matrix.png"):
        assert (model / "outputs" / name).read_bytes().startswith(b"\x89PNG"), name
    assert "precision" in (model / "outputs" / "classification_report.txt").read_text()

    rows = pd.read_csv(model.parents[1] / "data" / "sample" / "breast_cancer.csv").drop(columns="target")
    answer = joblib.load(model / "outputs" / "model.pkl").predict_proba(rows.head(3))
    assert answer.shape == (3, 2) and answer.sum(axis=1) == pytest.approx([1, 1, 1])

    with closing(sqlite3.connect(model / "mlflow.db")) as database:
        steps = [row[0] for row in database.execute("SELECT step FROM metrics WHERE key = 'val_loss' ORDER BY step")]
        logged = {row[0] for row in database.execute("SELECT key FROM latest_metrics")}
        parameters = {row[0] for row in database.execute("SELECT key FROM params")}
    assert steps == list(range(10))
    assert {"accuracy", "auc", "val_accuracy", "val_loss"} == logged
    assert {"epochs", "batch_size", "es_patience", "alpha", "penalty", "train_test_split_ratio"} == parameters
    assert git(model, "status", "--porcelain") == "", "a bare run leaves nothing that git would commit"

    train(model)
    again = json.loads((model / "outputs" / "metrics.json").read_text())
    assert again == metrics, "the same seed gives the same model"


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--epochs", "none"), "--epochs"),
        (("--penalty", "l3"), "--penalty"),
        (("--train_test_split_ratio", "1.5"), "--train-test-split-ratio"),
    ],
)
def test_a_wrong_option_ends_with_a_line(model, words, why):
    said = train(model, *words, expect=2)
    assert why in said and "Traceback" not in said


def test_data_that_is_not_there_ends_with_a_line(model):
    said = run([sys.executable, "train.py", "--data-path", "../../data/none"], model, expect=1)
    assert "no CSV file" in said and "Traceback" not in said


def test_the_tests_of_the_render_see_a_broken_train_py(model):
    script = model / "train.py"
    text = script.read_text(encoding="utf-8")
    assert "return make_pipeline(scaler, best)" in text
    script.write_text(text.replace("make_pipeline(scaler, best)", "best"), encoding="utf-8")
    tests = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "tests/test_train.py"]
    said = run(tests, model, expect=1)
    assert "1 failed" in said


def test_it_is_python_that_every_offered_version_reads(project):
    for file in (project / "models").rglob("*.py"):
        ast.parse(file.read_text(encoding="utf-8"), feature_version=(3, 10))


def test_an_unused_import_is_seen_by_the_renders_lint(model):
    script = model / "train.py"
    script.write_text("import os\n" + script.read_text(encoding="utf-8"), encoding="utf-8")
    assert "F401" in run([sys.executable, "-m", "ruff", "check", "--no-cache", "."], model.parents[1], expect=1)


def test_the_notebook_runs_from_top_to_bottom(model):
    project = model.parents[1]
    notebook = json.loads((project / "notebooks" / "explore.ipynb").read_text(encoding="utf-8"))
    assert [cell for cell in notebook["cells"] if "parameters" in cell["metadata"].get("tags", [])]
    assert all(not cell.get("outputs") for cell in notebook["cells"])
    code = "\n".join("".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code")
    (project / "notebooks" / "cells.py").write_text(code, encoding="utf-8")
    env = {"MPLBACKEND": "Agg", "MLFLOW_TRACKING_URI": f"sqlite:///{(project / 'n.db').as_posix()}"}
    said = run([sys.executable, "cells.py"], project / "notebooks", env)
    assert float(said.rsplit("AUC ", 1)[1].split()[0]) > 0.95
