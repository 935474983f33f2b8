"""Sweeps in the workspace, with the command as a subprocess: the stand-in runs every trial for real."""

from __future__ import annotations

import contextlib
import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from standin import handlers, sweeps
from standin.exchange import Reply
from standin.plane import Plane, Workspace
from standin.project import Cloud
from standin.sweep_project import WORDS, arrange, project
from standin.world import Ended, World


def sweep(cloud: Cloud, *words: str, **variables: str) -> tuple[Ended, Path]:
    """Submit; how the command ended, and the sweep's run folder."""
    done = cloud.aml(*WORDS, *words, **variables)
    return done, cloud.path / "runs" / cloud.run()["run_id"]


def table(folder: Path) -> list[dict[str, str]]:
    with (folder / "outputs" / "trials.csv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def asked(cloud: Cloud, *words: str) -> Any:
    done = cloud.aml(*words, "-o", "json")
    assert done.code == 0, done.text
    return json.loads(done.out)


@pytest.fixture(scope="module")
def swept(world: World, tmp_path_factory: pytest.TempPathFactory) -> tuple[Cloud, Ended, Path]:
    """One good sweep over three values, watched to its end."""
    cloud = project(world, tmp_path_factory.mktemp("swept") / "project")
    done, folder = sweep(cloud)
    assert done.code == 0, done.text
    return cloud, done, folder


def test_a_sweep_is_watched_to_its_end(swept: tuple[Cloud, Ended, Path]) -> None:
    cloud, done, folder = swept
    lines = sorted(line for line in done.out.splitlines() if line.startswith("trial "))
    assert lines == [
        "trial 0 Completed; score 0.375; x=0.5",
        "trial 1 Completed; score 0.675; x=0.9",
        "trial 2 Completed; score 0.525; x=0.7",
    ]
    assert f"Best trial: 1 ({folder.name}_1)" in done.out and "Best score: 0.675 with x=0.9" in done.out
    assert sorted((folder / "user_logs" / "std_log.txt").read_text().splitlines()) == lines
    said = cloud.workspace.jobs[folder.name].said
    assert said["jobType"] == "Sweep" and said["searchSpace"] == {"x": ["choice", [[0.5, 0.9, 0.7]]]}
    assert cloud.workspace.creates == [folder.name]


def test_it_leaves_what_a_local_sweep_leaves(swept: tuple[Cloud, Ended, Path]) -> None:
    _, _, folder = swept
    rows = table(folder)
    assert list(rows[0]) == ["trial", "run_id", "state", "best", "reports", "x"]
    assert [(row["trial"], row["run_id"], row["state"], row["reports"], row["x"]) for row in rows] == [
        (str(number), f"{folder.name}_{number}", "Completed", "3", x) for number, x in enumerate(("0.5", "0.9", "0.7"))
    ]
    assert [float(row["best"]) for row in rows] == pytest.approx([0.375, 0.675, 0.525])
    best = json.loads((folder / "outputs" / "best.json").read_text())
    assert (best["run_id"], best["parameters"], best["goal"]) == (f"{folder.name}_1", {"x": 0.9}, "maximize")
    assert (folder / "outputs" / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert f"{folder.name}_1" in (folder / "outputs" / "sweep.html").read_text(encoding="utf-8")


def test_its_record_and_its_trials_can_be_asked_for(swept: tuple[Cloud, Ended, Path]) -> None:
    cloud, _, folder = swept
    record = asked(cloud, "run", "show", "-r", "run.json")
    assert (record["status"], record["run_type"], record["exit_code"]) == ("Completed", "hyperdrive", 0)
    assert record["primary_metric_name"] == "score" and record["seconds"] >= 0
    assert record["properties"]["best_child_run_id"] == f"{folder.name}_1"
    assert float(record["properties"]["score"]) == pytest.approx(0.675)
    children = asked(cloud, "run", "list", "--parent-run-id", "run.json")
    assert {one["run_id"] for one in children} == {f"{folder.name}_{number}" for number in range(3)}
    assert [one["run_id"] for one in asked(cloud, "run", "list")] == [folder.name]
    child = asked(cloud, "run", "show", "-r", f"{folder.name}_1")
    assert child["hyperparameters"] == {"x": 0.9} and child["metrics"]["score"] == pytest.approx(0.675)
    assert child["parent_run_id"] == child["root_run_id"] == folder.name and child["target"] == "cpu-cluster"
    log = cloud.aml("run", "monitor-logs", "-r", f"{folder.name}_1")
    assert log.code == 0 and "x is 0.9 0.9" in log.out


def test_watching_it_again_needs_no_service(swept: tuple[Cloud, Ended, Path]) -> None:
    cloud, done, _ = swept
    before = len(cloud.seen())
    again = cloud.aml("run", "monitor-logs", "-r", "run.json")
    assert again.code == 0 and len(cloud.seen()) == before
    wanted = [line for line in done.out.splitlines() if line.startswith(("trial ", "Best "))]
    assert [line for line in again.out.splitlines() if line.startswith(("trial ", "Best "))] == wanted


def test_the_best_run_of_an_experiment(swept: tuple[Cloud, Ended, Path]) -> None:
    cloud, _, folder = swept
    words = ("run", "best", "-e", "exp", "--metric", "score")
    assert asked(cloud, *words)["run_id"] == f"{folder.name}_1"
    found = asked(cloud, *words, "--minimize", "--last", "2")
    assert [one["run_id"] for one in found] == [f"{folder.name}_0", f"{folder.name}_2"]
    assert found[0]["hyperparameters"] == {"x": 0.5}


def test_download_brings_the_best_trials_outputs(swept: tuple[Cloud, Ended, Path]) -> None:
    cloud, _, folder = swept
    assert not (folder / "outputs" / "x.txt").exists()
    done = cloud.aml("run", "download-logs", "-r", "run.json", "-d", "out")
    assert done.code == 0, done.text
    assert (folder / "outputs" / "x.txt").read_text() == "0.9"
    assert (folder.parent / f"{folder.name}_1" / "outputs" / "x.txt").read_text() == "0.9"
    assert "Experiment created" in (cloud.path / "out" / "azureml-logs" / "hyperdrive.txt").read_text()
    assert len(table(folder)) == 3
    record = asked(cloud, "run", "show", "-r", "run.json")
    assert {"best.json", "trials.csv", "x.txt"} <= {Path(name).name for name in record["outputs"]}


def test_registering_a_sweep_means_its_best_trial(swept: tuple[Cloud, Ended, Path]) -> None:
    cloud, _, folder = swept
    made = asked(cloud, "model", "register", "-n", "m", "-f", "run.json", "--asset-path", "outputs/x.txt")
    assert (made["name"], made["runId"]) == ("m", f"{folder.name}_1")
    assert f"/jobs/{folder.name}_1/outputs/artifacts/paths/outputs/x.txt" in made["path"]
    missing = cloud.aml("model", "register", "-n", "m", "-f", "run.json", "--asset-path", "outputs/gone.txt")
    assert missing.code == 2 and f"run {folder.name}_1 has no outputs/gone.txt" in missing.err


def test_a_sweep_that_was_submitted_elsewhere(
    swept: tuple[Cloud, Ended, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud, _, folder = swept
    other = Cloud(cloud.world, tmp_path / "other")
    config = (cloud.path / ".azureml" / "config.json").read_text()
    (other.path / ".azureml" / "config.json").write_text(config)
    children = asked(other, "run", "list", "--parent-run-id", folder.name)
    assert {one["status"] for one in children} == {"Completed"} and len(children) == 3
    # Which trial is the best is the service's to say.
    monkeypatch.setitem(cloud.workspace.jobs[folder.name].said["properties"], "best_child_run_id", f"{folder.name}_2")
    done = other.aml("run", "monitor-logs", "-r", folder.name)
    assert done.code == 0 and f"Best trial: 2 ({folder.name}_2)" in done.out
    assert len(table(other.path / "runs" / folder.name)) == 3
    best = ("run", "best", "-e", "exp", "--metric", "score", "-w", cloud.workspace.name)
    found = asked(other, *best, "--last", "2")
    assert [(one["run_id"], one["hyperparameters"]) for one in found] == [
        (f"{folder.name}_1", {"x": 0.9}), (f"{folder.name}_2", {"x": 0.7}),
    ]  # fmt: skip
    assert other.aml(*best[:5], "loss", *best[6:]).code == 2
    made = asked(other, "model", "register", "-n", "m2", "-r", folder.name, "--asset-path", "outputs/x.txt")
    assert made["runId"] == f"{folder.name}_2"


@pytest.fixture
def cloud(world: World, tmp_path: Path) -> Cloud:
    return project(world, tmp_path / "project")


def test_detached_and_asked_for_while_it_runs(cloud: Cloud) -> None:
    arrange(cloud, "--kind", "hopeless", values="[0.5, 0.9, 0.1, 0.2]")
    done, folder = sweep(cloud, "--async")
    assert done.code == 0 and f"aml run monitor-logs -r {folder.name}" in done.out
    for number in (2, 3):
        reported(cloud, f"{folder.name}_{number}")
    assert asked(cloud, "run", "best", "-e", "exp", "--metric", "score")["run_id"] == f"{folder.name}_1"
    for trial in folder.parent.glob(f"{folder.name}_*"):
        shutil.rmtree(trial)  # what the next command shows, it has to ask for itself
    children = asked(cloud, "run", "list", "--parent-run-id", folder.name)
    assert [(one["trial"], one["status"]) for one in sorted(children, key=lambda one: one["trial"])] == [
        (0, "Completed"), (1, "Completed"), (2, "Running"), (3, "Running"),
    ]  # fmt: skip
    assert asked(cloud, "run", "show", "-r", "run.json")["status"] == "Running"
    # The service names no best trial yet: the best of those that have completed is taken.
    made = asked(cloud, "model", "register", "-n", "m", "-f", "run.json", "--asset-path", "outputs/x.txt")
    assert made["runId"] == f"{folder.name}_1"
    assert cloud.aml("run", "cancel", "-r", "run.json").code == 0
    cloud.finish()
    followed = cloud.aml("run", "monitor-logs", "-r", "run.json")
    assert followed.code == 130 and "Status: Canceled" in followed.out
    assert [row["state"] for row in table(folder)] == ["Completed", "Completed", "Canceled", "Canceled"]
    refused = cloud.aml("run", "submit-hyperdrive", "--resume", folder.name)
    assert refused.code == 2 and "runs in a workspace" in refused.err


def reported(cloud: Cloud, name: str) -> None:
    """Wait until a trial has made its three reports."""
    deadline = time.monotonic() + 120
    while name not in cloud.workspace.jobs or len(getattr(cloud.workspace.jobs[name], "reports")) < 3:  # noqa: B009
        assert time.monotonic() < deadline, f"{name} never reported"
        time.sleep(0.05)


@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C is sent as a POSIX signal")
def test_ctrl_c_detaches(cloud: Cloud) -> None:
    arrange(cloud, "--kind", "hopeless", values="[0.9, 0.1]")
    process = cloud.world.start(list(WORDS), cloud.path, AML_AZURE_POLL="0.2")
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("trial 0 Completed"):
            break
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)
    name = cloud.run()["run_id"]
    assert process.returncode == 130, err
    assert f"aml run monitor-logs -r {name}" in out and f"aml run cancel -r {name}" in out
    assert cloud.workspace.jobs[name].status == "Running"
    assert cloud.aml("run", "cancel", "-r", name).code == 0
    cloud.finish()
    assert cloud.workspace.jobs[f"{name}_1"].status == "Canceled"


@pytest.mark.skipif(os.name == "nt", reason="a terminal is a POSIX pseudo-terminal here")
def test_a_terminal_shows_the_trials_while_they_run(cloud: Cloud) -> None:
    import pty

    arrange(cloud, "--kind", "hopeless", values="[0.9, 0.1]")
    near, far = pty.openpty()
    words = [sys.executable, "-m", "amlrun", *WORDS]
    variables = cloud.world.environment(AML_AZURE_POLL="0.2", TERM="xterm", COLUMNS="120", LINES="40")
    process = subprocess.Popen(words, cwd=cloud.path, env=variables, stdin=far, stdout=far, stderr=far)
    os.close(far)
    hung = threading.Timer(240, process.kill)
    hung.start()
    shown = b""
    with os.fdopen(near, "rb", buffering=0) as screen:
        with contextlib.suppress(OSError):  # Linux says so when the other end is closed
            while piece := screen.read(65536):
                shown += piece
                if b"1 of 2 trials, 1 running" in shown and b"0.675 best" in shown:
                    cloud.workspace.jobs[cloud.run()["run_id"]].cancel()
        code = process.wait()
    hung.cancel()
    assert code == 130, shown.decode()
    text = shown.decode()
    assert "1 of 2 trials, 1 running" in text and "0.675 best" in text and "trial 0 Completed" in text
    assert "Status: " in text and "Canceled" in text


def test_a_policy_stops_the_hopeless(cloud: Cloud) -> None:
    policy = "type: BanditPolicy, slack_factor: 0.1, delay_evaluation: 2"
    arrange(cloud, "--kind", "hopeless", values="[0.9, 0.1, 0.88]", policy=policy)
    done, folder = sweep(cloud)
    assert done.code == 0, done.text
    assert [row["state"] for row in table(folder)] == ["Completed", "Canceled", "Completed"]
    assert float(table(folder)[1]["best"]) == pytest.approx(0.075)


def test_random_values_and_a_smaller_metric(cloud: Cloud) -> None:
    arrange(cloud, type="random", expression="uniform", values="[0, 1]", goal="minimize", total=3)
    done, folder = sweep(cloud, "--seed", "7", "-o", "json")
    assert done.code == 0, done.text
    assert json.loads(done.out)["status"] == "Completed" and "trial 0 Completed" in done.err
    rows = table(folder)
    assert len({row["x"] for row in rows}) == 3 and all(0 <= float(row["x"]) < 1 for row in rows)
    best = json.loads((folder / "outputs" / "best.json").read_text())
    # Of a trial's reports the smallest counts, and of the trials the one that has it.
    smallest = min(rows, key=lambda row: float(row["x"]))
    assert best["run_id"] == smallest["run_id"] and best["best"] == pytest.approx(float(smallest["x"]) / 2)
    assert cloud.workspace.jobs[folder.name].said["samplingAlgorithm"]["seed"] == 7


@pytest.mark.parametrize(
    ("arguments", "status", "says", "hint"),
    [
        (["--kind", "crash"], "Failed", "all 3 trials failed", "last line: this one crashes"),
        (["--metric", "loss"], "Completed", "no trial logged the metric 'score'", "They logged loss."),
        (["--kind", "nan"], "Completed", "all were NaN", "diverge"),
    ],
)
def test_a_sweep_that_finds_nothing(cloud: Cloud, arguments: list[str], status: str, says: str, hint: str) -> None:
    arrange(cloud, *arguments)
    done, folder = sweep(cloud)
    assert done.code == 1, done.text
    assert says in done.err and hint in done.err and "Traceback" not in done.err
    assert f"Status: {status}" in done.out and len(table(folder)) == 3
    assert not (folder / "outputs" / "best.json").exists()
    if status == "Completed":
        return
    again = cloud.aml("run", "monitor-logs", "-r", "run.json")
    assert again.code == 1 and says in again.err
    refused = cloud.aml("model", "register", "-n", "m", "-f", "run.json", "--asset-path", "outputs/x.txt")
    assert refused.code == 2 and "has no best trial" in refused.err
    assert cloud.aml("run", "download-logs", "-r", "run.json", "-d", "out").code == 0


def test_some_trials_fail(cloud: Cloud) -> None:
    arrange(cloud, "--kind", "some")
    done, folder = sweep(cloud)
    assert done.code == 0, done.text
    assert [row["state"] for row in table(folder)] == ["Completed", "Failed", "Completed"]
    assert "Best trial: 2" in done.out


def test_what_is_wrong_is_said_before_any_request(cloud: Cloud) -> None:
    arrange(cloud, values="0.1", expression="uniform")
    done = cloud.aml(*WORDS)
    assert done.code == 2 and "sweep.yml:5" in done.err
    arrange(cloud, "${{inputs.gone}}")
    done = cloud.aml(*WORDS)
    assert done.code == 2 and "${{inputs.gone}}" in done.err
    assert not cloud.seen() and not (cloud.path / "runs").exists()


def test_a_dry_run_shows_the_sweep(cloud: Cloud) -> None:
    done = cloud.aml(*WORDS, "--dry-run")
    assert done.code == 0, done.text
    assert "type: sweep" in done.out and "primary_metric: score" in done.out and "PUT jobs/RUN-ID" in done.out
    assert not cloud.seen() and not (cloud.path / "runs").exists()


def test_what_v2_has_no_word_for(cloud: Cloud) -> None:
    """True and false to choose from, a grid's seed, and (serverless) no compute's name."""
    arrange(cloud, values="[true, false]")
    done, folder = sweep(cloud, "--seed", "3", "--ct", "Standard_DS3_v2", "--async")
    assert done.code == 0, done.text
    said = cloud.workspace.jobs[folder.name].said
    assert said["searchSpace"] == {"x": ["choice", [["True", "False"]]]}
    assert "sampling.seed: has no effect there" in done.out
    assert not said.get("computeId") and said["resources"]["instanceType"] == "Standard_DS3_v2"


def test_a_v2_sweep_job_is_submitted_from_its_yaml(cloud: Cloud) -> None:
    words = ("export", "-c", "train", "--hyperdrive-configuration-name", "sweep.yml", "-o", "job.yml")
    assert cloud.aml(*words).code == 0
    done = cloud.aml("job", "create", "--file", "job.yml", "-e", "exp", "-t", "run.json", "--async")
    assert done.code == 0, done.text
    run_id = cloud.run()["run_id"]
    said = cloud.workspace.jobs[run_id].said
    assert said["jobType"] == "Sweep" and said["searchSpace"] == {"x": ["choice", [[0.5, 0.9, 0.7]]]}
    assert said["trial"]["command"] == "python train.py --x ${{search_space.x}}"
    children = asked(cloud, "run", "list", "--parent-run-id", run_id)
    assert cloud.run()["run_type"] == "hyperdrive" and len(children) <= 3


def test_a_compute_that_is_not_there(cloud: Cloud) -> None:
    done, _ = sweep(cloud, "--ct", "nowhere")
    assert done.code == 3 and "Compute Not Found" in done.err
    assert cloud.run()["status"] == "Failed" and not cloud.workspace.jobs


def test_a_workspace_that_lists_the_trials_late(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    late = [3]

    def search(plane: Plane, workspace: Workspace, query: dict[str, str], body: Any) -> Reply:
        parent = next(iter(workspace.jobs.values()))
        if parent.status == "Completed" and late[0]:
            late[0] -= 1
        elif parent.status == "Completed":
            return sweeps.search_runs(plane, workspace, query, body)
        return Reply(200, b'{"runs": []}')

    routes = [(*one[:4], search if one[4] is sweeps.search_runs else one[4]) for one in handlers.ROUTES]
    monkeypatch.setattr(handlers, "ROUTES", routes)
    done, folder = sweep(cloud)
    assert done.code == 0 and "Best score: 0.675" in done.out, done.text
    shutil.rmtree(cloud.path / "runs")
    late[0] = 1_000_000
    done = cloud.aml("run", "monitor-logs", "-r", folder.name)
    assert done.code == 1 and "lists none of its trials" in done.err, done.text
    # That is no last word.
    late[0] = 0
    done = cloud.aml("run", "monitor-logs", "-r", folder.name)
    assert done.code == 0 and "Best score: 0.675" in done.out, done.text


def test_many_trials_come_in_pages() -> None:
    from amlrun.azure import sweeps

    answers = [{"runs": [{"info": {"run_id": f"s_{n}"}}], "next_page_token": str(n + 1)} for n in range(3)]
    answers.append({"runs": [{"info": {"run_id": "s_3"}}]})
    bodies = []

    class Client:
        workspace = type("Workspace", (), {"arm": "/x"})

        def ask(self, doing: str, method: str, path: str, *, host: str, body: Any) -> Any:
            bodies.append(body)
            return answers[len(bodies) - 1]

    found = sweeps.search(Client(), "https://h", "1", "tags.x = 'y'", "list")  # type: ignore[arg-type]
    assert [one["info"]["run_id"] for one in found] == ["s_0", "s_1", "s_2", "s_3"]
    assert [body.get("page_token") for body in bodies] == [None, "1", "2", "3"]


def test_a_trials_values_are_understood_wherever_and_however_the_service_says_them() -> None:
    from amlrun.azure import sweeps
    from amlrun.spec.job import Parameter

    space = {
        "x": Parameter("uniform", "--x", min_value=0, max_value=1),
        "on": Parameter("choice", "--on", values=["True", "False"]),
        "width": Parameter("choice", "--width", values=[1.0, 2, "two"]),
    }
    for texts in (
        ('{"x": "0.25", "on": true, "width": 1}',),
        (None, '{"--x": 0.25, "--on": "True", "--width": 1.0}'),
        ("not json", "[1]", '{"x": 0.25, "on": "true", "width": "1"}'),
    ):
        assert sweeps.values(space, *texts) == {"x": 0.25, "on": "True", "width": 1.0}, texts
    # What can't be placed is left out, and so is what the sweep does not have.
    assert sweeps.values(space, '{"x": "low", "on": 3, "width": "two", "other": 1}') == {"width": "two"}
    assert sweeps.values(space, None) == {}
