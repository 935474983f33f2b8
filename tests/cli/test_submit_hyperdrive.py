"""Sweeps on this machine, from the command line: what they leave behind, and how they end when things go wrong."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.sweeps import SweepProject, table

from amlrun.errors import AmlError
from amlrun.runs import store as runs
from amlrun.sweep import store

BANDIT = "  type: BanditPolicy\n  slack_factor: 0.1\n  delay_evaluation: 2"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> SweepProject:
    """One project for the module: making MLflow's tables takes seconds."""
    return SweepProject(tmp_path_factory.mktemp("sweeps"))


@pytest.fixture(scope="module")
def good(project: SweepProject) -> tuple[subprocess.CompletedProcess[str], Path]:
    """A sweep over two good and two hopeless values, which the Bandit stops."""
    project.runconfig("--reports", "40", "--pause", "0.1")
    project.sweep_file(type="grid", expression="choice", values="[0.9, 0.95, 0.1, 0.2]", policy=BANDIT)
    return project.sweep()


def test_the_hopeless_are_stopped_with_the_rule_and_the_numbers(
    project: SweepProject, good: tuple[object, Path]
) -> None:
    rows = table(good[1])
    assert [row["state"] for row in rows] == ["Completed", "Completed", "Canceled", "Canceled"]
    assert [row["trial"] for row in rows] == ["0", "1", "2", "3"]
    for row in rows[2:]:
        assert 2 <= int(row["reports"]) < 40
        record = json.loads((project.root / "runs" / row["run_id"] / ".run" / "run.json").read_text())
        assert record["status"] == "Canceled"
        stopped = record["cancel"]["stopped"]
        assert stopped["rule"] == "bandit" and stopped["interval"] == 2
        assert stopped["value"] == pytest.approx(float(row["x"]) * 2 / 3)
        # Judged against the best that there was, which was one of the two good ones.
        assert stopped["bound"] >= 0.9 * 0.5 / 1.1
        assert "slack_factor 0.1" in record["cancel"]["reason"]


