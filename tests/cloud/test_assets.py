"""Models, data, datastores, environments, compute and workspaces, on the stand-in."""

from __future__ import annotations

import json
import os

import pytest
from standin.person import Person
from standin.project import Cloud


def test_a_model_of_a_cloud_run_is_registered_without_a_download(cloud: Cloud) -> None:
    assert cloud.submit("--async").code == 0
    cloud.finish()
    before = len(cloud.world.network.seen)
    words = ("model", "register", "-n", "m", "-f", "run.json", "--asset-path", "outputs/model.txt")
    done = cloud.aml(*words, "--tag", "a=b", "-t", "model.json", "-o", "json")
    assert done.code == 0, done.text
    record = json.loads(done.out)
    assert record["id"] == "m:1" and record["runId"] == cloud.run()["run_id"] and record["tags"] == {"a": "b"}
    assert record["path"].endswith(f"/jobs/{cloud.run()['run_id']}/outputs/artifacts/paths/outputs/model.txt")
    assert not [line for line in cloud.world.network.seen[before:] if "model.txt" in line and "blob" in line]
    written = json.loads((cloud.path / "model.json").read_text(encoding="utf-8"))
    place = cloud.workspace.name
    assert written == {"modelId": "m:1", "workspaceName": place, "resourceGroupName": "rg-standin"}
    wrong = cloud.aml("model", "register", "-n", "m", "-f", "run.json", "--asset-path", "outputs/none.pkl")
    assert wrong.code == 2 and "outputs/model.txt" in wrong.err


def test_models_of_the_workspace(cloud: Cloud) -> None:
    place = cloud.workspace.name
    assert cloud.aml("model", "register", "-n", "m", "-p", "train.py", "-w", place).code == 0
    assert cloud.aml("model", "register", "-n", "m", "-p", "aml_config", "-w", place).code == 0
    listed = json.loads(cloud.aml("model", "list", "-n", "m", "-w", place, "-o", "json").out)
    assert {one["version"] for one in listed} == {"1", "2"}
    changed = cloud.aml("model", "update", "-i", "m:1", "--add-tag", "stage=test", "-o", "json")
    assert json.loads(changed.out)["tags"] == {"stage": "test"}
    for version, file in (("1", "down/train.py"), ("2", "down/aml_config/conda.yml")):
        done = cloud.aml("model", "download", "-i", f"m:{version}", "-t", "down", "-w", place)
        assert done.code == 0, done.text
        assert (cloud.path / file).is_file()
    assert cloud.aml("model", "delete", "-i", "m:2").code == 0
    gone = cloud.aml("model", "show", "-i", "m:2", "-w", place)
    assert gone.code == 3 and "404" in gone.err


def test_datastores_and_datasets(cloud: Cloud) -> None:
    place = cloud.workspace.name
    assert "workspaceblobstore" in cloud.aml("datastore", "list").out
    assert cloud.aml("datastore", "upload", "-n", "workspaceblobstore", "-p", "aml_config", "-u", "x").code == 0
    taken = cloud.aml("datastore", "upload", "-n", "workspaceblobstore", "-p", "aml_config", "-u", "x")
    assert taken.code == 2 and "--overwrite" in taken.err
    assert cloud.aml("datastore", "download", "-n", "workspaceblobstore", "-p", "x", "-d", "down").code == 0
    assert (cloud.path / "down" / "conda.yml").is_file()
    named = "azureml://datastores/workspaceblobstore/paths/x"
    assert cloud.aml("dataset", "register", "-n", "d", "-p", named, "-w", place).code == 0
    shown = json.loads(cloud.aml("dataset", "show", "-n", "d", "-w", place, "-o", "json").out)
    assert (shown["type"], shown["path"].rstrip("/")) == ("uri_folder", named)


def test_environments_compute_and_workspaces(cloud: Cloud) -> None:
    assert cloud.aml("environment", "scaffold", "-n", "e", "-d", "env").code == 0
    assert cloud.aml("environment", "scaffold", "-n", "e", "-d", "env").code == 2
    assert cloud.aml("environment", "register", "-d", "env").code == 0
    assert json.loads(cloud.aml("environment", "show", "-n", "e", "-o", "json").out)["id"] == "azureml:e:1"
    words = ("computetarget", "create", "amlcompute", "-n", "c", "-s", "Standard_DS2_v2", "--max-nodes", "3")
    more = ("--idle-seconds-before-scaledown", "100", "--vm-priority", "lowpriority", "-o", "json")
    made = cloud.aml(*words, *more)
    assert made.code == 0, made.text
    assert json.loads(made.out)["maxNodes"] == 3
    said = cloud.workspace.computes["c"]["properties"]
    assert said["scaleSettings"]["nodeIdleTimeBeforeScaleDown"] == "PT1M40S" and said["vmPriority"] == "LowPriority"
    assert cloud.aml("computetarget", "create", "computeinstance", "-n", "ci", "-s", "Standard_DS2_v2").code == 0
    stopped = cloud.aml("computetarget", "computeinstance", "stop", "-n", "ci", "-o", "json")
    assert json.loads(stopped.out)["state"] == "Stopped"
    assert cloud.aml("computetarget", "delete", "-n", "c").code == 0
    assert "c" not in cloud.workspace.computes
    assert json.loads(cloud.aml("workspace", "show", "-o", "json").out)["name"] == cloud.workspace.name
    attached = cloud.aml("folder", "attach")
    assert attached.code == 0 and "The workspace exists" in attached.out
    attached = cloud.aml("folder", "attach", "-w", "nowhere")
    assert attached.code == 0 and "Azure has no workspace nowhere, or you have no access" in attached.out


def test_attach_says_when_the_workspace_was_not_checked(cloud: Cloud) -> None:
    done = cloud.aml("folder", "attach", AZURE_CLIENT_SECRET="")
    assert done.code == 0, done.text
    assert "The workspace was not checked: could not sign in" in done.out


@pytest.mark.skipif(os.name == "nt", reason="a terminal is a POSIX pseudo-terminal here")
def test_a_person_sees_how_a_download_goes(cloud: Cloud) -> None:
    store = ("-n", "workspaceblobstore")
    assert cloud.aml("datastore", "upload", *store, "-p", "aml_config", "-u", "x").code == 0
    person = Person(cloud, "datastore", "download", *store, "-p", "x", "-d", "down", TERM="xterm", COLUMNS="120")
    assert person.wait() == 0, person.shown
    assert "Downloading" in person.shown and "bytes" in person.shown
    assert (cloud.path / "down" / "conda.yml").is_file()
