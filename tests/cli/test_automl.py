"""`aml automl`: a search here, from the table to the model and its script; killed and resumed; repeated."""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import joblib
import pandas as pd
import psutil
import pytest
from mlflow import MlflowClient
from support import automl
from support.places import kill_tree
from support.rendering import template_file

import amlrun
from amlrun.events import Message

pytestmark = pytest.mark.slow
SOURCE = Path(__file__).parents[2] / "src"


def environment() -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if key not in ("MLFLOW_TRACKING_URI", "AML_DEBUG")}
    return {**kept, "PYTHONPATH": str(SOURCE)}


def aml(folder: Path, *words: str, code: int = 0, **variables: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "amlrun", *words], cwd=folder, env={**environment(), **variables}, capture_output=True,
        text=True, check=False, timeout=400,
    )  # fmt: skip
    assert done.returncode == code, f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


def project(root: Path, **job: Any) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    (root / "pyproject.toml").touch()
    automl.write(root / "table.csv", automl.rows())
    automl.job(root, **job)
    return root


def search(folder: Path, *words: str, code: int = 0, **variables: str) -> tuple[subprocess.CompletedProcess[str], Path]:
    """Submit the job; what was said, and the search's run folder."""
    words = ("automl", "submit", "automl.yml", "-t", "run.json", "-e", "exp", "--seed", "5", *words)
    done = aml(folder, *words, code=code, **variables)
    return done, folder / "runs" / json.loads((folder / "run.json").read_text())["run_id"]


