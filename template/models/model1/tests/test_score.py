"""score.py answers good requests with probabilities and refuses bad ones with a clear message."""

import hashlib
import json
import sys
from pathlib import Path

import joblib
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.modules.pop("score", None)  # another model's
import score  # noqa: E402

ROW = {"mean_radius": 12.5, "mean_texture": 20.0}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A small model in the folder that AZUREML_MODEL_DIR names."""
    table = pd.DataFrame({"mean_radius": [10.0, 12.0, 20.0, 22.0], "mean_texture": [10.0, 30.0, 12.0, 28.0]})
    model = LogisticRegression().fit(table, [1, 1, 0, 0])
    (tmp_path / "1").mkdir()
    joblib.dump(model, tmp_path / "1" / "model.pkl")
    monkeypatch.setenv("AZUREML_MODEL_DIR", str(tmp_path))
    monkeypatch.delenv("MODEL_SHA256", raising=False)
    return tmp_path


@pytest.fixture
def ready(folder):
    score.init()


def test_a_request_gets_one_list_of_probabilities_a_row(ready):
    answer = score.run({"data": [ROW, ROW]})
    assert [len(row) for row in answer["probabilities"]] == [2, 2]
    assert sum(answer["probabilities"][0]) == pytest.approx(1)


def test_json_text_is_a_request_too(ready):
    assert score.run(json.dumps({"data": [ROW]})) == score.run({"data": [ROW]})


def test_the_order_of_columns_does_not_matter(ready):
    turned = dict(reversed(ROW.items()))
    assert score.run({"data": [turned]}) == score.run({"data": [ROW]})


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ("", "is empty"),
        ("not JSON", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ([ROW], "expected"),
        ({"rows": [ROW]}, "expected"),
        ({"data": ROW}, "list of rows"),
        ({"data": [[12.5, 20.0]]}, "list of rows"),
        ({"data": []}, "no rows"),
        ({"data": [{"mean_radius": 12.5}]}, "missing columns: mean_texture"),
        ({"data": [{**ROW, "colour": 1}]}, "unknown columns: colour"),
        ({"data": [{**ROW, "mean_radius": None}]}, "missing values: mean_radius"),
        ({"data": [ROW, {"mean_radius": 12.5}]}, "missing values: mean_texture"),
        ({"data": [{**ROW, "mean_radius": "12.5"}]}, "not numbers: mean_radius"),
        ({"data": [{**ROW, "mean_radius": True}]}, "not numbers: mean_radius"),
        ({"data": [{**ROW, "mean_radius": [12.5]}]}, "not numbers: mean_radius"),
        ('{"data": [{"mean_radius": 1e999, "mean_texture": 1}]}', "finite"),
        (" " * (score.MAX_BYTES + 1), "bytes"),
    ],
)
def test_a_bad_request_says_what_is_wrong(ready, request_, message):
    with pytest.raises(score.BadRequest, match=message):
        score.run(request_)


def test_a_model_with_the_registered_hash_is_loaded(folder, monkeypatch):
    content = (folder / "1" / "model.pkl").read_bytes()
    monkeypatch.setenv("MODEL_SHA256", hashlib.sha256(content).hexdigest())
    score.init()
    assert score.run({"data": [ROW]})


def test_a_changed_model_is_refused_before_it_is_opened(folder, monkeypatch):
    monkeypatch.setenv("MODEL_SHA256", "0" * 64)
    monkeypatch.setattr(joblib, "load", lambda path: pytest.fail("the file was opened"))
    with pytest.raises(ValueError, match="not the registered file"):
        score.init()


def test_a_folder_without_a_model_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setenv("AZUREML_MODEL_DIR", str(tmp_path))
    with pytest.raises(FileNotFoundError, match=r"no model\.pkl"):
        score.init()
