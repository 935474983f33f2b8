"""What `aml computetarget` makes, changes, attaches and tells, as azure-ai-ml sends it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from standin.project import Cloud

GROUP = "/subscriptions/s/resourceGroups/g/providers"
IDENTITY = f"{GROUP}/Microsoft.ManagedIdentity/userAssignedIdentities/i"
CREATE = ("computetarget", "create")
CLUSTER = (*CREATE, "amlcompute", "-n", "c", "-s", "Standard_DS2_v2", "--max-nodes", "3")
INSTANCE = (*CREATE, "computeinstance", "-n", "ci", "-s", "Standard_DS2_v2")
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIexample user@host"


def said(cloud: Cloud, name: str) -> Any:
    return cloud.workspace.computes[name]


def good(cloud: Cloud, *words: str) -> Any:
    done = cloud.aml(*words, "-o", "json")
    assert done.code == 0, done.text
    return json.loads(done.out)


def test_a_cluster_with_identity_network_and_ssh(cloud: Cloud) -> None:
    key = cloud.path / "id.pub"
    key.write_text(KEY + "\n")
    words = ("--assign-identity", IDENTITY, "--vnet-name", "v", "--subnet-name", "n", "--vnet-resourcegroup-name", "ng",
             "--admin-username", "anna", "--admin-user-ssh-key", str(key), "--remote-login-port-public-access",
             "Disabled", "--no-node-public-ip", "--location", "westeurope", "--tag", "a=b")  # fmt: skip
    assert good(cloud, *CLUSTER, *words)["identity"] == "UserAssigned"
    inner = said(cloud, "c")["properties"]
    assert inner["subnet"]["id"].endswith("/resourceGroups/ng/providers/Microsoft.Network/virtualNetworks/v/subnets/n")
    assert inner["userAccountCredentials"]["adminUserName"] == "anna"
    assert inner["userAccountCredentials"]["adminUserSshPublicKey"] == KEY
    assert inner["remoteLoginPortPublicAccess"] == "Disabled" and inner["enableNodePublicIp"] is False
    assert list(cloud.workspace.compute_identities["c"]["userAssignedIdentities"]) == [IDENTITY]


def test_a_cluster_is_changed_and_keeps_the_rest(cloud: Cloud) -> None:
    good(cloud, *CLUSTER, "--vnet-name", "v", "--subnet-name", "n", "--vm-priority", "lowpriority")
    subnet = said(cloud, "c")["properties"]["subnet"]
    words = ("computetarget", "update", "amlcompute", "-n", "c")
    made = good(cloud, *words, "--max-nodes", "7", "--idle-seconds-before-scaledown", "60")
    inner = said(cloud, "c")["properties"]
    assert made["maxNodes"] == 7 and inner["scaleSettings"]["nodeIdleTimeBeforeScaleDown"] == "PT1M"
    assert inner["vmPriority"] == "LowPriority" and inner["scaleSettings"]["minNodeCount"] == 0
    assert subnet["id"].endswith("/virtualNetworks/v/subnets/n")
    for more, says in (((), "nothing to change"), (("--min-nodes", "9"), "is more than --max-nodes 7")):
        done = cloud.aml(*words, *more)
        assert done.code == 2 and says in done.err, done.text


def test_identities_are_assigned_removed_and_shown(cloud: Cloud) -> None:
    good(cloud, *CLUSTER)
    words = ("computetarget", "amlcompute", "identity")
    for one in (IDENTITY, f"{IDENTITY}2"):
        found = good(cloud, *words, "assign", "-n", "c", "--identities", one)
    assert list(found["userAssignedIdentities"]) == [IDENTITY, f"{IDENTITY}2"]
    found = good(cloud, *words, "remove", "-n", "c", "--identities", IDENTITY.upper())
    assert list(found["userAssignedIdentities"]) == [f"{IDENTITY}2"]
    gone = cloud.aml(*words, "remove", "-n", "c", "--identities", IDENTITY)
    assert gone.code == 2 and "is not assigned" in gone.err
    assert good(cloud, *words, "assign", "-n", "c", "--identities", "[system]")["type"] == "SystemAssigned"
    assert good(cloud, *words, "remove", "-n", "c", "--identities", "[system]")["type"] == "None"
    assert cloud.aml(*words, "show", "-n", "c").out.strip() == "c: None"


def test_an_instance_with_schedules_and_for_somebody_else(cloud: Cloud) -> None:
    words = ("--stop-at", "0 18 * * 1-5", "--start-at", "0 8 * * 1-5", "--time-zone", "W. Europe Standard Time",
             "--idle-minutes-before-shutdown", "30", "--user-object-id", "o", "--user-tenant-id", "t",
             "--admin-user-ssh-public-key", KEY, "--ssh-public-access", "true")  # fmt: skip
    good(cloud, *INSTANCE, *words)
    inner = said(cloud, "ci")["properties"]
    found = [(one["action"].lower(), one["cron"]["expression"], one["cron"]["timeZone"])
             for one in inner["schedules"]["computeStartStop"]]  # fmt: skip
    zone = "W. Europe Standard Time"
    assert sorted(found) == [("start", "0 8 * * 1-5", zone), ("stop", "0 18 * * 1-5", zone)]
    assert inner["idleTimeBeforeShutdown"] == "PT30M"
    assert inner["personalComputeInstanceSettings"]["assignedUser"] == {"objectId": "o", "tenantId": "t"}
    assert inner["sshSettings"]["adminPublicKey"] == KEY and inner["sshSettings"]["sshPublicAccess"] == "Enabled"


def test_compute_that_is_there_is_attached_and_detached(cloud: Cloud) -> None:
    attach = ("computetarget", "attach")
    good(cloud, *attach, "kubernetes", "-n", "k", "-i", f"{GROUP}/Microsoft.ContainerService/managedClusters/x",
         "--namespace", "jobs")  # fmt: skip
    assert said(cloud, "k")["computeType"] == "Kubernetes" and said(cloud, "k")["properties"]["namespace"] == "jobs"
    good(cloud, *attach, "synapse", "-n", "s", "-i", f"{GROUP}/Microsoft.Synapse/workspaces/w/bigDataPools/x")
    assert said(cloud, "s")["computeType"] == "SynapseSpark"
    key = cloud.path.parent / "id_rsa"
    key.write_text("the private key")
    machine = ("virtualmachine", "-n", "v", "-i", f"{GROUP}/Microsoft.Compute/virtualMachines/x", "-u", "anna",
               "--private-key-file", str(key))  # fmt: skip
    asked = cloud.aml(*attach, *machine)
    assert asked.code == 2 and "would be sent to the workspace" in asked.err and "attach remote -n v" in asked.err
    good(cloud, *attach, *machine, "--yes")
    assert said(cloud, "v")["properties"]["administratorAccount"]["privateKeyData"] == "the private key"
    for name in "ksv":
        assert good(cloud, "computetarget", "detach", "-n", name)["detached"]
    assert set(cloud.workspace.computes) == {"cpu-cluster"}


def test_nodes_sizes_and_quota(cloud: Cloud) -> None:
    cloud.workspace.nodes["cpu-cluster"] = ["exp_1", None]
    found = good(cloud, "computetarget", "list-nodes", "-n", "cpu-cluster")
    assert [(one["state"], one["run"]) for one in found] == [("running", "exp_1"), ("idle", None)]
    found = good(cloud, "computetarget", "list-sizes", "--type", "ComputeInstance")
    assert [(one["name"], one["cores"], one["memoryGB"]) for one in found] == [("Standard_DS3_v2", 4, 14.0)]
    assert len(good(cloud, "computetarget", "list-sizes")) == 2
    (one,) = good(cloud, "computetarget", "list-usage")
    assert (one["used"], one["limit"]) == (24, 24) and one["name"].startswith("Standard DSv2")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((*CLUSTER, "--vnet-name", "v"), "are only valid together"),
        ((*CLUSTER, "--admin-username", "a"), "are only valid together"),
        ((*CLUSTER, "--admin-user-password", "x"), "passwords are not accepted"),
        ((*CLUSTER, "--assign-identity", "me"), "is not a resource id"),
        ((*CLUSTER, "--remote-login-port-public-access", "maybe"), "Disabled or NotSpecified"),
        ((*INSTANCE, "--stop-at", "18:00"), "is not a cron expression"),
        ((*INSTANCE, "--stop-at", "0 18 * * *", "--time-zone", "Europe/Berlin"), "Windows' names"),
        ((*INSTANCE, "--user-object-id", "x"), "are only valid together"),
        ((*INSTANCE, "--admin-user-ssh-public-key", "gone.pub"), "neither a public key nor a file"),
        (("computetarget", "attach", "kubernetes", "-n", "k", "-i", "k8s"), "is not the resource ID of such a compute"),
        (("computetarget", "attach", "hdi", "-n", "k"), "HDInsight is no longer a compute target"),
        (("computetarget", "create", "aks", "-n", "k"), "az ml compute attach --type Kubernetes"),
    ],
)
def test_bad_input_is_refused_before_any_request(cloud: Cloud, words: tuple[str, ...], says: str) -> None:
    done = cloud.aml(*words)
    assert done.code == 2 and says in done.err, done.text
    assert not cloud.seen()


@pytest.mark.parametrize(
    ("capacity", "says"),
    [
        ({"allocationState": "Resizing", "targetNodeCount": 2}, "cpu-cluster is being resized: 0 of 2 nodes are ready"),
        ({"currentNodeCount": 4, "nodeStateCounts": {"runningNodeCount": 4}}, "4 of at most 4 nodes of cpu-"),
        ({"errors": [{"error": {"code": "ClusterCoreQuotaReached", "message": "Quota of 24 cores reached."}}]},
         "cpu-cluster cannot get nodes: Quota of 24 cores reached."),
        ({"scaleSettings": {"maxNodeCount": 0}}, "aml computetarget update amlcompute -n cpu-cluster --max-nodes 1"),
    ],
)  # fmt: skip
def test_a_queued_run_says_why_it_waits(cloud: Cloud, capacity: dict[str, Any], says: str) -> None:
    cloud.workspace.runs_jobs = False
    assert cloud.submit("--async").code == 0
    cloud.workspace.jobs[cloud.run()["run_id"]].status = "Queued"
    cloud.workspace.capacity["cpu-cluster"] = capacity
    shown = good(cloud, "run", "show", "-r", "run.json")
    assert shown["status"] == "Queued" and says in shown["waiting"]
