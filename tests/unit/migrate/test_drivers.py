"""Drivers of SDK v1: what their text says becomes files that the library's own readers take."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

import amlrun
from amlrun.migrate.drivers import read_driver, read_notebook
from amlrun.migrate.result import FileResult, Kind, Verdict
from amlrun.spec.automl import AutoMLJob
from amlrun.spec.job import CommandJob
from amlrun.v1.hyperdrive import to_sweep
from amlrun.v1.runconfig import to_job
from amlrun.v1.scoring import inference
from amlrun.v1.scoring.field_table import DEPLOYMENT, INFERENCE, PARALLEL

SHARED = Path(__file__).parents[3].parent / "shared" / "reference" / "migration-examples" / "drivers"
HEAD = """\
from azureml.core import Dataset, Environment, Experiment, Model, ScriptRunConfig, Workspace
from azureml.core.conda_dependencies import CondaDependencies
from azureml.core.compute import AmlCompute, ComputeTarget
from azureml.core.runconfig import RunConfiguration, MpiConfiguration, PyTorchConfiguration
ws = Workspace.from_config()
"""


def driver(text: str, files: dict[str, str] | None = None, path: str = "run.py") -> FileResult:
    return read_driver(path, HEAD + text, files or {})


def texts(result: FileResult) -> dict[str, str]:
    return {change.path: change.new for change in result.changes}


def verdicts(result: FileResult) -> dict[str, Verdict]:
    """The verdict of each construction, by its first word."""
    return {re.split(r"[:,]", finding.message)[0]: finding.verdict for finding in result.findings}


def placed(result: FileResult, tmp_path: Path, extra: dict[str, str] | None = None) -> Path:
    for path, text in {**(extra or {}), **texts(result)}.items():
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return tmp_path


def job(folder: Path, name: str, source: str = ".") -> CommandJob:
    found = to_job.load(name, folder, source_directory=folder / source, target="local")
    assert isinstance(found, CommandJob)
    return found


SCRIPT = """
env = Environment("bikes")
env.python.conda_dependencies = CondaDependencies.create(conda_packages=["scikit-learn"], pip_packages=["pandas"])
env.environment_variables = {"COLOUR": "blue"}
folder = "src"
config = ScriptRunConfig(source_directory=folder, script="train.py", compute_target="cpu-cluster", environment=env,
                         arguments=["--alpha", 0.5, "--name", f"{folder}-1", "--fast"])
config.run_config.node_count = 2
config.run_config.environment.docker.shm_size = "8g"
run = Experiment(ws, "bikes").submit(config)
model = run.register_model(model_name="bikes", model_path="outputs/model.pkl", tags={"area": "north"})
"""


def test_a_script_run_config_becomes_a_run_configuration_that_loads(tmp_path: Path) -> None:
    result = driver(SCRIPT, {"src/train.py": "print(1)"})
    folder = placed(result, tmp_path, {"src/train.py": "print(1)"})
    assert job(folder, "train", "src").command[1:] == ["train.py", "--alpha", "0.5", "--name", "src-1", "--fast"]
    text = texts(result)["aml_config/train.runconfig"]
    for line in ("target: cpu-cluster", "nodeCount: 2", "COLOUR: blue", 'shmSize: "8g"'):
        assert line in text
    assert "condaDependenciesFile: aml_config/bikes-conda.yml" in text
    conda = texts(result)["aml_config/bikes-conda.yml"]
    assert "- scikit-learn\n" in conda and "- pandas\n" in conda and "azureml-mlflow" in conda
    assert result.commands == (
        "aml run submit-script -c train -e bikes --source-directory src -t run.json",
        "aml model register -n bikes -f run.json --asset-path outputs/model.pkl --tag area=north",
    )
    assert result.verdict is Verdict.DONE


def test_later_settings_win_and_methods_count() -> None:
    result = driver("""
rc = RunConfiguration()
rc.target = "one"
rc.target = "two"
rc.environment.python.conda_dependencies = CondaDependencies()
rc.environment.python.conda_dependencies.add_conda_package("numpy")
rc.environment.python.conda_dependencies.add_pip_package("lightgbm==4.5.0")
rc.environment.python.conda_dependencies.set_python_version("3.12")
config = ScriptRunConfig(".", "train.py", run_config=rc)
""")
    assert "target: two" in texts(result)["aml_config/train.runconfig"]
    conda = next(text for path, text in texts(result).items() if path.endswith("conda.yml"))
    assert "python=3.12" in conda and "- numpy" in conda and "- lightgbm==4.5.0" in conda


def test_found_or_created_computes_are_one() -> None:
    result = driver("""
name = "cpu"
try:
    target = ComputeTarget(workspace=ws, name=name)
except Exception:
    plan = AmlCompute.provisioning_configuration(vm_size="STANDARD_D2_V2", max_nodes=4, vm_priority="lowpriority")
    target = ComputeTarget.create(ws, name, plan)
