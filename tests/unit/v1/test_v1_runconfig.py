"""v1 run configurations as jobs: where a name is looked for, and what each section becomes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.v1_files import MINIMAL, job, model, translate

from amlrun.errors import AmlError
from amlrun.spec.job import V1_DATASET, CommandJob, Input, Output, SparkJob, Volume, to_dict
from amlrun.v1.runconfig import to_job

ENV = "environment:\n  python:\n    userManagedDependencies: true\n"


def refused(folder: Path, text: str, **options: Any) -> AmlError:
    with pytest.raises(AmlError) as caught:
        to_job.load("train", model(folder, text), **options)
    assert caught.value.line is not None
    return caught.value


def test_lookup_order(tmp_path: Path) -> None:
    for name in ("aml_config/a", "aml_config/a.runconfig", "a.runconfig", "sub/b.runconfig", ".azureml/c.runconfig"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(MINIMAL)
    found = [tmp_path / "aml_config" / "a", tmp_path / "aml_config" / "a.runconfig", tmp_path / "a.runconfig"]
    for place in found:
        assert to_job.find(tmp_path, "a") == place
        place.unlink()
    assert to_job.find(tmp_path, "sub/b") == tmp_path / "sub" / "b.runconfig"
    # .azureml is looked into only where there is no aml_config.
    with pytest.raises(AmlError):
        to_job.find(tmp_path, "c")
    (tmp_path / "aml_config").rmdir()
    assert to_job.find(tmp_path, "c") == tmp_path / ".azureml" / "c.runconfig"
    assert to_job.find(tmp_path, "c.runconfig") == tmp_path / ".azureml" / "c.runconfig"
    assert to_job.find(tmp_path / "sub" / "b.runconfig", "whatever") == tmp_path / "sub" / "b.runconfig"


def test_a_name_in_the_folder_that_is_not_looked_into(tmp_path: Path) -> None:
    model(tmp_path, MINIMAL, "other")
    (tmp_path / ".azureml").mkdir()
    (tmp_path / ".azureml" / "train.runconfig").write_text(MINIMAL)
    with pytest.raises(AmlError) as caught:
        to_job.find(tmp_path, "train")
    assert "in .azureml/, which is not searched" in caught.value.hint


def test_a_name_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(AmlError) as caught:
        to_job.find(model(tmp_path, MINIMAL, "train-local"), "train-loca")
    assert "Available: train-local. Did you mean 'train-local'?" in caught.value.hint
    assert str(tmp_path / "aml_config" / "train-loca.runconfig") in caught.value.hint


def test_without_a_name(tmp_path: Path) -> None:
    made = to_job.load(None, model(tmp_path, MINIMAL), script_and_arguments=["train.py", "--x", "1"])
    assert isinstance(made, CommandJob)
    assert (made.command, made.compute, made.local.interpreter) == (["python", "train.py", "--x", "1"], "local", None)
    with pytest.raises(AmlError) as caught:
        to_job.load(None, tmp_path)
    assert "no script" in str(caught.value)


def test_the_ordinary_file(tmp_path: Path) -> None:
    made = job(tmp_path, f"script: train.py\narguments: [--lr, 0.10, --name, a b]\ntarget: local\n{ENV}")
    assert made.command == ["python", "train.py", "--lr", "0.10", "--name", "a b"]
    assert (made.script, made.code, made.compute) == ("train.py", tmp_path, "local")
    assert (made.local.interpreter, made.local.notes) == ("python", [])


def test_words_of_the_command_line_replace_the_files(tmp_path: Path) -> None:
    text = f"script: train.py\narguments: [--a, b]\ntarget: local\n{ENV}"
    (tmp_path / "other.py").touch()
    assert job(tmp_path, text, script_and_arguments=["other.py"]).command == ["python", "other.py", "--a", "b"]
    assert job(tmp_path, text, script_and_arguments=["other.py", "-c"]).command == ["python", "other.py", "-c"]
    assert job(tmp_path, text, target="cluster").compute == "azureml:cluster"


def test_a_script_that_is_not_there(tmp_path: Path) -> None:
    error = refused(tmp_path, f"script: trian.py\n{ENV}")
    assert (error.line, error.field) == (1, "script")
    assert error.hint == "Did you mean train.py?"
    assert "not below the source directory" in refused(tmp_path, f"script: ../train.py\n{ENV}").message


def test_windows_separators_in_the_script(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "a.py").touch()
    assert job(tmp_path, f"script: src\\a.py\n{ENV}").command == ["python", "src/a.py"]


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("command: python train.py --a 1", "python train.py --a 1"),
        ("command: [python, train.py, --a, 1.0]", ["python", "train.py", "--a", "1.0"]),
        ("command: python\nscript: train.py", ["python", "train.py"]),
        ("command: bash run.sh\nscript: train.py", "bash run.sh"),
    ],
)
def test_command(tmp_path: Path, text: str, command: object) -> None:
    assert job(tmp_path, f"{text}\n{ENV}").command == command


@pytest.mark.parametrize("command", ["python gone.py --a", "[python3, gone.py]"])
def test_a_command_whose_script_is_not_there(tmp_path: Path, command: str) -> None:
    error = refused(tmp_path, f"command: {command}\n{ENV}")
    assert (error.field, error.line) == ("command", 1)


def test_r_runs_with_rscript(tmp_path: Path) -> None:
    (tmp_path / "train.R").touch()
    assert job(tmp_path, f"script: train.R\nframework: R\n{ENV}").command == ["Rscript", "train.R"]


def test_a_file_without_environment_is_modern(tmp_path: Path) -> None:
    assert job(tmp_path, "script: train.py\narguments: [a]\n").command == ["python", "train.py", "a"]


CONDA = "  python:\n    condaDependenciesFile: conda.yml\n"


@pytest.mark.parametrize(
    ("environment", "becomes"),
    [
        ("  name: env\n", {"reference": "azureml:env@latest"}),
        ("  name: env\n  version: 1.10\n", {"reference": "azureml:env:1.10"}),
        ("  assetId: azureml://registries/r/environments/e/versions/1\n",
         {"reference": "azureml://registries/r/environments/e/versions/1"}),
        ("  docker: {baseImage: i}\n", {"image": "i"}),
        ("  docker: {baseImage: i, baseImageRegistry: {address: r.azurecr.io}}\n", {"image": "r.azurecr.io/i"}),
        ("  docker: {baseImage: r.azurecr.io/i, baseImageRegistry: {address: r.azurecr.io}}\n",
         {"image": "r.azurecr.io/i"}),
        ('  docker: {baseDockerfile: "FROM x\\nRUN y"}\n', {"dockerfile": "FROM x\nRUN y"}),
        ("  docker: {buildContext: {locationType: git, location: 'https://g/a.git', dockerfilePath: D}}\n",
         {"build": {"path": "https://g/a.git", "dockerfile_path": "D"}}),
    ],
)  # fmt: skip
def test_environments(tmp_path: Path, environment: str, becomes: dict[str, Any]) -> None:
    made = job(tmp_path, f"script: train.py\ntarget: c\nenvironment:\n{environment}").environment
    assert to_dict(made) == becomes


def test_conda_files_are_relative_to_the_path(tmp_path: Path) -> None:
    made = job(tmp_path, f"script: train.py\nenvironment:\n{CONDA}").environment
    assert made is not None
    assert made.conda_file == tmp_path / "conda.yml"
    error = refused(tmp_path, f"script: train.py\nenvironment:\n{CONDA.replace('conda.yml', 'gone.yml')}")
    assert (error.line, error.field) == (4, "environment.python.condaDependenciesFile")
    other = tmp_path / "other.yml"
    made = job(tmp_path, f"script: train.py\nenvironment:\n{CONDA}", conda_file=other).environment
    assert made is not None
    assert made.conda_file == other


def test_inline_conda(tmp_path: Path) -> None:
    text = "script: train.py\nenvironment: {python: {condaDependencies: {dependencies: [python=3.8, {pip: [a_b]}]}}}\n"
    made = job(tmp_path, text).environment
    assert made is not None
    assert made.conda_file == {"dependencies": ["python=3.8", {"pip": ["a_b"]}]}
    assert refused(tmp_path, text.replace("dependencies: [", "dependecies: [")).field.endswith("dependecies")


def test_a_dockerfile_beside_a_conda_file(tmp_path: Path) -> None:
    docker = '  docker: {baseDockerfile: "FROM x"}\n'
    made = job(tmp_path, f"script: train.py\ntarget: c\nenvironment:\n{docker}{CONDA}")
    assert to_dict(made.environment) == {"dockerfile": "FROM x"}
    assert any("condaDependenciesFile: is not supported: v2 builds" in note for note in made.local.notes)
    here = job(tmp_path, f"script: train.py\nenvironment:\n{docker}{CONDA}").environment
    assert here is not None
    assert here.conda_file == tmp_path / "conda.yml"


def test_environment_in_a_file_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "env.yml").write_text("docker:\n  baseImage: i\nenvironmentVariables: {A: b}\n")
    made = job(tmp_path, "script: train.py\nenvironment: env.yml\n")
    assert (made.environment.image if made.environment else None, made.environment_variables) == ("i", {"A": "b"})
    assert "there is no file" in refused(tmp_path, "script: train.py\nenvironment: gone.yml\n").message
    named = job(tmp_path, "script: train.py\ntarget: c\nenvironment: AzureML-Minimal:10\n").environment
    assert named is not None
    assert named.reference == "azureml:AzureML-Minimal:10"


def test_environment_variables(tmp_path: Path) -> None:
    text = """
