"""What the Azure ML target decides before a connection is opened."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

from amlrun.azure import client, codes, common_tree, environments, job_tree
from amlrun.errors import AmlError
from amlrun.prepare.snapshot import build_snapshot
from amlrun.spec.job import CommandJob, Environment, Input, Output, Resources, Volume
from amlrun.workspace import Workspace

CODE = "/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w/codes/x/versions/1"


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """No login, no defaults: only what a test sets."""
    for name in ("AZURE_SUBSCRIPTION_ID", "AZUREML_ARM_SUBSCRIPTION", "AZURE_DEFAULTS_GROUP"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AZUREML_ARM_WORKSPACE_NAME", "AZUREML_ARM_RESOURCEGROUP", "AZURE_DEFAULTS_WORKSPACE"):
        monkeypatch.delenv(name, raising=False)
    azure = tmp_path / "azure"
    azure.mkdir()
    monkeypatch.setenv("AZURE_CONFIG_DIR", str(azure))
    monkeypatch.setenv("AML_CACHE_DIR", str(tmp_path / "cache"))
    return azure


def attach(folder: Path) -> None:
    (folder / ".azureml").mkdir(parents=True)
    names = {"subscription_id": "s1", "resource_group": "g1", "workspace_name": "w1"}
    (folder / ".azureml" / "config.json").write_text(json.dumps(names), encoding="utf-8")


def test_the_attached_workspace_and_single_flags_over_it(tmp_path: Path) -> None:
    attach(tmp_path / "p")
    assert Workspace.find(tmp_path / "p") == Workspace("s1", "g1", "w1")
    assert Workspace.find(tmp_path / "p", name="w2") == Workspace("s1", "g1", "w2")
    both = Workspace.find(tmp_path / "p", name="w2", resource_group="g2", subscription_id="s2")
    assert both == Workspace("s2", "g2", "w2")


def test_azs_defaults_when_nothing_is_attached(tmp_path: Path, nobody: Path) -> None:
    (nobody / "config").write_text("[defaults]\ngroup = g3\nworkspace_name = w3\n", encoding="utf-8")
    profile = {"subscriptions": [{"id": "no"}, {"id": "s3", "isDefault": True}]}
    (nobody / "azureProfile.json").write_text("\ufeff" + json.dumps(profile), encoding="utf-8")
    assert Workspace.find(tmp_path) == Workspace("s3", "g3", "w3")


def test_no_workspace_tells_folder_attach(tmp_path: Path) -> None:
    with pytest.raises(AmlError) as error:
        Workspace.find(tmp_path)
    assert "folder attach" in error.value.hint and error.value.exit_code == 2
    assert error.value.message == f"no workspace is configured for {tmp_path}"
    for given, told in (
        ({"name": "w"}, "no resource group or subscription is configured"),
        ({"resource_group": "g"}, "no workspace is configured"),
        ({"name": "w", "resource_group": "g"}, "no subscription is configured"),
    ):
        with pytest.raises(AmlError, match=told):
            Workspace.find(tmp_path, **given)


def job(**more: Any) -> CommandJob:
    said: dict[str, Any] = {
        "command": ["python", "train.py", "--name", "a b"],
        "compute": "azureml:c",
        "environment": Environment(image="i", conda_file={"dependencies": ["python=3.11"]}),
    }
    return CommandJob(**{**said, **more})


def test_the_tree_is_the_official_yaml() -> None:
    made = job_tree.tree(
        job(
            inputs={"d": Input(path="azureml:d"), "n": Input(type="integer", value=3)},
            outputs={"o": Output(name="out", version="7")},
            environment_variables={"WHERE": "${{inputs.d}}"},
            identity="user_identity",
        ),
        "run_1",
        "exp",
        CODE,
    )
    assert made["command"] == "python train.py --name 'a b'"
    assert made["code"] == f"azureml:{CODE}"
    assert made["inputs"] == {"d": {"type": "uri_folder", "path": "azureml:d@latest"}, "n": 3}
    # The service refuses a version on a command job's output (recorded).
    assert made["outputs"] == {"o": {"type": "uri_folder", "name": "out"}}
    assert made["identity"] == {"type": "user_identity"} and "local" not in made
    import io

    from azure.ai.ml import load_job

    assert load_job(io.StringIO(json.dumps(made))).name == "run_1"


@pytest.mark.parametrize(
    ("more", "word"),
    [
        ({"environment": None}, "environment"),
        ({"command": ["python", "${{inputs.nothing}}"]}, "inputs.nothing"),
        ({"command": ["python", "${{search_space.lr}}"]}, "search_space.lr"),
        ({"inputs": {"d": Input(path="no/such/folder")}}, "inputs.d"),
        ({"command": ["python", "t.py", "/data/x"], "local": "volume"}, "/data"),
    ],
)
def test_what_is_refused_before_anything_is_sent(more: dict[str, Any], word: str) -> None:
    volume = more.pop("local", None) if "local" in more else None
    wanted = job(**more)
    if volume:
        wanted.local.volumes = [Volume("here", "/data")]
    with pytest.raises(AmlError) as error:
        job_tree.tree(wanted, "r", "e", None)
    assert word in str(error.value)


def test_serverless_needs_no_cluster() -> None:
    made = job_tree.tree(job(compute=None, resources=Resources(instance_type="Standard_DS3_v2")), "r", "e", None)
    assert "compute" not in made and made["resources"] == {"instance_type": "Standard_DS3_v2"}


def test_a_dockerfile_is_the_same_build_each_time() -> None:
    one, two = (common_tree.environment(Environment(dockerfile="FROM x\n")) for _ in range(2))
    assert one == two and isinstance(one, dict) and (Path(one["build"]["path"]) / "Dockerfile").is_file()


def test_a_snapshots_hash_is_azure_ai_mls_own(tmp_path: Path) -> None:
    """The same content sent by azure-ai-ml is found by `aml`, and the other way about."""
    from azure.ai.ml._utils._asset_utils import get_content_hash

    (tmp_path / "B").mkdir()
    for name, text in (("a.py", "a"), ("B/c.py", ""), ("Z.txt", "é")):
        (tmp_path / name).write_text(text, encoding="utf-8")
    found = codes.hash_contents(build_snapshot(tmp_path))
    assert found.whole == get_content_hash(tmp_path)
    (tmp_path / "a.py").write_text("b", encoding="utf-8")
    assert codes.hash_contents(build_snapshot(tmp_path)).whole != found.whole


def test_without_azure_ai_ml_one_command_adds_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(AmlError) as error:
        client.require()
    assert "amlrun[azure]" in error.value.hint


def test_an_environment_folder_is_written_once_and_read(tmp_path: Path) -> None:
    environments.scaffold(tmp_path / "e", "mine")
    assert environments.read(tmp_path / "e")["name"] == "mine"
    with pytest.raises(AmlError):
        environments.scaffold(tmp_path / "e", "mine")
    with pytest.raises(AmlError):
        environments.scaffold(tmp_path / "f", "AzureML-mine")