config = ScriptRunConfig(".", "train.py", compute_target=target)
""")
    assert "target: cpu\n" in texts(result)["aml_config/train.runconfig"]
    assert result.commands == (
        "aml computetarget create amlcompute -n cpu -s STANDARD_D2_V2 --max-nodes 4 -p lowpriority",
    )


def test_what_the_text_does_not_say_is_a_comment_at_its_place() -> None:
    result = driver("""
import argparse, os
parser = argparse.ArgumentParser()
parser.add_argument("--compute", default="cpu")
parser.add_argument("--epochs", type=int)
args = parser.parse_args()
config = ScriptRunConfig(".", "train.py", compute_target=args.compute,
                         arguments=["--model", os.environ["MODEL"], "--epochs", args.epochs, "--x", "a" + args.compute])
""")
    text = texts(result)["aml_config/train.runconfig"]
    assert "target: cpu  # run.py:9: the driver's option --compute: check it" in text
    assert "- <MODEL>  # run.py:13: the environment variable MODEL: write its value" in text
    assert "- <epochs>  # run.py:10: the driver's option --epochs: write its value" in text
    assert "- acpu  # run.py:9" in text
    assert verdicts(result)["ScriptRunConfig"] is Verdict.ASKS


def test_a_variable_of_the_environment_takes_the_value_of_a_dot_env_file() -> None:
    files = {".env.example": "# settings\nCOMPUTE='cpu-cluster'\nEMPTY=\n"}
    result = driver("""
import os
config = ScriptRunConfig(".", "train.py", compute_target=os.environ.get("COMPUTE"))
""", files)  # fmt: skip
    assert "target: cpu-cluster  # run.py:8" in texts(result)["aml_config/train.runconfig"]


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("for name in open('x').read().split():\n    ScriptRunConfig('.', name + '.py')", "line 6"),
        ("import helper\nScriptRunConfig('.', helper.script())", "helper"),
        ("def make(script):\n    return ScriptRunConfig('.', script)", "parameter script of make()"),
        ("import helper\nScriptRunConfig('.', 'train.py', environment=helper.environment())", "its environment"),
        ("while ws.name:\n    ScriptRunConfig('.', 'train.py')", "line 6"),
    ],
)
def test_what_cannot_be_read_is_named_and_not_written(statement: str, reason: str) -> None:
    result = driver(statement + "\n")
    assert not result.changes and not result.commands
    finding = next(one for one in result.findings if one.message.startswith("ScriptRunConfig"))
    assert finding.verdict is Verdict.LEFT and reason in finding.message and finding.line


def test_a_loop_over_known_items_is_read_round_by_round() -> None:
    result = driver("""
for number, lr in enumerate([0.1, 0.2]):
    config = ScriptRunConfig(".", "train.py", arguments=["--lr", lr])
    Experiment(ws, f"lr{number}").submit(config)
""")
    assert list(texts(result)) == ["aml_config/train.runconfig", "aml_config/train-2.runconfig"]
    assert result.commands == (
        "aml run submit-script -c train -e lr0",
        "aml run submit-script -c train-2 -e lr1",
    )


def test_functions_classes_and_modules_of_the_repository_are_followed() -> None:
    files = {
        "scripts/settings.py": "import dataclasses\n@dataclasses.dataclass\nclass Settings:\n    size: str = 'big'\n",
        "common/__init__.py": "",
        "common/names.py": "def compute(kind):\n    return '{}-cluster'.format(kind)\n",
        "src/train.py": "",
        "settings.json": '{"script": "train.py", "names": ["a", "b"]}',
    }
    result = driver("""
import json, os
from settings import Settings
from common.names import compute
with open("settings.json") as file:
    loaded = json.load(file)
class Maker:
    def __init__(self, folder):
        self.folder = folder
    @property
    def config(self):
        return ScriptRunConfig(self.folder, loaded["script"], compute_target=compute(Settings().size),
                               arguments=[f"--{name}" for name in loaded["names"]])
def main():
    here = os.path.dirname(os.path.abspath(__file__))
    Experiment(ws, "x").submit(Maker(os.path.join(here, "..", "src")).config)
if __name__ == "__main__":
    main()
""", files, "scripts/run.py")  # fmt: skip
    text = texts(result)["aml_config/train.runconfig"]
    assert "target: big-cluster" in text and "- --a\n  - --b" in text
    assert result.commands == ("aml run submit-script -c train -e x --source-directory src",)


def test_a_branch_that_is_not_decided_is_marked() -> None:
    result = driver("""
import sys
arguments = ["--a", 1]
if len(sys.argv) > 1:
    arguments.append("--b")
    target = "gpu"
else:
    target = "cpu"
