"""Each framework's starter lints, trains here, is served by the real server, and is what `aml model new` makes too."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from support.rendering import ROOT, commit_all, copy_template, git, questions, render, run
from support.serving import free_port
from support.workplace import Workplace

from amlrun.prepare.room import find_uv
from amlrun.registry.starter import FRAMEWORKS

OTHERS = [name for name in FRAMEWORKS if name != "scikit-learn"]
FILES = {"scikit-learn": "model.pkl", "xgboost": "model.ubj", "pytorch": "model.pt", "tensorflow": "model.keras"}
VERSION = f"{sys.version_info[0]}.{sys.version_info[1]}"


def torch_here(folder: Path) -> dict[str, str]:
    """uv's settings for the CPU wheel of PyTorch that pip finds in a folder of this machine."""
    words = [sys.executable, "-m", "pip", "config", "get", "global.find-links"]
    found = subprocess.run(words, capture_output=True, text=True).stdout.strip()
    place = os.environ.get("PIP_FIND_LINKS") or os.environ.get("UV_FIND_LINKS") or found
    for wheel in Path(place).glob(f"torch-*cpu-cp{VERSION.replace('.', '')}-*.whl") if place else ():
        pin = folder / "torch.txt"
        pin.write_text(f"torch=={wheel.name.split('-')[1]}\n", encoding="utf-8")
        return {"UV_FIND_LINKS": place, "UV_CONSTRAINT": str(pin)}
    pytest.skip("there is no CPU wheel of PyTorch here, and PyPI's brings several GB of CUDA")


def test_the_command_offers_what_the_template_asks():
    assert list(questions()["framework"]["choices"].values()) == list(FRAMEWORKS)


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_starter_is_clean_and_small(rendered, framework):
    project = rendered(framework=framework)
    ruff = [sys.executable, "-m", "ruff"]
    run([*ruff, "check", "--no-cache", "."], project)
    run([*ruff, "format", "--check", "--no-cache", "."], project)
    model = project / "models" / "model1"
    assert f"outputs/{FILES[framework]}" in (project / "README.md").read_text(encoding="utf-8")
    assert (model / "aml_config" / "train-distributed.runconfig").exists() == (framework == "pytorch")
    deep = framework in ("pytorch", "tensorflow")
    assert (model / "aml_config" / "train-gpu-conda.yml").exists() == deep
    cloud = (model / "aml_config" / "train-amlcompute.runconfig").read_text(encoding="utf-8")
    assert ("cuda" in cloud) == ("train-gpu-conda.yml" in cloud) == deep
    shared = rendered() / "models" / "model1"
    for name in ("score_batch.py", "aml_config/train-local.runconfig", "aml_config/batch-score.yml", ".amlignore"):
        assert (model / name).read_bytes() == (shared / name).read_bytes(), name


