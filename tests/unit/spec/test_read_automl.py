"""A v2 AutoML job YAML: what is read from it, that every mistake has its line, and that what is written comes back."""

from __future__ import annotations

from pathlib import Path

import pytest

from amlrun.automl import explaining
from amlrun.errors import AmlError
from amlrun.spec import read, write, write_automl
from amlrun.spec.automl import AutoMLJob

pytestmark = pytest.mark.unit

JOB = """\
$schema: https://azuremlschemas.azureedge.net/latest/autoMLJob.schema.json
type: automl
task: classification
compute: azureml:cpu-cluster
target_column_name: kind
training_data:
  type: mltable
  path: train_data
validation_data_size: 0.2
primary_metric: AUCWeighted
positive_label: 1
limits:
  timeout_minutes: 60
  max_trials: 20
  max_concurrent_trials: 4
  exit_score: 0.99
featurization:
  mode: off
training:
  allowed_training_algorithms: [LightGBM, logistic_regression]
  enable_stack_ensemble: false
"""
TABLE = """\
type: mltable
paths:
  - file: ./table.csv
transformations:
  - read_delimited:
      delimiter: ","
"""
EXAMPLES = Path(__file__).resolve().parents[4] / "shared" / "reference" / "examples" / "automl"


def folder(tmp_path: Path) -> Path:
    data = tmp_path / "train_data"
    data.mkdir(exist_ok=True)
    (data / "MLTable").write_text(TABLE)
    (data / "table.csv").write_text("x,kind\n1,0\n2,1\n")
    return tmp_path


def load(tmp_path: Path, text: str, target: str | None = None) -> AutoMLJob:
    file = folder(tmp_path) / "job.yml"
    file.write_text(text)
    job = read.read(file, target)
    assert isinstance(job, AutoMLJob)
    return job


def test_names_are_taken_in_any_case_style_and_words_as_they_are_written(tmp_path: Path) -> None:
    job = load(tmp_path, JOB)
    assert job.primary_metric == "AUC_weighted"
    assert job.goal == "maximize"
    assert job.positive_label == "1"
    assert job.featurization.mode == "off"
    assert job.training.allowed_training_algorithms == ["light_gbm", "logistic_regression"]
    assert job.limits.max_concurrent_trials == 4
    assert job.training_data is not None
    assert job.training_data.path == str(tmp_path / "train_data")


# What replaces which line, and the sentence that must come: `line: field: message`.
MISTAKES = [
    ("task: classification", "task: clustering", "3: task: there is no task 'clustering'"),
    ("task: classification", "", "1: task: is missing"),
    ("target_column_name: kind", "", "1: target_column_name: is missing"),
    ("  path: train_data", "  path: nowhere", "8: training_data.path: no such file or folder"),
    ("  type: mltable\n  path: train_data", "  type: mltable", "7: training_data.path: is missing"),
    ("validation_data_size: 0.2", "validation_data_size: 2.0", "9: validation_data_size: expected a fraction"),
    ("validation_data_size: 0.2", "n_cross_validations: 1", "9: n_cross_validations: expected auto, or 2 or more"),
    (
        "validation_data_size: 0.2",
        "n_cross_validations: 3\ncv_split_column_names: [fold]",
        "10: cv_split_column_names: cannot be combined with n_cross_validations",
    ),
    ("primary_metric: AUCWeighted", "primary_metric: r2_score", "10: primary_metric: r2_score is a metric of regres"),
    ("primary_metric: AUCWeighted", "primary_metric: f1", "10: primary_metric: there is no metric 'f1'"),
    ("positive_label: 1", "enable_model_explainability: true",
     "11: enable_model_explainability: belongs below training"),
    ("  timeout_minutes: 60", "  timeout: 60", "13: limits.timeout: unknown key; did you mean 'timeout_minutes'?"),
    ("  timeout_minutes: 60", "  timeout_minutes: 0.5", "13: limits.timeout_minutes: expected whole minutes"),
    ("  timeout_minutes: 60", "  timeout_minutes: 0", "13: limits.timeout_minutes: expected whole minutes"),
    ("  max_concurrent_trials: 4", "  max_concurrent_trials: 40",
     "15: limits.max_concurrent_trials: 40 is more than max_trials, 20"),
    ("  exit_score: 0.99", "  enable_vote_ensemble: true", "16: limits.enable_vote_ensemble: belongs below training"),
    ("featurization:\n  mode: off", "featurization: auto", "17: featurization: expected keys below it"),
    ("  mode: off", "  mode: some", "18: featurization.mode: unknown name 'some'"),
    ("  mode: off", "  column_name_and_types: {x: Categorical}",
     "18: featurization.column_name_and_types: has no effect with mode auto"),
    ("  mode: off", "  mode: custom\n  column_name_and_types: {x: Number}", "19: featurization.column_name_and_types"),
    ("[LightGBM, logistic_regression]", "[LigthGBM]", "did you mean 'light_gbm'?"),
    ("[LightGBM, logistic_regression]", "[TensorFlowDNN]", "20: training.allowed_training_algorithms: Tensor"),
    ("[LightGBM, logistic_regression]", "[svm]\n  blocked_training_algorithms: [SVM]",
     "21: training.blocked_training_algorithms: svm is both allowed and blocked"),
    ("  enable_stack_ensemble: false", "  enable_stack_ensemble: perhaps",
     "21: training.enable_stack_ensemble: expected true or false"),
    ("  enable_stack_ensemble: false", "  max_trials: 3", "21: training.max_trials: belongs below limits"),
    ("compute: azureml:cpu-cluster", "outputs: {model: {}}", "4: outputs.model: AutoML writes no such output"),
    ("compute: azureml:cpu-cluster", "environment: x", "4: environment: unknown key; did you mean 'environment_id'?"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "sentence"), MISTAKES)
