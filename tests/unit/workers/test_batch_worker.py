"""The worker of a batch: many files, scored once each, whatever is killed on the way."""

from __future__ import annotations

import collections
import json
import multiprocessing
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest
from support.serving import LIMIT, kill, running, wait_for

from amlrun.serving import batch

sys.path.insert(0, str(batch.WORKER.parent))  # as when it is started by its path
import batch_files
import batch_worker

pytestmark = pytest.mark.slow

# With HOLD=FILE, run() goes on after so many files only when that file is there.
ECHO = """
import os, pathlib, time
def init():
    pass
def run(mini_batch):
    with open(os.environ["CALLS"], "a") as calls:
        calls.writelines(f"{pathlib.Path(file).name}\\n" for file in mini_batch)
    gate = os.environ.get("HOLD")
    late = any(int(pathlib.Path(file).stem[1:]) >= 20 for file in mini_batch)
    while gate and late and not os.path.exists(gate):
        time.sleep(0.01)
    return [f"{pathlib.Path(file).name} {pathlib.Path(file).read_text()}" for file in mini_batch]
"""


class Box:
    """A folder where the driver runs as it does in a run's folder, with no environment to build."""

    def __init__(self, root: Path) -> None:
        self.root, self.data, self.calls = root, root / "data", root / "calls.txt"
        self.data.mkdir()
        self.made = 0

    def files(self, count: int) -> None:
        for number in range(count):
            (self.data / f"f{number:03}.txt").write_text(str(number))

    def folder(self, script: str) -> Path:
        self.made += 1
        folder = self.root / f"run{self.made}"
        (folder / "outputs").mkdir(parents=True)
        (folder / "entry.py").write_text(script)
        return folder

    def start(self, folder: Path, env: dict[str, str] | None = None, **more: Any) -> subprocess.Popen[str]:
        plan = {
            "entry": "entry.py", "input": str(self.data), "mini_batch": {"files": 2, "bytes": 0}, "workers": 2,
            "error_threshold": -1, "timeout": LIMIT, "max_try": 2, "output": "rows.txt", "continue": "", **more,
        }  # fmt: skip
        without_threads = {key: value for key, value in os.environ.items() if key not in batch_worker.THREADS}
        return subprocess.Popen(
            [sys.executable, str(batch.WORKER), json.dumps(plan)], cwd=folder, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            env={**without_threads, "CALLS": str(self.calls), **(env or {})},
        )  # fmt: skip

    def run(self, script: str, code: int = 0, **more: Any) -> tuple[Path, str]:
        folder = self.folder(script)
        driver = self.start(folder, **more)
        out, _ = driver.communicate(timeout=LIMIT)
        assert driver.returncode == code, out
        return folder, out


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return Box(tmp_path)


def rows(folder: Path) -> list[str]:
    return sorted((folder / "outputs" / "rows.txt").read_text().splitlines())


def expected(count: int) -> list[str]:
    return [f"f{number:03}.txt {number}" for number in range(count)]


def test_every_file_is_scored_once_and_its_row_written(box: Box) -> None:
    box.files(21)
    folder, out = box.run(ECHO)
    assert rows(folder) == expected(21)
    assert sorted(box.calls.read_text().split()) == [f"f{number:03}.txt" for number in range(21)]
    assert "21 of 21 files, 21 rows" in out


def test_shutdown_runs_once_in_each_worker_when_all_is_scored(box: Box) -> None:
    box.files(12)
    script = ECHO + "def shutdown():\n    print('cleaned', os.getpid(), flush=True)\n"
    folder, out = box.run(script)
    cleaned = [line for line in out.splitlines() if line.startswith("cleaned")]
    assert len(cleaned) == len(set(cleaned)) == 2 and rows(folder) == expected(12)
    for line, told in (("raise ValueError('no way')", "failed"), ("time.sleep(60)", "took too long")):
        folder, out = box.run(ECHO + f"def shutdown():\n    {line}\n", timeout=1)
        assert f"entry.py: shutdown() {told}; the rows are written." in out and rows(folder) == expected(12)
    assert "no way" in box.run(ECHO + "def shutdown():\n    raise ValueError('no way')\n")[1]


