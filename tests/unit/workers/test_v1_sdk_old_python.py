"""The package under the oldest Python that can be had here, with the MLflow of its time."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from support.v1_project import SDK, V1Project
from uv import find_uv_bin

pytestmark = pytest.mark.slow

OLD = ("3.7", "3.8", "3.9")
SCRIPT = """
import sys
from azureml.core import Experiment, Model, Run, Workspace
run = Run.get_context()
for loss in (2, 1):
    run.log("loss", loss)
run.log("kernel", "rbf")
run.log("prec@1", 0.5)
run.log_list("scores", [1, 1])
run.log_row("Cities", city="Ghent", people=265)
run.tag("stage", "train")
run.upload_file("report.txt", "train.py")
child = run.child_run("fold")
child.log("accuracy", 1)
child.complete()
assert run.get_metrics("loss") == {"loss": [2.0, 1.0]} and run.get_tags()["stage"] == "train"
assert len(run.input_datasets) == 0 and list(Workspace.from_config().datasets) == []
assert Model.list(Workspace.from_config()) == []
print(sys.version_info[:2])
"""


@pytest.fixture(scope="module")
def old_python(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("old") / "env"
    uv = [find_uv_bin(), "--quiet", "--no-config"]
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    for choice in [str(place) for version in OLD for place in (*pyenv.glob(f"{version}.*/bin/python"), version)]:
        made = subprocess.run([*uv, "venv", "--no-project", "--python", choice, str(folder)], check=False)
        if made.returncode == 0:
            break
    else:
        pytest.skip(f"none of Python {', '.join(OLD)} is on this machine")
    python = next(path for path in (folder / "bin" / "python", folder / "Scripts" / "python.exe") if path.exists())
    packages = ["mlflow-skinny", "setuptools"]  # MLflow 1.x imports pkg_resources
    done = subprocess.run([*uv, "pip", "install", "--python", str(python), *packages], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"MLflow could not be installed: {done.stderr.strip()[-200:]}")
    return str(python)


def test_a_script_logs_and_reads(old_python: str, tmp_path: Path) -> None:
    project = V1Project(tmp_path, python=old_python)
    done = project.passes(SCRIPT)
    assert done.stdout.splitlines()[-1] in ("(3, 7)", "(3, 8)", "(3, 9)")
    own, child = project.runs()
    assert own.metrics["loss"] == [(2, 0), (1, 1)]
    assert own.metrics["scores"] == [(1, 0), (1, 1)]
    assert own.params == {"kernel": "rbf"}
    assert own.artifact("Cities.json").is_file()
    assert own.artifact("report.txt").is_file()
    assert child.metrics["accuracy"] == [(1, 0)]


def test_a_run_that_was_made_before_the_script_is_joined(old_python: str, tmp_path: Path) -> None:
    project = V1Project(tmp_path, python=old_python)
    made = "import os\nfrom mlflow.tracking import MlflowClient\n"
    made += "os.environ['MLFLOW_RUN_ID'] = MlflowClient().create_run('0').info.run_id\n"
    log = "run = Run.get_context()\nrun.log('loss', 2)\nrun.log('loss', 1)\n"
    project.passes(f"{made}from azureml.core import Run\n{log}")
    [own] = project.runs()
    assert own.metrics["loss"] == [(2, 0), (1, 1)]


def test_every_module_compiles(old_python: str, tmp_path: Path) -> None:
    code = (
        "import pathlib, sys\nfor file in pathlib.Path(sys.argv[1]).rglob('*.py'):\n"
        "    compile(file.read_bytes(), str(file), 'exec')\n"
    )
    subprocess.run([old_python, "-c", code, str(SDK)], check=True)
