"""The example of each public function, in order, in one project like a rendered one."""

from __future__ import annotations

import doctest
import inspect
import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import mlflow
import nbformat
import pytest
from nbclient import NotebookClient
from support.rendering import template_file
from support.serving import TEMPLATE, Place, place_fixture  # noqa: F401 - `place`

import amlrun

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name == "nt", reason="the server's own process model differs on Windows"),
]
ROOT = Path(__file__).parents[2]
# What a reader of one has done before.
ORDER = [
    "load_runconfig", "explain", "dump_job", "load_job", "plan", "submit", "get_run", "list_runs", "best_runs",
    "register_model", "get_model", "list_models", "score", "deploy", "find_service", "load_hyperdrive", "resume",
    "load_dataset", "start_logging", "convert_notebook",
]  # fmt: skip
FUNCTIONS = {name: value for name in amlrun.__all__ if inspect.isfunction(value := getattr(amlrun, name))}


def test_each_public_function_has_an_example() -> None:
    assert sorted(FUNCTIONS) == sorted(ORDER)
    assert [name for name, value in FUNCTIONS.items() if f"amlrun.{name}(" not in _example(value)] == []


def _example(function: Any) -> str:
    return "".join(one.source for one in doctest.DocTestParser().get_examples(inspect.getdoc(function) or ""))


@pytest.fixture(scope="module")
def finished(place: Place) -> Place:
    _finish(place)
    return place


@pytest.fixture
def here(finished: Place, monkeypatch: pytest.MonkeyPatch) -> Place:
    """The project, in whose model's folder this process is."""
    monkeypatch.chdir(finished.model)
    for name, value in finished.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return finished


def test_the_examples_give_what_they_show(here: Place, capfd: Any) -> None:
    options = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    runner = doctest.DocTestRunner(optionflags=options)
    names: dict[str, Any] = {"amlrun": amlrun, "json": json, "Path": Path, "mlflow": mlflow}
    for name in ORDER:
        if name == "resume":
            sweep = amlrun.submit(names["sweep"], experiment="sweep")
            sweep.cancel()
            sweep.wait()
        test = doctest.DocTestParser().get_doctest(inspect.getdoc(FUNCTIONS[name]) or "", names, name, None, 0)
        runner.run(test, clear_globs=False)
        names = test.globs
    assert runner.summarize().failed == 0, capfd.readouterr().out


def test_the_notebook_of_the_documents_runs(here: Place) -> None:
    notebook = nbformat.read(ROOT / "docs" / "pages" / "how-to" / "python.ipynb", as_version=4)
    client = NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(here.model)}})
    shown = [str(cell.get("outputs")) for cell in client.execute().cells]
    assert "COMPLETED" in shown[1] and "'auc': 0.9" in shown[3] and "model.pkl" in shown[4]
    assert "notebook-model:1" in shown[6] and "probabilities" in shown[7] and "notebook_" in shown[9]


def _finish(place: Place) -> None:
    """What the project for serving lacks: its training, which uses this Python, and its notebook; no model yet."""
    shutil.rmtree(place.root / "mlruns")
    (place.root / "mlflow.db").unlink()
    config = place.model / "aml_config" / "train-local.runconfig"
    python = f"userManagedDependencies: true\n    interpreterPath: {sys.executable}"
    text = config.read_text(encoding="utf-8").replace("userManagedDependencies: false", python)
    config.write_text(text.replace("    condaDependenciesFile: aml_config/train-conda.yml\n", ""), encoding="utf-8")
    sweep = template_file("models/model1/aml_config/sweep.yml").replace("max_total_runs: 12", "max_total_runs: 2")
    (place.model / "aml_config" / "sweep.yml").write_text(sweep, encoding="utf-8")
    (place.model / "train.py").write_text(template_file("models/model1/train.py"), encoding="utf-8")
    shutil.copytree(TEMPLATE / "notebooks", place.root / "notebooks")
    (place.root / "models" / "model2").mkdir()