def test_what_a_sweep_leaves(project: SweepProject, good: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    said, sweep = good
    rows = table(sweep)
    assert list(rows[0]) == ["trial", "run_id", "state", "best", "reports", "x"]
    assert float(rows[1]["best"]) == pytest.approx(0.95 * 40 / 41)
    assert rows[1]["reports"] == "40"
    best = json.loads((sweep / "outputs" / "best.json").read_text())
    assert best["run_id"] == rows[1]["run_id"] and best["parameters"] == {"x": 0.95}
    assert (sweep / "outputs" / "x.txt").read_text() == "0.95"
    for name in ("history", "parallel", "curves"):
        assert (sweep / "outputs" / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    page = (sweep / "outputs" / "sweep.html").read_text(encoding="utf-8")
    assert page.count("data:image/png;base64,") >= 3
    assert not re.search(r"(src|href)=\"(?!data:)|https?://|@import|<script", page)
    assert all(row["run_id"] in page or row["state"] in page for row in rows)
    record = project.record(sweep)
    assert (record["status"], record["run_type"], record["primary_metric_name"]) == ("Completed", "hyperdrive", "score")
    assert record["properties"]["best_child_run_id"] == rows[1]["run_id"]
    assert "trial 1 Completed; score 0.926829; x=0.95" in said.stdout
    assert "trial 1 Completed" in (sweep / "user_logs" / "std_log.txt").read_text()


def test_each_trial_is_a_run_like_any_other(project: SweepProject, good: tuple[object, Path]) -> None:
    sweep = good[1]
    children = json.loads(
        project.aml("run", "list", "--parent-run-id", sweep.name, "--last", "99", "-o", "json").stdout
    )
    assert {child["run_id"] for child in children} == {f"{sweep.name}_{number}" for number in range(4)}
    top = json.loads(project.aml("run", "list", "-e", "exp", "-o", "json").stdout)
    assert sweep.name in {run["run_id"] for run in top}
    assert not {child["run_id"] for child in children} & {run["run_id"] for run in top}
    assert project.record("latest")["run_id"] == (project.root / "runs" / "latest").read_text().strip() == sweep.name
    record = project.record(f"{sweep.name}_1")
    assert record["parent_run_id"] == record["root_run_id"] == sweep.name
    assert record["hyperparameters"] == {"x": 0.95} and record["exit_code"] == 0
    assert record["metrics"]["score"] == pytest.approx(0.95 * 40 / 41)
    folder = project.root / "runs" / record["run_id"]
    assert (folder / "user_logs" / "std_log.txt").read_text().startswith("x is 0.95")
    assert (folder / "train.py").is_file() and (folder / "outputs" / "x.txt").is_file()


def test_registering_a_sweep_means_its_best_trial(project: SweepProject, good: tuple[object, Path]) -> None:
    sweep = good[1]
    words = ("model", "register", "-n", "m", "-f", str(sweep / ".run" / "run.json"), "--asset-path", "outputs/x.txt")
    made = json.loads(project.aml(*words, "-o", "json").stdout)
    assert (made["name"], made["runId"]) == ("m", f"{sweep.name}_1")


def test_the_best_run_of_an_experiment(project: SweepProject, good: tuple[object, Path]) -> None:
    sweep = good[1]
    found = json.loads(project.aml("run", "best", "-e", "exp", "--metric", "score", "-o", "json").stdout)
    assert found["run_id"] == f"{sweep.name}_1"
    found = json.loads(
        project.aml("run", "best", "-e", "exp", "--metric", "score", "--minimize", "--last", "2", "-o", "json").stdout
    )
    # A stopped trial is no candidate, however small its metric.
    assert found[0]["run_id"] == f"{sweep.name}_0"
    assert "no completed run" in project.aml("run", "best", "-e", "exp", "--metric", "accuracy", code=2).stderr


def test_a_metric_that_is_never_logged(project: SweepProject) -> None:
    project.runconfig("--metric", "accuracy")
    project.sweep_file(total=20)
    said, sweep = project.sweep(code=1)
    assert "completed without logging the metric 'score'" in said.stderr
    assert "It logged accuracy." in said.stderr
    assert project.record(sweep)["status"] == "Failed"
    assert len(table(sweep)) <= 4  # it did not go through all twenty


def test_smaller_is_better_when_the_file_says_so(project: SweepProject) -> None:
    project.runconfig()
    project.sweep_file(type="grid", expression="choice", values="[0.9, 0.3, 0.5]", goal="minimize", total=3)
    said, sweep = project.sweep("--no-warm")
    assert "Best trial: 1" in said.stdout
    assert float(table(sweep)[1]["best"]) == pytest.approx(0.15)


@pytest.fixture(scope="module")
def light(project: SweepProject, good: tuple[object, Path]) -> SweepProject:
    """The project with a script that starts at once."""
    project.light()
    return project


@pytest.mark.parametrize("kind", ["random", "bayesian"])
def test_a_seed_repeats_a_sweep_exactly(light: SweepProject, kind: str) -> None:
    project = light
    project.runconfig()
    project.sweep_file(type=kind, total=13 if kind == "bayesian" else 4)
    first = table(project.sweep("--seed", "11")[1])
    again = table(project.sweep("--seed", "11")[1])
    sweep = project.sweep()[1]
    other = table(sweep)

    def plain(rows: list[dict[str, str]]) -> list[tuple[str, str]]:
        return [(row["x"], row["best"]) for row in rows]

    assert plain(first) == plain(again)
    assert plain(first) != plain(other)
    # Without one, the seed that was drawn is in the record.
    if kind == "random":
        seed = str(project.record(sweep)["seed"])
        assert plain(table(project.sweep("--seed", seed)[1])) == plain(other)


def test_some_trials_crash(light: SweepProject) -> None:
    project = light
    project.runconfig("--kind", "some")
    project.sweep_file(type="grid", expression="choice", values="[0.9, 0.3, 0.8, 0.4]")
    said, sweep = project.sweep()
    rows = table(sweep)
    assert [row["state"] for row in rows] == ["Failed", "Completed", "Failed", "Completed"]
    assert [row["best"] == "" for row in rows] == [True, False, True, False]
    assert "Best trial: 3" in said.stdout


def test_all_trials_crash(light: SweepProject) -> None:
    project = light
    project.runconfig("--kind", "crash")
    project.sweep_file(total=30)
    said, sweep = project.sweep(code=1)
    assert "trials failed; trial 0: the script ended with exit code 1" in said.stderr
    assert "RuntimeError: this one crashes" in said.stderr
    assert 5 <= len(table(sweep)) <= 8
    assert project.record(sweep)["status"] == "Failed"
    assert not (sweep / "outputs" / "best.json").exists()


def test_a_metric_that_is_nan(light: SweepProject) -> None:
    project = light
    project.runconfig("--kind", "nan")
    project.sweep_file()
    said, _ = project.sweep(code=1)
    assert "no trial reported a usable score: all were NaN" in said.stderr
    project.runconfig("--kind", "somenan")
    project.sweep_file(type="grid", expression="choice", values="[0.9, 0.3]", policy=BANDIT)
    said, sweep = project.sweep()
    assert "Best trial: 1" in said.stdout
    assert [row["best"] == "" for row in table(sweep)] == [True, False]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["-c", "t"], "--hyperdrive-configuration-name"),
        (["--hyperdrive-configuration-name", "sweep.yml"], "-c: name the run configuration"),
        (["-c", "t", "--hyperdrive-configuration-name", "none.yml"], "there is no file none.yml"),
        (["--resume", "HD_x"], "no run 'HD_x'"),
    ],
)
def test_bad_input(light: SweepProject, words: list[str], said: str) -> None:
    project = light
    project.runconfig()
    project.sweep_file()
    done = project.aml("run", "submit-hyperdrive", *words, code=2)
    assert said in done.stderr and "Traceback" not in done.stderr


