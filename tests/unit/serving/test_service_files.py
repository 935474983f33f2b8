"""v1's inference, deployment and parallel-run files: read, explained, and translated into v2 YAML that loads."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support.workplace import Workplace

from amlrun.cli import deploy
from amlrun.cli.common import Context
from amlrun.errors import AmlError
from amlrun.project import Project
from amlrun.serving import process, stats
from amlrun.serving.local import LocalService
from amlrun.v1.config import Config
from amlrun.v1.scoring import batch_endpoint, endpoint, inference, parallel
from amlrun.v1.scoring.field_table import DEPLOYMENT, INFERENCE, PARALLEL

pytestmark = pytest.mark.slow

TEMPLATE = Path(__file__).parents[3] / "template"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model's folder as v1 repos have it."""
    (tmp_path / "aml_config").mkdir()
    (tmp_path / "score.py").write_text("def init(): ...\ndef run(data): ...\n")
    (tmp_path / "conda.yml").write_text("name: x\ndependencies: [python=3.11]\n")
    return tmp_path


def read(folder: Path, text: str, table: Any = DEPLOYMENT, name: str = "config.yml") -> Config:
    (folder / name).write_text(text, encoding="utf-8")
    return inference.read(folder / name, table)


def said(config: Config) -> dict[str, Any]:
    return {value.name: value.value for value in config.values.values()}


def scoring(folder: Path, text: str = "entryScript: score.py\ncondaFile: conda.yml\n") -> inference.Inference:
    return inference.inference(folder, read(folder, text, INFERENCE, "inference.yml"))


@pytest.mark.parametrize(
    "text",
    [
        "computeType: ACI\ncontainerResourceRequirements:\n  cpu: 1\n  memoryInGB: 1.5\n",
        "compute_type: ACI\ncontainer_resource_requirements: {cpu: '1', memory_in_gb: 1.5}\n",
        "ComputeType: ACI\nContainerResourceRequirements: {Cpu: 1, MemoryInGB: 1.5}\n",
        '{\n\t"computeType": "ACI",\n\t"containerResourceRequirements": {"cpu": 1.0, "memoryInGB": "1.5"}\n}',
        "\ufeffcomputeType: ACI\r\ncontainerResourceRequirements:\r\n  cpu: 1\r\n  memoryInGB: 1.5\r\n",
    ],
)
def test_every_way_to_write_a_file_reads_the_same(folder: Path, text: str) -> None:
    config = read(folder, text)
    assert said(config) == {
        "computeType": "ACI",
        "containerResourceRequirements.cpu": 1.0,
        "containerResourceRequirements.memoryInGB": 1.5,
    }
    assert config.without_effect() == []


def test_every_key_is_explained_with_its_line(folder: Path) -> None:
    config = read(
        folder, "computeType: AKS\nauthEnabled: 'false'\nnamespace: team\nscoringTimeoutMS: 5000\nnumReplica: 2\n"
    )
    rows = {row.key: row for row in config.rows()}
    assert [(row.line, row.status) for row in config.rows()] == [
        (1, "mapped"), (2, "mapped"), (3, "unsupported"), (4, "mapped"), (5, "unknown"),
    ]  # fmt: skip
    assert rows["authEnabled"].value is False, "the word false is false"
    assert rows["numReplica"].becomes == "did you mean 'numReplicas'?"
    assert [row.key for row in config.without_effect()] == ["namespace", "numReplica"]


def test_the_names_that_sdk_v1_and_the_flags_use_are_taken(folder: Path) -> None:
    """c17."""
    config = read(folder, "computeType: ACI\nenableAppInsights: true\ncpu_cores: 2\nmemory_gb: 4\n")
    assert said(config) == {
        "computeType": "ACI",
        "appInsightsEnabled": True,
        "containerResourceRequirements.cpu": 2.0,
        "containerResourceRequirements.memoryInGB": 4.0,
    }
    assert [(row.key, row.line, row.status) for row in config.rows()][1] == ("appInsightsEnabled", 2, "mapped")
    script = read(folder, "entryScript: score.py\nenableAppInsights: true\n", INFERENCE)
    assert script.without_effect()[0].key == "enableAppInsights", "a key of deployments only"


