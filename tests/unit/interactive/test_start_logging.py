"""Runs that are this process: real MLflow, and the records as `aml` reads them."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import mlflow
import pytest
from support.workplace import Workplace

import amlrun

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def at_home(workplace: Workplace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(workplace.model)
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_RUN_ID", "MLFLOW_EXPERIMENT_ID", "AZUREML_RUN_ID"):
        monkeypatch.delenv(name, raising=False)


def status(run: amlrun.InteractiveRun) -> str:
    return str(amlrun.get_run(run.id).status())


def test_a_block_is_a_run_like_any_other(workplace: Workplace) -> None:
    before = dict(os.environ)
    with amlrun.start_logging("explore", tags={"kind": "first"}) as run:
        assert status(run) == "Running"
        mlflow.log_metric("loss", 0.5)
        run.log("score", 2, step=3)
        mlflow.log_param("rate", 0.1)
        (run.outputs / "model.pkl").write_bytes(b"model")
    assert dict(os.environ) == before and mlflow.active_run() is None
    record = workplace.record(run.id)
    assert record["status"] == "Completed" and record["script_name"] == Path(__file__).name
    assert record["tags"] == {"kind": "first"} and record["seconds"] >= 0
    assert (run.folder / Path(__file__).name).read_bytes() == Path(__file__).read_bytes()
    assert amlrun.get_run(run.id).metrics() == {"loss": 0.5, "score": 2.0}
    assert run.id in workplace.aml("run", "list").stdout
    with sqlite3.connect(workplace.root / "mlflow.db") as database:
        assert database.execute("SELECT status FROM runs WHERE run_uuid = ?", (run.id,)).fetchone() == ("FINISHED",)
    workplace.aml("model", "register", "-n", "demo", "-r", run.id, "--asset-path", "outputs/model.pkl")
    workplace.aml("run", "show", "-r", run.id, "-t", "run.json")
    workplace.aml("model", "register", "-n", "demo", "-f", "run.json", "--asset-path", "outputs/model.pkl")
    workplace.aml("run", "monitor-logs", "-r", run.id)


def test_an_mlflow_run_inside_the_block_is_the_run() -> None:
    with amlrun.start_logging("explore") as run, mlflow.start_run() as inner:
        mlflow.log_metric("inner", 1)
        assert inner.info.run_id == run.id
    assert status(run) == "Completed"
    with amlrun.start_logging("explore") as run:
        with mlflow.start_run():
            pass
        run.log("later", 1)
    assert amlrun.get_run(run.id).metrics() == {"later": 1.0}


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ValueError("bad rows\nsecond"), "Failed"),
        (KeyboardInterrupt(), "Canceled"),
        (SystemExit(0), "Completed"),
        (SystemExit(3), "Failed"),
    ],
)
def test_the_end_of_the_block_is_the_end_of_the_run(error: BaseException, expected: str, workplace: Workplace) -> None:
    with pytest.raises(type(error)), amlrun.start_logging("explore") as run:
        mlflow.log_metric("m", 1)
        raise error
    assert status(run) == expected and mlflow.active_run() is None
    assert "MLFLOW_TRACKING_URI" not in os.environ
    if isinstance(error, ValueError):
        assert workplace.record(run.id)["error"]["message"] == "ValueError: bad rows"


def test_without_a_block_the_next_one_completes_it() -> None:
    first = amlrun.start_logging("explore")
    mlflow.log_metric("m", 1)
    with amlrun.start_logging("explore") as second:
        mlflow.log_metric("m", 2)
        assert status(first) == "Completed"
        with pytest.raises(amlrun.AmlError, match="still running"):
            amlrun.start_logging("explore")
    assert amlrun.get_run(first.id).metrics() == {"m": 1.0} and amlrun.get_run(second.id).metrics() == {"m": 2.0}
    first.fail("too late")
    assert status(first) == "Completed"
    with pytest.raises(amlrun.AmlError, match="has ended"):
        first.log("m", 3)


def test_an_experiment_that_was_set_before_is_set_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mlflow.tracking.fluent, "_active_experiment_id", None)  # it is put back after the test
    mlflow.set_experiment("somebody-elses")
    mlflow.set_experiment("second")
    before = os.environ["MLFLOW_EXPERIMENT_ID"]
    with amlrun.start_logging("explore") as run:
        mlflow.log_metric("m", 1)
    assert amlrun.get_run(run.id).metrics() == {"m": 1.0}
    assert os.environ["MLFLOW_EXPERIMENT_ID"] == before
    with mlflow.start_run() as own:
        assert own.info.experiment_id == before
    with mlflow.start_run(), pytest.raises(amlrun.AmlError, match="is active"):
        amlrun.start_logging("explore")


def test_a_tracking_server_of_the_users_own_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    uri = f"sqlite:///{(tmp_path / 'own.db').as_posix()}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    with amlrun.start_logging("explore") as run:
        run.log("m", 4)
    assert amlrun.get_run(run.id).metrics() == {"m": 4.0}
    assert os.environ["MLFLOW_TRACKING_URI"] == uri


def test_cancel_from_elsewhere_ends_the_block(workplace: Workplace) -> None:
    started = workplace.start("--version")  # aml is imported once, so that the cancel below is quick
    started.communicate()
    with pytest.raises(KeyboardInterrupt), amlrun.start_logging("explore") as run:
        process = workplace.start("run", "cancel", "-r", run.id)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            time.sleep(0.02)
    process.communicate()
    assert process.returncode == 0 and status(run) == "Canceled"


def test_a_killed_process_leaves_a_run_that_is_told_right(workplace: Workplace) -> None:
    code = "import amlrun, os\nrun = amlrun.start_logging('explore')\nprint(run.id, flush=True)\nos._exit(9)\n"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=workplace.environment())
    record = workplace.record(done.stdout.strip())
    assert record["status"] == "Failed" and "interrupted" in record["error"]["message"]


def test_in_a_job_it_is_the_jobs_run(workplace: Workplace) -> None:
    workplace.script(
        "import amlrun\n"
        "with amlrun.start_logging('other') as run:\n"
        "    run.log('m', 7)\n"
        "    (run.outputs / 'a.txt').write_text('a')\n"
        "    print(run.id, run.experiment)\n"
    )
    workplace.submit()
    record = workplace.record()
    latest = amlrun.get_run("latest")
    assert record["status"] == "Completed" and latest.metrics() == {"m": 7.0}
    assert f"{record['run_id']} exp" in b"".join(latest.logs()).decode()
    assert (latest.folder / "outputs" / "a.txt").exists()
    assert len(list(workplace.runs.glob("*/.run"))) == 1


def test_bad_input_is_named_and_makes_no_run(workplace: Workplace) -> None:
    with pytest.raises(amlrun.AmlError, match="experiment"):
        amlrun.start_logging("a b")
    with pytest.raises(amlrun.AmlError, match="no such file"):
        amlrun.start_logging("explore", source_file="nosuch.ipynb")
    assert not workplace.runs.exists()


def test_the_notebook_is_kept(workplace: Workplace) -> None:
    """A real IPython shell: by VS Code's variable, by Jupyter's, else the cells that ran."""
    code = (
        "import json, os\nfrom IPython.core.interactiveshell import InteractiveShell\n"
        "shell = InteractiveShell.instance()\nrun = lambda text: shell.run_cell(text, store_history=True)\n"
        "run('import amlrun, os')\nrun(\"a = amlrun.start_logging('explore'); a.complete()\")\n"
        "os.environ['JPY_SESSION_NAME'] = os.path.abspath('book.ipynb')\n"
        "run(\"b = amlrun.start_logging('explore'); b.complete()\")\n"
        "print(json.dumps([sorted(os.listdir(shell.user_ns[n].folder)) for n in 'ab']))\n"
        "print(json.dumps((shell.user_ns['a'].folder / 'notebook.py').read_text()))\n"
    )
    (workplace.model / "book.ipynb").write_text("{}")
    words = [sys.executable, "-c", code]
    done = subprocess.run(words, capture_output=True, text=True, env=workplace.environment(), check=True)
    folders, cells = (json.loads(line) for line in done.stdout.splitlines()[-2:])
    assert "notebook.py" in folders[0] and "book.ipynb" in folders[1]
    assert "import amlrun, os" in cells
