"""What SDK v1 had and a local run has not: a sentence, never an AttributeError; and the package's own rules."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest
from support.v1_project import SDK, V1Project

pytestmark = pytest.mark.slow

MODULES = sorted(SDK.rglob("*.py"))


@pytest.fixture
def project(tmp_path: Path) -> V1Project:
    return V1Project(tmp_path)


def test_control_plane_names_can_be_imported_and_say_what_to_do_when_used(project: V1Project) -> None:
    done = project.passes("""
import azureml.core
from azureml.core import Environment, Run, ScriptRunConfig, Workspace
from azureml.core.compute import AmlCompute, ComputeTarget
from azureml.core.compute_target import ComputeTargetException
from azureml.core.model import Dataset, InferenceConfig, Model
from azureml.core.runconfig import RunConfiguration
from azureml.data import OutputFileDatasetConfig, TabularDataset
from azureml.exceptions._azureml_exception import ModelNotFoundException
from azureml.pipeline.core import PipelineRun
from azureml.pipeline.steps import PythonScriptStep
from azureml.train.hyperdrive import HyperDriveConfig
from azureml.widgets import RunDetails
from azureml.telemetry import set_diagnostics_collection
run = Run.get_context()
ws = Workspace.from_config()
RunDetails(run).show()
set_diagnostics_collection(send_diagnostics=True)
uses = [
    lambda: ScriptRunConfig(source_directory="."), lambda: Environment.get(ws, "x"), lambda: AmlCompute.anything,
    lambda: PipelineRun(run.experiment, run.id), lambda: PythonScriptStep(), lambda: HyperDriveConfig(),
    lambda: run.submit_child(None), lambda: run.experiment.submit(None), lambda: run.experiment.get_runs(),
    lambda: ws.compute_targets, lambda: ws.whatever, lambda: Model.deploy(ws), lambda: Run(run.experiment, "other"),
    lambda: Workspace.create("x"), lambda: Dataset.Tabular.from_sql_query(None), lambda: TabularDataset([]).filter(1),
    lambda: azureml.core.no_such_thing, lambda: OutputFileDatasetConfig(), lambda: run.get_environment(),
]
for use in uses:
    try:
        use()
    except AttributeError as error:
        raise SystemExit("an AttributeError: %s" % error)
    except (NotImplementedError, ImportError) as error:
        print(error)
    else:
        raise SystemExit("nothing raised")
assert issubclass(ComputeTargetException, Exception) and issubclass(ModelNotFoundException, Exception)
assert not hasattr(run, "_private") and not hasattr(azureml.core, "__wrapped__")
""")
    lines = done.stdout.splitlines()
    assert len(lines) == 19
    assert all("is not available in a local run. " in line for line in lines)
    assert lines[0] == (
        "ScriptRunConfig is not available in a local run. Write a run configuration and submit it: "
        "aml run submit-script -c NAME -e EXPERIMENT"
    )


@pytest.mark.parametrize(
    ("module", "word"),
    [
        ("azureml.train.automl.runtime", "AutoML runtime"),
        ("azureml.automl.core.shared", "AutoML runtime"),
        ("azureml.interpret", "shap"),
        ("azureml.opendatasets", "azureml-opendatasets"),
        ("azureml.never.heard.of", "aml migrate"),
    ],
)
def test_an_absent_package_is_named_at_its_import(project: V1Project, module: str, word: str) -> None:
    script = f"try:\n    import {module}\nexcept ImportError as error:\n    print(type(error).__name__, error)\n"
    done = project.start(script)
    assert done.stdout.startswith("ModuleNotFoundError azureml.")
    assert word in done.stdout


def test_old_places_of_joblib_and_numpy_s_types_are_found(project: V1Project) -> None:
    done = project.passes("""
from sklearn.externals import joblib
import sklearn.externals.joblib as again
import joblib as real
import numpy as np
print(again is joblib is real, np.float is float, np.int(3), np.str("a"), np.bool(1))
joblib.dump([1], "model.pkl")
print(joblib.load("model.pkl"), real.__spec__.name)
try:
    np.no_such_name
except AttributeError as error:
    print("AttributeError")
""")
    assert done.stdout.splitlines() == ["True True 3 a True", "[1] joblib", "AttributeError"]
    assert done.stderr.count("numpy.float was removed") == 1
    assert done.stderr.count("sklearn.externals.joblib was removed") == 1


def test_arguments_that_scikit_learn_takes_by_name_may_stand_in_their_old_place(project: V1Project) -> None:
    done = project.passes("""
import pickle
from sklearn.metrics import confusion_matrix, f1_score
print(confusion_matrix([0, 1], [0, 0], [1, 0]).tolist(), f1_score([0, 1], [0, 1], average="micro"))
print(pickle.loads(pickle.dumps(confusion_matrix)) is confusion_matrix)
try:
    f1_score([0], [0], 1, 2, 3, 4, 5, 6, 7)
except TypeError:
    print("TypeError")
""")
    assert done.stdout.splitlines() == ["[[0, 1], [0, 1]] 1.0", "True", "TypeError"]
    assert done.stderr.count("labels= by name only") == 1


def test_the_environment_s_own_sitecustomize_runs_too(project: V1Project, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "sitecustomize.py").write_text("import os\nos.environ['CHAINED'] = 'yes'\n")
    paths = f"{SDK}{':' if sys.platform != 'win32' else ';'}{other}"
    done = project.passes("import os, azureml.core\nprint(os.environ.get('CHAINED'))\n", PYTHONPATH=paths)
    assert done.stdout == "yes\n"


def test_packages_of_the_same_namespace_are_found_beside_it(project: V1Project, tmp_path: Path) -> None:
    package = tmp_path / "other" / "azureml"
    (package / "mlflow").mkdir(parents=True)
    (package / "__init__.py").write_text("__path__ = __import__('pkgutil').extend_path(__path__, __name__)\n")
    (package / "mlflow" / "__init__.py").write_text("here = True\n")
    separator = ":" if sys.platform != "win32" else ";"
    for paths in ([SDK, tmp_path / "other"], [tmp_path / "other", SDK]):
        done = project.passes(
            "import azureml.mlflow\nfrom azureml.core import Run\nprint(azureml.mlflow.here)\n",
            PYTHONPATH=separator.join(map(str, paths)),
        )
        assert done.stdout == "True\n"


@pytest.mark.parametrize("file", MODULES, ids=lambda file: file.relative_to(SDK).as_posix())
def test_a_module_is_small_says_where_it_is_from_and_runs_on_python_3_7(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    tree = ast.parse(text, feature_version=(3, 7))
    assert "not Microsoft's code" in (ast.get_docstring(tree) or "")
    assert len(text.splitlines()) <= 300
    tops = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            tops |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            tops.add(str(node.module).split(".")[0])
    brought = {"azureml", "azureml_inference_server_http", "mlflow", "pandas"}
    assert tops <= sys.stdlib_module_names | brought