config = ScriptRunConfig(".", "train.py", arguments=arguments, compute_target=target)
""")
    text = texts(result)["aml_config/train.runconfig"]
    assert "- --b  # run.py:10: only so if `len(sys.argv) > 1` (line 9): check it" in text
    assert "target: gpu  # run.py:9: decided by" in text


def test_data_becomes_sections(tmp_path: Path) -> None:
    result = driver("""
from azureml.core import Datastore
from azureml.data import OutputFileDatasetConfig
store = Datastore.get(ws, "lake")
flowers = Dataset.get_by_name(ws, "flowers", version=3)
files = Dataset.File.from_files((store, "raw/images"))
out = OutputFileDatasetConfig(name="rows", destination=(store, "rows")).register_on_complete("rows")
config = ScriptRunConfig(".", "train.py", arguments=["--in", flowers.as_named_input("flowers").as_mount(),
    "--images", files.as_named_input("images").as_download("/tmp/images"), "--more", ws.datasets["more"].as_mount(),
    "--old", store.path("old").as_mount(), "--out", out])
""")
    folder = placed(result, tmp_path, {"train.py": "", "aml_config/x": ""})
    found = to_job.load("train", folder, target="cpu")
    assert isinstance(found, CommandJob)
    assert found.inputs["flowers"].path == "azureml:flowers:3" and found.inputs["flowers"].mode == "ro_mount"
    assert found.inputs["images"].path == "azureml://datastores/lake/paths/raw/images"
    assert found.inputs["more"].path == "azureml:more@latest"
    assert found.inputs["old"].path == "azureml://datastores/lake/paths/old"
    assert found.outputs["rows"].path == "azureml://datastores/lake/paths/rows"
    assert found.outputs["rows"].name == "rows"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("MpiConfiguration(process_count_per_node=2, node_count=3)", ("mpi", 3)),
        ("PyTorchConfiguration('Nccl', process_count=4, node_count=2)", ("pytorch", 2)),
    ],
)
def test_a_distribution_is_read_back(value: str, expected: tuple[str, int], tmp_path: Path) -> None:
    result = driver(f"config = ScriptRunConfig('.', 'train.py', distributed_job_config={value})\n")
    found = to_job.load("train", placed(result, tmp_path, {"train.py": ""}), target="cpu")
    assert isinstance(found, CommandJob) and found.distribution and found.resources
    assert (found.distribution.type, found.resources.instance_count) == expected
    assert found.distribution.process_count_per_instance == 2


ESTIMATORS = [
    ("azureml.train.sklearn", "SKLearn", "scikit-learn", "scikit-learn==0.20.3"),
    ("azureml.train.dnn", "PyTorch", "torch", "torch==1.4.0"),
    ("azureml.train.dnn", "TensorFlow", "tensorflow", "tensorflow==1.13.1"),
    ("azureml.train.dnn", "Chainer", "chainer", "chainer==5.1.0"),
    ("azureml.train.estimator", "Estimator", "", ""),
]


@pytest.mark.parametrize(("module", "name", "package", "old"), ESTIMATORS)
def test_estimators(module: str, name: str, package: str, old: str, tmp_path: Path) -> None:
    result = driver(f"""
from {module} import {name}
estimator = {name}(source_directory="tf", entry_script="train.py", compute_target="gpu", pip_packages=["tqdm"],
                   script_params={{"--folder": "/data", "--fast": "", "--epochs": 3}}, shm_size="4g",
                   environment_variables={{"A": "1"}}, max_run_duration_seconds=60)
""")  # fmt: skip
    folder = placed(result, tmp_path, {"tf/train.py": ""})
    assert job(folder, "train", "tf").command[1:] == ["train.py", "--folder", "/data", "--fast", "--epochs", "3"]
    text = texts(result)["aml_config/train.runconfig"]
    assert (
        "target: gpu" in text and 'shmSize: "4g"' in text and "maxRunDurationSeconds: 60" in text and 'A: "1"' in text
    )
    conda = texts(result)["aml_config/train-conda.yml"]
    assert "- tqdm" in conda
    if package:
        assert re.search(rf"^ +- {package}$", conda, re.MULTILINE) and old in conda.partition("name:")[0]
    assert verdicts(result)[name] is Verdict.DONE


def test_an_estimator_with_mpi_and_its_own_pin() -> None:
    result = driver("""
from azureml.train.dnn import PyTorch, Mpi
estimator = PyTorch("src", entry_script="a/train.py", compute_target="gpu", node_count=2, use_gpu=True,
                    distributed_training=Mpi(process_count_per_node=4), framework_version="1.6",
                    pip_packages=["torch==2.4.0"])
""")
    text = texts(result)["aml_config/train.runconfig"]
    assert "communicator: Mpi" in text and "nodeCount: 2" in text and "processCountPerNode: 4" in text
    conda = texts(result)["aml_config/train-conda.yml"]
    assert "- torch==2.4.0" in conda and "\n      - torch\n" not in conda and "torch==1.6.0" in conda


def test_what_an_estimator_added_by_itself_is_named() -> None:
    made = texts(driver("""
