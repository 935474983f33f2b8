"""`aml model new` in a rendered project, and what it refuses."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.rendering import render
from support.workplace import Workplace


@pytest.fixture
def place(tmp_path: Path) -> Workplace:
    return Workplace(render(tmp_path / "project"))


def test_a_rendered_project_gets_another_model(place: Workplace) -> None:
    sample, model = place.root / "models" / "model1", place.root / "models" / "churn"
    for name in ("outputs/old.txt", "aml_config/.env", "secrets.pem", ".ipynb_checkpoints/train.py", "big.csv"):
        (sample / name).parent.mkdir(exist_ok=True)
        (sample / name).write_text("models/model1")
    done = place.aml("model", "new", "churn", cwd=place.root)
    assert "cd models/churn" in done.stdout.replace("\\", "/") and "-c train-local" in done.stdout
    names = {file.relative_to(model).as_posix() for file in model.rglob("*") if file.is_file()}
    assert {"train.py", "score.py", ".amlignore", "aml_config/train-local.runconfig", "tests/test_train.py"} <= names
    assert not names & {"outputs/old.txt", "aml_config/.env", "secrets.pem", ".ipynb_checkpoints/train.py", "big.csv"}
    assert "name: churn-train\n" in (model / "aml_config" / "train-conda.yml").read_text()
    assert (model / "train.py").read_bytes() == (sample / "train.py").read_bytes()
    assert sorted(entry.name for entry in (place.root / "models").iterdir()) == ["churn", "model1"]
    place.aml("explain", "-c", "train-local", cwd=model)
    before = (model / "train.py").stat().st_mtime_ns
    for name in ("churn", "CHURN"):
        assert "already" in place.aml("model", "new", name, cwd=model, code=2).stderr
    assert (model / "train.py").stat().st_mtime_ns == before


def test_each_models_tests_import_its_own_code(place: Workplace) -> None:
    place.aml("model", "new", "another", cwd=place.root)  # collected before model1
    for name in ("another", "model1"):
        model = place.root / "models" / name
        with (model / "score.py").open("a", encoding="utf-8") as file:
            file.write(f"\nOWN = {name!r}\n")
        with (model / "tests" / "test_score.py").open("a", encoding="utf-8") as file:
            file.write(f"\n\ndef test_own():\n    assert score.OWN == {name!r}\n")
    words = [sys.executable, "-m", "pytest", "-q", "-k", "test_own", "-p", "no:cacheprovider"]
    files = [str(file) for file in sorted((place.root / "models").glob("*/tests/test_score.py"))]
    done = subprocess.run([*words, *files], cwd=place.root, capture_output=True, text=True)
    assert "2 passed" in done.stdout, done.stdout


def test_the_outline_of_another_model(place: Workplace) -> None:
    shutil.move(place.root / "models" / "model1", place.root / "models" / "mine")
    done = place.aml("model", "new", "second", "-o", "json", cwd=place.root)
    assert "models/second/train.py" in json.loads(done.stdout)["files"]
    assert (
        "which model should be copied? (it has mine, second)"
        in place.aml("model", "new", "c", cwd=place.root, code=2).stderr
    )
    place.aml("model", "new", "c", "--from", "models/mine", cwd=place.root)


@pytest.mark.parametrize("name", ["../x", "a b", "", "1st", "CON", "a/b", "x" * 64, ".hidden"])
def test_a_bad_name_is_refused(workplace: Workplace, name: str) -> None:
    assert "is not a valid name for a model folder" in workplace.aml("model", "new", name, code=2).stderr
    assert "no project" in workplace.aml("model", "new", "a", "--path", str(Path(workplace.root.anchor)), code=2).stderr