@pytest.mark.parametrize(
    ("text", "line", "key", "message"),
    [
        ("computeType: ACI\nnumReplicas: many\n", 2, "numReplicas", 'expected a whole number, got "many"'),
        ("numReplicas: 1.5\n", 1, "numReplicas", "expected a whole number"),
        ("authEnabled: perhaps\n", 1, "authEnabled", "expected true or false"),
        ("containerResourceRequirements:\n  cpu: [1]\n", 2, "containerResourceRequirements.cpu", "expected a number"),
        ("containerResourceRequirements:\n  cpu: .nan\n", 2, "containerResourceRequirements.cpu", "expected a number"),
        ("tags: [a]\n", 1, "tags", "expected keys below it, got a list"),
        ("a: b: c\n", 1, "", "two keys on one line"),
        ("- a\n", 1, "", "expected keys and values"),
        ("", 1, "", "is empty"),
        ("entryScript: score.py\n", None, "", "a different kind of file.*\nExpected keys such as computeType"),
    ],
)
def test_a_wrong_value_is_named_with_file_line_and_key(
    folder: Path, text: str, line: int | None, key: str, message: str
) -> None:
    with pytest.raises(AmlError, match=message) as caught:
        read(folder, text)
    assert (caught.value.file, caught.value.line, caught.value.field) == (folder / "config.yml", line, key)


def test_what_the_file_says_in_vain_is_noted_with_its_place(folder: Path) -> None:
    config = read(folder, "computeType: AKS\nnamespace: team\n")
    assert config.remarks() == [f"{folder / 'config.yml'}:2: namespace: AKS only"]


def test_from_the_wrong_folder_the_right_one_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = tmp_path / "models" / "model1"
    (model / "aml_config").mkdir(parents=True)
    (model / "score.py").write_text("def init(): ...\n")
    file = model / "aml_config" / "config.yml"
    file.write_text("entryScript: score.py\nsourceDirectory: .\n")
    monkeypatch.chdir(tmp_path)
    there = os.path.join("models", "model1")  # noqa: PTH118 - as it is printed
    for look in (
        lambda: inference.find_file("config.yml", tmp_path, tmp_path, "--ic"),
        lambda: inference.inference(tmp_path, inference.read(file, INFERENCE)),
        lambda: inference.inference(tmp_path, Config(INFERENCE)),
    ):
        with pytest.raises(AmlError) as caught:
            look()
        assert f"It is in {there}: run the command there (cd {there}), or give --path {there}." in caught.value.hint


def test_a_record_of_another_version_is_read_as_far_as_it_is_known(tmp_path: Path) -> None:
    found = LocalService(Project(tmp_path), "svc")
    found.folder.mkdir(parents=True)
    (found.folder / "service.json").write_text('{"settings": {"workers": 3, "later": true}}')
    assert found.settings().workers == 3


def test_the_curl_line_can_be_pasted_whatever_the_folder_is_called(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sample = tmp_path / "Mein Modell" / "deployment" / "sample-request.json"
    sample.parent.mkdir(parents=True)
    sample.touch()
    (sample.parents[1] / ".git").mkdir()
    found = LocalService(Project(tmp_path), "svc")
    found.folder.mkdir(parents=True)
    (found.folder / "service.json").write_text('{"port": 1}')
    deploy.introduce(Context(sample.parents[1]), found, wait=True)
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "curl" in line]
    assert shlex.split(line)[-3:] == ["-d", f"@{sample}", "http://127.0.0.1:1/score"]