from azureml.train.dnn import PyTorch
from azureml.train.sklearn import SKLearn
net = PyTorch("src", entry_script="net.py", compute_target="gpu", framework_version="1.2")
run.submit(net)
tree = SKLearn(source_directory="src", entry_script="tree.py", compute_target="cpu", conda_dependencies_file="env.yml")
run.submit(tree)
""", {"src/env.yml": "dependencies:\n- python=3.8\n- pip:\n  - tqdm\n"}))  # fmt: skip
    conda = made["aml_config/net-conda.yml"]
    assert "installed: torch==1.2 torchvision==0.4.1 horovod==0.18.1" in conda
    assert "Python 3.6.2, base image intelmpi2018.3-ubuntu16.04" in conda and "NCCL_TREE_THRESHOLD=0" in conda
    # The file that the driver names lies in the source directory, and stands for the framework's packages.
    assert "tqdm" in made["aml_config/tree-conda.yml"] and "scikit-learn" not in made["aml_config/tree-conda.yml"]


def test_a_wrapper_with_unpacked_keywords_is_left() -> None:
    result = driver("""
from azureml.train.estimator import Estimator
def start(**kwargs):
    return Estimator(entry_script="train.py", **kwargs)
""")
    assert not result.changes
    assert any("keywords of start()" in finding.message for finding in result.findings)


SWEEP = """
from azureml.train.hyperdrive import *
config = ScriptRunConfig(".", "train.py", arguments=["--data", "x"])
space = {"--lr": loguniform(-6, -1), "depth": choice(range(2, 5)), "--mode": choice("a", "b")}
sweep = HyperDriveConfig(run_config=config, hyperparameter_sampling=RandomParameterSampling(space),
    policy=BanditPolicy(slack_factor=0.1, evaluation_interval=2), primary_metric_name="AUC",
    primary_metric_goal=PrimaryMetricGoal.MAXIMIZE, max_total_runs=8, max_concurrent_runs=2)
run = Experiment(ws, "s").submit(sweep)
best = run.get_best_run_by_primary_metric()
best.register_model("m", "outputs/m.pkl")
"""


def test_a_sweep_is_read_back(tmp_path: Path) -> None:
    result = driver(SWEEP)
    folder = placed(result, tmp_path, {"train.py": ""})
    found = to_sweep.load(folder / "aml_config" / "sweep.yml", job(folder, "train"))
    assert found.search_space["lr"].type == "loguniform" and found.search_space["depth"].values == [2, 3, 4]
    assert found.early_termination and found.early_termination.slack_factor == 0.1
    assert found.objective.goal == "maximize" and found.limits and found.limits.max_total_trials == 8
    assert result.commands[0] == (
        "aml run submit-hyperdrive -c train -e s --hyperdrive-configuration-name aml_config/sweep.yml -t run.json"
    )
    assert "aml run best -e s --metric AUC" in result.commands


def test_scoring_files_are_read_back(tmp_path: Path) -> None:
    result = driver("""
from azureml.core.model import InferenceConfig
from azureml.core.webservice import AciWebservice, AksWebservice, LocalWebservice
env = Environment.from_conda_specification(name="score", file_path="conda.yml")
ic = InferenceConfig(entry_script="score.py", source_directory="service", environment=env)
aci = AciWebservice.deploy_configuration(cpu_cores=1, memory_gb=2, auth_enabled=True, tags={"a": "b"}, primary_key="x9")
aks = AksWebservice.deploy_configuration(autoscale_min_replicas=2, scoring_timeout_ms=500, period_seconds=5)
here = LocalWebservice.deploy_configuration(port=6789)
model = Model.register(ws, model_path="model.pkl", model_name="bank")
service = Model.deploy(ws, "bank-service", [model], ic, aci, overwrite=True)
""", {"conda.yml": "", "service/score.py": ""})  # fmt: skip
    folder = placed(result, tmp_path) / "aml_config"
    ic = inference.read(folder / "inference-config.yml", INFERENCE)
    assert ic.get("entryScript") == "score.py" and ic.get("condaFile") == "conda.yml" and not ic.without_effect()
    aci = inference.read(folder / "deployment-config-aci.yml", DEPLOYMENT)
    assert aci.get("containerResourceRequirements.memoryInGB") == 2 and aci.get("tags") == {"a": "b"}
    assert "x9" not in "".join(texts(result).values())
    aks = inference.read(folder / "deployment-config-aks.yml", DEPLOYMENT)
    assert aks.get("livenessProbeRequirements.periodSeconds") == 5 and aks.get("autoScaler.minReplicas") == 2
    assert inference.read(folder / "deployment-config-local.yml", DEPLOYMENT).get("port") == 6789
    assert result.commands == (
        "aml model register -n bank -p model.pkl",
        "aml model deploy -n bank-service -m bank --ic aml_config/inference-config.yml "
        "--dc aml_config/deployment-config-aci.yml --overwrite",
    )


def test_a_parallel_run_config_is_read_back(tmp_path: Path) -> None:
    result = driver("""
