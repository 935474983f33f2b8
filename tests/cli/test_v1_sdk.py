"""Unchanged scripts of SDK v1, submitted by hand."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from support.workplace import RUNCONFIG, Workplace

SCRIPT = """\
import os

from azureml.core import Dataset, Model, Run

run = Run.get_context()
for loss in (3, 2, 1):
    run.log("loss", loss)
run.log("kernel", "rbf")
table = Dataset.get_by_name(run.experiment.workspace, "flowers").to_pandas_dataframe()
run.log("rows", len(table))
with open("outputs/model.pkl", "w") as file:
    file.write("a model")
model = run.register_model("demo", "outputs/model.pkl", tags={"area": "bank"}, properties={"auc": 0.9})
print("registered", model.name, model.version)
print("read", open(Model.get_model_path("demo")).read())
run.complete()
"""


def test_an_unchanged_script_ends_completed_with_its_metrics(workplace: Workplace) -> None:
    workplace.script(SCRIPT)
    data = workplace.root / "data"
    (data / "flowers").mkdir(parents=True)
    (data / "flowers" / "a.csv").write_text("id\n1\n2\n")
    (data / "datasets.yml").write_text("flowers:\n  path: data/flowers\n")
    done = workplace.submit()
    said = "train.py:3: from azureml.core import Dataset: azureml-core is not installed; aml's own"
    assert said in done.stdout
    assert "aml migrate" in done.stdout
    assert "registered demo 1" in done.stdout
    assert "read a model" in done.stdout
    record = workplace.record()
    assert record["status"] == "Completed"
    assert record["metrics"] == {"loss": 1.0, "rows": 2.0}
    with closing(sqlite3.connect(workplace.root / "mlflow.db")) as database:
        points = database.execute("SELECT value FROM metrics WHERE key = 'loss' ORDER BY step").fetchall()
        params = database.execute("SELECT key, value FROM params").fetchall()
    assert points == [(3,), (2,), (1,)]
    assert params == [("kernel", "rbf")]
    (model,) = json.loads(workplace.aml("model", "list", "-o", "json").stdout)
    assert (model["runId"], model["tags"], model["properties"]) == (record["run_id"], {"area": "bank"}, {"auc": "0.9"})


def test_only_scripts_that_import_it_get_the_package(workplace: Workplace) -> None:
    asks = "import os\nprint('path', 'v1_sdk' in os.environ.get('PYTHONPATH', ''))\n"
    workplace.script(asks + "import helper\n")
    helper = workplace.model / "helper.py"
    helper.write_text("def never():\n    import azureml.mlflow  # today's, no part of SDK v1\n")
    done = workplace.submit()
    assert "path False" in done.stdout
    assert "azureml-core" not in done.stdout
    helper.write_text("from azureml.core import Run\n")
    done = workplace.submit()
    assert "path True" in done.stdout
    assert "helper.py:1: from azureml.core import Run: azureml-core is not installed" in done.stdout


def test_an_installed_azureml_core_is_left_alone_and_lost_metrics_are_told(
    workplace: Workplace, tmp_path: Path
) -> None:
    place = tmp_path / "packages" / "azureml" / "core"
    place.mkdir(parents=True)
    (place.parent / "__init__.py").write_text("")
    (place / "__init__.py").write_text("class Run:\n    def log(self, name, value): print(name, value)\n")
    workplace.script("from azureml.core import Run\nrun = Run()\nrun.log('accuracy', 0.9)\nprint(Run.__module__)\n")
    path = os.pathsep.join([str(tmp_path / "packages"), workplace.environment()["PYTHONPATH"]])
    process = workplace.aml("run", "submit-script", "-c", "local", "-e", "exp", env={"PYTHONPATH": path})
    assert "train.py:3: run.log: the environment's azureml-core only prints this outside Azure" in process.stdout
    assert "v1_sdk" not in process.stdout


def test_a_script_that_logs_without_mlflow_is_refused_with_file_and_line(workplace: Workplace, tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(bare)], check=True)
    python = bare / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    config = RUNCONFIG.format(python=json.dumps(str(python)))
    (workplace.model / "aml_config" / "local.runconfig").write_text(config, encoding="utf-8")
    workplace.script("from azureml.core import Run\nRun.get_context().log('accuracy', 0.9)\n")
    done = workplace.aml("run", "submit-script", "-c", "local", "-e", "exp", code=2, env={"PYTHONPATH": ""})
    assert "train.py:2: run.log is recorded in MLflow, which" in done.stderr
    assert "azureml-mlflow" in done.stderr
    # One that only asks for its run needs none.
    workplace.script("from azureml.core import Run\nprint(Run.get_context().id)\n")
    assert "exp_" in workplace.aml("run", "submit-script", "-c", "local", "-e", "exp", env={"PYTHONPATH": ""}).stdout