def test_the_script_and_the_conda_file_are_found_as_v1_found_them(folder: Path) -> None:
    assert scoring(folder).source == folder.resolve()
    source = folder / "src"
    source.mkdir()
    (source / "score.py").write_text("def init(): ...\n")
    (source / "env.yml").write_text("dependencies: []\n")
    inside = scoring(folder, "entryScript: score.py\nsourceDirectory: src\ncondaFile: env.yml\n")
    assert (inside.source, inside.entry, inside.conda) == (source.resolve(), "score.py", (source / "env.yml").resolve())
    above = scoring(folder, "entryScript: score.py\nsourceDirectory: src\ncondaFile: conda.yml\n")
    assert above.conda == (folder / "conda.yml").resolve(), "older files named it from --path"
    (source / "beside.yml").write_text("entryScript: score.py\ncondaFile: env.yml\n")
    beside = inference.inference(folder / "aml_config", inference.read(source / "beside.yml", INFERENCE))
    assert beside.source == source.resolve()
    with pytest.raises(AmlError, match=r"there is no file nosuch\.py") as caught:
        scoring(folder, "condaFile: conda.yml\nentryScript: nosuch.py\n")
    assert (caught.value.line, caught.value.field) == (2, "entryScript")
    assert "Looked for:" in caught.value.hint


def test_an_environment_in_the_file_is_read(folder: Path) -> None:
    spec = {"dependencies": ["python=3.11", {"pip": ["flask"]}]}
    text = json.dumps(
        {
            "entryScript": "score.py",
            "environment": {
                "environmentVariables": {"EXAMPLE_ENV_VAR": "EXAMPLE_VALUE", "LEVEL": 2},
                "python": {"userManagedDependencies": False, "condaDependencies": spec},
                "docker": {"baseImage": "mcr.example/x:1", "enabled": False},
            },
        }
    )
    found = scoring(folder, text)
    assert found.conda == spec
    assert found.variables == {"LEVEL": "2"}, "v1's filler is left out"
    managed = scoring(folder, "environment: {python: {userManagedDependencies: true, interpreterPath: python3}}\n")
    assert (managed.conda, managed.interpreter) == (None, "python3")


@pytest.mark.parametrize(
    ("cpu", "memory", "gpus", "instance"),
    [
        # The table of the migration guide, at its bounds.
        (0.1, 0.5, 0, "Standard_DS1_v2"), (1, 1.2, 0, "Standard_DS1_v2"), (2, 1.7, 0, "Standard_F2s_v2"),
        (2, 4.7, 0, "Standard_DS2_v2"), (2, 13.7, 0, "Standard_E2s_v3"), (4, 5.7, 0, "Standard_F4s_v2"),
        (4, 11.7, 0, "Standard_DS3_v2"), (4, 16, 0, "Standard_E4s_v3"),
        # Between its rows, and beyond it.
        (1, 1.3, 0, "Standard_F2s_v2"), (1, 8, 0, "Standard_E2s_v3"), (3, 13.7, 0, "Standard_E4s_v3"),
        (8, 16, 0, "Standard_DS4_v2"), (4, 32, 0, "Standard_E8s_v3"), (1, 1, 1, "Standard_NC6s_v3"),
    ],
)  # fmt: skip
def test_cpu_and_memory_choose_the_instance(cpu: float, memory: float, gpus: int, instance: str) -> None:
    assert endpoint.instance_type(cpu, memory, gpus) == instance


def test_more_than_any_instance_has_is_an_error() -> None:
    with pytest.raises(AmlError, match="no instance type"):
        endpoint.instance_type(64, 1)


AKS = """\
computeType: AKS
autoScaler: {autoscaleEnabled: true, minReplicas: 2, maxReplicas: 5, refreshPeriodInSeconds: 10, targetUtilization: 70}
containerResourceRequirements: {cpu: 2, memoryInGB: 4}
authEnabled: false
appInsightsEnabled: true
scoringTimeoutMs: 5000
maxConcurrentRequestsPerContainer: 2
maxQueueWaitMs: 800
livenessProbeRequirements: {periodSeconds: 20, initialDelaySeconds: 30, timeoutSeconds: 4, successThreshold: 1, failureThreshold: 5}
keys: {primaryKey: do-not-copy-me}
tags: {team: one}
"""  # noqa: E501


