"""train.py trains a good model on the sample, keeps what it measured, and refuses what it cannot use."""

import json
import sys
from pathlib import Path

import joblib
import mlflow
import pandas as pd
import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.modules.pop("train", None)  # another model's
import train  # noqa: E402

SAMPLE = Path(__file__).parents[3] / "data" / "sample"


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    """Each test works, and tracks, in a folder of its own, as a run does."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_RUN_ID", raising=False)
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path.as_posix()}/test.db")
    yield tmp_path
    mlflow.set_tracking_uri(before)


def test_the_sample_gives_a_good_model_and_everything_about_it(own_folder):
    train.main(["--data-path", str(SAMPLE), "--epochs", "3", "--added_by_a_sweep", "1"])
    outputs = own_folder / "outputs"
    assert json.loads((outputs / "metrics.json").read_text())["auc"] > 0.95
    for picture in ("roc_curve.png", "confusion_matrix.png"):
        assert (outputs / picture).read_bytes().startswith(b"\x89PNG")
    assert "precision" in (outputs / "classification_report.txt").read_text()

    model = joblib.load(outputs / "model.pkl")
    rows = pd.read_csv(SAMPLE / "breast_cancer.csv").drop(columns=train.TARGET).head(2)
    assert model.predict_proba(rows).sum(axis=1) == pytest.approx([1, 1])

    run = mlflow.last_active_run()
    assert run.info.status == "FINISHED"
    assert run.data.params["epochs"] == "3"
    assert run.data.metrics["auc"] > 0.95
    curve = mlflow.MlflowClient().get_metric_history(run.info.run_id, "val_loss")
    assert [point.step for point in curve] == [0, 1, 2]


def test_it_stops_when_the_loss_no_longer_falls(capsys):
    train.main(["--data-path", str(SAMPLE), "--epochs", "50", "--es-patience", "0"])
    said = capsys.readouterr().out
    assert "stopped" in said
    assert said.count("epoch ") < 50


@pytest.mark.parametrize("penalty", ["l1", "L2", "elasticnet", "none", "0.5"])
def test_a_sweep_may_choose_the_penalty(penalty):
    assert train.parse_args(["--data-path", "x", "--penalty", penalty]).penalty == penalty


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["--data-path", "x", "--epochs", "0"],
        ["--data-path", "x", "--alpha", "0"],
        ["--data-path", "x", "--penalty", "l3"],
        ["--data-path", "x", "--train-test-split-ratio", "1"],
    ],
)
def test_a_wrong_option_is_refused(words):
    with pytest.raises(SystemExit):
        train.parse_args(words)


def test_a_folder_without_csv_files_is_named(tmp_path):
    with pytest.raises(SystemExit, match="no CSV file"):
        train.load_data(tmp_path)


def test_a_table_without_the_target_is_named(tmp_path):
    (tmp_path / "rows.csv").write_text("a,b\n1,2\n")
    with pytest.raises(SystemExit, match="no column 'target'"):
        train.load_data(tmp_path)