script: train.py
environment:
  environmentVariables: {EXAMPLE_ENV_VAR: EXAMPLE_VALUE, A: 1.0, B: "x", C: true, D: }
environmentVariables: {B: y}
"""
    assert job(tmp_path, text).environment_variables == {"A": "1.0", "B": "y", "C": "true", "D": ""}


def test_interpreters(tmp_path: Path) -> None:
    text = "script: train.py\nenvironment: {python: {userManagedDependencies: true, interpreterPath: /p}}\n"
    here, there = job(tmp_path, text), job(tmp_path, text, target="c")
    assert (here.command, here.local.interpreter) == (["python", "train.py"], "/p")
    assert there.command == ["/p", "train.py"]
    managed = job(tmp_path, "script: train.py\nenvironment: {python: {interpreterPath: /p}}\n")
    assert managed.local.interpreter is None
    assert "interpreterPath: has no effect" in managed.local.notes[0]


def test_a_password_is_refused_and_never_shown(tmp_path: Path) -> None:
    secret = "s3cr3t-w0rd"  # noqa: S105 - a made-up one
    text = f"""script: train.py
environment:
  docker:
    baseImage: i
    baseImageRegistry:
      address: r.azurecr.io
      username: me
      password: {secret}
"""
    error = refused(tmp_path, text)
    assert (error.line, error.field) == (8, "environment.docker.baseImageRegistry.password")
    assert "refused" in error.message
    assert secret not in str(error)
    done = translate(tmp_path, text)
    assert secret not in str(to_dict(done.job))
    assert secret not in str([vars(value) for value in done.config.values.values()])
    for broken in (text.replace("      password", "  password"), text.replace("password:", "password: [") + "\n",
                   text.replace("password: ", "password: *"), text.replace("password: ", "password: !x ")):  # fmt: skip
        try:
            assert secret not in str(vars(translate(tmp_path, broken)))
        except AmlError as refusal:
            assert secret not in str(refusal)


DATA = """
script: train.py
arguments: [--in, "DatasetConsumptionConfig:my_data", "--d=DatasetConsumptionConfig:my_data", /elsewhere]
target: {target}
data:
  my_data:
    dataLocation:
      {location}
    mechanism: {mechanism}
    environmentVariableName: MY_DATA