from azureml.pipeline.steps import ParallelRunConfig
config = ParallelRunConfig(entry_script="score_batch.py", source_directory="batch", mini_batch_size="5",
    error_threshold=10, output_action="append_row", environment=Environment.get(ws, "e"), compute_target="cpu",
    node_count=2, run_invocation_timeout=60)
""")
    found = inference.read(placed(result, tmp_path) / "aml_config" / "batch-score.yml", PARALLEL)
    assert found.get("mini_batch_size") == "5" and found.get("node_count") == 2
    assert found.get("source_directory") == "batch" and not found.without_effect()


PIPELINE = """
from azureml.pipeline.core import Pipeline, PipelineData, PipelineParameter
from azureml.pipeline.steps import PythonScriptStep, HyperDriveStep
from azureml.train.hyperdrive import HyperDriveConfig, GridParameterSampling, PrimaryMetricGoal, choice
raw = Dataset.get_by_name(ws, "flowers").as_named_input("raw").as_download()
prepared = PipelineData("prepared", datastore=ws.get_default_datastore())
alpha = PipelineParameter(name="alpha", default_value=0.5)
rc = RunConfiguration()
rc.environment = Environment.from_conda_specification("e", "conda.yml")
rc.target = "cpu-cluster"
prepare = PythonScriptStep(name="Prepare data", script_name="prepare.py", source_directory="steps", runconfig=rc,
                           arguments=["--in", raw, "--out", prepared], inputs=[raw], outputs=[prepared])
train = PythonScriptStep(name="Train", script_name="train.py", source_directory="steps", runconfig=rc,
                         arguments=["--data", prepared, "--alpha", alpha], inputs=[prepared], allow_reuse=False)
trial = ScriptRunConfig("steps", "tune.py", compute_target="gpu", environment=rc.environment)
hd = HyperDriveConfig(run_config=trial, hyperparameter_sampling=GridParameterSampling({"--lr": choice(0.1, 0.2)}),
                      primary_metric_name="AUC", primary_metric_goal=PrimaryMetricGoal.MAXIMIZE, max_total_runs=2)
tune = HyperDriveStep(name="tune", hyperdrive_config=hd, estimator_entry_script_arguments=["--data", prepared],
                      inputs=[prepared])
tune.run_after(train)
pipeline = Pipeline(ws, steps=[train, tune])
Experiment(ws, "two-steps").submit(pipeline, pipeline_parameters={"alpha": 0.7})
"""


def test_a_pipeline_loads_with_the_official_client(tmp_path: Path) -> None:
    from azure.ai.ml import load_job

    files = {"steps/prepare.py": "", "steps/train.py": "", "steps/tune.py": "", "conda.yml": "dependencies: [python]\n"}
    result = driver(PIPELINE, files)
    folder = placed(result, tmp_path, files)
    loaded = load_job(folder / "two-steps-pipeline.yml")
    assert set(loaded.jobs) == {"prepare_data", "train", "tune"}
    text = texts(result)["two-steps-pipeline.yml"]
    assert "prepared: ${{parent.jobs.prepare_data.outputs.prepared}}" in text
    assert "after_train: ${{parent.jobs.train.outputs.done}}" in text
    assert "is_deterministic: false" in text and "alpha: 0.7" in text
    assert "command: python prepare.py --in ${{inputs.raw}} --out ${{outputs.prepared}}" in text
    assert result.commands[-1] == "aml job create -f two-steps-pipeline.yml -e two-steps"
    assert all(verdict is Verdict.DONE for verdict in verdicts(result).values())


def test_a_place_in_a_datastore_is_its_files() -> None:
    result = driver(
        """
from azureml.core import Datastore
from azureml.pipeline.core import Pipeline
from azureml.pipeline.steps import PythonScriptStep
store = Datastore.get(ws, "lake")
rows = Dataset.Tabular.from_delimited_files(path=store.path("./raw/rows.csv")).as_named_input("rows")
many = Dataset.Tabular.from_delimited_files(path=(store, "raw/*.csv")).as_named_input("many")
known = Dataset.get_by_name(ws, "known").as_named_input("known")
step = PythonScriptStep(name="prep", script_name="prep.py", compute_target="cpu", inputs=[rows, many, known])
Pipeline(ws, [step])
""",
        {"prep.py": ""},
    )
    text = next(text for path, text in texts(result).items() if path.endswith("pipeline.yml"))
    inputs = YAML(typ="safe").load(text)["inputs"]
    place = "azureml://datastores/lake/paths/raw/"
    assert inputs["rows"] == {"type": "uri_file", "path": f"{place}rows.csv", "mode": "ro_mount"}
    assert inputs["many"] == {"type": "uri_folder", "path": place, "mode": "ro_mount"}
    assert inputs["known"] == {"type": "mltable", "path": "azureml:known@latest", "mode": "direct"}


@pytest.mark.parametrize(("name", "label"), [("my rows", "my_rows"), ("2024 rows", "_2024_rows")])
def test_a_dataset_that_a_step_gets_by_name_is_its_input(name: str, label: str) -> None:
    script = (
        "dataset_name = args.dataset_name\n"
        "rows = Dataset.get_by_name(run.experiment.workspace, dataset_name, args.version)\n"
    )
    result = driver(
        f"""
