"""Models as a script of SDK v1 finds them: in the project's registry, and where it is served."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.v1_project import V1Project

from amlrun.project import Project
from amlrun.registry.base import Description
from amlrun.registry.local import LocalRegistry

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def registered(tmp_path_factory: pytest.TempPathFactory) -> V1Project:
    root = tmp_path_factory.mktemp("project")
    (root / "model.pkl").write_text("one")
    (root / "folder").mkdir()
    (root / "folder" / "weights.bin").write_text("two")
    project = Project(root)
    registry = LocalRegistry(project)
    registry.register("demo", root / "model.pkl", Description(tags={"area": "bank"}, properties={"auc": "0.9"}))
    registry.register("demo", root / "folder", Description("of weights", tags={"area": "shop"}))
    registry.register("other", root / "model.pkl", Description())
    return V1Project(root)


def test_the_registry_is_read(registered: V1Project) -> None:
    done = registered.passes("""
import os
from azureml.core import Workspace
from azureml.core.model import Model
ws = Workspace.from_config()
newest = Model(ws, "demo")
print(newest.id, newest.tags, newest.description, Model(ws, name="demo", version=1).properties, newest.run_id)
ids = lambda **filters: [model.id for model in Model.list(ws, **filters)]
print(ids(name="demo"), ids(tags=[["area", "bank"]]))
print(ids(tags=["area"], latest=True), sorted(ws.models))
print(os.listdir(Model.get_model_path("demo")), open(Model.get_model_path(model_name="demo", version=1)).read())
print(open(Model(ws, id="demo:1").download(target_dir="got")).read(), newest.download("got"))
for wrong in (lambda: Model(ws, "nothing"), lambda: Model.get_model_path("demo", 9), lambda: newest.update(tags={})):
    try:
        wrong()
    except Exception as error:
        print(type(error).__name__, error)
""")
    lines = done.stdout.splitlines()
    assert lines[:5] == [
        "demo:2 {'area': 'shop'} of weights {'auc': '0.9'} None", "['demo:2', 'demo:1'] ['demo:1']",
        "['demo:2'] ['demo', 'other']", "['weights.bin'] one", "one got/folder",
    ]  # fmt: skip
    assert lines[5].startswith(
        "WebserviceException ModelNotFound: no model nothing in the registry. Registered models: "
    )
    assert lines[6] == "ModelNotFoundException Model demo:9 not found. Registered models: demo:1, demo:2, other:1"
    assert lines[7].startswith("NotAvailable Model.update is not available in a local run.")


def test_a_changed_file_is_not_opened(registered: V1Project) -> None:
    path = Path(LocalRegistry(Project(registered.root)).get("other").uri)
    path.write_text("changed")
    done = registered.start("from azureml.core.model import Model\nModel.get_model_path('other')\n")
    assert "other:1: its content is not what was registered (SHA-256 differs); it was not opened" in done.stderr


def test_a_scoring_script_finds_the_model_it_was_given(registered: V1Project) -> None:
    served = registered.root / "azureml-models" / "demo" / "1"
    served.mkdir(parents=True)
    (served / "model.pkl").write_text("served")
    script = """
from azureml.core.model import Model
for name, version in (("demo", None), ("demo", 1), ("demo", 2), ("other", None)):
    try:
        print(open(Model.get_model_path(name, version)).read())
    except Exception as error:
        print(type(error).__name__, error)
"""
    done = registered.passes(script, AZUREML_RUN_ID=None, AZUREML_MODEL_DIR=str(served))
    lines = done.stdout.splitlines()
    assert lines[:2] == ["served", "served"]
    assert lines[2].startswith("ModelNotFoundException Model demo:2 not found: demo:1 is served.")
    assert lines[3].startswith("ModelNotFoundException Model other not found: demo:1 is served.")


def test_a_model_that_is_not_registered_answers_to_any_name(registered: V1Project) -> None:
    served = registered.root / "azureml-models" / "weights" / "1"
    served.mkdir(parents=True)
    (served / "weights.bin").write_text("mine")
    script = "from azureml.core.model import Model\nprint(open(Model.get_model_path('anything')).read())\n"
    done = registered.passes(script, AZUREML_RUN_ID=None, AZUREML_MODEL_DIR=str(served))
    assert done.stdout == "mine\n"
    assert "Model.get_model_path('anything') is the model being served: weights.bin" in done.stderr


def test_v1_s_places_without_a_service_are_looked_at(registered: V1Project) -> None:
    kept = registered.run / "azureml-models" / "cached" / "3"
    kept.mkdir(parents=True)
    (kept / "model.pkl").write_text("cached")
    (registered.run / "beside").write_text("beside")
    done = registered.passes(
        "from azureml.core.model import Model\n"
        "print(open(Model.get_model_path('cached')).read(), open(Model.get_model_path('beside')).read())\n"
    )
    assert done.stdout == "cached beside\n"


def test_where_nothing_is_registered_the_command_to_do_so_is_named(tmp_path: Path) -> None:
    done = V1Project(tmp_path).start("from azureml.core import Model\nModel.get_model_path('demo')\n")
    assert done.stderr.splitlines()[-1].endswith("Register it first: aml model register -n demo -p PATH")
