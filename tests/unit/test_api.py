"""The public API: what a notebook or another program does with runs, without the command line."""

from __future__ import annotations

import json
import logging
import os
import re
import signal
import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path

import pytest
from support.sweeps import SweepProject
from support.workplace import Workplace

import amlrun
from amlrun import api
from amlrun.runs import process
from amlrun.runs import store as runs
from amlrun.runs.status import RunStatus
from amlrun.targets import processes

pytestmark = pytest.mark.slow

SCRIPT = """\
import sys
print("hello", sys.argv[1:], flush=True)
open("outputs/model.txt", "w").write("m")
"""


@pytest.fixture(autouse=True)
def without_a_tracking_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


def test_every_public_name_is_there_and_importing_the_package_is_cheap() -> None:
    assert set(amlrun.__all__) == set(api.__all__) | set(amlrun._OTHER_MODULES)
    assert all(getattr(amlrun, name) for name in amlrun.__all__) and amlrun.__version__
    with pytest.raises(AttributeError, match="no attribute 'gone'"):
        amlrun.gone  # noqa: B018
    code = "import sys; before = set(sys.modules); import amlrun; print([m for m in sys.modules if 'amlrun.' in m])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_run_from_submit_to_its_files(workplace: Workplace, tmp_path: Path) -> None:
    workplace.script(SCRIPT)
    job = amlrun.load_runconfig("local", path=workplace.model, arguments=["train.py", "--x", "a b"])
    told: list[amlrun.Event] = []
    run = amlrun.submit(job, experiment="exp", path=workplace.model, on_event=told.append)
    assert run.wait() == RunStatus.COMPLETED and run.status().is_final
    assert b"hello ['--x', 'a b']" in b"".join(one.data for one in told if isinstance(one, amlrun.LogOutput))
    assert [one.run.id for one in told if isinstance(one, amlrun.RunCreated)] == [run.id]
    assert any(isinstance(one, amlrun.Message) and one.text.startswith("Snapshot: ") for one in told)
    assert run.experiment == "exp" and run.folder.parent == workplace.runs
    assert b"".join(run.logs()).startswith(b"hello") and run.metrics() == {}
    assert [file.name for file in run.outputs()] == ["model.txt"] and run.has_files
    copied = run.download(tmp_path / "copy")
    assert {file.relative_to(tmp_path / "copy").as_posix() for file in copied} >= {
        "outputs/model.txt", "user_logs/std_log.txt",
    }  # fmt: skip
    run.tag(colour="blue")
    again = amlrun.get_run(path=workplace.model)
    assert again.id == run.id and again.record()["tags"] == {"colour": "blue"}
    assert [one.id for one in amlrun.list_runs(experiment="exp", tags={"colour": None}, path=workplace.model)] == [
        run.id
    ]
    assert amlrun.list_runs(tags={"colour": "red"}, path=workplace.model) == []
    assert amlrun.list_runs(status=RunStatus.FAILED, path=workplace.model) == []
    assert run.children() == [] and run.best_child() is None


def test_the_command_line_in_a_record_is_what_was_handed_in(workplace: Workplace) -> None:
    workplace.script(SCRIPT)
    job = amlrun.load_runconfig("local", path=workplace.model)
    run = amlrun.submit(job, path=workplace.model)
    run.wait()
    assert run.record()["command_line"] == []
    workplace.submit("train.py", "--password", "hunter2")
    words = amlrun.get_run(path=workplace.model).record()["command_line"]
    assert words[:5] == ["aml", "run", "submit-script", "-c", "local"] and words[-2:] == ["--password", "***"]


def test_a_failed_run_says_why(workplace: Workplace) -> None:
    workplace.script("raise SystemExit(3)")
    run = amlrun.submit(amlrun.load_runconfig("local", path=workplace.model), path=workplace.model)
    assert run.wait() == RunStatus.FAILED
    assert run.outcome().message == "the script ended with exit code 3"


def test_wait_with_a_timeout_and_cancel(workplace: Workplace) -> None:
    workplace.script("import time\nprint('begun', flush=True)\ntime.sleep(600)\n")
    run = amlrun.submit(amlrun.load_runconfig("local", path=workplace.model), path=workplace.model)
    assert run.wait(timeout=0.2) in (RunStatus.RUNNING, RunStatus.PREPARING)
    other = amlrun.get_run(run.id, path=workplace.model)
    assert other.cancel() == RunStatus.CANCELED == run.wait()
    assert other.cancel() == RunStatus.CANCELED