def test_aks_becomes_a_managed_endpoint_and_what_has_no_counterpart_is_named(folder: Path) -> None:
    made = endpoint.translate("svc", "blue", "demo:3", scoring(folder), read(folder, AKS))
    assert made.endpoint["auth_mode"] == "key"
    deployment = made.deployment
    assert deployment["model"] == "azureml:demo:3"
    assert deployment["instance_type"] == "Standard_DS2_v2"
    assert deployment["instance_count"] == 2
    assert deployment["request_settings"] == {
        "request_timeout_ms": 5000, "max_concurrent_requests_per_instance": 2, "max_queue_wait_ms": 800,
    }  # fmt: skip
    assert deployment["liveness_probe"]["initial_delay"] == 30
    assert deployment["app_insights_enabled"] is True
    said = "\n".join(made.notes)
    assert "authEnabled: a managed endpoint always asks for a key" in said
    assert "--min-count 2 --max-count 5" in said
    files = endpoint.write(made, folder / "out")
    written = "".join(file.read_text(encoding="utf-8") for file in files)
    assert "do-not-copy-me" not in written + said, "a key is never copied"
    assert str(folder) not in written, "paths are relative to the files"


def test_a_secret_is_explained_without_its_value(folder: Path) -> None:
    config = read(folder, "keys: {primaryKey: do-not-show}\nsslKey: do-not-show\nother: {aPassword: do-not-show}\n")
    assert "do-not-show" not in str([row.value for row in config.rows()])
    assert config.rows()[0].value == "***"
    assert read(folder, "authEnabled: true\ntokenAuthEnabled: true\n").rows()[1].value is True


def service_files(place: Workplace) -> tuple[str, ...]:
    (place.model / "score.py").write_text("def init(): ...\ndef run(data): ...\n")
    (place.model / "conda.yml").write_text("name: x\ndependencies: [python=3.11]\n")
    (place.model / "aml_config" / "ic.yml").write_text("entryScript: score.py\ncondaFile: conda.yml\n")
    (place.root / "deployment").mkdir()
    (place.root / "deployment" / "dc.yml").write_text(AKS)
    return "--ic", "ic.yml", "--dc", "deployment/dc.yml"


def test_explain_takes_the_files_of_a_deployment(workplace: Workplace) -> None:
    words = service_files(workplace)
    rows = json.loads(workplace.aml("explain", *words, "-o", "json").stdout)
    assert {frozenset(row) for row in rows} == {frozenset({"file", "key", "value", "line", "status", "becomes"})}
    assert [row["file"] for row in rows if row["key"] in ("entryScript", "authEnabled")] == ["ic.yml", words[3]]
    text = workplace.aml("explain", *words).stdout
    assert "ic.yml:\nkey " in text
    assert "do-not-copy-me" not in text + str(rows)
    assert "scoringTimeoutMs" in workplace.aml("explain", "--dc", words[3], cwd=workplace.root).stdout
    assert "nothing to explain" in workplace.aml("explain", code=2).stderr
    assert "cannot be combined with -c" in workplace.aml("explain", "-c", "local", *words, code=2).stderr
    assert "Give it with --dc" in workplace.aml("explain", "-c", "../../" + words[3], code=2).stderr


