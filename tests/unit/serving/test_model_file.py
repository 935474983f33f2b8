"""AZUREML_MODEL_DIR has one layout: the registered file, or the registered folder under its own name (b01)."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from amlrun.errors import AmlError
from amlrun.project import Project
from amlrun.registry.base import Description
from amlrun.registry.local import LocalRegistry
from amlrun.serving import model_file


def tree(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    (folder / "deep").mkdir(parents=True)
    (folder / "weights.json").write_text("{}")
    (folder / "deep" / "more.bin").write_bytes(b"\0")
    return folder


@pytest.mark.parametrize("link", [True, False])
def test_a_folder_keeps_its_name_and_a_file_stands_alone(tmp_path: Path, weights: Path, link: bool) -> None:
    folder = model_file.at_path(weights)
    directory = folder.lay_out(tmp_path / "a", link=link)
    assert directory == tmp_path / "a" / "azureml-models" / "model" / "1"
    assert tree(directory) == ["model/deep/more.bin", "model/weights.json"]
    file = model_file.at_path(weights / "weights.json")
    assert tree(file.lay_out(tmp_path / "b", link=link)) == ["weights.json"]
    same = os.path.samefile(tmp_path / "b/azureml-models/weights/1/weights.json", weights / "weights.json")  # noqa: PTH121
    assert same == link, "a service's copy is its own, `aml score` copies no bytes"


def test_a_registered_model_has_its_own_name_and_version(tmp_path: Path, weights: Path) -> None:
    registry = LocalRegistry(Project(tmp_path))
    registry.register("regr", weights, Description())
    model = model_file.registered(registry.register("regr", weights, Description()))
    assert (model.name, model.version, model.source) == ("regr", "2", "regr:2")
    assert tree(model.lay_out(tmp_path / "x")) == ["model/deep/more.bin", "model/weights.json"]
    assert model.lay_out(tmp_path / "y").parts[-3:] == ("azureml-models", "regr", "2")


def test_a_link_to_a_file_is_followed(tmp_path: Path, weights: Path) -> None:
    if os.name == "nt":
        pytest.skip("symbolic links need a right on Windows")
    (weights / "linked.json").symlink_to(weights / "weights.json")
    directory = model_file.at_path(weights).lay_out(tmp_path / "a", link=True)
    assert not (directory / "model" / "linked.json").is_symlink()
    assert (directory / "model" / "linked.json").read_text() == "{}"


def test_a_model_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(AmlError, match="there is no such model"):
        model_file.at_path(tmp_path / "none.pkl")


@pytest.mark.parametrize("name", ["Mein Modell.pkl", "..pkl", "ü.bin", "a b/c"])
def test_any_files_name_makes_a_directory(tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"")
    directory = model_file.at_path(file).lay_out(tmp_path / "to")
    assert directory.parts[-3] == "azureml-models" and (directory / file.name).is_file()