from azureml.pipeline.core import Pipeline
from azureml.pipeline.steps import PythonScriptStep
step = PythonScriptStep(name="train", script_name="train/train.py", source_directory="code", compute_target="cpu",
                        arguments=["--dataset_name", "{name}", "--version", "3", "--model-name", "m"])
Pipeline(ws, [step])
""",
        {"code/train/train.py": script},
    )
    text = next(text for path, text in texts(result).items() if path.endswith("pipeline.yml"))
    job = YAML(typ="safe").load(text)
    assert job["inputs"] == {label: {"type": "mltable", "path": f"azureml:{name}@latest", "mode": "direct"}}
    assert job["jobs"]["train"]["environment_variables"] == {label: f"${{{{inputs.{label}}}}}", "PYTHONPATH": "."}
    assert job["jobs"]["train"]["inputs"] == {label: f"${{{{parent.inputs.{label}}}}}"}


def test_a_pipeline_with_a_step_of_another_kind_is_named() -> None:
    result = driver("""
from azureml.pipeline.core import Pipeline
from azureml.pipeline.steps import DatabricksStep
pipeline = Pipeline(ws, steps=[DatabricksStep(name="x")])
""")
    assert not result.changes
    assert any("DatabricksStep" in finding.message for finding in result.findings)


def test_an_environment_that_the_driver_registers_is_known_by_its_name() -> None:
    result = driver("""
env = Environment("mine")
env.python.conda_dependencies = CondaDependencies.create(pip_packages=["pandas"])
env.register(ws)
config = ScriptRunConfig(".", "train.py", environment=Environment.get(ws, "mine"))
other = ScriptRunConfig(".", "other.py", environment=Environment.get(ws, "AzureML-Minimal", version=3))
""")
    assert "condaDependenciesFile: aml_config/mine-conda.yml" in texts(result)["aml_config/train.runconfig"]
    assert "name: AzureML-Minimal\n  version: 3" in texts(result)["aml_config/other.runconfig"]


def test_a_pip_file_with_packages_added_and_packages_saved_to_a_file() -> None:
    files = {"requirements.txt": "pandas\n", "conda.yml": "dependencies:\n  - python=3.12\n  - numpy\n"}
    result = driver("""
from azureml.core.model import InferenceConfig
env = Environment.from_pip_requirements("pips", "requirements.txt")
env.python.conda_dependencies.set_python_version("3.12")
config = ScriptRunConfig(".", "train.py", environment=env)
saved = CondaDependencies()
saved.add_pip_package("joblib")
with open("made/env.yml", "w") as file:
    file.write(saved.serialize_to_string())
ic = InferenceConfig(entry_script="score.py", runtime="python", conda_file="made/env.yml")
more = Environment("more")
more.python.conda_dependencies = CondaDependencies("conda.yml")
more.python.conda_dependencies.add_conda_package("scipy")
""", files)  # fmt: skip
    pips = texts(result)["aml_config/pips-conda.yml"]
    assert "- -r ../requirements.txt" in pips and "python=3.12" in pips
    assert "condaFile: aml_config/env-conda.yml" in texts(result)["aml_config/inference-config.yml"]
    assert "- joblib" in texts(result)["aml_config/env-conda.yml"]
    more = texts(result)["aml_config/more-conda.yml"]
    assert "- numpy" in more and "- scipy" in more and "python=3.12" in more


def test_secrets_are_not_copied() -> None:
    secret = "Zx81" + "kP0q" * 6
    result = driver(f"""
config = ScriptRunConfig(".", "train.py", arguments=["--password", "{secret}", "--n", 1],
                         environment=Environment("e"))
config.run_config.environment_variables = {{"API_KEY": "{secret}", "COLOUR": "blue"}}
""")  # fmt: skip
    told = "".join([*texts(result).values(), *result.commands, *(one.message + one.hint for one in result.findings)])
    assert secret not in told and "COLOUR: blue" in told
    assert "secret" in told


def test_old_pins_of_the_driver_are_healed_with_the_old_line_kept() -> None:
    result = driver("""
