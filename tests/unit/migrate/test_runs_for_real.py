"""Ten scripts of SDK v1: rewritten, they run with MLflow and log what v1 would have logged."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
from support.v1_scripts import SCRIPTS

from amlrun.migrate.result import Kind
from amlrun.migrate.scripts import rewrite

pytestmark = pytest.mark.slow

_DRIVER = """
import json, os, pathlib, runpy, sys
import mlflow

for folder in map(pathlib.Path, json.loads(sys.argv[1])):
    os.chdir(folder)
    experiment = mlflow.set_experiment(folder.name)
    runpy.run_path("train.py", run_name="__main__")
    mlflow.end_run()
    client = mlflow.MlflowClient()
    runs = client.search_runs([experiment.experiment_id])
    (run,) = [one for one in runs if "mlflow.parentRunId" not in one.data.tags]
    points = {key: client.get_metric_history(run.info.run_id, key) for key in run.data.metrics}
    found = {
        "metrics": {key: [p.value for p in sorted(all, key=lambda p: p.step)] for key, all in points.items()},
        "words": {**run.data.params, **run.data.tags},
        "artifacts": [one.path for one in client.list_artifacts(run.info.run_id)],
        "children": sorted(one.data.metrics["accuracy"] for one in runs if one is not run),
    }
    pathlib.Path("found.json").write_text(json.dumps(found))
"""


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with one folder for each script, rewritten and run."""
    root = tmp_path_factory.mktemp("scripts")
    data = root / "flowers.csv"
    data.write_text("id,petal\n1,1\n2,2\n3,3\n4,4\n", encoding="utf-8")
    folders = []
    for name, (script, *_) in SCRIPTS.items():
        folder = root / name
        folder.mkdir()
        result = rewrite("train.py", script, Kind.JOB).result
        assert "azureml" not in result.changes[0].new, result.changes[0].new
        (folder / "train.py").write_text(result.changes[0].new, encoding="utf-8")
        folders.append(str(folder))
    environment = {
        "MLFLOW_TRACKING_URI": f"sqlite:///{(root / 'mlflow.db').as_posix()}",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "AZUREML_RUN_ID": "x_1",
        "flowers": str(data),
    }
    done = subprocess.run(
        [sys.executable, "-c", _DRIVER, json.dumps(folders)],
        env={**os.environ, **environment},
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, textwrap.indent(done.stderr[-3000:], "  ")
    return root


@pytest.mark.parametrize("name", SCRIPTS)
def test_it_logs_the_same(ran: Path, name: str) -> None:
    _, metrics, words, artifacts = SCRIPTS[name]
    found: dict[str, Any] = json.loads((ran / name / "found.json").read_text(encoding="utf-8"))
    assert found["metrics"] == metrics
    assert {key: found["words"].get(key) for key in words} == words
    assert artifacts <= set(found["artifacts"])
    assert found["children"] == ([0, 0.5] if "children" in name else [])
