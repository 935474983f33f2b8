"""The project's own registry: versions, their files, and what is refused."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

import amlrun
from amlrun.errors import AmlError
from amlrun.project import Project
from amlrun.registry.base import Description, RunFile, split_id
from amlrun.registry.content import sha256, verify
from amlrun.registry.local import LocalRegistry
from amlrun.runs import store as runs

pytestmark = pytest.mark.slow


@pytest.fixture
def registry(tmp_path: Path) -> LocalRegistry:
    (tmp_path / ".git").mkdir()
    (tmp_path / "m.pkl").write_bytes(b"model")
    return LocalRegistry(Project(tmp_path))


@pytest.fixture
def file(registry: LocalRegistry) -> Path:
    return registry.project.root / "m.pkl"


def a_run(registry: LocalRegistry) -> runs.RunFolder:
    run = runs.create(registry.project.runs, "exp_1700000000_00000001", {"_experiment_name": "exp"})
    (run.folder / "outputs" / "model.pkl").write_bytes(b"from a run")
    return run


def test_versions_are_numbered_and_found(registry: LocalRegistry, file: Path) -> None:
    about = Description("text", "ScikitLearn", "1.5", {"stage": "test"}, {"auc": "0.9"})
    first, second = registry.register("m", file, about), registry.register("m", file, Description())
    assert (first.id, second.id) == ("m:1", "m:2")
    assert registry.get("m").version == registry.get("m", "latest").version == 2
    found = registry.get("m:1")
    assert (found.tags, found.properties, found.framework) == ({"stage": "test"}, {"auc": "0.9"}, "ScikitLearn")
    assert found.sha256 == sha256(file)
    assert found.to_dict()["id"] == "m:1" and found.to_dict()["frameworkVersion"] == "1.5"
    assert [model.id for model in registry.models()] == ["m:2", "m:1"]
    assert [model.id for model in registry.models(latest=True)] == ["m:2"]
    json.dumps(found.to_dict())


def test_a_runs_file_is_registered_with_where_it_is_from(registry: LocalRegistry) -> None:
    run = a_run(registry)
    made = registry.register("m", RunFile(run, "outputs/model.pkl"), Description())
    assert (made.run_id, made.experiment_name) == (run.id, "exp")
    (run.folder / "outputs" / "model.pkl").unlink()
    assert verify(made).read_bytes() == b"from a run", "the copy is reserved by the registry"


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("", "which file of the run?"),
        ("outputs/none.pkl", "has no outputs/none.pkl"),
        ("../../m.pkl", "is outside the run"),
        ("/etc/hostname", "is outside the run"),
    ],
)
def test_a_file_that_is_not_the_runs_is_refused(registry: LocalRegistry, path: str, message: str) -> None:
    with pytest.raises(AmlError, match=message) as caught:
        registry.register("m", RunFile(a_run(registry), path), Description())
    assert "outputs/model.pkl" in caught.value.hint


def test_a_folder_without_files_is_no_model(registry: LocalRegistry) -> None:
    run = a_run(registry)
    (run.folder / "outputs" / "empty" / "inner").mkdir(parents=True)
    for source in (run.folder / "outputs" / "empty", RunFile(run, "outputs/empty")):
        with pytest.raises(AmlError, match="nothing to register: the folder has no files"):
            registry.register("m", source, Description())
    with pytest.raises(AmlError, match="there is nothing to register"):
        registry.register("m", run.folder / "absent", Description())
    assert registry.models() == []


def test_a_deleted_file_and_a_changed_one_are_told_apart(registry: LocalRegistry, file: Path) -> None:
    made = registry.register("m", file, Description())
    Path(made.uri).write_bytes(b"changed")
    with pytest.raises(AmlError, match="is not the registered one") as changed:
        made.download(registry.project.root / "to")
    assert made.sha256 in changed.value.hint
    Path(made.uri).unlink()
    with pytest.raises(AmlError, match="its file is missing"):
        verify(made)


def test_a_version_that_mlflow_registered_has_no_hash_and_is_taken(registry: LocalRegistry, file: Path) -> None:
    store = registry._store()
    store.create_registered_model("own")
    store.create_model_version("own", file.as_uri())
    assert verify(registry.get("own")) == file


def test_tags_change_and_properties_are_only_added(registry: LocalRegistry, file: Path) -> None:
    made = registry.register("m", file, Description(tags={"a": "1", "b": "2"}, properties={"p": "1"}))
    changed = made.update(tags={"a": "3"}, remove_tags=("b",), properties={"q": "2"}, description="new")
    assert (changed.tags, changed.properties) == ({"a": "3"}, {"p": "1", "q": "2"})
    assert changed.description == "new"
    with pytest.raises(AmlError, match="already has a property p"):
        changed.update(properties={"p": "2"})
    with pytest.raises(AmlError, match="sha256 is reserved by the registry"):
        changed.update(tags={"sha256": "0"})


def test_a_deleted_version_is_gone_with_its_file_and_its_number(registry: LocalRegistry, file: Path) -> None:
    made = registry.register("m", file, Description())
    made.delete()
    assert not Path(made.uri).exists()
    with pytest.raises(AmlError, match="no model m"):
        registry.get("m")
    assert registry.register("m", file, Description()).version == 2


def test_a_download_leaves_what_is_there_unless_told(registry: LocalRegistry, tmp_path: Path) -> None:
    folder = tmp_path / "weights"
    folder.mkdir()
    (folder / "w.json").write_text("{}")
    made = registry.register("m", folder, Description())
    (target,) = made.download(tmp_path / "to")
    assert (target / "w.json").is_file()
    with pytest.raises(AmlError, match="already exists"):
        made.download(tmp_path / "to")
    made.download(tmp_path / "to", overwrite=True)


@pytest.mark.parametrize("name", ["", "a/b", "-a", "a b", "x" * 256, "../up"])
def test_a_name_that_azure_ml_would_refuse_is_refused(registry: LocalRegistry, file: Path, name: str) -> None:
    with pytest.raises(AmlError, match="is not a valid model name"):
        registry.register(name, file, Description())
    assert not registry.project.database.exists()


def test_what_there_is_not_is_answered_with_what_there_is(registry: LocalRegistry, file: Path) -> None:
    assert registry.models() == []
    with pytest.raises(AmlError, match="no model m") as empty:
        registry.get("m")
    assert "aml model register" in empty.value.hint
    registry.register("m", file, Description())
    with pytest.raises(AmlError, match="no model m:7") as other:
        registry.get("m", 7)
    assert "m has the versions 1" in other.value.hint
    with pytest.raises(AmlError, match="is a whole number, got 'new'"):
        registry.get("m:new")


def test_nothing_of_the_process_changes(registry: LocalRegistry, file: Path) -> None:
    before = dict(os.environ), logging.getLogger().level, logging.getLogger("alembic").level, Path.cwd()
    registry.register("m", file, Description())
    assert before == (dict(os.environ), logging.getLogger().level, logging.getLogger("alembic").level, Path.cwd())


def test_a_full_disk_leaves_no_half_of_a_model(registry: LocalRegistry, file: Path) -> None:
    registry.project.artifacts.write_text("a file where the folder should be")
    with pytest.raises(AmlError, match="could not copy the model into the registry"):
        registry.register("m", file, Description())
    assert registry.models() == []


def test_name_and_version() -> None:
    assert split_id("m") == split_id("m:latest") == ("m", None)
    assert split_id("m:2") == split_id("m", 2) == ("m", "2")


def test_the_public_functions(registry: LocalRegistry, file: Path) -> None:
    """The example of the documentation."""
    root = registry.project.root
    made = amlrun.register_model(file, "demo-model", tags={"stage": "test"}, path=root)
    assert amlrun.get_model("demo-model", path=root).id == made.id == "demo-model:1"
    assert [model.id for model in amlrun.list_models(path=root)] == ["demo-model:1"]
    run = amlrun.get_run(a_run(registry).id, path=root)
    best = amlrun.register_model(run, "demo-model", asset_path="outputs/model.pkl")
    assert best.id == "demo-model:2"


def test_importing_the_registry_imports_no_mlflow() -> None:
    heavy = "('mlflow', 'azure.ai', 'rich', 'click')"
    code = f"import sys, amlrun.registry, amlrun.serving; print([m for m in {heavy} if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
