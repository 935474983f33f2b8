"""Notebooks written for Azure ML's SDK v1 keep their training: only the SDK's own calls go."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from support import notebooks as notebooks_help

from amlrun.cli.notebook import command

pytestmark = pytest.mark.slow

CASES = Path(__file__).parents[4] / "shared" / "cases"
START = """# %%
from azureml.core import Workspace, Experiment, Run, Dataset
from azureml.widgets import RunDetails
import pandas as pd
from sklearn.tree import DecisionTreeClassifier
ws = Workspace.from_config()
exp = Experiment(workspace=ws, name="x")
store = ws.get_default_datastore()
# %%
"""
FIT = """
model = DecisionTreeClassifier(random_state=0).fit(df[["mean radius"]], df["target"])
print("trained", len(df))
"""


def convert(root: Path, source: Path) -> tuple[Path, str]:
    script = root / "models" / "m" / "train.py"
    words = ["convert", str(source), "-o", str(script), "--overwrite", "--json"]
    report = json.loads(CliRunner().invoke(command, words, catch_exceptions=False).stdout)
    return script, "\n".join(report["todo"])


def run(script: Path) -> str:
    store = (script.parent / "mlflow.db").as_posix()
    env = {**os.environ, "MLFLOW_TRACKING_URI": f"sqlite:///{store}"}
    done = subprocess.run([sys.executable, script.name], cwd=script.parent, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


# Each with how often the metric `score` is logged: nothing of the training may be lost with the SDK.
TRAINING = {
    "a loop": (
        "for depth in [1, 2]:\n    run = exp.start_logging()\n    FIT\n    run.log('score', depth)\n    run.complete()",
        2,
    ),
    "a with block": ("with exp.start_logging() as run:\n    FIT\n    run.log('score', 1)", 1),
    "a with in a loop": (
        "parent = exp.start_logging()\nfor depth in [1, 2]:\n    with parent.child_run(name='c') as child:\n"
        "        FIT\n        child.log('score', depth)",
        2,
    ),
    "a function": (
        "def train(run, depth):\n    FIT\n    run.log('score', depth)\n    return model\n"
        "run = exp.start_logging()\nmodel = train(run, 3)\nRunDetails(run).show()",
        1,
    ),
    "a row": (
        "run = Run.get_context()\nfor depth in [1, 2, 3]:\n    FIT\n    run.log_row('epoch', score=depth, d=depth)\n"
        "    if depth > 1: run.flush()",
        3,
    ),
    "a try": (
        "run = Run.get_context()\ntry:\n    FIT\n    run.log('score', 1)\nfinally:\n    run.complete()",
        1,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", TRAINING)
def test_training_around_the_sdks_calls_stays(tmp_path: Path, name: str) -> None:
    notebooks_help.data(tmp_path / "data")
    text, times = TRAINING[name]
    fit = 'model = DecisionTreeClassifier(random_state=0).fit(df[["mean radius"]], df["target"]); print("trained")'
    read = "df = pd.read_csv('../data/cancer.csv')\n"
    source = notebooks_help.write(tmp_path / "notebooks" / "n.ipynb", START + read + text.replace("FIT", fit))
    script, _ = convert(tmp_path, source)
    assert run(script).count("trained") == times
    import mlflow

    client = mlflow.MlflowClient(f"sqlite:///{(script.parent / 'mlflow.db').as_posix()}")
    (logged,) = client.search_runs(["0"])
    assert len(client.get_metric_history(logged.info.run_id, "score")) == times
    assert "azureml" not in "\n".join(x for x in script.read_text().split("\n") if not x.strip().startswith("#"))


@pytest.mark.parametrize(
    "read",
    [
        "df = Dataset.Tabular.from_delimited_files(path=(store, 'parts/*.csv')).to_pandas_dataframe()",
        "data = Dataset.Tabular.from_delimited_files([(store, 'parts/train.csv')])\ndf = data.to_pandas_dataframe()",
        "df = ws.datasets['parts'].to_pandas_dataframe()",
        "parts = ws.datasets.get('parts')\ndf = parts.to_pandas_dataframe()",
        "run = Run.get_context()\ndf = run.input_datasets['parts'].to_pandas_dataframe()",
        "d = Dataset.get_by_name(ws, 'parts').keep_columns(['mean radius', 'target'])\ndf = d.to_pandas_dataframe()",
        "data = Dataset.get_by_name(ws, 'parts')\nwith data.mount() as mounted:\n"
        "    df = pd.read_csv(mounted.mount_point + '/train.csv')",
        "if 'parts' not in ws.datasets:\n    print('no such dataset')\ndf = ws.datasets['parts'].to_pandas_dataframe()",
    ],
)
def test_a_dataset_becomes_files_of_the_data_path(tmp_path: Path, read: str) -> None:
    notebooks_help.data(tmp_path / "data")
    script, _ = convert(tmp_path, notebooks_help.write(tmp_path / "notebooks" / "n.ipynb", START + read + FIT))
    assert "--data-path" in script.read_text()
    assert "trained" in run(script)


def test_a_dataset_of_a_url_is_read_from_there(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text("mean radius,target\n1,0\n2,1\n")
    url = (tmp_path / "table.csv").as_uri()
    read = f"df = Dataset.Tabular.from_delimited_files({url!r}).to_pandas_dataframe()"
    script, _ = convert(tmp_path, notebooks_help.write(tmp_path / "n.ipynb", START + read + FIT))
    assert "trained 2" in run(script)


def test_a_table_that_only_the_sdk_has_is_named_and_the_training_stays(tmp_path: Path) -> None:
    text = START + "df = load_table(ws.get_default_keyvault())" + FIT
    script, todo = convert(tmp_path, notebooks_help.write(tmp_path / "n.ipynb", text))
    assert "model = DecisionTreeClassifier(" in script.read_text()
    assert "write `df = …`" in todo


@pytest.mark.skipif(not CASES.exists(), reason="the cases from public reports are not here")
@pytest.mark.parametrize("case", ["a01-sdkv1-training-dropped/loop", "a01-sdkv1-training-dropped/with"])
def test_microsofts_first_tutorial_trains(tmp_path: Path, case: str) -> None:
    script, _ = convert(tmp_path, CASES / f"{case}.ipynb")
    run(script)
    assert list((script.parent / "outputs").glob("*.pkl"))
