"""Datasets of the project, and v1's dataset file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.workplace import Workplace

from amlrun.errors import AmlError
from amlrun.registry.datasets import open_datasets
from amlrun.v1 import dataset_file

FILE = {
    "schemaVersion": 1,
    "datasetType": "File",
    "parameters": {"path": [{"datastoreName": "workspaceblobstore", "relativePath": "adult/**"}]},
    "registration": {"name": "adult", "description": "census", "createNewVersion": True},
}


def write(folder: Path, tree: object) -> Path:
    file = folder / "dataset.json"
    file.write_text(json.dumps(tree, indent=2), encoding="utf-8")
    return file


def test_a_dataset_is_registered_and_found(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / "table.csv").write_text("a\n")
    datasets = open_datasets(tmp_path)
    made = datasets.register("adult", str(tmp_path / "table.csv"), version=None, description="")
    assert datasets.get("adult").to_dict() == made.to_dict()
    assert made.to_dict()["exists"] is True
    assert [one.name for one in datasets.datasets()] == ["adult"]
    with pytest.raises(AmlError, match="no dataset 'none'") as caught:
        datasets.get("none")
    assert "adult" in caught.value.hint
    with pytest.raises(AmlError, match="is not a path on this machine"):
        datasets.register("other", "azureml://datastores/a/paths/b", version=None, description="")


def test_v1s_file_names_the_dataset_and_its_path(tmp_path: Path) -> None:
    found = dataset_file.read(write(tmp_path, FILE))
    assert (found.name, found.description) == ("adult", "census")
    assert found.path == "azureml://datastores/workspaceblobstore/paths/adult"
    url = {**FILE, "parameters": {"path": "https://example.com/a.csv"}}
    assert dataset_file.read(write(tmp_path, url)).path == "https://example.com/a.csv"
    assert dataset_file.read(write(tmp_path, {**FILE, "registration": {}})).name == ""


def test_a_path_in_v1s_file_starts_at_its_folder(workplace: Workplace) -> None:
    folder = workplace.model / "specs"
    (folder / "rows").mkdir(parents=True)
    file = write(folder, {**FILE, "parameters": {"path": ["rows/**"]}})
    done = workplace.aml("dataset", "register", "-f", str(file))
    assert f"Registered adult: {folder / 'rows'}" in done.stdout
    write(folder, {**FILE, "parameters": {"path": "row"}})
    told = workplace.aml("dataset", "register", "-f", str(file), code=2).stderr
    assert "dataset.json:5: parameters.path: no such file or folder" in told
    write(folder, FILE)
    assert "where is adult on this machine?" in workplace.aml("dataset", "register", "-f", str(file), code=2).stderr


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"parameters": {"path": ["a", "b"]}}, "names 2 paths"),
        ({"parameters": {"path": []}}, "has no path"),
        ({"parameters": {"path": [{"datastoreName": "a"}]}}, "expected a URL, or datastoreName"),
        ({"parameters": {"query": {"datastoreName": "sql", "query": "select 1"}}}, "SQL query is not a v2 data asset"),
        ({"parameters": {}}, "has no path"),
    ],
)
def test_what_v2_has_no_data_asset_for_is_named(tmp_path: Path, change: dict[str, object], message: str) -> None:
    with pytest.raises(AmlError, match=message):
        dataset_file.read(write(tmp_path, {**FILE, **change}))


def test_another_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AmlError, match="is not a dataset file"):
        dataset_file.read(write(tmp_path, {"script": "train.py"}))
