"""Job files as people have them: what the service gets, and what is printed beside it."""

from __future__ import annotations

import io
import json
import os
from typing import ClassVar

import pytest
from azure.ai.ml import load_job
from azure.core.exceptions import HttpResponseError
from standin.project import Cloud

from amlrun.azure import calls

IMAGE = 'environment: {image: "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04"}'
SPOT = f"""\
type: command
code: src
command: python a.py
{IMAGE}
resources: {{instance_type: Standard_E4s_v3}}
queue_settings: {{job_tier: spot}}
"""
MOUNTED = """\
script: train.py
arguments: [--out, $AZUREML_DATAREFERENCE_results]
target: cpu-cluster
environment:
  docker:
    baseImage: mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04
dataReferences:
  results:
    dataStoreName: workspaceblobstore
    pathOnDataStore: results/
    mode: mount
"""


@pytest.mark.parametrize(
    ("queue", "sent"),
    [
        ("queue_settings: {job_tier: spot}", {"jobTier": "Spot"}),
        ("queue_settings: {job_tier: Premium, priority: high}", {"jobTier": "Premium", "priority": 3}),
    ],
)
def test_a_spot_job_prints_nothing_of_the_sdks_experiments(cloud: Cloud, queue: str, sent: dict[str, object]) -> None:
    (cloud.path / "src").mkdir()
    (cloud.path / "src" / "a.py").write_text("print(1)\n", encoding="utf-8")
    (cloud.path / "job.yml").write_text(SPOT.replace("queue_settings: {job_tier: spot}", queue), encoding="utf-8")
    done = cloud.aml("job", "create", "-f", "job.yml", "-t", "run.json", "--async", "-o", "json")
    assert done.code == 0, done.text
    assert [line.partition(":")[0] for line in done.err.split("\n") if line] == ["RunId", "Snapshot", "Web View"]
    assert cloud.workspace.jobs[cloud.run()["run_id"]].said["queueSettings"] == sent


@pytest.mark.parametrize("more", ["", "resources: {instance_count: 2}\n"])
def test_a_job_without_compute_is_serverless(cloud: Cloud, more: str) -> None:
    (cloud.path / "job.yml").write_text(f'command: echo "hello world"\n{IMAGE}\n{more}', encoding="utf-8")
    done = cloud.aml("job", "create", "-f", "job.yml", "-t", "run.json")
    assert done.code == 0, done.text
    assert "hello world" in done.out
    job = cloud.workspace.jobs[cloud.run()["run_id"]].said
    assert job.get("computeId") is None


WORDS = "import json, os, sys\nprint(json.dumps(['words', sys.argv[1:], os.environ.get('MY_TEXT')]))\n"


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("python show.py \"${{inputs.text}}\" ${{inputs.text}} --e '${{inputs.none}}'",
         ["Hello world", "Hello", "world", "--e", ""]),
        ("set -o pipefail; python show.py $[[--rate ${{inputs.rate}}]] $[[--n=${{inputs.n}}]] x | cat", ["--n=3", "x"]),
        ("[[ $MY_TEXT == Hello* ]] && python show.py \"it's ${{ inputs.text }}\" ${{inputs.flag}} ${{inputs.small}}",
         ["it's Hello world", "True", "1e-05"]),
    ],
)  # fmt: skip
def test_a_command_is_the_same_here_and_there(cloud: Cloud, command: str, words: list[str]) -> None:
    """b02, b04, b11: quoted and unquoted bindings, bash's own words, optional parts."""
    (cloud.path / "src").mkdir()
    (cloud.path / "src" / "show.py").write_text(WORDS, encoding="utf-8")
    (cloud.path / "job.yml").write_text(
        f"command: |\n  {command}\ncode: src\n{IMAGE}\ncompute: azureml:cpu-cluster\n"
        "inputs:\n  text: Hello world\n  none: ''\n  rate: {type: number, optional: true}\n  flag: true\n  n: 3\n"
        "  small: 0.00001\nenvironment_variables: {MY_TEXT: Hello there}\n",
        encoding="utf-8",
    )
    for place in ((), ("--ct", "local")):
        done = cloud.aml("job", "create", "-f", "job.yml", *place, PATH=os.environ["PATH"])
        assert done.code == 0, done.text
        line = next(line for line in done.out.splitlines() if line.startswith('["words"'))
        assert json.loads(line) == ["words", words, "Hello there"], place