def test_export_writes_or_prints_an_endpoint_and_its_deployment(workplace: Workplace) -> None:
    words = ("export", "-n", "my-service", "-m", "demo:3", *service_files(workplace))
    printed = workplace.aml(*words)
    assert printed.stdout.count("\n---\n") == 1
    assert "authEnabled: a managed endpoint always asks for a key" in printed.stderr
    done = workplace.aml(*words, "-o", "out")
    files = [workplace.model / "out" / name for name in ("endpoint.yml", "deployment.yml")]
    assert "az ml online-deployment create --all-traffic -f out/deployment.yml" in done.stdout.replace("\\", "/")
    assert "# - authEnabled: a managed endpoint" in files[1].read_text(encoding="utf-8")
    found = loaded("online", files)
    assert (found["endpoint"], found["model"], found["class"]) == ("my-service", "demo:3", "ManagedOnlineDeployment")
    value = json.loads(workplace.aml(*words, "-o", "json").stdout)
    assert value["deployment"]["code_configuration"]["code"] == "."
    for wrong, said in (
        (("export", "--dc", "deployment/dc.yml"), "nothing to export"),
        ((*words, "--ct", "cpu"), "--ct: cannot be combined with --ic and --dc"),
        (("export", "-c", "local", "-m", "demo"), "-m: cannot be combined with -c"),
        (("export", "-n", "My_Service", "-m", "demo"), "is not a valid service name"),
    ):
        assert said in workplace.aml(*wrong, code=2).stderr


LOAD = """
import sys, json
import azure.ai.ml as sdk
kind, first, second = sys.argv[1:]
names = {"online": ("online_endpoint", "online_deployment"), "batch": ("batch_endpoint", "batch_deployment")}
endpoint, deployment = (getattr(sdk, f"load_{name}")(file) for name, file in zip(names[kind], (first, second)))
print(json.dumps({
    "auth": endpoint.auth_mode, "endpoint": deployment.endpoint_name, "class": type(deployment).__name__,
    "model": str(deployment.model), "script": deployment.code_configuration.scoring_script,
}))
"""


def loaded(kind: str, files: list[Path]) -> dict[str, Any]:
    """What azure-ai-ml itself reads from the two files; a process of its own, for it takes two seconds to import."""
    words = [sys.executable, "-c", LOAD, kind, *map(str, files)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=600, env={**os.environ, "NO_COLOR": "1"})
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_the_flags_of_v1_come_before_the_files_keys(workplace: Workplace) -> None:
    """Every flag that V1_CLI.md §8 lists for `model deploy` and `service update` and that has a counterpart."""
    from amlrun.cli.deploy_options import DeploymentFlags
    from amlrun.cli.scoring_options import Script

    service_files(workplace)
    script = Script("ic.yml", {"runtime": "python", "baseImage": "image:1", "baseImageRegistry.address": "reg.example"})
    made = endpoint.changes(None, script.inference(workplace.model), Config(DEPLOYMENT))
    assert made.deployment["environment"]["image"] == "reg.example/image:1"
    config = DeploymentFlags(
        "deployment/dc.yml", {"numReplicas": "3", "keys.primaryKey": "do-not-copy-me"}, {"tags": {"a": "b"}}
    )
    made = endpoint.changes("demo", None, config.config(workplace.model))
    assert made.deployment["instance_count"] == 3
    assert "code_configuration" not in made.deployment, "what is not said is not changed"
    assert "do-not-copy-me" not in str(made)
    assert endpoint.changes(None, None, Config(DEPLOYMENT)) == endpoint.Managed({}, {}, [])
    with pytest.raises(AmlError, match="--num-replicas: expected a whole number"):
        DeploymentFlags(None, {"numReplicas": "many"}, {}).config(workplace.model)
    help_text = workplace.aml("service", "update", "--help").stdout
    assert "--num-replicas" in help_text
    for flag in ("--rt python", "--kp x", "--ev 1", "--cv 11", "--location x", "--eg true"):
        refused = workplace.aml("service", "update", "-n", "nosuch", *flag.split(), code=2)
        assert "no service 'nosuch'" in refused.stderr, flag


def test_azure_ai_ml_loads_the_exported_service(folder: Path) -> None:
    made = endpoint.translate("svc", "blue", "demo", scoring(folder), read(folder, AKS))
    found = loaded("online", endpoint.write(made, folder / "out"))
    assert found["class"] == "ManagedOnlineDeployment"
    assert found["model"] == "demo@latest"
    assert (found["script"], found["endpoint"]) == ("score.py", "svc")