def trials(run: Path) -> list[dict[str, str]]:
    with (run / "outputs" / "trials.csv").open(newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> tuple[subprocess.CompletedProcess[str], Path]:
    """One search with everything: a test part, the vote and the stack."""
    folder = tmp_path_factory.mktemp("automl") / "p"
    more = "  enable_stack_ensemble: true\ntest_data_size: 0.2\nn_cross_validations: 3\npositive_label: yes\n"
    return search(project(folder, trials=6, more=more))


def test_each_trial_is_a_run_and_the_winner_is_trained_on_all_rows(
    found: tuple[subprocess.CompletedProcess[str], Path],
) -> None:
    done, run = found
    rows = trials(run)
    names = [row["algorithm"] for row in rows]
    assert names[:3] == ["bernoulli_naive_bayes", "decision_tree", "logistic_regression"]
    assert names[6:] == ["voting_ensemble", "stacking_ensemble", "best_model"]
    assert {row["state"] for row in rows} == {"Completed"}
    assert all(float(row["seconds"]) > 0 for row in rows)
    judged = rows[:-1]
    winner = max(judged, key=lambda row: float(row["best"]))
    last = json.loads(rows[-1]["parameters"])
    assert last == {"algorithm": winner["algorithm"], "trial": int(winner["trial"])}
    assert float(rows[-1]["best"]) == pytest.approx(float(winner["best"]))
    record = json.loads((run / ".run" / "exit.json").read_text())
    assert record["properties"]["best_child_run_id"] == f"{run.name}_8"
    metrics = amlrun.get_run(f"{run.name}_8", path=run.parents[1]).metrics()
    assert {"AUC_weighted", "test_AUC_weighted", "test_f1_score_binary", "test_log_loss"} <= metrics.keys()
    assert metrics["test_AUC_weighted"] > 0.8
    assert "voting_ensemble of" in done.stdout


def test_guardrails_importance_and_pictures_are_left(found: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    done, run = found
    assert "Validation: Done: 3-fold cross-validation, stratified" in done.stdout
    with (run / "outputs" / "guardrails.csv").open() as stream:
        rails = {row["guardrail"]: row["status"] for row in csv.DictReader(stream)}
    assert rails["Missing values"] == "Done"
    assert rails["High cardinality"] == "Passed"
    # `amount` is what `kind` was made of, but no single value of it says so.
    with (run / "outputs" / "importance.csv").open() as stream:
        importance = {row["column"]: float(row["importance"]) for row in csv.DictReader(stream)}
    assert max(importance, key=lambda name: importance[name]) == "amount"
    for name in ("history.png", "sweep.html", "best.json", "model.pkl", "mlflow-model/MLmodel"):
        assert (run / "outputs" / name).is_file(), name


def test_the_model_is_loaded_without_amlrun_and_the_mlflow_model_says_the_same(
    found: tuple[subprocess.CompletedProcess[str], Path],
) -> None:
    _, run = found
    code = (
        "import sys, joblib, json, pandas as pd\n"
        "sys.modules['amlrun'] = None\n"
        "table = pd.read_csv(sys.argv[2]).drop(columns='kind').head(20)\n"
        "print(json.dumps(joblib.load(sys.argv[1]).predict(table).tolist()))\n"
    )
    words = [sys.executable, "-c", code, str(run / "outputs" / "model.pkl"), str(run.parents[1] / "table.csv")]
    said = json.loads(subprocess.run(words, check=True, capture_output=True, text=True).stdout)
    truth = pd.read_csv(run.parents[1] / "table.csv")["kind"].head(20).tolist()
    assert sum(one == other for one, other in zip(said, truth)) >= 17
    import mlflow

    table = pd.read_csv(run.parents[1] / "table.csv").drop(columns="kind").head(20)
    assert mlflow.sklearn.load_model(str(run / "outputs" / "mlflow-model")).predict(table).tolist() == said


def test_the_exported_script_gives_the_same_score(
    found: tuple[subprocess.CompletedProcess[str], Path], tmp_path: Path
) -> None:
    _, run = found
    aml(run.parents[1], "automl", "export-script", "-r", run.name, "-o", str(tmp_path / "train.py"))
    words = [sys.executable, "train.py", "--model", "m.pkl"]
    done = subprocess.run(words, cwd=tmp_path, check=True, capture_output=True, text=True, env={"PATH": ""})
    score = float(done.stdout.rpartition(":")[2])
    assert score == pytest.approx(float(trials(run)[-1]["best"]), abs=1e-9)
    ours, theirs = joblib.load(run / "outputs" / "model.pkl"), joblib.load(tmp_path / "m.pkl")
    table = pd.read_csv(run.parents[1] / "table.csv").drop(columns="kind")
    assert ours.predict_proba(table) == pytest.approx(theirs.predict_proba(table), abs=1e-9)
    assert "amlrun" not in (tmp_path / "train.py").read_text()


def test_the_generated_score_py_serves_a_table_of_numbers(tmp_path: Path) -> None:
    folder = project(tmp_path / "p", trials=2, algorithms="logistic_regression")
    rows = [{key: row[key] for key in ("y", "amount", "kind")} for row in automl.rows()]
    automl.write(folder / "table.csv", rows)
    _, run = search(folder)
    score = folder / "score.py"
    score.write_text(template_file("models/model1/score.py"), encoding="utf-8")
    aml(folder, "model", "register", "-n", "m", "--asset-path", "outputs/model.pkl", "-f", "run.json")
    aml(folder, "model", "download", "-i", "m:1", "-t", "models")
    request = {"data": [{"y": 0.1, "amount": 2.0}, {"y": 0.1, "amount": -2.0}]}
    done = subprocess.run(
        [sys.executable, str(SOURCE / "amlrun" / "workers" / "score_once.py"), str(score)],
        input=json.dumps(request).encode(), capture_output=True, check=True,
        env={**environment(), "AZUREML_MODEL_DIR": str(folder / "models")},
    )  # fmt: skip
    first, second = json.loads(done.stdout)["answer"]["probabilities"]
    assert first[1] > 0.9 > 0.1 > second[1]
    assert run.is_dir()


def test_a_regression_and_its_script(tmp_path: Path) -> None:
    algorithms = "elastic_net, decision_tree, light_gbm"
    more = "validation_data_size: 0.3\nprimary_metric: r2_score\n"
    folder = project(tmp_path / "p", task="regression", trials=5, algorithms=algorithms, more=more)
    done = aml(folder, "job", "create", "--file", "automl.yml", "-t", "run.json")
    run = folder / "runs" / json.loads((folder / "run.json").read_text())["run_id"]
    rows = trials(run)
    assert "30 % held out" in done.stdout
    assert float(rows[-1]["best"]) > 0.6
    ran = subprocess.run([sys.executable, str(run / "outputs" / "train.py")], cwd=tmp_path, check=True,
                         capture_output=True, text=True)  # fmt: skip
    assert float(ran.stdout.rpartition(":")[2]) == pytest.approx(float(rows[-1]["best"]), abs=1e-9)


def test_the_same_seed_repeats_a_search_exactly(tmp_path: Path) -> None:
    said = []
    for name in ("a", "b"):
        more = "n_cross_validations: 2\n"
        folder = project(tmp_path / name, trials=9, algorithms="light_gbm, logistic_regression, sgd", more=more)
        if name == "b":
            text = (folder / "automl.yml").read_text()
            (folder / "automl.yml").write_text(text.replace("  max_trials", "  max_concurrent_trials: 1\n  max_trials"))
        _, run = search(folder, *(["--no-warm"] if name == "b" else []))
        said.append([(row["algorithm"], row["best"], _without_folders(row["parameters"])) for row in trials(run)])
    assert len(said[0]) == 11
    assert said[0] == said[1]


def _without_folders(text: str) -> str:
    return re.sub(r'"run": "[^"]*"', "", text)


@pytest.mark.skipif(sys.platform == "win32", reason="kills with SIGKILL")
def test_killed_and_resumed_no_trial_that_ended_runs_again(tmp_path: Path) -> None:
    folder = project(tmp_path / "p", trials=10, more="n_cross_validations: 10\n")
    _, run = search(folder, "--async")
    until = time.monotonic() + 120
    while len(list(run.parent.glob(f"{run.name}_*/.run/exit.json"))) < 3 and time.monotonic() < until:
        time.sleep(0.02)
    pid = json.loads((run / ".run" / "process.json").read_text())["_supervisor"]["pid"]
    driver = psutil.Process(pid)
    kill_tree(pid)
    driver.wait(30)
    kept = {path: path.stat().st_mtime_ns for path in run.parent.glob(f"{run.name}_*/.run/exit.json")}
    assert aml(folder, "run", "show", "-r", run.name, "-o", "json")
    aml(folder, "automl", "submit", "--resume", run.name)
    rows = trials(run)
    assert all(path.stat().st_mtime_ns == time for path, time in kept.items())
    assert [row["algorithm"] for row in rows][-2:] == ["voting_ensemble", "best_model"]
    assert len(rows) == 12
    assert (run / "outputs" / "model.pkl").is_file()


def test_a_search_that_ends_early_still_has_its_ensembles(tmp_path: Path) -> None:
    """The next trial has been made ahead by then: it must not come in the place of an ensemble."""
    limits = "  max_trials: 200\n  enable_early_termination: true\n"
    folder = project(tmp_path / "p", trials=200)
    text = (folder / "automl.yml").read_text()
    (folder / "automl.yml").write_text(re.sub(r"  max_trials: 200\n", limits, text))
    done, run = search(folder)
    assert "no improvement in 20 trials" in done.stdout
    assert [row["algorithm"] for row in trials(run)][-2:] == ["voting_ensemble", "best_model"]


def test_on_a_tracking_server_of_ones_own_each_trial_has_its_run(tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path / 'own.db'}"
    _, run = search(project(tmp_path / "p", trials=6, more="n_cross_validations: 3\n"), MLFLOW_TRACKING_URI=store)
    client = MlflowClient(store)
    (experiment,) = [one for one in client.search_experiments() if one.name == "exp"]
    logged = [one.data.metrics["AUC_weighted"] for one in client.search_runs([experiment.experiment_id])]
    rows = [float(row["best"]) for row in trials(run)]
    assert len(rows) == 8 and sorted(logged) == pytest.approx(sorted(rows))


def test_a_search_is_refused_on_a_machine_over_ssh_before_its_run_is_made(tmp_path: Path) -> None:
    folder = project(tmp_path / "p", trials=3)
    (folder / "data").mkdir()
    (folder / "data" / "computes.yml").write_text("box:\n  host: 127.0.0.1\n  user: anna\n")
    done = aml(folder, "automl", "submit", "automl.yml", "--ct", "box", code=2)
    assert "a search can't run on box (anna@127.0.0.1): its trials are started from this machine" in done.stderr
    assert "--ct local" in done.stderr
    assert not (folder / "runs").exists()
    assert aml(folder, "automl", "submit", "automl.yml", "--ct", "box", "--dry-run", code=2).stderr == done.stderr


def test_submit_returns_a_run_whose_children_are_the_trials(tmp_path: Path) -> None:
    folder = project(tmp_path / "p", trials=1, algorithms="decision_tree")
    job = amlrun.load_job(folder / "automl.yml")
    told: list[str] = []
    options = amlrun.SubmitOptions(detach=False)
    run = amlrun.submit(
        job, experiment="exp", path=folder, options=options,
        on_event=lambda event: told.append(event.text) if isinstance(event, Message) else None,
    )  # fmt: skip
    assert run.wait() == "Completed"
    best = run.best_child()
    assert [child.record()["trial"] for child in run.children()] == [0, 1]
    assert best is not None and best.record()["hyperparameters"]["algorithm"] == "best_model"
    assert run.outcome().best_value == pytest.approx(best.metrics()["AUC_weighted"])
    assert type(amlrun.get_run(run.id, path=folder)) is type(run)
    assert any(line.startswith("AutoML: at most 1 trials") for line in told)


def test_another_kind_of_file_is_told_where_it_goes(tmp_path: Path) -> None:
    (tmp_path / "p.yml").write_text(
        "pipeline:\n  name: p\n  steps:\n    a: {type: PythonScriptStep, script_name: t.py}\n"
    )
    (tmp_path / "t.py").touch()
    for command in ("explain", "export"):
        told = aml(tmp_path, command, "-f", "p.yml", code=2).stderr
        assert "is a pipeline job, not an automl job" in told and "aml pipeline check" in told
