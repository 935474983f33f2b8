"""v2 job files of other people: whatever Microsoft's own examples do is read, or named with what to do."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path

import pytest

from amlrun.azure import job_tree
from amlrun.errors import AmlError
from amlrun.prepare import data, shell
from amlrun.project import Project
from amlrun.spec import read, write
from amlrun.spec.job import CommandJob, SparkJob, SweepJob
from amlrun.sweep.space import fill, fill_variables


def job_file(folder: Path, text: str) -> Path:
    (folder / "src").mkdir(exist_ok=True)
    (folder / "src" / "a.py").write_text("")
    file = folder / "job.yml"
    file.write_text(text, encoding="utf-8")
    return file


def command(folder: Path, text: str, target: str | None = None) -> CommandJob:
    job = read.read(job_file(folder, text), target)
    assert isinstance(job, CommandJob)
    return job


OPTIONAL = """\
type: command
code: src
command: >-
  python a.py $[[--rate ${{inputs.rate}}]] $[[--data ${{inputs.data}} --mode ${{inputs.mode}}]] --n ${{inputs.n}}
inputs:
  rate: {type: number, RATE optional: true}
  data: {type: uri_folder, optional: true}
  mode: {type: string, default: fast, optional: true}
  n: 3
environment: azureml:e:1
"""


def test_optional_inputs(tmp_path: Path) -> None:
    given = command(tmp_path, OPTIONAL.replace("RATE", "default: 0.01,"))
    assert given.command == "python a.py --rate ${{inputs.rate}}  --n ${{inputs.n}}" and set(given.inputs) == {
        "rate",
        "mode",
        "n",
    }
    absent = command(tmp_path, OPTIONAL.replace("RATE", ""))
    assert absent.command == "python a.py   --n ${{inputs.n}}" and set(absent.inputs) == {"mode", "n"}
    with pytest.raises(AmlError, match=r"job.yml:4: command: \$\{\{inputs.data\}\} is optional and has no value"):
        command(tmp_path, OPTIONAL.replace("RATE", "").replace("$[[--data", "--data").replace("mode}}]]", "mode}}"))


def test_an_environment_in_a_file_of_its_own(tmp_path: Path) -> None:
    envs = tmp_path / "envs"
    envs.mkdir()
    (envs / "conda.yml").write_text("dependencies: [python]\n")
    (envs / "env.yml").write_text(
        "$schema: https://azuremlschemas.azureedge.net/latest/environment.schema.json\n"
        "name: mine\nversion: 3\nimage: i\nconda_file: conda.yml\n"
    )
    text = "command: python a.py\ncode: src\nenvironment: file:envs/env.yml\n"
    found = command(tmp_path, text).environment
    assert found is not None and (found.image, found.conda_file) == ("i", envs / "conda.yml")
    (envs / "env.yml").write_text("imag: i\n")
    with pytest.raises(AmlError, match=r"env.yml:1: environment.imag: unknown key; did you mean 'image'"):
        command(tmp_path, text)
    with pytest.raises(AmlError, match="environment: no such file or folder"):
        command(tmp_path, text.replace("env.yml", "gone.yml"))


def test_a_job_without_compute_is_serverless(tmp_path: Path) -> None:
    job = command(tmp_path, 'command: echo "hello world"\nenvironment:\n  image: library/python:latest\n')
    assert job.compute is None
    tree = job_tree.tree(job, "r", "e", None)
    assert "compute" not in tree and "resources" not in tree


SPARK = """\
$schema: http://azureml/sdk-2-0/SparkJob.json
type: spark
code: ./src
entry:
  file: a.py
py_files: [utils.zip]
jars:
  - extra.jar
conf:
  spark.driver.cores: 1
  spark.driver.memory: 2g
inputs:
  titanic:
    type: uri_file
    path: azureml://datastores/blob/paths/titanic.csv
    mode: direct
args: >-
  --titanic_data ${{inputs.titanic}}
  --name "two words"
identity:
  type: managed
resources:
  instance_type: standard_e4s_v3
  runtime_version: "3.4"