environment: {{python: {{userManagedDependencies: true}}}}
"""


@pytest.mark.parametrize(
    ("location", "mechanism", "becomes"),
    [
        ("dataset: {name: d, version: 2}", "mount", Input("uri_folder", "azureml:d:2", "ro_mount")),
        ("dataset: {name: d, version: 1.10}", "download", Input("uri_folder", "azureml:d:1.10", "download")),
        ("dataset: {name: d}", "Direct", Input("uri_folder", "azureml:d@latest", "direct")),
        ("dataset: {name: d, version: latest}", "", Input("uri_folder", "azureml:d@latest", "direct")),
        ("dataset: {id: 1-2}", "mount", Input("uri_folder", f"{V1_DATASET}1-2", "ro_mount")),
        ("dataPath: {datastoreName: s, relativePath: /a/b}", "mount",
         Input("uri_folder", "azureml://datastores/s/paths/a/b", "ro_mount")),
        ("uri: {path: 'https://x/y.csv', isFile: true}", "download", Input("uri_file", "https://x/y.csv", "download")),
    ],
)  # fmt: skip
def test_data(tmp_path: Path, location: str, mechanism: str, becomes: Input) -> None:
    made = job(tmp_path, DATA.format(location=location, mechanism=mechanism, target="c"))
    assert made.inputs == {"my_data": becomes}
    binding = "${{inputs.my_data}}"
    assert made.command == ["python", "train.py", "--in", binding, f"--d={binding}", "/elsewhere"]
    assert made.environment_variables == {"MY_DATA": binding}


def test_data_without_a_place(tmp_path: Path) -> None:
    text = DATA.format(location="dataset:", mechanism="mount", target="local")
    assert job(tmp_path, text).inputs == {"my_data": Input("uri_folder", None, "ro_mount")}
    error = refused(tmp_path, text, target="c")
    assert (error.line, error.field) == (8, "data.my_data.dataLocation")


def test_an_argument_that_names_no_data(tmp_path: Path) -> None:
    text = DATA.format(location="dataset: {name: d}", mechanism="mount", target="local")
    error = refused(tmp_path, text.replace('"DatasetConsumptionConfig:my_data"', "DatasetConsumptionConfig:mydat"))
    assert (error.line, error.field) == (3, "arguments")
    assert "did you mean 'my_data'" in error.message


def test_the_old_loaders_spelling_of_a_name_is_found(tmp_path: Path) -> None:
    text = DATA.format(location="dataset: {name: d}", mechanism="mount", target="local")
    made = job(tmp_path, text.replace("Config:my_data", "Config:myData"))
    assert "${{inputs.my_data}}" in made.command


@pytest.mark.parametrize(
    ("path", "arguments", "becomes"),
    [
        ("/data", "[--p, /data]", ["--p", "${{inputs.d}}"]),
        ("/data", "[--p, /data/x/y, /database]", ["--p", "${{inputs.d}}/x/y", "/database"]),
        ("/data/", "[--p=/data]", ["--p=${{inputs.d}}"]),
        ("in", "[in/a, inside]", ["${{inputs.d}}/a", "inside"]),
    ],
)
def test_path_on_compute(tmp_path: Path, path: str, arguments: str, becomes: list[str]) -> None:
    text = f"script: train.py\narguments: {arguments}\ndata: {{d: {{pathOnCompute: {path}}}}}\n{ENV}"
    made = job(tmp_path, text)
    assert made.command[2:] == becomes
    assert made.local.notes == []
    unused = job(tmp_path, text.replace(arguments, "[]"))
    assert "pathOnCompute: is not supported: no argument names it, and nothing is mounted here" in unused.local.notes[0]
    there = text.replace(arguments, "[]").replace(
        "{pathOnCompute", "{dataLocation: {dataset: {name: n}}, pathOnCompute"
    )
    cluster = job(tmp_path, there + "target: cluster\n")
    assert "v2 mounts data where it chooses" in cluster.local.notes[0]
    given = job(tmp_path, text, script_and_arguments=["train.py", "--word", "x"])
    assert given.command[2:] == ["--word", "x"] and given.local.notes == [], "whoever gives arguments means these"


def test_data_references(tmp_path: Path) -> None:
    text = f"""