env = Environment("old")
env.python.conda_dependencies = CondaDependencies.create(python_version="3.6.2", pip_packages=["scikit-learn==0.22.1"])
""")
    conda = texts(result)["aml_config/old-conda.yml"]
    assert "# - python=3.6.2" in conda and "- python=3.11" in conda
    assert "# - scikit-learn==0.22.1" in conda and "- scikit-learn==1.1.3" in conda


def notebook(*cells: str, language: str = "python") -> str:
    made = [
        {"cell_type": "code", "metadata": {}, "source": cell.splitlines(keepends=True), "outputs": []} for cell in cells
    ]
    return json.dumps(
        {"cells": made, "metadata": {"language_info": {"name": language}}, "nbformat": 4, "nbformat_minor": 5}
    )


def test_a_notebook_with_magics_and_a_script_that_it_writes() -> None:
    text = notebook(
        HEAD,
        "!pip install \\\n   azureml-sdk\n%matplotlib inline\nfolder = 'job'\nimport os\nos.makedirs(folder)",
        "%%writefile $folder/train.py\nimport sys\nprint(sys.argv)",
        "%%bash\nls -l",
        "config = ScriptRunConfig(folder, 'train.py',\n    compute_target='cpu')\nExperiment(ws, 'n').submit(config)",
    )
    result = read_notebook("nb/run.ipynb", text, {})
    assert texts(result)["nb/job/train.py"] == "import sys\nprint(sys.argv)\n"
    assert "# From nb/run.ipynb, cell 5, line 1." in texts(result)["nb/aml_config/train.runconfig"]
    assert result.commands == ("cd nb", "aml run submit-script -c train -e n --source-directory job")
    finding = next(one for one in result.findings if one.message.startswith("ScriptRunConfig"))
    assert (finding.cell, finding.line) == (5, 1)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (notebook("x <- 1", language="R"), "language is R"),
        ("{not json", "not a notebook"),
        ("[]", "not a notebook"),
        ('{"cells": [{"cell_type": "code"}]}', "not a notebook"),
        (notebook(HEAD, "print 'python 2'"), "cell 2"),
    ],
)
def test_a_notebook_that_cannot_be_read_is_named(text: str, words: str) -> None:
    result = read_notebook("run.ipynb", text, {})
    assert result.kind is Kind.NOTEBOOK and result.verdict is Verdict.LEFT
    assert words in " ".join(f"{one.message} cell {one.cell}" for one in result.findings)


@pytest.mark.parametrize("text", ["print 'python 2'\n", "def f(:\n", "\x00", "(" * 500])
def test_a_script_that_is_no_python_is_named(text: str) -> None:
    result = read_driver("run.py", text, {})
    assert result.verdict is Verdict.LEFT and not result.changes


def test_a_driver_without_an_end_is_read_up_to_a_line() -> None:
    result = driver("x = 0\n" * 30_000)
    assert any("too long" in finding.message for finding in result.findings)


def test_recursion_and_growth_end() -> None:
    result = driver("def f(n):\n    return f(n + 1)\nf(0)\nx = 'a' * 10**9\ny = [0] * 10**9\nz = 9 ** 9 ** 9\n")
    assert not result.changes


def test_existing_files_are_left_alone() -> None:
    files = {"aml_config/train.runconfig": "script: other.py\n"}
    result = driver("config = ScriptRunConfig('.', 'train.py')\n", files)
    assert list(texts(result)) == ["aml_config/train-2.runconfig"]


def test_a_second_migration_changes_nothing_and_keeps_what_was_completed() -> None:
    text = "import os\nconfig = ScriptRunConfig('.', 'train.py', arguments=['--m', os.environ['M']])\n"
    text += "other = ScriptRunConfig('.', 'train.py')\n"
    first = texts(driver(text))
    assert sorted(first) == ["aml_config/train-2.runconfig", "aml_config/train.runconfig"]
    completed = {path: one.replace("<M>", "linear") for path, one in first.items()}
    again = driver("# a line more\n" + text, completed)
    assert texts(again) == completed and all(change.old == change.new for change in again.changes)


def test_two_drivers_of_one_folder_do_not_write_one_file(tmp_path: Path) -> None:
    from amlrun.migrate.folder import migrate_folder

    for name in ("a", "b"):
        (tmp_path / f"{name}.py").write_text(
            HEAD + f"run = Experiment(ws, '{name}').submit(ScriptRunConfig('.', 'train.py', arguments=['{name}']))\n"
        )
    (tmp_path / "train.py").write_text("print(1)\n")
    report = migrate_folder(tmp_path, {Kind.DRIVER: read_driver})
    assert sorted(change.path for change in report.changes) == [
        "aml_config/train-2.runconfig",
        "aml_config/train.runconfig",
    ]
    assert [one.commands for one in report.results] == [
        ("aml run submit-script -c train -e a",),
        ("aml run submit-script -c train-2 -e b",),
    ]


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared examples are not beside this checkout")
def test_the_shared_examples() -> None:
    found = {
        file.name[:2]: read_driver(file.name, file.read_text(encoding="utf-8"), {}) for file in SHARED.glob("*.py")
    }
    assert {number for number, result in found.items() if not result.changes} == {"07"}
    assert {number for number, result in found.items() if result.verdict is Verdict.ASKS} == {"06"}
    assert found["07"].verdict is Verdict.LEFT
    assert "communicator: Mpi" in texts(found["05"])["aml_config/train.runconfig"]


LINES = (HEAD + SCRIPT + SWEEP + PIPELINE).splitlines()


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, len(LINES) - 1), max_size=12), st.randoms(use_true_random=False))
def test_a_driver_with_lines_missing_or_moved_never_fails(gone: list[int], random: object) -> None:
    kept = [line for number, line in enumerate(LINES) if number not in gone]
    if gone:
        random.shuffle(kept)  # type: ignore[attr-defined]
    for text in ("\n".join(kept), "\n".join(line for line in LINES if line not in {LINES[one] for one in gone})):
        result = read_driver("run.py", text, {})
        assert result.path == "run.py"


AUTOML = """
import logging
from azureml.train.automl import AutoMLConfig
from azureml.automl.core.featurization import FeaturizationConfig
cluster = ComputeTarget(workspace=ws, name="cpu-cluster")
bank = Dataset.get_by_name(ws, "bank", version=2)
types = FeaturizationConfig()
types.add_column_purpose("age", "Numeric")
types.add_transformer_params("Imputer", ["balance"], {"strategy": "median"})
settings = {"experiment_timeout_hours": 0.3, "max_cores_per_iteration": -1, "verbosity": logging.INFO}
search = AutoMLConfig(task="classification", compute_target=cluster, training_data=bank, label_column_name="y",
                      allowed_models=["LightGBM", "TensorFlowDNN"], featurization=types, iterations=12, **settings)
