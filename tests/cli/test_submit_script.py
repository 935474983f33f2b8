"""Runs on this machine, as a user starts, watches, cancels and loses them: real processes, real kills."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from support.workplace import Workplace

from amlrun.runs import store as runs

posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
SLEEPER = """\
import os, pathlib, subprocess, sys, time
pathlib.Path("outputs/started.txt").write_text(str(os.getpid()))
print("started", flush=True)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(120)"])
pathlib.Path("outputs/child.txt").write_text(str(child.pid))
time.sleep(120)
"""


def wait_for(what: Callable[[], object], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


def started(workplace: Workplace) -> Path:
    """The folder of the newest run, once its script is well under way."""
    wait_for(lambda: (workplace.runs / "latest").exists())
    folder = workplace.latest()
    wait_for(lambda: (folder / "outputs" / "child.txt").exists() and (folder / "outputs" / "child.txt").read_text())
    wait_for(lambda: "_script" in runs.RunFolder(folder).part("process"))
    return folder


def pids(folder: Path) -> dict[str, int]:
    process = runs.RunFolder(folder).part("process")
    return {
        "supervisor": process["_supervisor"]["pid"],
        "script": process["_script"]["pid"],
        "child": int((folder / "outputs" / "child.txt").read_text()),
    }


def gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_a_run_from_submit_to_record(workplace: Workplace) -> None:
    workplace.script(
        "import os, sys\nprint('argv', sys.argv[1:])\nprint('to stderr', file=sys.stderr)\n"
        "open('outputs/cwd.txt', 'w').write(os.getcwd())\nopen('logs/x.txt', 'w').write('x')\n"
        "names = ('AZUREML_RUN_ID', 'AZUREML_EXPERIMENT_NAME', 'MLFLOW_TRACKING_URI')\n"
        "print(*(os.environ[name] for name in names))\n"
    )
    done = workplace.submit("-t", "out/run.json", "train.py", "--a", "x y", "--help")
    folder = workplace.latest()
    assert "argv ['--a', 'x y', '--help']" in done.stdout and "to stderr" in done.stdout
    assert f"{folder.name} exp {(folder / '.run' / 'mlflow').as_uri()}" in done.stdout
    assert "Status: Completed" in done.stdout and "Snapshot: " in done.stdout
    assert Path((folder / "outputs" / "cwd.txt").read_text()).resolve() == folder.resolve()
    record = json.loads((workplace.model / "out" / "run.json").read_text())
    assert record["run_id"] == folder.name and record["_experiment_name"] == "exp"
    assert record["status"] == "Completed" and record["exit_code"] == 0
    assert record["target"] == "local" and record["script_name"] == "train.py"
    assert record["end_time_utc"] > record["start_time_utc"] > record["created_utc"]
    assert "to stderr" in (folder / "user_logs" / "std_log.txt").read_text()
    again = json.loads((folder / ".run" / "run.json").read_text())
    assert again["status"] == "Completed" and again["run_id"] == folder.name


def test_the_script_sees_its_own_files_not_the_users(workplace: Workplace) -> None:
    workplace.script("open('train.py', 'a').write('# changed')\nopen('made.txt', 'w').write('x')\n")
    before = (workplace.model / "train.py").read_text()
    workplace.submit()
    assert (workplace.model / "train.py").read_text() == before
    assert not (workplace.model / "made.txt").exists() and (workplace.latest() / "made.txt").exists()


def test_a_second_t_to_the_same_file_replaces_it(workplace: Workplace) -> None:
    workplace.submit("-t", "run.json")
    first = json.loads((workplace.model / "run.json").read_text())["run_id"]
    workplace.submit("-t", "run.json")
    assert json.loads((workplace.model / "run.json").read_text())["run_id"] != first


def test_a_failing_script(workplace: Workplace) -> None:
    workplace.script("import sys\nopen('outputs/part.txt', 'w').write('x')\nprint('why')\nsys.exit(7)\n")
    done = workplace.submit("-t", "run.json", code=1)
    assert "ended with exit code 7" in done.stderr and "Log: " in done.stdout
    record = json.loads((workplace.model / "run.json").read_text())
    assert record["status"] == "Failed" and record["exit_code"] == 7
    assert (workplace.latest() / "outputs" / "part.txt").exists()


@posix
def test_a_script_that_is_killed(workplace: Workplace) -> None:
    workplace.script("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n")
    done = workplace.submit(code=1)
    assert "killed by signal 9" in done.stderr
    assert workplace.record()["status"] == "Failed"


def test_binary_output_passes_through(workplace: Workplace) -> None:
    workplace.script("import sys\nsys.stdout.buffer.write(bytes(range(256)) * 40)\n")
    process = workplace.start("run", "submit-script", "-c", "local", "-e", "exp")
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert bytes(range(256)) * 40 in out
    assert (workplace.latest() / "user_logs" / "std_log.txt").read_bytes() == bytes(range(256)) * 40


def test_two_hundred_megabytes_of_output(workplace: Workplace) -> None:
    workplace.script("import sys\nline = b'x' * 999 + b'\\n'\nfor _ in range(200_000): sys.stdout.buffer.write(line)\n")
    process = workplace.start("run", "submit-script", "-c", "local", "-e", "exp")
    peak, total = 0, 0
    while chunk := process.stdout.read(1 << 20):
        total += len(chunk)
        peak = max(peak, psutil.Process(process.pid).memory_info().rss)
    assert process.wait() == 0
    assert total > 200_000_000 and (workplace.latest() / "user_logs" / "std_log.txt").stat().st_size == 200_000_000
    assert peak < 100_000_000


def test_json_output_is_one_document(workplace: Workplace) -> None:
    done = workplace.submit("-o", "json")
    assert json.loads(done.stdout)["status"] == "Completed"
    assert "hello from the script" in done.stderr


def test_two_submits_at_the_same_moment(workplace: Workplace) -> None:
    both = [workplace.start("run", "submit-script", "-c", "local", "-e", "exp", "-t", "run.json") for _ in range(4)]
    for process in both:
        assert process.communicate(timeout=60) and process.returncode == 0
    assert len([one for one in workplace.runs.iterdir() if one.is_dir()]) == 4
    assert json.loads((workplace.model / "run.json").read_text())["status"] == "Completed"


def test_async_returns_and_the_log_can_be_followed(workplace: Workplace) -> None:
    workplace.script("import time\nprint('one', flush=True)\ntime.sleep(1)\nprint('two')\n")
    done = workplace.submit("--async", "-t", "run.json")
    assert "monitor-logs" in done.stdout and "two" not in done.stdout
    followed = workplace.aml("run", "monitor-logs", "-r", "run.json")
    assert "one" in followed.stdout and "two" in followed.stdout and "Completed" in followed.stdout


@posix
def test_ctrl_c_cancels_the_whole_tree(workplace: Workplace) -> None:
    workplace.script(SLEEPER)
    process = workplace.start(
        "run", "submit-script", "-c", "local", "-e", "exp", "-t", "run.json", start_new_session=True
    )
    folder = started(workplace)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert b"Canceled" in out
    assert workplace.record()["status"] == "Canceled"
    assert json.loads((workplace.model / "run.json").read_text())["status"] == "Canceled"
    for pid in pids(folder).values():
        wait_for(lambda pid=pid: gone(pid))


def test_cancel_from_another_terminal(workplace: Workplace) -> None:
    workplace.script(SLEEPER)
    process = workplace.start("run", "submit-script", "-c", "local", "-e", "exp")
    folder = started(workplace)
    assert workplace.record()["status"] == "Running"
    done = workplace.aml("run", "cancel", "-r", folder.name)
    assert "Canceled" in done.stdout
    process.communicate(timeout=60)
    assert process.returncode == 130
    assert (folder / "outputs" / "started.txt").exists()
    for pid in pids(folder).values():
        wait_for(lambda pid=pid: gone(pid))
    assert "has already finished" in workplace.aml("run", "cancel", "-r", folder.name).stdout


@posix
@pytest.mark.parametrize("victims", [("aml",), ("script",), ("supervisor",), ("aml", "script"), ("aml", "supervisor"),
                                     ("supervisor", "script"), ("aml", "supervisor", "script")])  # fmt: skip
def test_kill_9_leaves_a_run_that_is_told_right(workplace: Workplace, victims: tuple[str, ...]) -> None:
    workplace.script(SLEEPER)
    process = workplace.start("run", "submit-script", "-c", "local", "-e", "exp")
    folder = started(workplace)
    who = {**pids(folder), "aml": process.pid}
    for victim in victims:
        os.kill(who[victim], signal.SIGKILL)
        wait_for(lambda victim=victim: gone(who[victim]))
    if "script" in victims and "supervisor" not in victims:
        wait_for(lambda: "exit_code" in runs.RunFolder(folder).part("exit"))
    expected = "Failed" if "script" in victims else "Running"
    assert workplace.record(folder.name)["status"] == expected
    listed = json.loads(workplace.aml("run", "list", "-o", "json").stdout)
    assert [one["status"] for one in listed] == [expected]
    assert (folder / "outputs" / "started.txt").exists()
    if expected == "Running":
        assert "Canceled" in workplace.aml("run", "cancel", "-r", folder.name).stdout
        assert gone(who["script"]) and gone(who["child"])
    else:
        os.kill(who["child"], signal.SIGKILL)
    process.kill()
    process.communicate()


@posix
def test_kill_9_at_random_moments(workplace: Workplace) -> None:
    """The state is one that can be, the record is whole, and every other run is untouched."""
    workplace.submit()
    first = workplace.latest()
    untouched = (first / ".run" / "run.json").read_bytes()
    workplace.script("import time\nfor i in range(30):\n    print(i, flush=True)\n    time.sleep(0.01)\n")
    counted = {"Completed": 0, "Failed": 0, "none": 0}
    for attempt in range(25):
        before = {one.name for one in workplace.runs.iterdir()}
        process = workplace.start("run", "submit-script", "-c", "local", "-e", "exp", start_new_session=True)
        if attempt % 2:  # from the moment when the run can be listed, however slow the machine is
            wait_for(lambda before=before: {one.name for one in workplace.runs.iterdir() if one.is_dir()} - before)
        time.sleep(0.01 * attempt)
        for member in [*psutil.Process(process.pid).children(recursive=True), psutil.Process(process.pid)]:
            try:
                member.kill()
            except psutil.NoSuchProcess:
                continue
        process.communicate()
        made = [name for name in {one.name for one in workplace.runs.iterdir()} - before if not name.startswith(".")]
        for name in made:
            wait_for(lambda name=name: runs.RunFolder(workplace.runs / name).state()[0] in runs.FINAL)
            counted[workplace.record(name)["status"]] += 1
        counted["none"] += not made
    assert (first / ".run" / "run.json").read_bytes() == untouched
    assert counted["Failed"] >= 5, counted
    listed = json.loads(workplace.aml("run", "list", "--last", "100", "-o", "json").stdout)
    assert len(listed) == 1 + counted["Completed"] + counted["Failed"]


def test_a_damaged_record_hides_nothing_else(workplace: Workplace) -> None:
    for _ in range(3):
        workplace.submit()
    ids = [run.id for run in runs.list_runs(workplace.runs)]
    for part in (workplace.runs / ids[1] / ".run").glob("*.json"):
        part.write_bytes(b'{"torn": ')
    listed = json.loads(workplace.aml("run", "list", "-o", "json").stdout)
    states = {one["run_id"]: one["status"] for one in listed}
    assert states == {ids[0]: "Completed", ids[1]: "Failed", ids[2]: "Completed"}
    assert "damaged" in workplace.record(ids[1])["error"]["message"] or workplace.record(ids[1])["status"] == "Failed"
    shutil.rmtree(workplace.runs / ids[0] / ".run")
    assert len(json.loads(workplace.aml("run", "list", "-o", "json").stdout)) == 2


def test_a_view_that_is_lost_is_made_again_from_the_parts(workplace: Workplace) -> None:
    workplace.submit()
    (workplace.latest() / ".run" / "run.json").write_text("{")
    assert workplace.record()["status"] == "Completed"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["run", "show", "-r", "nope_1_2"], "no run 'nope_1_2'"),
        (["run", "show", "-r", "../../etc"], "no run '../../etc'"),
        (["run", "cancel", "-r", ""], "no run ''"),
        (["run", "monitor-logs", "-r", "gone.json"], "no run 'gone.json'"),
        (["run", "list", "--status", "Done"], "there is no state 'Done'"),
        (["run", "update", "-r", "latest"], "nothing to do"),
        (["run", "update", "-r", "latest", "--add-tag", "x"], "expected key=value"),
        (["run", "submit-script", "-c", "local", "-e", "bad name"], "is not a valid experiment name"),
        (["run", "submit-script", "-c", "local", "--path", "nowhere"], "there is no folder"),
        (["run", "submit-script", "-c", "locl"], "local"),
        (["run", "submit-script", "-c", "local", "gone.py"], "gone.py"),
        (["run", "submit-script", "-c", "local", "--source-directory", "gone"], "gone"),
        (["run", "submit-script", "-c", "local", "-d", "gone.yml"], "gone.yml"),
        (["run", "submit-script", "-c", "local", "--bogus"], "No such option"),
        (["run", "lst"], "did you mean 'list'"),
        (["model", "register", "-n", "m"], "no model given"),
        (["model", "register", "-n", "m/x", "-p", "train.py"], "is not a valid model name"),
        (
            ["model", "register", "-n", "m", "-r", "latest", "--asset-path", "outputs/gone.pkl"],
            "has no outputs/gone.pkl",
        ),
        (["model", "register", "-n", "m", "-r", "latest", "--asset-path", "../../x"], "is outside the run"),
        (["dataset", "register", "-n", "d", "-p", "gone"], "no such file or folder: "),
        (["dataset", "show", "-n", "d"], "no dataset 'd'"),
        (["job", "create", "--file", "gone.yml"], "gone.yml: no such file or folder"),
        (["run", "submit-pipeline", "-n", "e", "-y", "gone.yml"], "gone.yml: no such file or folder"),
        (["folder", "attach", "-g", "rg"], "missing: -w/--workspace-name, --subscription-id"),
        (["folder", "attach", "-g", "rg", "-w", "ws", "--subscription-id", "x"], "-w: 'ws'"),
    ],
)
def test_bad_input_is_two_and_a_line_that_says_what_to_do(workplace: Workplace, words: list[str], message: str) -> None:
    workplace.submit()
    before = {one.name for one in workplace.runs.iterdir()}
    done = workplace.aml(*words, code=2)
    assert message in done.stderr
    made = {one.name for one in workplace.runs.iterdir()} - before
    assert all(runs.RunFolder(workplace.runs / name).state()[0] == "Failed" for name in made)


def test_a_script_that_an_ignore_file_leaves_behind(workplace: Workplace) -> None:
    (workplace.model / ".amlignore").write_text("*.py\n")
    done = workplace.submit(code=2)
    assert "excluded by an ignore file" in done.stderr and not workplace.runs.exists()


@pytest.fixture
def small_disk(tmp_path: Path) -> Path:
    """A file system of 4 MB, where this machine lets us mount one."""
    place = tmp_path / "disk"
    place.mkdir()
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("mounting a small tmpfs needs root on Linux")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(place)], check=True)
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def on_disk(workplace: Workplace, disk: Path) -> Workplace:
    shutil.copytree(workplace.root, disk / "project")
    return Workplace(disk / "project")


def test_a_full_disk_at_submit(workplace: Workplace, small_disk: Path) -> None:
    place = on_disk(workplace, small_disk)
    place.submit()
    first = (place.latest() / ".run" / "run.json").read_bytes()
    with (small_disk / "ballast").open("wb", 0) as stream, pytest.raises(OSError, match="No space"):
        while True:
            stream.write(b"\0" * 4096)
    done = place.submit(code=None)
    assert done.returncode in (1, 2) and "No space left" in done.stderr and "Free" in done.stderr.title()
    (small_disk / "ballast").unlink()
    assert (runs.list_runs(place.runs)[-1].json_file).read_bytes() == first
    place.submit()


def test_a_script_that_fills_the_disk(workplace: Workplace, small_disk: Path) -> None:
    place = on_disk(workplace, small_disk)
    place.script("with open('outputs/big', 'wb', 0) as f:\n    while True: f.write(b'x' * 4096)\n")
    done = place.submit(code=1)
    assert "ended with exit code 1, and the disk is full" in done.stderr
    record = place.record()
    assert record["status"] == "Failed" and record["exit_code"] == 1 and "end_time_utc" in record


def test_a_read_only_disk(workplace: Workplace, small_disk: Path) -> None:
    place = on_disk(workplace, small_disk)
    place.submit()
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    done = place.submit(code=2)
    assert "Read-only" in done.stderr or "read-only" in done.stderr
    assert place.record()["status"] == "Completed"


def test_a_supervisor_that_is_killed(workplace: Workplace) -> None:
    workplace.script("import psutil\npsutil.Process().parent().kill()\n")
    done = workplace.submit(code=1)
    assert "interrupted: the run's processes ended" in done.stderr and "disk" not in done.stderr


def test_v_pairs_work_without_docker(workplace: Workplace, tmp_path: Path) -> None:
    (tmp_path / "table").mkdir()
    (tmp_path / "table" / "x.csv").write_text("1,2\n")
    config = workplace.model / "aml_config" / "local.runconfig"
    config.write_text(
        config.read_text()
        + f"  docker:\n    enabled: true\n    arguments: [-v, {json.dumps(str(tmp_path / 'table') + ':/data')}]\n"
    )
    workplace.script("import sys\nprint([open(p.split('=')[-1]).read() for p in sys.argv[1:]])\n")
    done = workplace.submit("train.py", "/data/x.csv", "--file=/data/x.csv")
    assert "['1,2\\n', '1,2\\n']" in done.stdout
    assert "without a container" in done.stdout


def test_tags(workplace: Workplace) -> None:
    workplace.submit()
    workplace.aml("run", "update", "-r", "latest", "--add-tag", "a=1")
    workplace.aml("run", "update", "-r", "latest", "--add-tag", "b=2")
    assert workplace.record()["tags"] == {"a": "1", "b": "2"}
    assert workplace.latest().name in workplace.aml("run", "list", "--tags", "a=1").stdout
    assert "No runs match" in workplace.aml("run", "list", "--tags", "a=2").stdout
    assert "has no child runs" in workplace.aml("run", "list", "--parent-run-id", "latest").stdout


def test_list_filters_and_download_logs(workplace: Workplace, tmp_path: Path) -> None:
    workplace.submit()
    workplace.script("raise SystemExit(3)")
    workplace.aml("run", "submit-script", "-c", "local", "-e", "other", code=1)
    listed = json.loads(workplace.aml("run", "list", "-o", "json", "--status", "failed").stdout)
    assert [one["_experiment_name"] for one in listed] == ["other"]
    assert len(json.loads(workplace.aml("run", "list", "-o", "json", "--last", "1").stdout)) == 1
    minimal = json.loads(workplace.aml("run", "list", "-o", "json", "--minimal", "-e", "exp").stdout)
    assert set(minimal[0]) >= {"run_id", "status", "tags"} and "properties" not in minimal[0]
    workplace.aml("run", "download-logs", "-r", minimal[0]["run_id"], "-d", str(tmp_path / "logs"))
    assert "hello" in (tmp_path / "logs" / "user_logs" / "std_log.txt").read_text()
    experiments = json.loads(workplace.aml("experiment", "list", "-o", "json").stdout)
    assert {one["name"]: one["runs"] for one in experiments} == {"exp": 1, "other": 1}


def test_the_record_holds_git_and_no_secret(workplace: Workplace) -> None:
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@example.invalid"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "x"]):
        subprocess.run([*git, *words], cwd=workplace.root, check=True)
    remote = "https://someone:hunter2@example.invalid/repo.git"
    subprocess.run([*git, "remote", "add", "origin", remote], cwd=workplace.root, check=True)
    config = workplace.model / "aml_config" / "local.runconfig"
    config.write_text(config.read_text() + "environmentVariables:\n  API_TOKEN: hunter3\n")
    workplace.script("import os\nassert os.environ['API_TOKEN'] == 'hunter3'\n")
    workplace.submit("train.py", "--db-password", "hunter4", "--api-key=hunter5")
    record = workplace.record()
    assert len(record["properties"]["azureml.git.commit"]) == 40
    assert record["properties"]["azureml.git.dirty"] == "True"
    assert record["properties"]["azureml.git.repository_uri"] == "https://example.invalid/repo.git"
    for file in filter(Path.is_file, (workplace.latest() / ".run").rglob("*")):
        assert b"hunter" not in file.read_bytes(), file


def test_max_run_duration_ends_the_run(workplace: Workplace) -> None:
    config = workplace.model / "aml_config" / "local.runconfig"
    config.write_text(config.read_text() + "maxRunDurationSeconds: 1\n")
    workplace.script(SLEEPER)
    done = workplace.submit(code=1)
    assert "ran longer than 1 s" in done.stderr


@posix
@pytest.mark.skipif(not shutil.which("unshare"), reason="unshare makes the network namespace")
def test_a_submit_with_no_network_at_all(workplace: Workplace) -> None:
    workplace.script(
        "import socket\ntry:\n    socket.create_connection(('192.0.2.1', 80), 1)\nexcept OSError as e: print(e)\n"
    )
    words = ["unshare", "--net", sys.executable, "-m", "amlrun", "run", "submit-script", "-c", "local", "-e", "exp"]
    done = subprocess.run(words, cwd=workplace.model, env=workplace.environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "unreachable" in done.stdout


@pytest.mark.parametrize(
    ("typed", "offered"),
    [("aml ru", "run"), ("aml run submit-script -c lo", "local"), ("aml run show -r la", "latest")],
)
def test_tab_completes(workplace: Workplace, typed: str, offered: str) -> None:
    workplace.submit()
    asked = {"_AML_COMPLETE": "bash_complete", "COMP_WORDS": typed, "COMP_CWORD": str(typed.count(" "))}
    assert offered in workplace.aml(env=asked).stdout.split(",")[-1].split()


def test_a_pipe_gets_no_colours_and_closing_it_is_no_error(workplace: Workplace) -> None:
    workplace.submit()
    listed = workplace.aml("run", "list").stdout
    assert "\x1b" not in listed and workplace.latest().name in listed
    process = workplace.start("run", "list")
    process.stdout.close()
    assert process.wait(30) in (0, 1) and process.stderr.read() == b""