script: train.py
arguments: [$AZUREML_DATAREFERENCE_in-put, "${{AZUREML_DATAREFERENCE_out}}/x", $AZUREML_DATAREFERENCE_in]
dataReferences:
  in-put: {{dataStoreName: s, pathOnDataStore: a/, mode: mount}}
  in: {{dataStoreName: s, mode: Download}}
  out: {{dataStoreName: s, pathOnDataStore: /b, mode: upload}}
{ENV}"""
    made = job(tmp_path, text)
    assert made.inputs == {
        "in_put": Input("uri_folder", "azureml://datastores/s/paths/a/", "ro_mount"),
        "in": Input("uri_folder", "azureml://datastores/s/paths/", "download"),
    }
    assert made.outputs == {"out": Output("uri_folder", "azureml://datastores/s/paths/b", "upload")}
    assert made.command[2:] == ["${{inputs.in_put}}", "${{outputs.out}}/x", "${{inputs.in}}"]
    assert any("is called in_put in the job" in note for note in made.local.notes)
    assert refused(tmp_path, text.replace("dataStoreName: s, mode: D", "mode: D")).field == (
        "dataReferences.in.dataStoreName"
    )


def test_output_data(tmp_path: Path) -> None:
    text = f"""
script: train.py
arguments: [--o, /out/x, "DatasetOutputConfig:o"]
outputData:
  o:
    outputLocation: {{dataPath: {{datastoreName: s, relativePath: r}}}}
    mechanism: mount
    additionalOptions: {{pathOnCompute: /out, registrationOptions: {{name: made}}}}
{ENV}"""
    made = job(tmp_path, text)
    assert made.outputs == {"o": Output("uri_folder", "azureml://datastores/s/paths/r", "rw_mount", "made")}
    assert made.command[2:] == ["--o", "${{outputs.o}}/x", "${{outputs.o}}"]


@pytest.mark.parametrize(
    ("text", "becomes"),
    [
        ("communicator: Mpi\nnodeCount: 2\nmpi: {processCountPerNode: 3}",
         {"type": "mpi", "process_count_per_instance": 3}),
        ("communicator: IntelMpi\nnodeCount: 1\nmpi: {processCountPerNode: 1}", None),
        ("framework: PythonMpi\nnodeCount: 2", {"type": "mpi", "process_count_per_instance": 1}),
        ("mpi: {processCountPerNode: 4}", None),
        ("framework: pytorch\ncommunicator: Nccl\nnodeCount: 2\npytorch: {processCount: 8}",
         {"type": "pytorch", "process_count_per_instance": 4}),
        ("framework: PyTorch\npytorch: {processCount: 2}", {"type": "pytorch", "process_count_per_instance": 2}),
        ("framework: PyTorch\ncommunicator: Gloo\nnodeCount: 3", {"type": "pytorch"}),
        ("framework: PyTorch", None),
        ("framework: TensorFlow\ncommunicator: ParameterServer\nnodeCount: 2\ntensorflow: {workerCount: 2}",
         {"type": "tensorflow", "worker_count": 2, "parameter_server_count": 1}),
        ("framework: TensorFlow\ntensorflow: {workerCount: 2}", None),
    ],
)  # fmt: skip
def test_distributions(tmp_path: Path, text: str, becomes: dict[str, Any] | None) -> None:
    made = job(tmp_path, f"script: train.py\ntarget: c\n{text}\n{ENV}")
    assert (None if made.distribution is None else to_dict(made.distribution)) == becomes


def test_sections_that_nothing_asks_for(tmp_path: Path) -> None:
    text = f"script: train.py\nmpi: {{processCountPerNode: 4}}\ntensorflow: {{workerCount: 1}}\n{ENV}"
    notes = job(tmp_path, text).local.notes
    assert [note.split(": ")[:3] for note in notes] == [
        ["train.runconfig:2", "mpi.processCountPerNode", "has no effect"]
    ]


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("framework: PyTorch\ncommunicator: Nccl\nnodeCount: 3\npytorch: {processCount: 8}", "pytorch.processCount"),
        ("communicator: Mpi\nnodeCount: 2\nmpi: {nodeCount: 4}", "mpi.nodeCount"),
        ("communicator: Mpi\nnodeCount: 2\nmpi: {processCountPerNode: 0}", "mpi.processCountPerNode"),
        ("communicator: ParameterServer\nnodeCount: 1\ntensorflow: {workerCount: 2}", "tensorflow.workerCount"),
        ("nodeCount: 0", "nodeCount"),
        ("maxRunDurationSeconds: -1", "maxRunDurationSeconds"),
        ("docker: {shmSize: lots}", "docker.shmSize"),
        ("target: amlcompute", "amlcompute.vmSize"),
        ("target: <your cluster>", "target"),
        ("target: containerinstance", "target"),
        ("communicator: ParallelTask", "communicator"),
    ],
)
def test_what_does_not_fit_together(tmp_path: Path, text: str, field: str) -> None:
    target = "" if "target" in text else "target: c\n"
    assert refused(tmp_path, f"{text}\n{target}script: train.py\n{ENV}").field == field


def test_resources_limits_and_the_rest(tmp_path: Path) -> None:
    text = f"""
