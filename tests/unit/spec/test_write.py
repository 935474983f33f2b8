"""v2 command job YAML: what is read from it, and what is said of one that is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.workplace import Workplace

from amlrun.errors import AmlError
from amlrun.spec import read, write
from amlrun.spec.job import CommandJob, Environment, Input, Output, Resources, shell_line, to_dict

JOB = """\
$schema: https://azuremlschemas.azureedge.net/latest/commandJob.schema.json
command: >-
  python main.py --data ${{inputs.data}} --file "${{inputs.file}}" --lr ${{inputs.lr}}
  --n ${{inputs.n}} --flag ${{inputs.flag}} --word ${{inputs.word}} --out ${{outputs.model}}
code: src
inputs:
  data:
    type: uri_folder
    path: data
  file: {type: uri_file, path: "file:data/a.csv", mode: download}
  registered: {type: uri_folder, path: "azureml:d@latest"}
  lr: 0.1
  n: {type: integer, default: 3}
  flag: {value: true}
  word: ten
outputs:
  model:
  other: {type: uri_file, mode: upload}
environment:
  image: i
  conda_file: conda.yml
environment_variables: {A: 1, B: "${{inputs.word}}"}
compute: azureml:cluster
resources: {instance_count: 2, shm_size: 4g, docker_args: "-v /h:/data --ipc=host"}
distribution: {type: PyTorch, process_count_per_instance: 4}
limits: {timeout: 60}
services: {nb: {type: jupyter_lab}}
identity: {type: user_identity}
display_name: shown
experiment_name: exp
description: text
tags: {a: b}
properties: {c: d}
"""


def folder(path: Path, text: str) -> Path:
    for name in ("src", "data"):
        (path / name).mkdir(exist_ok=True)
    (path / "src" / "main.py").write_text("import sys\nprint(sys.argv[1:])\n")
    (path / "data" / "a.csv").write_text("1\n")
    (path / "conda.yml").write_text("dependencies: [python]\n")
    file = path / "job.yml"
    file.write_text(text, encoding="utf-8")
    return file


def test_everything_that_a_command_job_says(tmp_path: Path) -> None:
    job = read.read(folder(tmp_path, JOB))
    assert isinstance(job.command, str)
    assert job.command.startswith("python main.py --data ${{inputs.data}} ")
    assert job.code == tmp_path / "src"
    assert job.inputs == {
        "data": Input("uri_folder", str(tmp_path / "data")),
        "file": Input("uri_file", str(tmp_path / "data" / "a.csv"), "download"),
        "registered": Input("uri_folder", "azureml:d@latest"),
        "lr": Input("number", value=0.1),
        "n": Input("integer", value=3),
        "flag": Input("boolean", value=True),
        "word": Input("string", value="ten"),
    }
    assert job.outputs == {"model": Output(), "other": Output("uri_file", mode="upload")}
    assert job.environment == Environment(image="i", conda_file=tmp_path / "conda.yml")
    assert job.environment_variables == {"A": "1", "B": "${{inputs.word}}"}
    assert job.compute == "azureml:cluster"
    assert job.resources == Resources(2, None, "4g", ["-v", "/h:/data", "--ipc=host"])
    assert to_dict(job.local.volumes) == [{"host": "/h", "container": "/data"}]
    assert to_dict(job.distribution) == {"type": "pytorch", "process_count_per_instance": 4}
    assert (to_dict(job.limits), job.identity, job.tags) == ({"timeout": 60}, "user_identity", {"a": "b"})
    assert (job.display_name, job.experiment_name, job.description) == ("shown", "exp", "text")
    assert job.local.notes == ["job.yml:33: properties: has no effect here"]


@pytest.mark.parametrize(
    ("text", "line", "field", "says"),
    [
        ("comand: x\n", 1, "comand", "did you mean 'command'"),
        ("code: src\n", 1, "command", "is missing"),
        ("command: x\ntype: pipeline\n", 2, "type", "pipeline jobs are not supported"),
        ("command: x\ncode: gone\n", 2, "code", "no such file or folder"),
        ("command: x\nqueue_settings: {job_tier: dedicated}\n", 2, "queue_settings.job_tier", "expected one of spot, "),
        ("command: x\nqueue_settings:\n  priority: hihg\n", 3, "queue_settings.priority", "did you mean 'high'"),
        ("command: x\ncode: git+https://g/x\n", 2, "code", "not a folder on this machine"),
        ("command: x\ninputs:\n  a: {path: gone}\n", 3, "inputs.a.path", "no such file or folder"),
        ("command: x\ninputs:\n  a: {mode: download}\n", 3, "inputs.a", "neither path nor value"),
        ("command: x\ninputs:\n  a: {tipe: x}\n", 3, "inputs.a.tipe", "did you mean 'type'"),
        ("command: |\n  x\n  ${{inputs.lr}}\ninputs: {lrr: 1}\n", 3, "command", "did you mean 'lrr'"),
        ("command: |\n  x\n  ${{input.lr}}\ninputs: {lr: 1}\n", 3, "command", "${{input.lr}} is not a valid binding"),
        ("command: x ${{ inputs.my-data }}\ninputs: {my-data: 1}\n", 1, "command", "is not a valid binding"),
        (
            "command: x\nenvironment_variables:\n  A: ${{name}}\n",
            3,
            "environment_variables.A",
            "is not a valid binding",
        ),
        (
            "command: x\nenvironment_variables:\n  A: ${{outputs.o}}\n",
            3,
            "environment_variables.A",
            "not below outputs",
        ),
        ("command: x\nenvironment: name\n", 2, "environment", "names no environment"),
        ("command: x\nenvironment: {conda_file: gone.yml}\n", 2, "environment.conda_file", "no such file or folder"),
        ("command: x\nenvironment:\n  build: {path: .}\n", 3, "environment.build.path", "there is no Dockerfile in"),
        (
            "command: x\nenvironment:\n  build:\n    path: .\n    dockerfile_path: gpu/Dockerfile\n",
            5,
            "environment.build.dockerfile_path",
            "there is no gpu/Dockerfile in",
        ),
        ("command: x\nresources: {instance_count: two}\n", 2, "resources.instance_count", "expected a whole number"),
        ('command: x\nresources: {docker_args: "\'"}\n', 2, "resources.docker_args", "unclosed"),
        ("command: x\ndistribution: {type: ray}\n", 2, "distribution.type", "expected one of"),
        ("command: x\ndistribution:\n  port: 6379\n  type: Ray\n", 4, "distribution.type", "expected one of"),
        ("command: x\ndistribution:\n  worker_count: 2\n", 3, "distribution.type", "expected one of"),
        ("command: x\ndistribution: {type: mpi, nodes: 2}\n", 2, "distribution.nodes", "unknown key"),
        ("command: [x]\n", 1, "command", "expected a string"),
        ("", 1, "", "is empty"),
        ("command: x\ncommand: y\n", 2, "command", "given twice"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, text: str, line: int, field: str, says: str) -> None:
    with pytest.raises(AmlError) as caught:
        read.read(folder(tmp_path, text))
    assert (caught.value.line, caught.value.field) == (line, field)
    assert says in caught.value.message
    assert Path(str(caught.value.file)).name == "job.yml"


@pytest.mark.parametrize("word", ["a b", "it's", "$HOME", "a;b", 'q"q', "é", "*", "~", "#x", "", "back\\slash", "a\nb"])
def test_a_word_survives_the_yaml_and_the_shell(tmp_path: Path, word: str) -> None:
    import shlex

    import yaml

    job = CommandJob(command=["python", "main.py", word, "${{inputs.x}}"], environment_variables={"A": word})
    read = yaml.safe_load(write.text(job, tmp_path))
    assert shlex.split(read["command"]) == ["python", "main.py", word, "${{inputs.x}}"]
    assert read["environment_variables"] == {"A": word}
    assert shell_line([word]) in read["command"]


@pytest.mark.parametrize(
    "word", ["no", "yes", "on", "1:30", "010", "1_000", "1e3", ".5", "null", "2020-01-01", "=", "-"]
)
def test_words_stay_words_for_a_reader_of_yaml_1_1(tmp_path: Path, word: str) -> None:
    import yaml

    job = CommandJob(command="x", tags={"a": word}, environment_variables={word: word})
    read = yaml.safe_load(write.text(job, tmp_path, {"tags.a": "a remark"}, ["head"]))
    assert (read["tags"], read["environment_variables"]) == ({"a": word}, {word: word})


def test_a_dockerfile_is_written_beside_the_job(tmp_path: Path) -> None:
    job = CommandJob(command="x", environment=Environment(dockerfile="FROM x\n"))
    assert write.tree(job, tmp_path)["environment"]["build"] == {
        "path": "./environment", "dockerfile_path": "Dockerfile"
    }  # fmt: skip
    assert write.side_files(job, tmp_path) == {tmp_path / "environment" / "Dockerfile": "FROM x\n"}


def test_a_job_without_code_is_told_what_travels(tmp_path: Path) -> None:
    file = tmp_path / "job.yml"
    file.write_text("command: echo hello\nenvironment: azureml:e:1\n", encoding="utf-8")
    job = read.read(file)
    assert isinstance(job, CommandJob)
    assert job.local.notes == ["job.yml names no `code:`: the current folder is copied; v2 would upload none."]


def test_a_v2_job_runs_here(workplace: Workplace) -> None:
    text = JOB.replace('  registered: {type: uri_folder, path: "azureml:d@latest"}\n', "")
    text = text[: text.index("environment:\n")].replace("python main.py", "python main.py --A") + "compute: local\n"
    file = folder(workplace.model, text)
    workplace.aml("job", "create", "--file", str(file), "-e", "exp", cwd=workplace.root)
    log = (workplace.latest() / "user_logs" / "std_log.txt").read_text()
    for word in ("--A", "a.csv", "0.1", "ten"):
        assert word in log, log


def test_a_cloud_job_runs_here_when_told_to(workplace: Workplace, tmp_path: Path) -> None:
    file = folder(workplace.model, "command: python main.py here\ncode: src\ncompute: azureml:c\n")
    workplace.aml("job", "create", "--file", str(file), "-e", "exp", "--ct", "local")
    assert "here" in (workplace.latest() / "user_logs" / "std_log.txt").read_text()


def test_no_such_file(workplace: Workplace) -> None:
    done: Any = workplace.aml("job", "create", "--file", "gone.yml", code=2)
    assert "gone.yml" in done.stderr