run = Experiment(ws, "bank").submit(search)
best, fitted = run.get_output()
best.register_model(model_name="bank", model_path="outputs/model.pkl")
"""


def test_an_automl_configuration_is_read_back(tmp_path: Path) -> None:
    result = driver(AUTOML)
    assert verdicts(result)["AutoMLConfig"] == Verdict.NOTE and "TensorFlowDNN is left out" in str(result.findings)
    job = amlrun.load_job(placed(result, tmp_path) / "search.yml")
    assert isinstance(job, AutoMLJob) and job.task == "classification" and job.compute == "azureml:cpu-cluster"
    assert job.training_data is not None and job.training_data.path == "azureml:bank:2"
    assert (job.limits.timeout_minutes, job.limits.max_trials, job.limits.max_cores_per_trial) == (18, 12, -1)
    assert job.training.allowed_training_algorithms == ["light_gbm"] and job.log_verbosity == "info"
    assert job.featurization.mode == "custom" and job.featurization.column_name_and_types == {"age": "Numeric"}
    assert [line.split(" #")[0] for line in result.commands] == [
        "aml automl submit search.yml -e bank -t run.json",
        "aml model register -n bank -f run.json --asset-path outputs/model.pkl",
    ]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ('task="forecasting", training_data=bank, label_column_name="y"', "its task is forecasting"),
        ('task="regression", X=x, y=y', "X has no counterpart in v2: arrays"),
        (
            'task="regression", training_data=bank, label_column_name="y", allowed_models=load()',
            "run.py:8: the result of load",
        ),
        ("task=kind(), training_data=bank", "its task is not in the code"),
        ('task="regression", training_data=bank.take(5), label_column_name="y"', "do it in the script"),
    ],
)
def test_what_an_automl_configuration_leaves_open_is_named(words: str, said: str) -> None:
    head = "from azureml.train.automl import AutoMLConfig\nbank = Dataset.get_by_name(ws, 'bank')\n"
    result = driver(f"{head}AutoMLConfig({words})\n")
    assert said in str(result.findings) + str(texts(result)), result.findings


def test_a_machine_or_hdinsight_cluster_that_is_attached_by_its_address() -> None:
    result = driver("""
from azureml.core.compute import HDInsightCompute, RemoteCompute
plan = HDInsightCompute.attach_configuration(address="c-ssh.azurehdinsight.net", ssh_port=22, username="sshuser",
                                             password=os.environ["PASSWORD"])
hdi = ComputeTarget.attach(ws, "hdi", plan)
config = ScriptRunConfig(".", "train.py", compute_target=hdi)
vm = ComputeTarget.attach(workspace=ws, name="vm", attach_configuration=RemoteCompute.attach_configuration(
    username="anna", resource_id="/subscriptions/x", private_key_file="~/.ssh/id_rsa"))
""")
    assert "target: hdi\n" in texts(result)["aml_config/train.runconfig"]
    line = "aml computetarget attach remote -n hdi -a c-ssh.azurehdinsight.net -u sshuser --ssh-port 22"
    assert result.commands == (line,)