script: train.py
target: amlcompute
nodeCount: 2
communicator: OpenMpi
maxRunDurationSeconds: 3_600
priority: 3
amlcompute: {{vmSize: STANDARD_D2_V2, vmPriority: low_priority, retainCluster: true, clusterMaxNodeCount: 4}}
credentialPassthrough: true
docker: {{arguments: [--ipc=host, -v, "C:\\\\a b\\\\c:/data:ro"], shmSize: 6G}}
applicationEndpoints:
  my_nb: {{type: Jupyter, port: 8888}}
  tb: {{type: tensorboard, properties: {{logDir: logs}}}}
  me: {{type: SSH, properties: {{sshPublicKeys: ssh-rsa k}}}}
  g: {{type: Grafana}}
{ENV}"""
    made = to_dict(job(tmp_path, text))
    assert "compute" not in made
    assert made["resources"] == {
        "instance_count": 2, "instance_type": "STANDARD_D2_V2", "shm_size": "6g",
        "docker_args": ["--ipc=host", "-v", "C:\\a b\\c:/data:ro"],
    }  # fmt: skip
    assert made["limits"] == {"timeout": 3600}
    assert made["queue_settings"] == {"job_tier": "spot", "priority": "high"}
    assert made["identity"] == "user_identity"
    assert made["services"] == {
        "my_nb": {"type": "jupyter_lab", "port": 8888},
        "tb": {"type": "tensor_board", "log_dir": "logs"},
        "me": {"type": "ssh", "ssh_public_keys": "ssh-rsa k"},
    }
    assert made["local"]["volumes"] == [{"host": "C:\\a b\\c", "container": "/data"}]
    notes = "\n".join(made["local"]["notes"])
    for name in ("amlcompute.retainCluster", "amlcompute.clusterMaxNodeCount", "applicationEndpoints.g.type"):
        assert name in notes


@pytest.mark.parametrize(
    ("words", "pairs"),
    [
        ("[-v, HERE:/c]", [Volume("HERE", "/c")]),
        ("['-v HERE:/c']", [Volume("HERE", "/c")]),
        ("[--volume=HERE:/c:ro, -v./x:/y]", [Volume("HERE", "/c"), Volume("./x", "/y")]),
        ("[-v, name]", []),
        ("-v HERE:/c", [Volume("HERE", "/c")]),
    ],
)
def test_volumes(tmp_path: Path, words: str, pairs: list[Volume]) -> None:
    here = tmp_path.as_posix()
    text = words.replace("HERE", here)
    made = job(tmp_path, f"script: train.py\nenvironment: {{docker: {{arguments: {text}}}}}\n")
    assert made.local.volumes == [Volume(one.host.replace("HERE", here), one.container) for one in pairs]


@pytest.mark.parametrize("host", ["/no/such", "C:\\data"])
def test_a_volume_whose_folder_is_missing(tmp_path: Path, host: str) -> None:
    text = f"script: train.py\ndocker:\n  arguments: [-v, '{host}:/data']\n"
    with pytest.raises(AmlError, match="no such file or folder") as raised:
        job(tmp_path, text)
    assert (raised.value.line, raised.value.field) == (3, "docker.arguments")
    assert job(tmp_path, f"target: cluster\n{text}{ENV}").resources.docker_args == ["-v", f"{host}:/data"]


def test_batchai_node_count(tmp_path: Path) -> None:
    made = job(tmp_path, f"script: train.py\ntarget: c\nprepareEnvironment: true\nbatchai: {{nodeCount: 3}}\n{ENV}")
    assert made.resources is not None
    assert made.resources.instance_count == 3


def test_spark(tmp_path: Path) -> None:
    text = """