def held(box: Box) -> tuple[Path, subprocess.Popen[str], list[psutil.Process]]:
    """A run of 40 files whose first 20 are done and whose two workers wait with the next; its folder and processes."""
    box.files(40)
    folder = box.folder(ECHO)
    driver = box.start(folder, env={"HOLD": str(box.root / "gate")}, timeout=LIMIT)
    journal = folder / batch_worker.JOURNAL
    wait_for(lambda: journal.exists() and len(journal.read_text().splitlines()) == 10)
    wait_for(lambda: len(box.calls.read_text().split()) == 24)
    return folder, driver, psutil.Process(driver.pid).children(recursive=True)


def test_a_killed_worker_is_replaced_and_its_files_scored_by_another(box: Box) -> None:
    folder, driver, family = held(box)
    workers = [one for one in family if "spawn_main" in " ".join(one.cmdline())]
    assert len(workers) == 2
    kill(workers[0])
    (box.root / "gate").touch()
    out, _ = driver.communicate(timeout=LIMIT)
    assert driver.returncode == 0, out
    assert "trying again" in out
    assert rows(folder) == expected(40)


def test_a_killed_run_is_continued_and_no_finished_file_is_scored_again(box: Box) -> None:
    folder, driver, family = held(box)
    kill(psutil.Process(driver.pid))
    (box.root / "gate").touch()
    driver.communicate(timeout=LIMIT)
    wait_for(lambda: not any(running(one) for one in family))  # the workers end with their driver
    journal = folder / batch_worker.JOURNAL
    finished = [name for line in journal.read_text().splitlines() for name in json.loads(line)["files"]]
    assert sorted(finished) == [f"f{number:03}.txt" for number in range(20)]
    # What a kill can leave behind: a row half written, and a torn line in the journal.
    with (folder / "outputs" / "rows.txt").open("a") as stream:
        stream.write("f03")
    with journal.open("a") as stream:
        stream.write('{"files": ["f0')
    again, out = box.run(ECHO, **{"continue": str(folder)})
    assert "20 files are already scored" in out
    assert rows(again) == expected(40)
    calls = collections.Counter(box.calls.read_text().split())
    assert all(calls[name] == 1 for name in finished), "what was finished is not scored again"
    assert set(calls) == {f"f{number:03}.txt" for number in range(40)}
    # A run that is all done continues into nothing to do.
    last, out = box.run(ECHO, **{"continue": str(again)})
    assert rows(last) == expected(40)
    assert collections.Counter(box.calls.read_text().split()) == calls


