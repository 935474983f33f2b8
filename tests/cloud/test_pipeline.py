"""A pipeline in a workspace: sent once, watched as steps, fetched, cancelled, and never made twice."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest
from standin import pipeline_project
from standin.exchange import Fault
from standin.pipeline_project import WORDS
from standin.pipelines import Pipeline
from standin.project import Cloud
from standin.world import World


@pytest.fixture
def cloud(world: World, tmp_path: Path) -> Cloud:
    return pipeline_project.project(world, tmp_path / "project")


def steps(cloud: Cloud) -> dict[str, dict[str, Any]]:
    done = cloud.aml("pipeline", "show", "-r", "run.json", "-o", "json")
    return {step["name"]: step for step in json.loads(done.out)["steps"]}


def job(cloud: Cloud) -> Pipeline:
    found = cloud.workspace.jobs[cloud.run()["run_id"]]
    assert isinstance(found, Pipeline)
    return found


def test_it_runs_is_watched_and_its_files_come_here(cloud: Cloud) -> None:
    done = cloud.aml(*WORDS)
    assert done.code == 0, done.text
    assert "experimental" not in done.text
    for name in ("prep", "train", "evaluate", "register"):
        assert f"{name}: runs (on cpu-cluster)" in done.out and re.search(f"{name}: completed in", done.out)
    sent = job(cloud).said
    assert sent["experimentName"] == "exp" and sent["settings"]["continue_on_step_failure"] is False
    found = steps(cloud)
    assert {step["state"] for step in found.values()} == {"Completed"} and found["train"]["after"] == ["prep"]

    listed = json.loads(cloud.aml("run", "list", "--parent-run-id", cloud.run()["run_id"], "-o", "json").out)
    assert {run["run_id"] for run in listed} == {step["run_id"] for step in found.values()}
    train = str(found["train"]["run_id"])
    log = cloud.aml("run", "monitor-logs", "-r", train)
    assert log.code == 0 and "worked on 1 files" in log.out
    fetched = cloud.aml("run", "download-logs", "-r", train, "-d", "out")
    assert fetched.code == 0 and (cloud.path / "runs" / train / "outputs" / "made" / "made.txt").is_file()

    whole = cloud.aml("run", "download-logs", "-r", "run.json", "-d", "out")
    assert whole.code == 0, whole.text
    made = cloud.path / "runs" / cloud.run()["run_id"] / "outputs" / "model" / "made.txt"
    assert made.read_text() == "a,b\npreptrain"
    assert (cloud.path / "runs" / cloud.run()["run_id"] / "pipeline.html").is_file()


def test_a_second_one_reuses_and_sends_nothing_again(cloud: Cloud) -> None:
    assert cloud.aml(*WORDS).code == 0
    first = {name: step["run_id"] for name, step in steps(cloud).items()}
    before = len(cloud.seen("startPendingUpload"))
    done = cloud.aml(*WORDS)
    assert done.code == 0 and "4 reused" in done.out, done.text
    assert len(cloud.seen("startPendingUpload")) == before
    assert f"prep: reused from {first['prep']}" in done.out.replace("\n", " ") or "prep: reused from" in done.out
    forced = cloud.aml(*WORDS, "--set", "settings.force_rerun=true")
    assert forced.code == 0 and "0 reused" in forced.out


@pytest.mark.parametrize(("folders", "theirs"), [(False, 20), (True, 34)])
def test_it_asks_less_than_the_client(world: World, tmp_path: Path, folders: bool, theirs: int) -> None:
    """azure-ai-ml's own numbers for four inline steps, with one folder of code and with four (measured)."""
    cloud = pipeline_project.project(world, tmp_path / "project", folders=folders)
    # The data is a datastore's: the client's numbers have no data to send either.
    text = (cloud.path / "pipeline.yml").read_text().replace("path: data", "path: azureml://datastores/x/paths/y")
    (cloud.path / "pipeline.yml").write_text(text)
    cloud.workspace.runs_jobs = False
    before = len(world.network.seen)
    done = cloud.aml(*WORDS, "--async")
    assert done.code == 0, done.text
    own = [line for line in world.network.seen[before:] if "login.microsoftonline.com" not in line]
    blobs = 4 if folders else 1  # each file is one more, a PUT to blob storage
    assert len(own) + blobs < theirs, own
    assert len([line for line in own if "/environments/" in line]) == 1


def test_a_failure_is_told_with_the_steps_own_words(cloud: Cloud) -> None:
    text = (cloud.path / "pipeline.yml").read_text().replace("--word train", "--word fail")
    (cloud.path / "pipeline.yml").write_text(text)
    done = cloud.aml(*WORDS)
    assert done.code == 1 and "Failed nodes: /train" in done.err, done.text
    found = steps(cloud)
    assert found["train"]["state"] == "Failed" and "exited with status code 1" in found["train"]["reason"]
    assert found["evaluate"]["state"] == found["register"]["state"] == "NotStarted"
    log = cloud.aml("run", "monitor-logs", "-r", str(found["train"]["run_id"]))
    assert "told to fail" in log.out