def test_every_mistake_has_its_line(tmp_path: Path, old: str, new: str, sentence: str) -> None:
    assert old in JOB
    with pytest.raises(AmlError) as told:
        load(tmp_path, JOB.replace(old, new, 1))
    assert sentence in str(told.value)


def test_other_tasks_are_read_and_run_in_the_cloud_only(tmp_path: Path) -> None:
    text = JOB.partition("validation_data_size")[0].replace("classification", "forecasting")
    text += "forecasting:\n  time_column_name: day\n  forecast_horizon: 7\n"
    job = load(tmp_path, text)
    assert job.rest == {"target_column_name": "kind", "forecasting": {"time_column_name": "day", "forecast_horizon": 7}}
    with pytest.raises(AmlError, match="3: task: forecasting runs in the cloud only"):
        load(tmp_path, text, "local")


def test_what_is_written_comes_back(tmp_path: Path) -> None:
    first = load(tmp_path, JOB)
    text = write.text(first, tmp_path)
    assert 'positive_label: "1"' in text
    assert 'mode: "off"' in text
    second = load(tmp_path, text)
    second.source = first.source
    assert second == first


def test_a_bare_file_gets_the_mltable_that_the_cloud_wants(tmp_path: Path) -> None:
    job = load(tmp_path, JOB.replace("path: train_data", "path: train_data/table.csv"))
    out = tmp_path / "cloud"
    out.mkdir()
    assert write.tree(job, out)["training_data"] == {"type": "mltable", "path": "./training_data"}
    written = write_automl.write_tables(write_automl.tables(job), out)
    assert [file.relative_to(out).as_posix() for file in written] == [
        "training_data/MLTable",
        "training_data/table.csv",
    ]
    assert "file: ./table.csv" in (out / "training_data" / "MLTable").read_text()


def test_every_key_is_explained(tmp_path: Path) -> None:
    rows = explaining.rows(load(tmp_path, JOB, "local"))
    told = {row.key: (row.line, row.status) for row in rows}
    assert told["limits.timeout_minutes"] == (13, "mapped")
    assert told["$schema"] == (1, "ignored")
    assert all(row.becomes for row in rows)


def test_a_key_that_only_a_workspace_honours_is_named_with_its_line(tmp_path: Path) -> None:
    job = load(tmp_path, JOB.replace("  enable_stack_ensemble: false", "  enable_dnn_training: true"), "local")
    assert explaining.notes(job) == ["job.yml:21: training.enable_dnn_training: cloud only"]


def test_every_key_that_is_read_has_an_explanation() -> None:
    from amlrun.spec import read_automl, read_automl_settings

    sections = read_automl_settings._SECTIONS
    keys = {*read_automl.KEYS, *(f"{section}.{key}" for section, own in sections.items() for key in own)}
    assert keys - set(sections) - set(explaining._HERE) == set()


@pytest.mark.skipif(not EXAMPLES.is_dir(), reason="the shared examples are not here")
@pytest.mark.parametrize("name", ["classification", "regression"])
def test_the_shared_examples_load(name: str) -> None:
    assert isinstance(read.read(EXAMPLES / f"{name}.yml"), AutoMLJob)
