"""The ways in which a v2 path names something registered, or what a job wrote."""

from __future__ import annotations

import pytest

from amlrun.spec import references

WORKSPACE = "subscriptions/1-2/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w"


@pytest.mark.parametrize(
    ("reference", "asset"),
    [
        ("azureml:table", ("table", None)),
        ("azureml:table:3", ("table", "3")),
        ("azureml:table@latest", ("table", "latest")),
        (f"azureml:/{WORKSPACE}/data/table/versions/3", ("table", "3")),
        (f"azureml://{WORKSPACE}/models/bert/labels/latest", ("bert", "latest")),
        ("azureml://registries/azureml/models/bert-base/versions/3", ("bert-base", "3")),
        ("azureml://locations/westeurope/workspaces/5f-6a/data/table/versions/2024-01", ("table", "2024-01")),
        ("azureml://datastores/blob/paths/data/train", None),
        ("azureml://subscriptions/s/resourcegroups/g/workspaces/w/datastores/d/paths/data/models/x", None),
        ("models:/bert/1", None),
        ("https://example.org/data/x.csv", None),
        ("data/train", None),
        (None, None),
    ],
)
def test_an_assets_name_and_version(reference: str | None, asset: tuple[str, str | None] | None) -> None:
    assert references.asset(reference) == asset


def test_mlflow_names_models_in_its_own_way() -> None:
    assert references.model("models:/bert/1") == ("bert", "1")
    assert references.model("models:/bert@latest") == ("bert", "latest")
    assert references.model("azureml:bert:2") == ("bert", "2")
    assert references.model("runs:/x/model") is None


@pytest.mark.parametrize(
    ("reference", "written"),
    [
        ("runs:/exp_1_a/model", ("exp_1_a", "model")),
        ("azureml://jobs/j1/outputs/model", ("j1", "model")),
        ("azureml://jobs/j1/outputs/model/paths/", ("j1", "model")),
        ("azureml://jobs/j1/outputs/model/paths/a/b.pkl", ("j1", "model/a/b.pkl")),
        ("azureml://jobs/j1/outputs/artifacts/paths/outputs/model/", ("j1", "outputs/model")),
        ("azureml://jobs/j1/outputs/artifacts/paths/model", ("j1", "model")),
        ("azureml://jobs/j1/outputs/default/paths/outputs", ("j1", "outputs")),
        ("azureml://subscriptions/s/resourcegroups/g/workspaces/w/jobs/j1/outputs/o/paths/x", ("j1", "o/x")),
        ("azureml://datastores/d/paths/jobs/j1/outputs/o", None),
        ("azureml:j1:1", None),
    ],
)
def test_what_a_job_wrote(reference: str, written: tuple[str, str] | None) -> None:
    assert references.written(reference) == written