@pytest.mark.slow
@pytest.mark.parametrize("framework", OTHERS)
def test_a_starter_trains_and_is_served(rendered, framework, tmp_path):
    env = torch_here(tmp_path) if framework == "pytorch" else {}
    place = Workplace(rendered(framework=framework, python_version=VERSION))
    model = place.root / "models" / "model1"
    arguments = ("train.py", "--data-path", "/data", "--epochs", "8")
    words = ("run", "submit-script", "-c", "train-local", "-e", "first", "-t", "run.json")
    place.aml(*words, *arguments, cwd=model, env=env)
    record = json.loads(place.aml("run", "show", "-r", "run.json", "-o", "json", cwd=model).stdout)
    assert record["metrics"]["auc"] > 0.95
    assert {"train_loss", "val_loss", "val_accuracy", "accuracy"} <= record["metrics"].keys()
    outputs = place.latest() / "outputs"
    assert {"roc_curve.png", "confusion_matrix.png", FILES[framework]} <= {file.name for file in outputs.iterdir()}
    python = next(
        line for line in (place.latest() / ".run" / "prepared.json").read_text().split('"') if "bin/python" in line
    )
    tests = [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--import-mode=importlib", str(model / "tests")]
    run([find_uv(), "pip", "install", "-q", "--python", python, "pytest"], tmp_path)
    assert " passed" in run(tests, place.root, {"MLFLOW_DISABLE_TELEMETRY": "true"})

    if framework == "pytorch":
        place.aml("run", "submit-script", "-c", "train-distributed", "-e", "first", cwd=model, env=env)
        logs = {file.name for file in (place.latest() / "user_logs").iterdir()}
        assert {"std_log_process_00.txt", "std_log_process_01.txt"} <= logs
        assert (place.latest() / "outputs" / "model.pt").exists()

    asset = f"outputs/{FILES[framework]}"
    place.aml("model", "register", "-n", "demo", "-f", "run.json", "--asset-path", asset, cwd=model)
    port = free_port()
    service = ("-n", "svc", "-m", "demo", "--ic", "aml_config/inference-config.yml", "--port", str(port))
    place.aml("model", "deploy", *service, "--dc", "../../deployment/deployment-config-local.yml", cwd=model, env=env)
    try:
        body = (place.root / "deployment" / "sample-request.json").read_bytes()
        head = {"Content-Type": "application/json"}
        with urllib.request.urlopen(urllib.request.Request(f"http://127.0.0.1:{port}/score", body, head)) as response:
            answer = json.load(response)
    finally:
        place.aml("service", "delete", "-n", "svc", cwd=model)
    assert [sum(row) for row in answer["probabilities"]] == pytest.approx([1.0] * len(json.loads(body)["data"]))


@pytest.mark.slow
def test_a_model_of_another_framework_joins_the_project(tmp_path):
    template = commit_all(copy_template(tmp_path / "template"), "the template", tag="v0.1.0")
    (template / "copier.yml").write_text("broken: [", encoding="utf-8")
    git(template, "commit", "-q", "-a", "-m", "a later one that is broken")
    place = Workplace(render(tmp_path / "project", source=template, version="v0.1.0", compute_cluster="my-cluster"))
    done = place.aml("model", "new", "boosted", "--framework", "xgboost", cwd=place.root)
    assert "xgboost-cpu" in done.stdout and "cd models/boosted" in done.stdout
    model = place.root / "models" / "boosted"
    assert "xgboost" in (model / "model.py").read_text(encoding="utf-8")
    assert "name: boosted-train\n" in (model / "aml_config" / "train-conda.yml").read_text()
    assert "target: my-cluster" in (model / "aml_config" / "train-amlcompute.runconfig").read_text()
    assert not list(place.root.rglob("answers.yml"))
    same = render(tmp_path / "same", source=template, version="v0.1.0", framework="xgboost") / "models" / "model1"
    assert (model / "train.py").read_bytes() == (same / "train.py").read_bytes()

    words = ("model", "new", "other", "--framework", "pytorch")
    assert "cannot be combined" in place.aml(*words, "--from", "models/model1", cwd=place.root, code=2).stderr
    template.rename(tmp_path / "gone")
    assert "Copier could not render" in place.aml(*words, cwd=place.root, code=3).stderr
    (place.root / ".copier-answers.yml").unlink()
    assert "not rendered from the template" in place.aml(*words, cwd=place.root, code=2).stderr
    assert not (place.root / "models" / "other").exists()


@pytest.mark.slow
def test_the_page_on_lightgbm_gives_a_model(rendered):
    place = Workplace(rendered(framework="xgboost", python_version=VERSION))
    model = place.root / "models" / "model1"
    page = (ROOT / "docs" / "pages" / "how-to" / "frameworks.md").read_text(encoding="utf-8")
    (model / "model.py").write_text(page.split('```python title="model.py"\n')[1].split("```")[0], encoding="utf-8")
    for name in ("train-conda.yml", "inference-conda.yml"):
        file = model / "aml_config" / name
        text = re.sub("py-xgboost-cpu.*", "lightgbm", file.read_text(encoding="utf-8"))
        file.write_text(text, encoding="utf-8")
    place.aml("run", "submit-script", "-c", "train-local", "-e", "first", "-t", "run.json", cwd=model)
    record = json.loads(place.aml("run", "show", "-r", "run.json", "-o", "json", cwd=model).stdout)
    assert record["metrics"]["auc"] > 0.95
    words = ("-n", "demo", "-f", "run.json", "--asset-path", "outputs/model.txt")
    place.aml("model", "register", *words, cwd=model)
    done = place.aml("score", "-m", "demo", "../../deployment/sample-request.json", "-o", "json", cwd=model)
    assert "probabilities" in done.stdout


def test_nothing_but_model_py_knows_the_framework():
    for framework, names in {"xgboost": "xgboost", "pytorch": "torch", "tensorflow": "keras|tensorflow"}.items():
        own = (ROOT / "includes" / "frameworks" / framework / "model.py").read_text(encoding="utf-8")
        assert re.search(rf"^import (?:{names})$", own, re.MULTILINE)
        for file in (ROOT / "template" / "models" / "model1").glob("*.py*"):
            assert not re.search(rf"^(?:import|from) (?:{names})\b", file.read_text(encoding="utf-8"), re.MULTILINE)
