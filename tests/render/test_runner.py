"""The tiny runner of a render: it trains with a run configuration, and says what is wrong, from the project's root."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest
from support.rendering import render, run


@pytest.fixture(scope="module")
def project(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A default render whose run configuration uses this Python."""
    project = render(tmp_path_factory.mktemp("runner") / "project", source=template)
    config = project / "models/model1/aml_config/train-local.runconfig"
    text = config.read_text(encoding="utf-8")
    ours = f"userManagedDependencies: true\n    interpreterPath: {json.dumps(sys.executable)}"
    config.write_text(text.replace("userManagedDependencies: false", ours), encoding="utf-8")
    return project


def runner(project: Path, *words: str, expect: int = 0) -> str:
    said = run([sys.executable, "-m", "runner", *words], project, expect=expect)
    assert "Traceback" not in said
    return said


def test_it_trains_with_the_words_after_the_dashes(project):
    said = runner(project, "train-local", "--", "train.py", "--data-path", "/data", "--epochs", "2")
    assert "epoch 1:" in said and "epoch 2:" not in said, "the script's own output is shown"
    assert "Status: Completed" in said and "auc: 0.9" in said
    listed = json.loads(run([sys.executable, "-m", "amlrun", "run", "list", "-o", "json"], project))
    assert [record["_experiment_name"] for record in listed] == ["train-local"]


def test_a_failed_run_ends_with_1(project):
    said = runner(project, "train-local", "--", "train.py", "--data-path", "/data", "--epochs", "0", expect=1)
    assert "--epochs" in said and "Status: Failed" in said


@pytest.mark.parametrize(
    ("words", "why"),
    [(["nothing"], "there is no run configuration"), (["train-local", "--model", "models/none"], "models/none")],
)
def test_a_wrong_word_is_said(project, words, why):
    assert why in runner(project, *words, expect=2)


def test_a_library_that_is_too_old_is_said_by_both_commands(project, tmp_path):
    """What a `uv sync` that failed leaves: the environment of before."""
    copy = shutil.copytree(project, tmp_path / "p")
    file = copy / "pyproject.toml"
    file.write_text(file.read_text(encoding="utf-8").replace('">=0.1.0"', '">=99.0"'), encoding="utf-8")
    for words in (["runner", "train-local"], ["amlrun", "run", "list"]):
        said = run([sys.executable, "-m", *words], copy, expect=2)
        assert "this project needs amlrun 99.0 or newer" in said and "`uv sync`" in said and "Traceback" not in said


def test_its_help_names_every_option(project):
    said = runner(project, "--help")
    for word in ("--model", "--experiment", "--register", "--asset-path"):
        assert word in said


def test_a_python_without_the_library_is_answered_in_a_sentence(project):
    said = run([sys.executable, "-S", "-m", "runner", "train-local"], project, expect=1)
    assert "No module named 'amlrun'" in said and "`python -m runner` in place of `aml`" in said
    assert "Traceback" not in said