def test_azure_ai_ml_loads_the_exported_batch_deployment(folder: Path) -> None:
    text = (TEMPLATE / "models/model1/aml_config/batch-score.yml").read_text()
    (folder / "score_batch.py").write_text("def init(): ...\n")
    (folder / "aml_config" / "inference-conda.yml").write_text("dependencies: []\n")
    config = read(folder, text + "node_count: 2\ncompute_target: cpu-cluster\nallowed_failed_percent: 3\n", PARALLEL)
    script = inference.inference(
        folder, config, entry=config.get("entry_script"), conda=config.get("conda_file"), source="."
    )
    made = batch_endpoint.translate(script, config, parallel.settings(config), "demo:1")
    assert made.notes == ["allowed_failed_percent: error_threshold counts the files that failed"]
    assert made.deployment["mini_batch_size"] == 10
    assert made.deployment["retry_settings"] == {"max_retries": 3, "timeout": 60}
    found = loaded("batch", endpoint.write(made, folder / "out", "batch-endpoint.yml", "batch-deployment.yml"))
    assert found["model"] == "demo:1"
    assert found["script"] == "score_batch.py"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("mini_batch_size: 0", "expected a number of files"),
        ("mini_batch_size: 10 apples", "expected a number of files"),
        ("error_threshold: -2", "expected -1 or more"),
        ("run_max_try: 0", "expected 1 or more"),
        ("process_count_per_node: 0", "expected 1 or more"),
        ("output_action: shred", "expected append_row or summary_only"),
        ("append_row_file_name: ../up.txt", "expected a file's name"),
    ],
)
def test_a_batch_setting_out_of_range_is_named_with_its_line(folder: Path, line: str, message: str) -> None:
    with pytest.raises(AmlError, match=message) as caught:
        parallel.settings(read(folder, f"entry_script: score.py\n{line}\n", PARALLEL))
    assert caught.value.line == 2


@pytest.mark.parametrize(
    ("size", "expected"),
    [("5", (5, 0)), ("1024KB", (0, 1024 * 1024)), ("10MB", (0, 10 * 1024**2)), ("1 gb", (0, 1024**3))],
)
def test_mini_batches_are_so_many_files_or_about_so_many_bytes(
    folder: Path, size: str, expected: tuple[int, int]
) -> None:
    found = parallel.settings(read(folder, f"mini_batch_size: {size}\n", PARALLEL))
    assert (found.files, found.bytes) == expected


@pytest.mark.parametrize("file", sorted((TEMPLATE / "deployment").glob("*.yml")), ids=lambda file: file.name)
def test_the_files_of_the_template_say_nothing_in_vain(file: Path) -> None:
    config = inference.read(file, DEPLOYMENT)
    assert config.rows()
    assert {row.status for row in config.rows()} <= {"mapped", "local"}


def test_percentiles_are_those_of_the_nearest_rank(tmp_path: Path) -> None:
    log = tmp_path / "service.log"
    lines = [f"x azmlinfsrv - POST /score 200 {ms}.000ms 9\n" for ms in range(1, 101)]
    log.write_text("".join(lines) + "x azmlinfsrv - POST /score 400 200.0ms 9\nx azmlinfsrv - GET / 200 1.0ms 9\n")
    found = stats.read(log, tmp_path / "none").record()
    assert found["count"] == 101
    assert found["errors"] == {"4xx": 1, "5xx": 0}
    assert (found["latency_ms"]["p50"], found["latency_ms"]["p99"]) == (51.0, 100.0)
    assert stats.read(tmp_path / "none", tmp_path / "none").record()["latency_ms"]["p50"] is None


def test_the_cause_is_the_scripts_even_when_the_master_has_the_last_word(tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    script = "Traceback (most recent call last):\n  File\namlrun.Refused: model.pkl is not the registered file\n"
    master = "Traceback (most recent call last):\n  File\ngunicorn.errors.HaltServer: <HaltServer 'failed to boot' 3>\n"
    log.write_text(script + master, encoding="utf-8")
    assert process.cause(log) == "amlrun.Refused: model.pkl is not the registered file"
