"""Submit, watch, cancel and fetch on the stand-in, with the command as a subprocess."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

import pytest
from standin.project import CONFIG, Cloud
from standin.world import World

# A Python to which no package of Azure is installed.
WITHOUT = """\
import sys

class Without:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("azure", "msal"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Without())
"""


def folder(cloud: Cloud) -> Path:
    return cloud.path / "runs" / cloud.run()["run_id"]


def test_a_submit_runs_the_script_and_ends_with_its_real_status(cloud: Cloud) -> None:
    done = cloud.submit()
    assert done.code == 0, done.text
    record = cloud.run()
    assert record["status"] == "Completed" and record["exit_code"] == 0
    assert record["target"] == "cpu-cluster" and record["_experiment_name"] == "exp"
    assert f"run {record['run_id']} of exp" in done.out
    assert "arguments ['--lr', '0.1']" in done.out
    assert record["studio_url"] in done.out
    assert cloud.workspace.creates == [record["run_id"]]
    assert (folder(cloud) / "user_logs" / "std_log.txt").read_text().endswith("done\n")


def test_exactly_the_files_of_a_local_run_travel(cloud: Cloud) -> None:
    (cloud.path / ".amlignore").write_text("secret-plan.txt\ndata/\n", encoding="utf-8")
    (cloud.path / "secret-plan.txt").write_text("x", encoding="utf-8")
    (cloud.path / "id_rsa").write_text("x", encoding="utf-8")
    (cloud.path / "data").mkdir()
    (cloud.path / "data" / "big.bin").write_text("x", encoding="utf-8")
    (cloud.path / "pkg").mkdir()
    (cloud.path / "pkg" / "naïve file.py").write_text("x = 1\n", encoding="utf-8")
    assert cloud.submit("--async").code == 0
    job = cloud.workspace.jobs[cloud.run()["run_id"]]
    uri = cloud.world.plane.code_uri(job.said["codeId"])
    container, prefix = uri.split("/", 3)[3].split("/", 1)
    blobs = cloud.world.azurite.container(container).list_blobs(name_starts_with=prefix)
    sent = sorted(blob.name.removeprefix(f"{prefix}/") for blob in blobs)
    local = cloud.aml("run", "submit-script", "-c", "train", "--ct", "local", "-d", "none.yml")
    assert local.code != 0  # no such conda file: only the snapshot is compared, through the library
    from amlrun.prepare import snapshot

    kept = [
        path for path, _ in snapshot.build_snapshot(cloud.path, runs=cloud.path / "runs").files if path != "run.json"
    ]
    assert sent == sorted(kept) and "pkg/naïve file.py" in sent and "id_rsa" not in sent


def test_an_unchanged_snapshot_and_environment_are_not_sent_again(cloud: Cloud) -> None:
    first = cloud.submit("--async")
    before = len(cloud.seen())
    second = cloud.submit("--async")
    assert (first.code, second.code) == (0, 0)
    again = cloud.seen()[before:]
    assert not [
        line for line in again if "startPendingUpload" in line or ("/codes/" in line and line.startswith("PUT"))
    ]
    assert "already in the workspace" in second.out
    versions = cloud.workspace.assets["environments"]["CliV2AnonymousEnvironment"]
    assert len(versions) == 1 and len(cloud.workspace.assets["codes"]) == 1
    assert len(cloud.workspace.jobs) == 2


def test_of_a_changed_snapshot_only_the_change_is_sent(cloud: Cloud) -> None:
    assert cloud.submit("--async").code == 0
    (cloud.path / "train.py").write_text("print('changed')\n", encoding="utf-8")
    done = cloud.submit()
    assert done.code == 0, done.text
    assert "Uploaded 1 changed file" in done.out
    assert "changed\n" in done.out


def test_a_failing_script_ends_with_1_and_its_error(cloud: Cloud) -> None:
    done = cloud.submit("train.py", "--fail")
    assert done.code == 1
    assert "it was asked to fail" in done.out
    assert "exited with status code 1" in done.err
    assert cloud.run()["status"] == "Failed"


def test_run_json_is_there_before_the_create_is_answered(cloud: Cloud) -> None:
    from standin.exchange import Fault

    hold = cloud.world.network.add(Fault(f"PUT .*/{cloud.workspace.name}/jobs/", "black-hole"))
    process = cloud.world.start(
        ["run", "submit-script", "-c", "train", "-e", "exp", "-t", "run.json", "--async"],
        cloud.path,
        AML_AZURE_DEADLINE="60",
    )
    try:
        deadline = time.monotonic() + 60
        while not hold.hits and time.monotonic() < deadline:
            time.sleep(0.05)
        assert hold.hits, "the create was never sent"
        record = cloud.run()
        assert record["status"] == "Preparing" and record["run_id"].startswith("exp_")
    finally:
        process.kill()
        process.communicate()
        cloud.world.network.remove(hold)
    # Killed in the middle: told right, and the same command goes on with it.
    shown = cloud.aml("run", "show", "-r", record["run_id"], "-o", "json")
    assert json.loads(shown.out)["status"] == "Failed"
    assert "interrupted" in json.loads(shown.out)["error"]["message"]
    again = cloud.submit()
    assert again.code == 0, again.text
    assert cloud.run()["run_id"] == record["run_id"]
    assert list(cloud.workspace.jobs) == [record["run_id"]]


def test_a_finished_submit_is_not_taken_up_again(cloud: Cloud) -> None:
    assert cloud.submit().code == 0
    first = cloud.run()["run_id"]
    assert cloud.submit().code == 0
    assert cloud.run()["run_id"] != first


@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C is sent as a POSIX signal")
def test_ctrl_c_detaches_and_says_how_to_go_on(cloud: Cloud) -> None:
    process = cloud.world.start(
        ["run", "submit-script", "-c", "train", "-e", "exp", "-t", "run.json", "train.py", "--sleep", "60"],
        cloud.path,
        AML_AZURE_POLL="0.2",
    )
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("arguments"):
            break
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    run_id = cloud.run()["run_id"]
    assert process.returncode == 130, err
    assert f"aml run monitor-logs -r {run_id}" in out and f"aml run cancel -r {run_id}" in out
    assert cloud.workspace.jobs[run_id].status == "Running"
    cancelled = cloud.aml("run", "cancel", "-r", "run.json")
    assert cancelled.code == 0, cancelled.text
    cloud.finish()
    followed = cloud.aml("run", "monitor-logs", "-r", run_id)
    assert followed.code == 130
    assert "Canceled" in followed.out


def test_watch_and_fetch_a_run_by_run_json_or_id(cloud: Cloud) -> None:
    assert cloud.submit("--async").code == 0
    cloud.finish()
    listed = cloud.aml("run", "list", "-o", "json")
    assert [one["status"] for one in json.loads(listed.out)] == ["Completed"]
    shown = cloud.aml("run", "show", "-r", "run.json", "-o", "json")
    assert json.loads(shown.out)["status"] == "Completed"
    watched = cloud.aml("run", "monitor-logs", "-r", cloud.run()["run_id"])
    assert watched.code == 0 and "done" in watched.out
    again = cloud.aml("run", "monitor-logs", "-r", "run.json")
    assert "done" in again.out
    fetched = cloud.aml("run", "download-logs", "-r", "run.json", "-d", "out")
    assert fetched.code == 0, fetched.text
    assert (folder(cloud) / "outputs" / "model.txt").read_text() == "a model\n"
    assert (cloud.path / "out" / "user_logs" / "std_log.txt").is_file()
    assert (cloud.path / "out" / "logs" / "note.txt").is_file()
    before = len(cloud.world.network.seen)
    assert cloud.aml("run", "download-logs", "-r", "run.json", "-d", "out").code == 0
    assert not [line for line in cloud.world.network.seen[before:] if "/outputs/model.txt" in line]
    tagged = cloud.aml("run", "update", "-r", "run.json", "--add-tag", "a=b")
    assert tagged.code == 0, tagged.text
    assert cloud.workspace.jobs[cloud.run()["run_id"]].said["tags"]["a"] == "b"


def test_a_run_submitted_elsewhere_is_found_by_its_id(cloud: Cloud, tmp_path: Path) -> None:
    assert cloud.submit().code == 0
    run_id = cloud.run()["run_id"]
    import shutil

    shutil.rmtree(cloud.path / "runs")
    shown = cloud.aml("run", "show", "-r", run_id, "-o", "json")
    assert shown.code == 0, shown.text
    record = json.loads(shown.out)
    assert (record["status"], record["_experiment_name"], record["target"]) == ("Completed", "exp", "cpu-cluster")
    missing = cloud.aml("run", "show", "-r", "exp_1_00000000")
    assert missing.code == 2 and "no run 'exp_1_00000000'" in missing.err


def test_the_json_output_is_one_document(cloud: Cloud) -> None:
    done = cloud.submit("-o", "json")
    assert done.code == 0, done.text
    assert json.loads(done.out)["status"] == "Completed"
    assert "arguments" in done.err


def test_a_dry_run_sends_nothing(cloud: Cloud) -> None:
    done = cloud.submit("--dry-run")
    assert done.code == 0, done.text
    assert "command: python train.py --lr 0.1" in done.out and "compute: azureml:cpu-cluster" in done.out
    assert "PUT jobs/RUN-ID" in done.out and "Snapshot: 5 files" in done.out
    assert not cloud.seen() and not (cloud.path / "runs").exists()


@pytest.mark.parametrize(
    ("target", "compute", "instance"),
    [("cpu-cluster", "cpu-cluster", None), ("Standard_DS3_v2", None, "Standard_DS3_v2")],
)
def test_targets(cloud: Cloud, target: str, compute: str | None, instance: str | None) -> None:
    done = cloud.submit("--ct", target, "--async")
    assert done.code == 0, done.text
    said = cloud.workspace.jobs[cloud.run()["run_id"]].said
    assert (str(said["computeId"]).rsplit("/", 1)[-1] if said.get("computeId") else None) == compute
    assert (said.get("resources") or {}).get("instanceType") == instance


def test_a_compute_that_is_not_there_is_the_services_word(cloud: Cloud) -> None:
    done = cloud.submit("--ct", "nowhere")
    assert done.code == 3
    assert "Compute Not Found" in done.err and "create the job" in done.err
    assert cloud.run()["status"] == "Failed" and not cloud.workspace.jobs


def test_a_dataset_reaches_the_script(cloud: Cloud) -> None:
    (cloud.path / "numbers").mkdir()
    (cloud.path / "numbers" / "a.csv").write_text("1,2\n", encoding="utf-8")
    (cloud.path / ".amlignore").write_text("numbers/\n", encoding="utf-8")
    made = cloud.aml("dataset", "register", "-n", "numbers", "-p", "numbers", "-w", cloud.workspace.name)
    assert made.code == 0, made.text
    script = (
        "import sys, os\nprint(open(os.path.join(sys.argv[1], 'a.csv')).read(), os.environ['WHERE'] == sys.argv[1])\n"
    )
    (cloud.path / "read.py").write_text(script, encoding="utf-8")
    config = CONFIG.replace('arguments: [--lr, "0.1"]', 'arguments: ["/data"]').replace("train.py", "read.py")
    config += (
        "data:\n  numbers:\n    dataLocation: {dataset: {name: numbers, version: '1'}}\n"
        "    mechanism: mount\n    environmentVariableName: WHERE\n    pathOnCompute: /data\n"
    )
    (cloud.path / "aml_config" / "read.runconfig").write_text(config, encoding="utf-8")
    done = cloud.aml("run", "submit-script", "-c", "read", "-e", "exp")
    assert done.code == 0, done.text
    assert "1,2" in done.out and "True" in done.out


def test_a_dataset_id_that_nothing_carries_is_told_how_to_name(cloud: Cloud) -> None:
    config = CONFIG + "data:\n  old:\n    dataLocation: {dataset: {id: 0a1b2c3d-0000-0000-0000-000000000000}}\n"
    (cloud.path / "aml_config" / "old.runconfig").write_text(config, encoding="utf-8")
    done = cloud.aml("run", "submit-script", "-c", "old", "-e", "exp")
    assert done.code == 2
    assert "dataset.id" in done.err and "dataset: {name: NAME" in done.err
    assert not cloud.workspace.jobs


def test_a_dataset_is_found_by_its_id(cloud: Cloud) -> None:
    guid = "0a1b2c3d-0000-0000-0000-000000000000"
    (cloud.path / "data").mkdir()
    (cloud.path / "data" / "rows.csv").write_text("1\n", encoding="utf-8")
    config = CONFIG + f"data:\n  old:\n    dataLocation: {{dataset: {{id: {guid}}}}}\n"
    (cloud.path / "aml_config" / "old.runconfig").write_text(config, encoding="utf-8")
    for name in ("other", "rows"):
        assert cloud.aml("dataset", "register", "-n", name, "-p", "data", "-w", cloud.workspace.name).code == 0
    cloud.workspace.assets["data"]["rows"]["1"]["properties"] = {"v1.datasetId": guid.upper()}
    words = ("run", "submit-script", "-c", "old", "-e", "exp")
    assert f"(which one has the id {guid}?)" in cloud.aml(*words, "--dry-run").out
    done = cloud.aml(*words, "--async")
    assert done.code == 0, done.text
    (job,) = cloud.workspace.jobs.values()
    assert job.said["inputs"]["old"]["uri"].endswith("/data/rows/versions/1")


@pytest.mark.parametrize(
    "words",
    [
        ("run", "submit-script", "-c", "train"),
        ("run", "submit-script", "-c", "train", "--dry-run"),
        ("workspace", "show"),
        ("datastore", "list"),
        ("model", "list", "-w", "a-workspace"),
        ("dataset", "list", "-w", "a-workspace"),
    ],
    ids=" ".join,
)
def test_without_azures_packages_one_command_is_told(cloud: Cloud, tmp_path: Path, words: tuple[str, ...]) -> None:
    (tmp_path / "sitecustomize.py").write_text(WITHOUT, encoding="utf-8")
    path = f"{tmp_path}{os.pathsep}{cloud.world.environment()['PYTHONPATH']}"
    done = cloud.aml(*words, PYTHONPATH=path)
    assert done.code == 2, done.text
    assert done.text.startswith("Error: azure-ai-ml is not installed\nAdd it: ") and "amlrun[azure]" in done.text
    assert not (cloud.path / "runs").exists()


def test_the_secret_of_the_principal_is_nowhere(cloud: Cloud) -> None:
    assert cloud.submit("-o", "json").code == 0
    cloud.aml("run", "download-logs", "-r", "run.json", "-d", "out")
    for file in cloud.path.rglob("*"):
        if file.is_file():
            text = file.read_text(errors="replace")
            assert "standin-secret" not in text and "sig=" not in text, file


def test_a_wrong_secret_says_what_was_tried(cloud: Cloud, world: World) -> None:
    done = cloud.submit(AZURE_CLIENT_SECRET="wrong")  # noqa: S106
    assert done.code == 3
    assert "could not sign in" in done.err and "Invalid client secret" in done.err and "az login" in done.err
    assert "Traceback" not in done.err