def test_it_is_cancelled(cloud: Cloud) -> None:
    slow = "import time\ntime.sleep(120)\n"
    (cloud.path / "src" / "step.py").write_text(slow, encoding="utf-8")
    assert cloud.aml(*WORDS, "--async").code == 0
    for _ in range(600):
        if job(cloud).steps:
            break
        time.sleep(0.05)
    assert cloud.aml("run", "cancel", "-r", "run.json").code == 0
    assert job(cloud).done.wait(60)
    shown = cloud.aml("run", "monitor-logs", "-r", "run.json")
    assert shown.code == 130, shown.text
    found = steps(cloud)
    assert found["prep"]["state"] == "Canceled" and found["train"]["state"] == "NotStarted"


def test_a_fault_makes_no_second_job(cloud: Cloud) -> None:
    pattern = f"PUT management.*/{cloud.workspace.name}/components/"
    fault = cloud.world.network.add(Fault(pattern, "503"))
    try:
        done = cloud.aml(*WORDS, AML_AZURE_DEADLINE="6")
    finally:
        cloud.world.network.remove(fault)
    assert done.code == 3 and "503" in done.err, done.text
    first = cloud.run()["run_id"]
    again = cloud.aml(*WORDS)
    assert again.code == 0 and cloud.run()["run_id"] == first, again.text
    jobs = [one for one in cloud.workspace.jobs.values() if "parentJobName" not in one.said]
    assert len(jobs) == 1 and jobs[0].starts == 1


def test_an_ended_pipeline_whose_steps_are_denied_is_not_told_as_one_that_ran_none(cloud: Cloud) -> None:
    fault = cloud.world.network.add(Fault(f"GET .*/history/.*/{cloud.workspace.name}/runs/.*/children", "404"))
    try:
        done = cloud.aml(*WORDS)
    finally:
        cloud.world.network.remove(fault)
    assert done.code == 3 and "read the steps of" in done.err and "not started" not in done.out, done.text
    again = cloud.aml(*WORDS)
    assert again.code == 0 and "register: completed in" in again.out, again.text


def test_one_that_was_submitted_elsewhere_is_shown(cloud: Cloud) -> None:
    import shutil

    assert cloud.aml(*WORDS).code == 0
    run_id = cloud.run()["run_id"]
    shutil.rmtree(cloud.path / "runs")
    shown = cloud.aml("run", "monitor-logs", "-r", run_id)
    assert shown.code == 0 and "register: completed" in shown.out, shown.text
    found = steps(cloud)
    assert list(found) == ["prep", "train", "evaluate", "register"] and found["evaluate"]["after"] == ["train"]


def test_a_component_and_an_optional_model_that_is_not_there(cloud: Cloud) -> None:
    component = {
        "type": "command",
        "command": "python step.py --read ${{inputs.raw}} $[[--read ${{inputs.old}}]] --write ${{outputs.made}}",
        "code": "src",
        "environment": {"image": "mcr.microsoft.com/x"},
        "is_deterministic": False,
        "inputs": {
            "raw": {"type": "uri_folder"},
            "old": {"type": "custom_model", "optional": True},
            "rate": {"type": "number", "default": 0.5, "min": 0, "max": 1},
        },
        "outputs": {"made": {"type": "uri_folder"}},
    }
    pipeline = {
        "type": "pipeline",
        "settings": {"default_compute": "azureml:cpu-cluster"},
        "inputs": {"raw": {"type": "uri_folder", "path": "data"},
                   "old": {"type": "custom_model", "path": "azureml:nothing@latest"}},
        "jobs": {
            "one": {"type": "command", "component": "component.json",
                    "inputs": {"raw": "${{parent.inputs.raw}}", "old": "${{parent.inputs.old}}"}},
        },
    }  # fmt: skip
    for name, value in {"component": component, "pipeline": pipeline}.items():
        (cloud.path / f"{name}.json").write_text(json.dumps(value), encoding="utf-8")
    done = cloud.aml("run", "submit-pipeline", "-n", "exp", "-y", "pipeline.json", "-t", "run.json")
    assert done.code == 0, done.text
    assert "inputs.old: no such model is registered yet" in done.out
    assert "old" not in job(cloud).said["inputs"]
    spec = specs(cloud)[0]
    assert spec["is_deterministic"] is False and spec["inputs"]["rate"]["max"] == "1.0", spec


def specs(cloud: Cloud) -> list[dict[str, Any]]:
    held = cloud.workspace.__dict__["components"].values()
    return [one["componentSpec"] for versions in held for one in versions.values()]