script: train.py
arguments: [--x, a b]
framework: PySpark
target: c
spark: {configuration: {spark.app.name: Azure ML Experiment, spark.executor.cores: 4, spark.yarn.queue: q}}
environment:
  spark: {packages: [{group: g, artifact: a, version: 1.10}], repositories: [https://r]}
"""
    made = to_job.load("train", model(tmp_path, text))
    assert isinstance(made, SparkJob)
    assert (made.entry, made.args, made.compute) == ("train.py", ["--x", "a b"], "azureml:c")
    assert made.conf["spark.executor.cores"] == 4
    assert made.conf["spark.jars.packages"] == "g:a:1.10"
    assert made.conf["spark.jars.repositories"] == "https://r"
    assert "spark.app.name" not in made.conf
    here = to_job.load("train", tmp_path, target="local")
    assert isinstance(here, CommandJob)
    spark = here.local.spark
    assert spark is not None and spark.conf["spark.jars.packages"] == "g:a:1.10"
    assert spark.places == {"g:a:1.10": "train.runconfig:8: environment.spark.packages"}
    assert any(note.startswith("train.runconfig:6: ") and "spark.yarn.queue" in note for note in here.local.notes)


WORKBENCH = """ArgumentVector: [train.py, --a, 1]
Target: {target}
Framework: Python
EnvironmentVariables: {{EXAMPLE_ENV_VAR: Example Value, A: b}}
CondaDependenciesFile: conda.yml
SparkDependenciesFile: spark.yml
PrepareEnvironment: true
TrackedRun: true
Odd: 1
"""


def test_workbench(tmp_path: Path) -> None:
    made = job(tmp_path, WORKBENCH.format(target="docker"))
    assert (made.command, made.compute) == (["python", "train.py", "--a", "1"], "local")
    assert made.environment_variables == {"A": "b"}
    assert made.environment is not None
    assert made.environment.conda_file == tmp_path / "conda.yml"
    notes = "\n".join(made.local.notes)
    for said_once in ("train.runconfig:1: a Workbench file", "sparkDependenciesFile", ":9: odd: unknown key"):
        assert said_once in notes
    remarks = to_job.read(to_job.find(tmp_path, "train"), tmp_path).remarks()
    assert any("train.runconfig:1: a Workbench file" in line for line in remarks), "a note on the whole file has no key"


def test_workbench_compute_file(tmp_path: Path) -> None:
    model(tmp_path, "")
    (tmp_path / "aml_config" / "vm.compute").write_text(
        "type: remotedocker\nbaseDockerImage: i\nuserManagedEnvironment: true\npythonLocation: /p\naddress: x\n"
    )
    made = job(tmp_path, WORKBENCH.format(target="vm"))
    assert (made.compute, made.environment.image if made.environment else None) == ("azureml:vm", "i")
    assert made.command[0] == "/p"
    assert any("vm.compute: no effect: address" in note for note in made.local.notes)


def test_workbench_without_a_script(tmp_path: Path) -> None:
    text = WORKBENCH.replace("train.py, --a, 1", "$file").format(target="local")
    assert refused(tmp_path, text).field == "script"
    assert job(tmp_path, text, script_and_arguments=["train.py"]).command == ["python", "train.py"]


@pytest.mark.parametrize("mode", ["    mode: mount\n", ""])
def test_a_mount_that_v1_could_write_to_is_said(tmp_path: Path, mode: str) -> None:
    text = (
        "script: train.py\narguments: [--out, $AZUREML_DATAREFERENCE_results]\ntarget: cpu-cluster\n"
        "dataReferences:\n  results:\n    dataStoreName: blob\n    pathOnDataStore: results/\n"
    )
    (tmp_path / "train.py").touch()
    (tmp_path / "x.runconfig").write_text(text + mode)
    for target, expected in ((None, True), ("local", False)):
        notes = to_job.load("x", tmp_path, target=target).local.notes
        assert any("results: mounted read-only in v2" in note for note in notes) is expected
    (tmp_path / "x.runconfig").write_text(text + "    mode: upload\n")
    assert not any("reading only" in note for note in to_job.load("x", tmp_path).local.notes)


SYNONYMS = """\
entry_script: train.py
args: [--lr, 0.1]
compute_target: gpu
max_run_duration: 60
docker_runtime_config: {use_docker: true, shm_size: 8g}
environment_name: mine
environment:
  image: example.io/base:1
  python: {user_managed: true}
process_count_per_node: 4
"""


def test_keys_by_the_names_that_sdk_v1_and_v2_have_for_them(tmp_path: Path) -> None:
    made = job(tmp_path, SYNONYMS)
    assert isinstance(made, CommandJob)
    assert (made.compute, made.command) == ("azureml:gpu", ["python", "train.py", "--lr", "0.1"])
    assert made.limits.timeout == 60 and made.resources.shm_size == "8g"
    assert made.environment is not None and made.environment.image == "example.io/base:1"
    told = "\n".join(made.local.notes)
    for line, name, meant in ((1, "entry_script", "script"), (3, "compute_target", "target"),
                              (8, "environment.image", "environment.docker.baseImage")):  # fmt: skip
        assert f"train.runconfig:{line}: {name}: read as {meant}" in told


def test_a_synonym_beside_the_key_itself(tmp_path: Path) -> None:
    made = job(tmp_path, ENV + "script: train.py\ncompute: there\ntarget: here-cluster\nvmSize: null\n")
    assert made.compute == "azureml:here-cluster"
    assert "train.runconfig:5: compute: not used: target on line 6 takes precedence" in made.local.notes


def test_a_mistake_in_a_synonym_is_told_by_its_own_name(tmp_path: Path) -> None:
    error = refused(tmp_path, ENV + "script: train.py\ninstance_count: four\n")
    assert (error.field, error.line) == ("instance_count", 5) and 'got "four"' in error.message


def test_an_option_and_its_value_in_one_word(tmp_path: Path) -> None:
    words = '["--regularization 0.6", "-n 3", --name, "two words", "--text=two words", "- a"]'
    made = job(tmp_path, ENV + f"script: train.py\narguments: {words}\n")
    told = [note for note in made.local.notes if "is one argument with a space in it" in note]
    assert len(told) == 2 and "'--regularization 0.6'" in told[0] + told[1]
    assert made.command[2] == "--regularization 0.6", "as v1 had it"


def test_what_lies_nearby_is_named(tmp_path: Path) -> None:
    (tmp_path / "run_config.yml").write_text("script: train.py\ntarget: local\n", encoding="utf-8")
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts" / "train.py").touch()
    with pytest.raises(AmlError) as caught:
        to_job.find(tmp_path, "run_config")
    assert caught.value.hint == "There is a file run_config.yml: -c run_config.yml"
    with pytest.raises(AmlError) as caught:
        to_job.load("run_config.yml", tmp_path)
    assert caught.value.hint == "It is in scripts: add --source-directory scripts"
