"""The main road, as README says it: render, train here, register, score; then again with no network at all."""

from __future__ import annotations

import csv
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]


def environment() -> dict[str, str]:
    dropped = ("VIRTUAL_ENV", "MLFLOW_TRACKING_URI", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE")
    return {key: value for key, value in os.environ.items() if key not in dropped}


def run(words: list[str], folder: Path, code: int = 0, **variables: str) -> subprocess.CompletedProcess[str]:
    env = environment() | variables
    done = subprocess.run(words, cwd=folder, env=env, capture_output=True, text=True, encoding="utf-8")
    assert done.returncode == code, f"{words}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


def readme_block(heading: str) -> list[list[str]]:
    """The commands of the first console block below a heading of README."""
    text = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    section = text.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    block = section.split("```console\n")[1].split("```")[0]
    return [line.removeprefix("$ ").split() for line in block.splitlines()]


def readme_commands() -> list[list[str]]:
    """The commands of README's "Start your own", with this checkout in place of the published template."""
    lines = readme_block("Start your own")
    published = lines[0].index("gh:copier-azureml/copier-azureml")
    # `--defaults` answers the questions, `--vcs-ref HEAD` takes what is not committed yet too.
    lines[0][published : published + 1] = ["--defaults", "--vcs-ref", "HEAD", str(REPOSITORY)]
    return lines


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A default render with a trained, registered and scored model, made by README's commands."""
    here = tmp_path_factory.mktemp("first")
    for words in readme_commands():
        if words[0] == "cd":
            here = here / words[1]
        else:
            run(words, here)
    return here.parent.parent


def test_the_run_is_completed_and_good(project: Path) -> None:
    record = json.loads((project / "models" / "model1" / "run.json").read_text())
    assert record["status"] == "Completed" and record["_experiment_name"] == "first"
    shown = json.loads(run(["uv", "run", "aml", "run", "show", "-r", "latest", "-o", "json"], project).stdout)
    assert shown["metrics"]["auc"] > 0.95
    assert {"outputs/model.pkl", "outputs/roc_curve.png", "outputs/confusion_matrix.png"} <= set(shown["outputs"])


def test_the_curve_and_the_parameters_are_in_mlflow(project: Path) -> None:
    with closing(sqlite3.connect(project / "mlflow.db")) as database:
        points = database.execute("SELECT COUNT(*) FROM metrics WHERE key = 'val_loss'").fetchone()[0]
        parameters = {row[0] for row in database.execute("SELECT key FROM params")}
        experiments = {row[0] for row in database.execute("SELECT name FROM experiments")}
    assert points > 3
    assert {"epochs", "batch_size", "alpha", "penalty"} <= parameters
    assert "first" in experiments
    assert not list(project.glob("runs/*/mlruns")) and not list(project.glob("runs/*/mlflow.db"))


def test_the_model_is_registered_with_its_tags(project: Path) -> None:
    found = json.loads(run(["uv", "run", "aml", "model", "show", "-i", "demo-model:1", "-o", "json"], project).stdout)
    assert found["id"] == "demo-model:1" and found["tags"] == {"key1": "value1"}
    assert found["properties"] == {"prop1": "value1"} and found["experimentName"] == "first"
    assert len(found["sha256"]) == 64 and Path(found["path"]).is_file()


def test_versions_count_up_and_can_be_fetched(project: Path, tmp_path: Path) -> None:
    words = ["uv", "run", "aml", "model"]
    run([*words, "register", "-n", "other", "-r", "latest", "--asset-path", "outputs/model.pkl"], project)
    again = run([*words, "register", "-n", "other", "-p", str(project / "README.md"), "-o", "json"], project)
    assert json.loads(again.stdout)["id"] == "other:2"
    listed = json.loads(run([*words, "list", "-n", "other", "-o", "json"], project).stdout)
    assert [one["version"] for one in listed] == [2, 1]
    run([*words, "download", "-i", "other:2", "-t", str(tmp_path)], project)
    assert (tmp_path / "README.md").read_bytes() == (project / "README.md").read_bytes()
    assert "--overwrite" in run([*words, "download", "-i", "other:2", "-t", str(tmp_path)], project, code=2).stderr
    Path(listed[0]["path"]).write_text("changed")
    changed = run([*words, "download", "-i", "other:2", "-t", str(tmp_path), "--overwrite"], project, code=2)
    assert "not the registered one" in changed.stderr


def test_a_request_is_scored(project: Path) -> None:
    request = project / "deployment" / "sample-request.json"
    words = ["uv", "run", "aml", "score", "-m", "demo-model", str(request), "-o", "json"]
    probabilities = json.loads(run(words, project / "models" / "model1").stdout)["probabilities"]
    assert all(abs(sum(row) - 1) < 1e-6 for row in probabilities)


@pytest.mark.skipif(sys.platform != "linux" or not shutil.which("unshare"), reason="network namespaces are Linux's")
def test_a_second_submit_with_networking_cut_off(project: Path) -> None:
    aml = str(project / ".venv" / "bin" / "aml")
    words = ["unshare", "--net", *([] if os.geteuid() == 0 else ["--user", "--map-root-user"]), aml]
    done = run([*words, *["run", "submit-script", "-c", "train-local", "-e", "second"]], project / "models" / "model1")
    assert "Status: Completed" in done.stdout and "Building" not in done.stdout


def test_from_ones_own_notebook_as_the_readme_says(project: Path, tmp_path: Path) -> None:
    gone = shutil.ignore_patterns(".venv", "runs", "mlflow.db", "mlruns")
    here = shutil.copytree(project, tmp_path / "mine", ignore=gone)
    # One environment serves both: the runner in it is the first project's, and the same.
    env = {**environment(), "UV_PROJECT_ENVIRONMENT": str(project / ".venv"), "UV_NO_SYNC": "1"}
    said = ""
    for words in readme_block("From your own notebook"):
        if words[0] == "cd":
            here = here / words[1]
            continue
        done = subprocess.run(words, cwd=here, env=env, capture_output=True, text=True, encoding="utf-8")
        assert done.returncode == 0, f"{words}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        said += done.stdout
    assert "Status: Completed" in said and "Registered my-model:1" in said and '"probabilities"' in said
    assert "Options that this script does not know" not in said, "the run configuration was brought in line"


WATCH = """\
import os, socket, sys
def connect(self, address, real=socket.socket.connect):
    if self.family in (socket.AF_INET, socket.AF_INET6):
        with open(os.environ["CONNECTIONS"], "a") as log:
            print(sys.argv, address, file=log)
    return real(self, address)
socket.socket.connect = connect
"""


def test_no_connection_is_tried(project: Path, tmp_path: Path) -> None:
    """Every Python process of a local submit, a registration and a score is watched for what it connects to."""
    (tmp_path / "sitecustomize.py").write_text(WATCH)
    log = tmp_path / "connections.txt"
    watched = {**environment(), "PYTHONPATH": str(tmp_path), "CONNECTIONS": str(log)}
    model = project / "models" / "model1"
    aml = str(project / ".venv" / ("Scripts" if os.name == "nt" else "bin") / "aml")
    for words in (
        "run submit-script -c train-local -e watched -t watched.json",
        "model register -n watched --asset-path outputs/model.pkl -f watched.json",
        "score -m watched ../../deployment/sample-request.json",
        "run list",
    ):
        done = subprocess.run([aml, *words.split()], cwd=model, env=watched, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    assert not log.exists(), log.read_text()
    code = "import socket; socket.socket().connect_ex; s = socket.socket(); s.settimeout(1)\n"
    code += "try: s.connect(('127.0.0.1', 9))\nexcept OSError: pass"
    subprocess.run([sys.executable, "-c", code], env=watched, check=True)
    assert log.exists()


def test_the_rendered_projects_own_tests_pass(project: Path) -> None:
    assert " passed" in run(["uv", "run", "pytest", "-q"], project).stdout


def test_the_pipeline_registers_a_better_model_only_and_runs_once(project: Path) -> None:
    words = ["uv", "run", "aml", "run", "submit-pipeline", "-n", "training", "-y", "pipelines/train.yml"]
    words += ["--ct", "local", "-o", "json"]

    def submit(*more: str) -> dict[str, dict[str, Any]]:
        record = json.loads(run([*words, *more], project).stdout)
        assert record["status"] == "Completed"
        return {step["name"]: step for step in record["steps"]}

    first = submit("-p", "epochs=1")
    assert list(first) == ["prep", "train", "evaluate"]
    report = project / "runs" / first["evaluate"]["run_id"] / "outputs" / "report"
    measured = json.loads(report.read_text())
    assert measured["registered_auc"] > 0.9, "the model of the first test is registered already"
    better = first["evaluate"]["registered"]["better"]
    assert better == ("model demo-model:2" if measured["auc"] > measured["registered_auc"] else better)
    submit("-p", "epochs=1")
    third = submit("-p", "epochs=1")
    assert all(step["reused"] for step in third.values())
    assert third["evaluate"]["registered"]["better"].endswith("which has this content already")


@pytest.fixture
def pages(project: Path) -> Iterator[str]:
    """`mlflow ui` on the project's database, as README says."""
    words = ["uv", "run", "--group", "ui", "mlflow", "ui", "--backend-store-uri", f"sqlite:///{project / 'mlflow.db'}"]
    with subprocess.Popen([*words, "--port", "5217"], cwd=project, env=environment(), stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL, start_new_session=True) as server:  # fmt: skip
        address, end = "http://127.0.0.1:5217", time.monotonic() + 120
        while True:
            try:
                urllib.request.urlopen(f"{address}/health", timeout=5).close()
                break
            except OSError:
                assert server.poll() is None and time.monotonic() < end
                time.sleep(0.2)
        yield address
        import psutil

        for one in [*psutil.Process(server.pid).children(recursive=True), psutil.Process(server.pid)]:
            one.kill()


def test_mlflow_ui_shows_the_run_with_its_curve_and_the_model(project: Path, pages: str) -> None:
    def ask(path: str, body: object = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{pages}/api/2.0/mlflow/{path}", data, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    experiment = ask("experiments/get-by-name?experiment_name=first")["experiment"]["experiment_id"]
    found = ask("runs/search", {"experiment_ids": [experiment]})["runs"][0]["info"]
    record = json.loads((project / "models" / "model1" / "run.json").read_text())
    assert found["run_name"] == record["run_id"] and found["status"] == "FINISHED"
    curve = ask(f"metrics/get-history?run_id={found['run_id']}&metric_key=val_loss")["metrics"]
    assert len(curve) > 3
    version = ask("model-versions/get?name=demo-model&version=1")["model_version"]
    assert version["run_id"] == found["run_id"]


def test_a_sweep_may_report_to_ones_own_tracking_server(project: Path, pages: str) -> None:
    model = project / "models" / "model1"
    (model / "aml_config" / "own-server.yml").write_text(
        "sampling: {type: grid, parameter_space: [{name: --alpha, expression: choice, values: [0.0001, 0.01]}]}\n"
        "policy: {type: BanditPolicy, slack_factor: 0.5}\n"
        "primary_metric_name: val_accuracy\nprimary_metric_goal: maximize\nmax_total_runs: 2\nmax_concurrent_runs: 2\n"
    )
    words = ["uv", "run", "aml", "run", "submit-hyperdrive", "-c", "train-local", "-e", "elsewhere", "-t", "sweep.json"]
    words += ["--hyperdrive-configuration-name", "own-server.yml"]
    done = run(words, model, MLFLOW_TRACKING_URI=pages)
    sweep = project / "runs" / json.loads((model / "sweep.json").read_text())["run_id"]
    with (sweep / "outputs" / "trials.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["state"] for row in rows] == ["Completed", "Completed"], done.stdout
    assert all(float(row["best"]) > 0.9 and int(row["reports"]) > 3 for row in rows)


def test_the_first_command_of_the_readme(tmp_path: Path) -> None:
    words = [sys.executable, str(REPOSITORY / "dev.py"), "first-run", str(tmp_path / "made")]
    done = run(words, tmp_path)
    assert "Registered demo-model:1" in done.stdout and '"probabilities"' in done.stdout and "Next:" in done.stdout
    assert (tmp_path / "made" / "runs" / "latest").exists()


def test_a_first_run_leaves_the_clone_clean(tmp_path: Path) -> None:
    """The next `copier copy` from the clone would record a commit that does not exist."""
    clone = tmp_path / "clone"
    run(["git", "clone", "-q", "--no-local", str(REPOSITORY), str(clone)], tmp_path)
    shutil.copy(REPOSITORY / "dev.py", clone)
    shutil.copy(REPOSITORY / ".gitignore", clone)
    before = run(["git", "status", "--porcelain"], clone).stdout
    for name in ("first-project", "first-project-2"):
        (clone / name).mkdir()
        (clone / name / "file.txt").write_text("x")
    assert run(["git", "status", "--porcelain"], clone).stdout == before
    words = [sys.executable, str(clone / "dev.py"), "first-run", "somewhere"]
    assert "git does not ignore it" in run(words, clone, code=2).stderr
    assert not (clone / "somewhere").exists()