def test_a_pipeline_component_and_a_sweep_are_sent(cloud: Cloud) -> None:
    (cloud.path / "inner.yml").write_text(
        "type: pipeline\ninputs: {raw: {type: uri_folder}}\noutputs: {made: {type: uri_folder}}\n"
        + "jobs:\n"
        + pipeline_project.STEP.format(
            name="deep", code="src", before="${{parent.inputs.raw}}", made="'${{parent.outputs.made}}'"
        )
    )
    (cloud.path / "pipeline.yml").write_text(
        "type: pipeline\nsettings: {default_compute: azureml:cpu-cluster}\n"
        "inputs: {raw: {type: uri_folder, path: data}}\njobs:\n"
        "  outer: {type: pipeline, component: inner.yml, inputs: {raw: '${{parent.inputs.raw}}'}}\n"
        "  search:\n    type: sweep\n    sampling_algorithm: random\n"
        "    objective: {primary_metric: score, goal: maximize}\n    limits: {max_total_trials: 4}\n"
        "    search_space: {rate: {type: uniform, min_value: 0, max_value: 1}}\n"
        "    inputs: {raw: '${{parent.jobs.outer.outputs.made}}'}\n"
        "    trial:\n      type: command\n      command: python step.py --word ${{inputs.rate}}\n      code: src\n"
        "      environment: {image: mcr.microsoft.com/x}\n"
        "      inputs: {rate: {type: number}, raw: {type: uri_folder}}\n"
    )
    cloud.workspace.runs_jobs = False
    done = cloud.aml(*WORDS, "--async")
    assert done.code == 0, done.text
    sent = job(cloud).said["jobs"]
    assert sent["search"]["search_space"] == {"rate": {"type": "uniform", "min_value": 0, "max_value": 1}}
    assert sent["search"]["limits"]["max_total_trials"] == 4
    inner = [spec for spec in specs(cloud) if spec["type"] == "pipeline"]
    assert [*inner[0]["jobs"]] == ["deep"] and sent["outer"]["type"] == "pipeline"
    shown = steps(cloud)
    assert set(shown) == {"outer.deep", "search"} and shown["search"]["after"] == ["outer.deep"]


def test_a_dry_run_sends_nothing(cloud: Cloud) -> None:
    before = len(cloud.world.network.seen)
    done = cloud.aml(*WORDS, "--dry-run")
    assert done.code == 0 and "PUT jobs/RUN-ID" in done.out, done.text
    assert len(cloud.world.network.seen) == before and cloud.workspace.jobs == {}


def test_a_compute_that_is_not_there_is_told(cloud: Cloud) -> None:
    done = cloud.aml(*WORDS, "--ct", "no-such")
    assert done.code == 3 and "Compute Not Found" in done.err


SEARCH = """\
type: pipeline
settings: {default_compute: azureml:Standard_DS3_v2}
inputs:
  table: {type: mltable, path: table.csv}
jobs:
  search:
    type: automl
    task: classification
    target_column_name: kind
    training_data: ${{parent.inputs.table}}
    validation_data: table.csv
    limits: {max_trials: 2}
    outputs:
      best_model: {type: mlflow_model}
  report:
    command: ls ${{inputs.model}}
    environment: {image: mcr.microsoft.com/x}
    code: src
    inputs:
      model: {type: mlflow_model, path: "${{parent.jobs.search.outputs.best_model}}"}
"""


def test_an_automl_step_gets_mltables_of_bare_files(cloud: Cloud) -> None:
    (cloud.path / "table.csv").write_text("a,kind\n1,x\n2,y\n")
    (cloud.path / "pipeline.yml").write_text(SEARCH)
    cloud.workspace.runs_jobs = False
    done = cloud.aml(*WORDS, "--async")
    assert done.code == 0, done.text
    assert "inputs.table: uploaded as an MLTable" in done.out and "search.validation_data: uploaded as" in done.out
    sent = job(cloud).said
    search = sent["jobs"]["search"]
    assert search["training_data"] == "${{parent.inputs.table}}" and search["resources"]["instance_type"]
    assert search["outputs"] == {"best_model": {"job_output_type": "mlflow_model"}}
    assert sent["inputs"]["table"]["jobInputType"] == "mltable"
    for name in ("inputs.table", "search.validation_data"):
        folder = cloud.path / "runs" / cloud.run()["run_id"] / ".run" / "data" / name
        assert (folder / "table.csv").is_file() and "read_delimited" in (folder / "MLTable").read_text()


@pytest.mark.parametrize(
    ("data", "message"), [("src", "there is no MLTable in"), ("table.xlsx", "table.xlsx is not a table")]
)
def test_what_automl_cannot_read_there_is_refused_with_its_line(cloud: Cloud, data: str, message: str) -> None:
    (cloud.path / "table.xlsx").touch()
    (cloud.path / "pipeline.yml").write_text(SEARCH.replace("path: table.csv", f"path: {data}"))
    (cloud.path / "table.csv").touch()
    done = cloud.aml(*WORDS, "--dry-run")
    assert done.code == 2 and f"pipeline.yml:4: inputs.table.path: {message}" in done.err, done.text