"""


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ("rate: {type: number, optional: true}", ["--n", "1"]),
        ("rate: {type: number, optional: true, default: 2}", ["--n", "1", "--rate", "${{inputs.rate}}"]),
    ],
)
def test_optional_parts_of_a_spark_jobs_arguments(tmp_path: Path, inputs: str, words: list[str]) -> None:
    text = f"type: spark\ncode: src\nentry: {{file: a.py}}\ninputs:\n  {inputs}\n"
    text += "args: --n 1 $[[--rate ${{ inputs.rate }}]]\n"
    job = read.read(job_file(tmp_path, text))
    assert isinstance(job, SparkJob) and job.args == words
    with pytest.raises(AmlError, match=r"args: .*inputs.rate.* is optional and has no value"):
        read.read(job_file(tmp_path, text.replace("$[[", "").replace("]]", "").replace(", default: 2", "")))


@pytest.mark.parametrize(
    ("line", "at"),
    [
        ("files: [words.txt]", 4),
        ("archives:\n- https://example.org/a.zip\n- env.tar.gz#env", 6),
        ("py_files: [a.py, 'local:/opt/b.py', src/utils.zip]", 4),
        ("jars: ['lib/*.jar', gone/extra.jar]", 4),
    ],
)
def test_a_file_that_spark_would_miss_is_named(tmp_path: Path, line: str, at: int) -> None:
    with pytest.raises(AmlError) as caught:
        read.read(job_file(tmp_path, f"type: spark\ncode: src\nentry: {{file: a.py}}\n{line}\n"))
    assert (caught.value.field, caught.value.line) == (line.partition(":")[0], at)
    assert caught.value.message.startswith("there is no ") and "relative to `code`" in caught.value.hint


def test_a_spark_job(tmp_path: Path) -> None:
    file = job_file(tmp_path, SPARK)
    for name in ("utils.zip", "extra.jar"):
        (tmp_path / "src" / name).touch()
    job = read.read(file)
    assert isinstance(job, SparkJob) and job.args == [
        "--titanic_data",
        "${{inputs.titanic}}",
        "--name",
        "two words",
    ]
    assert (job.entry, job.jars, job.py_files, job.identity) == ("a.py", ["extra.jar"], ["utils.zip"], "managed")
    assert job.conf == {"spark.driver.cores": 1, "spark.driver.memory": "2g"}
    tree = job_tree.tree(job, "r", "e", None)
    assert tree["jars"] == ["extra.jar"] and tree["args"] == "--titanic_data ${{inputs.titanic}} --name 'two words'"
    again = read.read(job_file(tmp_path, write.text(job, tmp_path)))
    assert again == job
    here = read.read(job_file(tmp_path, SPARK), "local")
    assert isinstance(here, CommandJob) and here.command == ["python", "a.py", *job.args]
    spark = here.local.spark
    assert spark is not None and (spark.py_files, spark.jars, spark.runtime) == (["utils.zip"], ["extra.jar"], "3.4")
    assert "conf: spark.driver.cores: no effect on one machine" in here.local.notes


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("type: spark\ncode: src\n", "entry.file: is missing"),
        ("type: spark\ncode: src\nentry: {class_name: a.B}\n", "job.yml:3: entry.file: aml does not run a class"),
        ("type: spark\ncode: src\nentry: {file: a.py}\nargs: ${{inputs.x}}\n", "is not below inputs"),
        ("type: pipeline\njobs: {}\n", "job.yml:1: type: pipeline jobs are not supported here"),
        ("script: train.py\narguments: []\ntarget: local\n",
         r"job.yml:1: is a v1 run configuration, not a v2 job\nRun it with: aml run submit-script -c .*\nOr write"),
        ("arguments: []\nframework: Python\n", "is a v1 run configuration"),
        ("sampling: {}\nprimary_metric_name: x\n", "is a v1 sweep .HyperDrive. file"),
        ("entryScript: score.py\n", "is a v1 inference configuration"),
        ("computeType: ACI\n", "is a v1 deployment configuration"),
        ("name: x\ndependencies: []\n", "job.yml:2: is a conda file"),
        ("$schema: https://azuremlschemas.azureedge.net/latest/commandComponent.schema.json\ncommand: x\n",
         "is a component, not a job"),
        ("- a\n", "is not a job"),
        ("command: python a.py\nscrip: x\n", "job.yml:2: scrip: unknown key"),
    ],
)  # fmt: skip
def test_what_is_no_job_is_called_what_it_is(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(AmlError, match=message):
        read.read(job_file(tmp_path, text))


def test_what_only_a_cluster_has_is_said_here(tmp_path: Path) -> None:
    (tmp_path / "ctx").mkdir()
    (tmp_path / "ctx" / "Dockerfile").write_text("FROM x\n")
    text = (
        "command: python a.py\ncode: src\ncompute: azureml:c\nenvironment: {build: {path: ctx}}\n"
        "resources: {instance_count: 2, shm_size: 4g, docker_args: --ipc=host}\n"
        "distribution: {type: pytorch, process_count_per_instance: 4}\nservices: {nb: {type: jupyter_lab}}\n"
    )
    assert command(tmp_path, text).local.notes == []
    notes = "\n".join(command(tmp_path, text, "local").local.notes)
    for words in ("--ipc=host", "shm_size", "services.nb"):
        assert words in notes


VALUES = {
    "inputs.greeting": "Hello world", "inputs.empty": "", "inputs.quote": "it's", "inputs.dollar": "$HOME",
    "inputs.data": "/d/my data/it's $5 \"x\"", "outputs.out": "/d/o u t",
}  # fmt: skip
PATHS = ("inputs.data", "outputs.out")


@pytest.mark.skipif(os.name == "nt", reason="the shell of POSIX systems")
@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('"${{inputs.greeting}}" ${{inputs.greeting}} "${{inputs.empty}}"', ["Hello world", "Hello", "world", ""]),
        ("'${{inputs.greeting}}' --x=\"${{ inputs.greeting }}\"", ["Hello world", "--x=Hello world"]),
        ('"${{inputs.quote}}"', ["it's"]),
        ("'${{inputs.dollar}}'", ["$HOME"]),
        ("${{inputs.data}} \"${{inputs.data}}\" '${{inputs.data}}'", [VALUES["inputs.data"]] * 3),
        ('--out=${{outputs.out}}/m "${{outputs.out}}/m"', ["--out=/d/o u t/m", "/d/o u t/m"]),
        (r"\"${{inputs.data}}\"", ['"' + VALUES["inputs.data"] + '"']),
        ("it\\'s ${{inputs.data}}", ["it's", VALUES["inputs.data"]]),
    ],
)
def test_bindings_are_filled_in_as_the_service_does(line: str, words: list[str]) -> None:
    report: list[str] = []
    started = shell.start(f'printf "%s\\n" {shell.fill(line, VALUES, PATHS)}', report.append)
    done = subprocess.run(started, capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:-1] == words and not report
    # Plain texts stand in the line as the service writes them: bash parts it in the same way.
    if "data" not in line and "out" not in line:
        plain = line.replace("${{ ", "${{").replace(" }}", "}}")
        for key, value in VALUES.items():
            plain = plain.replace(f"${{{{{key}}}}}", value)
        assert shlex.split(plain) == words


def test_bash_runs_the_line_or_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    assert Path(shell.start("set -o pipefail", said.append)[0]).name in ("bash", "bash.exe") and not said
    monkeypatch.setenv("PATH", "")
    assert shell.start("x", said.append)[-1] == "x" and "bash was not found" in said[0]


def test_search_space_values_in_environment_variables(tmp_path: Path) -> None:
    job = read.read(
        job_file(
            tmp_path,
            "type: sweep\ntrial:\n  code: src\n  command: python a.py --name ${{search_space.name}}\n"
            "  environment: azureml:e:1\n  environment_variables: {LR: '${{search_space.lr}}'}\ncompute: azureml:c\n"
            "sampling_algorithm: random\nsearch_space:\n  lr: {type: uniform, min_value: 0, max_value: 1}\n"
            "  name: {type: choice, values: [a b, c]}\nobjective: {goal: minimize, primary_metric: loss}\n",
        )
    )
    assert isinstance(job, SweepJob) and job.trial.environment_variables == {"LR": "${{search_space.lr}}"}
    assert fill_variables(job.trial.environment_variables, {"lr": 0.5}) == {"LR": "0.5"}
    several = {
        "A": "${{search_space.lr}}/${{search_space.name}}",
        "B": "${{inputs.x}} at ${{search_space.lr}}",
        "C": "c",
    }
    filled_in = {"A": "1e-05/a b", "B": "${{inputs.x}} at 1e-05", "C": "c"}
    assert fill_variables(several, {"lr": 1e-5, "name": "a b"}) == filled_in
    filled = fill(
        """p ${{search_space.x}} "${{search_space.x}}" '${{search_space.x}}' ${{inputs.y}}""", {"x": "it's a"}
    )
    assert shlex.split(str(filled)) == ["p", "it's a", "it's a", "it's a", "${{inputs.y}}"]
    # The service fills in plain text: a value with a space stays one word there by the quotes.
    tree = job_tree.tree(job, "r", "e", "c:1")
    assert tree["trial"]["command"] == 'python a.py --name "${{search_space.name}}"'
    # In single quotes a backslash is only itself: what follows them is outside of quotes.
    job.trial.command = r"python a.py 'C:\' ${{search_space.name}}"
    command = job_tree.tree(job, "r", "e", "c:1")["trial"]["command"]
    assert command == r"python a.py 'C:\' " + '"${{search_space.name}}"'


def test_what_a_run_wrote_is_an_input(tmp_path: Path) -> None:
    project = Project(tmp_path)
    model = tmp_path / "runs" / "exp_1_a" / "outputs" / "model"
    model.mkdir(parents=True)
    (tmp_path / "runs" / "exp_1_a" / ".run").mkdir()
    for reference in (
        "runs:/exp_1_a/model",
        "runs:/exp_1_a/outputs/model",
        "azureml://jobs/exp_1_a/outputs/model",
        "azureml://jobs/exp_1_a/outputs/model/paths/",
        "azureml://jobs/exp_1_a/outputs/artifacts/paths/outputs/model/",
    ):
        assert data.locate(project, "m", reference) == model
    logged = tmp_path / "runs" / "exp_1_a" / ".run" / "artifacts" / "sk"
    logged.mkdir(parents=True)
    for reference in ("runs:/exp_1_a/sk", "azureml://jobs/exp_1_a/outputs/artifacts/paths/sk/"):
        assert data.locate(project, "m", reference) == logged
    for reference, words in (
        ("runs:/exp_2_a/model", "no run exp_2_a"),
        ("runs:/exp_1_a/other", "has no other"),
        ("runs:/exp_1_a/../../x", "not in a run's folder"),
        ("runs:/../exp_1_a", "not in a run's folder"),
    ):
        with pytest.raises(AmlError, match=words):
            data.locate(project, "m", reference)
    job = command(tmp_path, "command: python a.py ${{inputs.m}}\ncode: src\nenvironment: azureml:e:1\n"
                  "inputs: {m: {type: mlflow_model, path: 'runs:/exp_1_a/model'}}\n")  # fmt: skip
    assert job_tree.tree(job, "r", "e", None)["inputs"]["m"]["path"] == "runs:/exp_1_a/model"


def test_a_misspelt_dataset_is_not_replaced_by_the_inputs_name(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "datasets.yml").write_text("table: {path: data}\n")
    with pytest.raises(AmlError, match=r"'tabel' has no local path; did you mean 'table'"):
        data.locate(Project(tmp_path), "table", "azureml:tabel:1")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("experiment_name: exp one", "experiment_name: 'exp one' is not a valid experiment name"),
        ("experiment_name: -first", "experiment_name: '-first' is not a valid experiment name"),
        ('name: "a b"', "name: 'a b' is not a valid job name"),
    ],
)
@pytest.mark.parametrize("kind", ["command: python a.py", "type: spark\nentry: {file: a.py}"])
def test_a_name_that_azure_refuses_is_blamed_on_its_line(tmp_path: Path, kind: str, line: str, message: str) -> None:
    file = job_file(tmp_path, f"code: src\n{line}\n{kind}\nenvironment: azureml:e:1\n")
    with pytest.raises(AmlError) as caught:
        read.read(file, None)
    assert str(caught.value).startswith(f"{file}:2: {message}\n")


VARIABLES = """\
command: python a.py
code: src
environment: azureml:e:1
compute: azureml:c
inputs: {x: 3}
environment_variables:
  B: true
  C: 1.50
  D: 2020-01-01
  E: "${{inputs.x}}"
  G: ""
  I: 0x1F
  J: yes
  K: "yes"
  L: 1_000
  M: 0123
  N: 1e5
  O: "null"
  P: plain words
"""


def test_environment_variables_are_the_texts_that_azure_ai_ml_sends(tmp_path: Path) -> None:
    from azure.ai.ml import load_job

    job = command(tmp_path, VARIABLES)
    sent = load_job(tmp_path / "job.yml")._to_job()._to_rest_object().properties.environment_variables
    assert job.environment_variables == sent
    told = [note for note in job.local.notes if "environment_variables." in note]
    assert len(told) == 6 and 'job.yml:7: environment_variables.B: true without quotes is "True" to Azure ML' in told


@pytest.mark.parametrize("value", ["", " null", " ~"])
def test_an_environment_variable_without_a_value_is_refused(tmp_path: Path, value: str) -> None:
    with pytest.raises(AmlError) as wrong:
        command(tmp_path, f"{VARIABLES}  Z:{value}\n")
    assert "job.yml:20: environment_variables.Z: has no value" in str(wrong.value) and 'Z: ""' in wrong.value.hint