def test_a_mistake_in_the_file_starts_nothing(light: SweepProject) -> None:
    project = light
    project.sweep_file(values="[1]")
    before = len(list((project.root / "runs").iterdir()))
    words = ("run", "submit-hyperdrive", "-c", "t", "-e", "exp", "--hyperdrive-configuration-name", "sweep.yml")
    done = project.aml(*words, code=2)
    assert "sweep.yml:6: parameter_space[0].values: expected uniform takes 2" in done.stderr
    assert len(list((project.root / "runs").iterdir())) == before


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C is sent as a signal")
def test_ctrl_c_ends_the_trials_and_resume_goes_on(light: SweepProject) -> None:
    project = light
    project.runconfig("--reports", "1000", "--pause", "0.05")
    project.sweep_file(total=3)
    file = project.root / "run.json"
    file.unlink(missing_ok=True)
    words = ("run", "submit-hyperdrive", "-c", "t", "-e", "exp", "--hyperdrive-configuration-name", "sweep.yml")
    command = project.command(*words, "-t", str(file))
    driver = subprocess.Popen(command, cwd=project.root, env=project.environment, stdout=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if file.exists():
            sweep = project.root / "runs" / json.loads(file.read_text())["run_id"]
            if list(sweep.parent.glob(f"{sweep.name}_*/.run/process.json")):
                break
        time.sleep(0.05)
    # The record can be seen, and says so, while the sweep runs.
    assert project.record(sweep)["status"] == "Running"
    refused = project.aml("run", "submit-hyperdrive", "--resume", sweep.name, code=2)
    assert "is running" in refused.stderr
    driver.send_signal(signal.SIGINT)
    out, _ = driver.communicate(timeout=60)
    assert driver.returncode == 130, out
    assert f"--resume {sweep.name}" in out
    assert project.record(sweep)["status"] == "Canceled"
    children = [project.record(child.name) for child in sweep.parent.glob(f"{sweep.name}_*")]
    assert children and {child["status"] for child in children} == {"Canceled"}
    # The trials' script comes from the sweep's own copy: make that one quick.
    script = sweep / "train.py"
    script.write_text(script.read_text().replace("args.reports + 1", "4").replace("args.pause", "0"))
    project.aml("run", "submit-hyperdrive", "--resume", sweep.name)
    rows = table(sweep)
    assert [(row["trial"], row["state"]) for row in rows] == [(str(number), "Completed") for number in range(3)]
    assert all("_r2" in row["run_id"] for row in rows[: len(children)])
    assert project.record(sweep)["status"] == "Completed"


def test_async_returns_and_the_sweep_goes_on(light: SweepProject) -> None:
    project = light
    project.runconfig()
    project.sweep_file(total=2)
    said, sweep = project.sweep("--async")
    assert "Submitted. Follow it" in said.stdout
    followed = project.aml("run", "monitor-logs", "-r", sweep.name)
    assert "trial 1 Completed" in followed.stdout
    assert len(table(sweep)) == 2


def test_cancel_ends_a_sweep_and_its_trials(light: SweepProject) -> None:
    project = light
    project.runconfig("--reports", "1000", "--pause", "0.05")
    project.sweep_file(total=50)
    _, sweep = project.sweep("--async")
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not list(sweep.parent.glob(f"{sweep.name}_*/.run/process.json")):
        time.sleep(0.05)
    assert "Canceled" in project.aml("run", "cancel", "-r", sweep.name).stdout
    assert project.record(sweep)["status"] == "Canceled"
    for child in sweep.parent.glob(f"{sweep.name}_*"):
        assert project.record(child.name)["status"] == "Canceled"
        process = json.loads((child / ".run" / "process.json").read_text())
        with pytest.raises(ProcessLookupError):
            os.kill(process["_script"]["pid"], 0)


def test_a_trial_that_was_made_ahead_and_not_begun_leaves_nothing(light: SweepProject) -> None:
    """Small trials are made while others run; what is over when the sweep ends was no run."""
    project = light
    project.runconfig("--pause", "0.02")
    project.sweep_file(total=1000)
    _, sweep = project.sweep("--async")
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and len(list(sweep.parent.glob(f"{sweep.name}_*/.run/exit.json"))) < 12:
        time.sleep(0.01)
    project.aml("run", "cancel", "-r", sweep.name)
    children = list(sweep.parent.glob(f"{sweep.name}_*"))
    assert len(children) >= 12
    # One that was called off before it began has an end, if no beginning.
    parts = [{part.name for part in (one / ".run").glob("*.json")} for one in children]
    assert all(names & {"process.json", "exit.json"} for names in parts), parts
    assert {project.record(one.name)["status"] for one in children} <= {"Completed", "Canceled"}
    project.runconfig()


SECRETS = ("hunter1", "hunter2", "hunter3")


@pytest.fixture
def guarded(light: SweepProject) -> Iterator[SweepProject]:
    """The project with a script that wants two secrets, and two tokens that are none."""
    project = light
    script = (project.root / "train.py").read_text()
    options = '\nfor name in ("--api-key", "--pad_token", "--max-token"):\n    parser.add_argument(name)\n'
    check = (
        'assert (args.api_key, os.environ["WANDB_API_KEY"]) == ("hunter1", "hunter2")\n'
        'assert (args.pad_token, args.max_token) == ("<pad>", "5")\n'
    )
    script = script.replace("\nargs = parser.parse_args()\n", f"{options}args = parser.parse_args()\n{check}")
    (project.root / "train.py").write_text(script)
    words = ("--api-key", "hunter1", "--pad_token", "<pad>", "--max-token", "5")
    project.runconfig(*words, variables={"WANDB_API_KEY": "hunter2"})
    yield project
    project.light()


@pytest.mark.parametrize("how", [(), ("--async",), ("--no-warm",)], ids=["here", "async", "cold"])
def test_secrets_reach_the_trials_and_no_record(guarded: SweepProject, how: tuple[str, ...]) -> None:
    project = guarded
    project.sweep_file(total=2)
    _, sweep = project.sweep(*how)
    if "--async" in how:
        project.aml("run", "monitor-logs", "-r", sweep.name)
    assert [row["state"] for row in table(sweep)] == ["Completed", "Completed"]
    found = (file for run in sweep.parent.glob(f"{sweep.name}*") for file in (run / ".run").rglob("*"))
    kept = [file for file in found if file.is_file()]
    assert len(kept) > 10
    for file in kept:
        assert not any(word.encode() in file.read_bytes() for word in SECRETS), file


def test_a_resumed_sweep_takes_its_secrets_from_the_environment(
    guarded: SweepProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = guarded
    project.sweep_file(total=2)
    _, sweep = project.sweep()
    run = runs.RunFolder(sweep)
    with pytest.raises(AmlError, match="WANDB_API_KEY is not kept in records") as refused:
        store.load(run)
    assert refused.value.hint == "Set WANDB_API_KEY in your environment, then resume."
    monkeypatch.setenv("WANDB_API_KEY", "hunter2")
    with pytest.raises(AmlError, match="--api-key is not kept in records"):
        store.load(run)
    monkeypatch.setenv("API_KEY", "hunter1")
    job = store.load(run).job.trial
    assert "hunter1" in job.command and job.environment_variables["WANDB_API_KEY"] == "hunter2"