def test_a_v1_mount_is_told_to_be_for_reading_only(cloud: Cloud) -> None:
    (cloud.path / "aml_config" / "train.runconfig").write_text(MOUNTED, encoding="utf-8")
    done = cloud.submit("--async")
    assert done.code == 0, done.text
    assert "train.runconfig:9: dataReferences: results: mounted read-only in v2" in done.text
    assert "For a folder that the script writes to, set mode: upload" in done.text
    job = cloud.workspace.jobs[cloud.run()["run_id"]].said
    assert job["inputs"]["results"]["mode"] == "ReadOnlyMount"


def test_a_v1_folder_that_is_uploaded_is_an_output(cloud: Cloud) -> None:
    text = MOUNTED.replace("mode: mount", "mode: upload")
    (cloud.path / "aml_config" / "train.runconfig").write_text(text, encoding="utf-8")
    done = cloud.submit("--async")
    assert done.code == 0 and "mounted read-only" not in done.text, done.text
    assert cloud.workspace.jobs[cloud.run()["run_id"]].said["outputs"]["results"]["mode"] == "Upload"


class Refusal:
    """An answer of the service as azure-core has it."""

    headers: ClassVar = {"Content-Type": "application/json"}
    content_type = "application/json"

    def __init__(self, body: str, reason: str) -> None:
        self.status_code, self.reason, self.content = 400, reason, body.encode()

    def text(self) -> str:
        return self.content.decode()

    body = text


@pytest.mark.parametrize(
    ("body", "reason", "said"),
    [
        ("", "Bad Request", "400 Bad Request"),
        ("", "", "400 without a reason"),
        ("<html>blocked</html>", "Blocked by policy", "400 Blocked by policy"),
        ('{"error": {"code": "UserError", "message": ""}}', "Bad Request", "400 UserError"),
        ('{"error": {"code": "UserError", "message": null}}', "Bad Request", "400 UserError"),
        ('{"error": {"code": "E", "innererror": {"code": "X", "message": "the quota is used up"}}}', "",
         "400 the quota is used up"),
        ('{"Message": "Request rate too large."}', "Bad Request", "400 Request rate too large."),
        ('{"error": {"code": "E", "message": "no", "details": [{"message": "name is taken"}]}}', "",
         "400 no; name is taken"),
    ],
)  # fmt: skip
def test_a_refusal_always_has_a_reason(body: str, reason: str, said: str) -> None:
    budget = calls.CallBudget()
    budget.doing = "create the job"
    error = HttpResponseError(response=Refusal(body, reason))  # type: ignore[arg-type]
    assert str(budget.explain(error)) == f"could not create the job: {said}"


def test_what_the_sdks_schema_refuses_is_named_by_key() -> None:
    tree = {"type": "command", "command": "x", "environment": "azureml:e:1", "limits": {"timeout": "x"}}
    with pytest.raises(Exception, match="Validation for CommandSchema failed") as refused:
        load_job(io.StringIO(json.dumps(tree | {"queue_settings": {"priority": "urgent"}})))
    found = calls.schema_faults(str(refused.value))
    assert "limits.timeout: Not a valid integer." in found
    assert "queue_settings.priority: Value 'urgent' passed is not in set" in found
    either = [{"_schema": ["Not a binding: urgent"]}, {"_schema": ["Not in set", "at all"]}]
    report = "Validation for CommandSchema failed:\n\n " + json.dumps({"queue_settings": {"priority": either}})
    wanted = "queue_settings.priority: Not a binding: urgent; queue_settings.priority: Not in set at all"
    assert calls.schema_faults(report) == wanted
    assert calls.schema_faults("Validation for X failed: {broken") == calls.schema_faults("another error") == ""