def test_a_plan_checks_and_starts_nothing(workplace: Workplace) -> None:
    workplace.script(SCRIPT)
    job = amlrun.load_runconfig("local", path=workplace.model)
    planned = amlrun.plan(job, path=workplace.model)
    assert planned.location == "this machine" and planned.calls == []
    assert "train.py" in {path for path, _ in planned.snapshot.files} and not workplace.runs.exists()
    (workplace.model / ".amlignore").write_text("train.py\n")
    with pytest.raises(amlrun.AmlError, match="excluded by an ignore file"):
        amlrun.plan(job, path=workplace.model)


def test_jobs_are_loaded_dumped_and_explained(workplace: Workplace, tmp_path: Path) -> None:
    workplace.script(SCRIPT)
    job = amlrun.load_runconfig("local", path=workplace.model, target="cpu-cluster")
    text = amlrun.dump_job(job, tmp_path / "job.yml")
    assert (tmp_path / "job.yml").read_text(encoding="utf-8") == text and "compute: azureml:cpu-cluster" in text
    assert amlrun.load_job(tmp_path / "job.yml", target="local").compute == "local"
    rows = {row.key: row.status for row in amlrun.explain("local", path=workplace.model)}
    assert rows["script"] == "mapped"


def test_two_threads_submit_at_once(workplace: Workplace) -> None:
    workplace.script(SCRIPT)
    ended: dict[str, tuple[RunStatus, bytes]] = {}

    def submit(word: str) -> None:
        job = amlrun.load_runconfig("local", path=workplace.model, arguments=["train.py", word])
        run = amlrun.submit(job, experiment=word, path=workplace.model)
        ended[word] = (run.wait(), b"".join(run.logs()))

    threads = [threading.Thread(target=submit, args=(f"word{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ended) == 4
    for word, (status, log) in ended.items():
        assert status == RunStatus.COMPLETED and f"hello ['{word}']".encode() in log


def test_nothing_of_the_process_is_changed(workplace: Workplace, capfd: pytest.CaptureFixture[str]) -> None:
    workplace.script("raise SystemExit(3)")

    def state() -> tuple[object, ...]:
        levels = {name: logging.getLogger(name).level for name in list(logging.root.manager.loggerDict)}
        handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
        # ruamel.yaml adds filters for warnings of its own.
        filters = [one for one in warnings.filters if not one[2].__module__.startswith("ruamel")]
        return dict(os.environ), Path.cwd(), filters, handlers, logging.root.level, levels

    before = state()
    run = amlrun.submit(amlrun.load_runconfig("local", path=workplace.model), path=workplace.model)
    run.wait()
    amlrun.list_runs(path=workplace.model)
    after = state()
    assert before[:5] == after[:5] and {**before[5], **after[5]} == after[5]  # type: ignore[dict-item]
    assert capfd.readouterr() == ("", "")


def test_a_sweep_goes_on_in_the_background(tmp_path: Path) -> None:
    project = SweepProject(tmp_path / "p")
    project.aml("run", "submit-script", "-c", "t", "-e", "first")  # makes MLflow's tables
    project.light()
    project.sweep_file(total=3)
    trial = amlrun.load_runconfig("t", path=project.root)
    sweep = amlrun.load_hyperdrive("sweep.yml", trial, path=project.root, seed=5)
    run = amlrun.submit(sweep, experiment="exp", path=project.root)
    assert run.wait() == RunStatus.COMPLETED
    children, best = run.children(), run.best_child()
    assert len(children) == 3 and best is not None and best.id in {one.id for one in children}
    outcome = run.outcome()
    assert outcome.best == best.id and outcome.best_value == pytest.approx(best.metrics()["score"])
    assert amlrun.best_runs("exp", "score", path=project.root)[0]["run_id"] == best.id


def test_a_sweep_with_a_secret_among_its_arguments_runs(tmp_path: Path) -> None:
    """It is kept in no record, and its trials get it all the same, here and in the background."""
    project = SweepProject(tmp_path / "p")
    project.aml("run", "submit-script", "-c", "t", "-e", "first")
    project.light()
    script = (project.root / "train.py").read_text(encoding="utf-8")
    script = script.replace('parser.add_argument("--x"', 'parser.add_argument("--api-key")\nparser.add_argument("--x"')
    script = script.replace(
        "args = parser.parse_args()", "args = parser.parse_args()\nassert args.api_key == 'hunter7'"
    )
    (project.root / "train.py").write_text(script, encoding="utf-8")
    project.runconfig("--api-key", "hunter7", variables={"WANDB_API_KEY": "hunter8"})
    project.sweep_file(total=2)
    _, folder = project.sweep()
    project.sweep("--async")
    run = amlrun.get_run(path=project.root)
    assert run.id != folder.name and run.wait() == RunStatus.COMPLETED
    for file in project.root.glob("runs/*/.run/*"):
        if file.is_file() and file.name != "warm.log":
            assert b"hunter" not in file.read_bytes(), file


def test_a_pid_that_came_again_is_not_the_old_process(tmp_path: Path) -> None:
    mine = process.this_process()
    assert process.alive(mine)
    # The same pid, written down by an earlier process: in a container the pids begin anew.
    assert not process.alive({**mine, "token": "0" * 16})
    assert not process.alive({"pid": os.getpid(), "seen": time.time() - 10**6})
    run = runs.create(tmp_path, "r", {"_submitter": {"pid": os.getpid(), "seen": 0.0, "token": "x"}})
    assert run.state()[0] == RunStatus.FAILED


def test_a_run_made_elsewhere_earlier_does_not_become_the_latest(tmp_path: Path) -> None:
    runs.create(tmp_path, "new", {})
    runs.create(tmp_path, "old", {"created_utc": "2024-05-06T07:08:09.1234567Z"})
    assert [run.id for run in runs.list_runs(tmp_path)] == ["new", "old"]
    assert runs.find(tmp_path, "latest").id == "new" and (tmp_path / "latest").read_text().strip() == "new"


@pytest.mark.parametrize("at", [(runs, "replace_json"), (runs.RunFolder, "write_view")], ids=["record", "view"])
def test_ctrl_c_while_a_run_s_folder_is_made_leaves_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: tuple[object, str]
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(*at, interrupted)
        with pytest.raises(KeyboardInterrupt):
            runs.create(tmp_path, "r", {})
    assert runs.list_runs(tmp_path) == [] and not (tmp_path / "r").exists()


def test_states_have_a_meaning() -> None:
    assert {status for status in RunStatus if status.is_final} == {"Completed", "Failed", "Canceled"}
    assert all(status.meaning.endswith(".") for status in RunStatus)
    assert RunStatus.of("Completed") is RunStatus.COMPLETED and RunStatus.of("Strange") is RunStatus.UNKNOWN
    assert f"{RunStatus.RUNNING}" == "Running"


def test_a_supervisor_that_is_not_needed_goes() -> None:
    launched = processes.launch_supervisor()
    processes.discard(launched)
    assert launched.poll() == 0
    processes.discard(launched)


def test_a_supervisor_that_was_killed_before_it_signed_leaves_a_failed_run(tmp_path: Path) -> None:
    run = runs.create(tmp_path, "r", {})
    launched = processes.launch_supervisor()
    launched.kill()
    launched.wait()
    processes.start(run, {"folder": str(run.folder)}, launched)
    assert run.state()[0] is RunStatus.FAILED
    assert "killed before it started the script" in run.record()["error"]["message"]


def test_a_workspace_that_cannot_be_asked_is_warned_of_once(workplace: Workplace) -> None:
    """And the others are asked all the same."""
    for number, name in enumerate(("one", "one", "two")):
        ids = {"subscription_id": "s", "resource_group": "g", "workspace_name": name}
        runs.create(workplace.runs, f"r{number}", {"remote": True, "workspace": ids, "_target_type": "azureml"})
    # A service principal, and a proxy that nobody is.
    principal = {f"AZURE_{name}": "33333333-3333-3333-3333-333333333333" for name in ("TENANT_ID", "CLIENT_ID")}
    closed = {f"{scheme}_PROXY": "http://127.0.0.1:9" for scheme in ("HTTP", "HTTPS")}
    environment = {**principal, **closed, "AZURE_CLIENT_SECRET": "x", "AML_AZURE_DEADLINE": "2", "NO_PROXY": ""}
    done = workplace.aml("run", "list", "-o", "json", env=environment)
    notes = [line for line in done.stderr.splitlines() if "last known state" in line]
    assert len(notes) == 2 and len(json.loads(done.stdout)) == 3, done.stderr


def test_debug_among_the_scripts_arguments_is_the_scripts(workplace: Workplace) -> None:
    words = ("run", "submit-script", "-c", "gone")
    workplace.aml(*words, "train.py", "--debug", code=2)
    process = workplace.start(*words, "--debug", "train.py")
    _, err = process.communicate(timeout=120)
    assert process.returncode == 1 and b"Traceback (most recent call last)" in err


def test_the_page_about_python_runs_as_it_stands(workplace: Workplace) -> None:
    page = Path(__file__).parents[2] / "docs" / "pages" / "how-to" / "python.md"
    code = "\n".join(re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL))
    config = workplace.model / "aml_config" / "local.runconfig"
    config.rename(config.with_name("train-local.runconfig"))
    workplace.script(SCRIPT)
    words = [sys.executable, "-c", code]
    done = subprocess.run(
        words, cwd=workplace.model, env=workplace.environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0 and done.stderr == "", done.stderr
    assert "hello ['--epochs', '2']" in done.stdout and "Did you mean 'train-local'" in done.stdout
    assert (workplace.model / "copy" / "outputs" / "model.txt").is_file()