def test_the_workers_share_the_cores_unless_the_user_says_how(box: Box) -> None:
    """Two workers of two OpenMP threads on two cores took four times as long as two of one."""
    box.files(4)
    script = "import os\ndef init(): pass\ndef run(b): return [os.environ['OMP_NUM_THREADS']] * len(b)\n"
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    for env, threads in (({}, str(max(1, cores // 2))), ({"OMP_NUM_THREADS": "7"}, "7")):
        folder = box.folder(script)
        out, _ = box.start(folder, env).communicate(timeout=LIMIT)
        assert rows(folder) == [threads] * 4, out


def test_rows_that_never_reached_the_disk_are_scored_again(box: Box) -> None:
    box.files(10)
    folder, _ = box.run(ECHO)
    output = folder / "outputs" / "rows.txt"
    output.write_text("".join(output.read_text().splitlines(keepends=True)[:5]))
    again, out = box.run(ECHO, **{"continue": str(folder)})
    assert "4 files are already scored" in out
    assert rows(again) == expected(10)


def test_a_mini_batch_that_raises_is_tried_again_and_then_given_up(box: Box) -> None:
    box.files(10)
    script = (
        ECHO
        + "\nwell = run\ndef run(b):\n    if any('f004' in f for f in b): raise OSError('torn')\n    return well(b)\n"
    )
    folder, out = box.run(script, max_try=3)
    assert rows(folder) == [row for row in expected(10) if row[:4] not in ("f004", "f005")]
    assert out.count("trying again") == 2
    assert "f004.txt and 1 more: OSError: torn; given up after 3 attempts" in out
    _, out = box.run(script, code=1, error_threshold=1)
    assert "2 files failed; error_threshold allows 1" in out
    box.run(script, error_threshold=2)


def test_a_file_that_failed_is_tried_again_by_the_run_that_continues(box: Box) -> None:
    """It was taken for done: the second run ended well, and its rows were never there."""
    box.files(10)
    script = ECHO + "\nwell = run\ndef run(b):\n    return well(b)[:1] if any('f004' in f for f in b) else well(b)\n"
    folder, _ = box.run(script, code=1, error_threshold=0)
    assert "f004.txt 4" in rows(folder)
    assert "f005.txt 5" not in rows(folder)
    again, _ = box.run(ECHO, error_threshold=0, **{"continue": str(folder)})
    assert rows(again) == expected(10)


@pytest.mark.parametrize("blocked", ["full", "folder"])
def test_rows_that_cannot_be_written_end_the_run_with_a_message(box: Box, blocked: str) -> None:
    box.files(4)
    folder = box.folder(ECHO)
    output = folder / "outputs" / "rows.txt"
    if blocked == "folder":
        output.mkdir()
    elif Path("/dev/full").exists():
        output.symlink_to("/dev/full")
    else:
        pytest.skip("this system has no /dev/full")
    driver = box.start(folder)
    out, _ = driver.communicate(timeout=LIMIT)
    assert driver.returncode == 1
    assert "rows.txt: " in out
    assert f"--continue {folder.name}" in out
    assert "Traceback" not in out
    output.unlink() if blocked == "full" else output.rmdir()
    again, _ = box.run(ECHO, **{"continue": str(folder)})
    assert rows(again) == expected(4)


def test_a_file_that_vanishes_while_they_are_listed_is_left_out(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    box.files(3)
    is_file = Path.is_file

    def then_gone(path: Path) -> bool:
        found = is_file(path)
        if path.name == "f001.txt":
            path.unlink()
        return found

    monkeypatch.setattr(Path, "is_file", then_gone)
    assert [name for name, _ in batch_files.list_files(box.data)] == ["f000.txt", "f002.txt"]


def test_work_for_a_worker_that_just_died_is_not_lost() -> None:
    worker = object.__new__(batch_worker.Worker)
    worker.pipe, theirs = multiprocessing.Pipe()
    theirs.close()
    worker.give(["f000.txt"], "data", 60)
    assert worker.batch == ["f000.txt"], "`listen` finds it dead, and gives its mini-batch to another"


def test_a_run_that_hangs_or_dies_is_replaced(box: Box) -> None:
    box.files(6)
    mark = box.root / "once"
    script = f"""
import os, pathlib, time
{ECHO}
well = run
def run(b):
    if any('f002' in f for f in b) and not pathlib.Path({str(mark)!r}).exists():
        pathlib.Path({str(mark)!r}).touch()
        time.sleep(600)
    if any('f004' in f for f in b) and not pathlib.Path({str(mark)!r} + "2").exists():
        pathlib.Path({str(mark)!r} + "2").touch()
        os._exit(9)
    return well(b)
"""
    # A machine that is busy may take a second for anything: another try is right then, and giving up is not.
    folder, out = box.run(script, timeout=1, max_try=1000)
    assert rows(folder) == expected(6)
    assert "took longer than 1 s; trying again" in out
    assert "exit code 9" in out


def test_fewer_results_than_files_are_failures(box: Box) -> None:
    box.files(4)
    _, out = box.run("def init(): pass\ndef run(b): return b[:1]\n", code=1, error_threshold=0)
    assert " failed; error_threshold allows 0" in out


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("def init(): raise RuntimeError('no model')\ndef run(b): return b\n", "init(): RuntimeError: no model"),
        ("import nosuch\n", "entry.py: ModuleNotFoundError: No module named 'nosuch'"),
        ("import calling\n", "No module named 'calling'"),  # the driver's own folder is nobody's
        ("def init(): pass\n", "entry.py: AttributeError: it has no run()"),
        ("import os\ndef init(): os._exit(3)\ndef run(b): return b\n", "exit code 3"),
    ],
)
def test_a_script_that_cannot_start_ends_the_run_with_its_reason(box: Box, script: str, message: str) -> None:
    box.files(4)
    _, out = box.run(script, code=1)
    assert message in out


def test_summary_only_leaves_the_results_to_the_script(box: Box) -> None:
    box.files(4)
    folder, _ = box.run(ECHO, output="")
    assert list((folder / "outputs").iterdir()) == []


def test_an_empty_folder_is_an_error(box: Box) -> None:
    assert "There are no files" in box.run(ECHO, code=1)[1]


def test_mini_batches_are_cut_by_count_or_by_size() -> None:
    files = [("a", 5), ("b", 5), ("c", 20), ("d", 1), ("e", 1)]
    assert batch_files.mini_batches(files, {"files": 2}) == [["a", "b"], ["c", "d"], ["e"]]
    assert batch_files.mini_batches(files, {"files": 0, "bytes": 10}) == [["a", "b"], ["c"], ["d", "e"]]


@pytest.mark.parametrize(
    ("result", "kind"),
    [("'all done'", "str"), ("{'a': 1, 'b': 2}", "dict"), ("None", "NoneType"), ("(1, 2)", "tuple"), ("2", "int")],
)
def test_what_is_no_rows_fails_with_azure_mls_sentence(box: Box, result: str, kind: str) -> None:
    """b13: text was a row a letter, a dict a row a key, and the run Completed."""
    box.files(2)
    folder, out = box.run(f"def init(): pass\ndef run(b): return {result}\n", code=1, max_try=1)
    assert (
        f"should return a list or a pandas DataFrame with a row for each file; the actual type of its result is {kind}"
        in out
    )
    assert "No file was scored: all 2 failed." in out
    assert rows(folder) == []


@pytest.mark.parametrize(
    "result",
    ["list(b)", "numpy.array([1, 2])", "pandas.Series([1, 2])", "pandas.DataFrame({'a': [1, 2]})"],
)
def test_lists_arrays_and_tables_are_rows(box: Box, result: str) -> None:
    box.files(2)
    folder, _ = box.run(f"import numpy, pandas\ndef init(): pass\ndef run(b): return {result}\n")
    assert len(rows(folder)) == 2


def test_too_few_rows_name_the_files(box: Box) -> None:
    box.files(2)
    _, out = box.run("def init(): pass\ndef run(b): return b[:1]\n", code=1, error_threshold=0)
    assert "f001.txt: run() returned 1 result for 2 files; these count as failed." in out


def test_every_file_failed_is_a_failed_run_whatever_the_threshold(box: Box) -> None:
    box.files(6)
    script = "def init(): pass\ndef run(b):\n    raise OSError('torn')\n"
    _, out = box.run(script, code=1, max_try=1, error_threshold=-1)
    assert "No file was scored: all 6 failed." in out
    one = script.replace("raise", "if 'f000' not in b[0]: raise") + "    return b\n"
    box.run(one, max_try=1, error_threshold=-1)


def test_the_output_path_and_the_model_are_where_a_batch_deployment_has_them(box: Box) -> None:
    """b14, b01."""
    box.files(2)
    model = box.root / "regr"
    model.mkdir()
    (model / "w.json").write_text("{}")
    script = (
        "import os, pathlib\ndef init(): pass\ndef run(b):\n"
        "    place = pathlib.Path(os.environ['AZUREML_BI_OUTPUT_PATH'])\n"
        "    for file in b: (place / pathlib.Path(file).name).write_text('scored')\n"
        "    top = pathlib.Path(os.environ['AZUREML_MODEL_DIR'])\n"
        "    return [str(sorted(one.relative_to(top).as_posix() for one in top.rglob('*')))] * len(b)\n"
    )
    plan = {"path": str(model), "directory": "azureml-models/regr/3"}
    folder, _ = box.run(script, model=plan)
    assert sorted(path.name for path in (folder / "outputs").iterdir()) == ["f000.txt", "f001.txt", "rows.txt"]
    assert set(rows(folder)) == {"['regr', 'regr/w.json']"}
    again, _ = box.run(script, model=plan, **{"continue": str(folder)})
    assert rows(again) == rows(folder)
