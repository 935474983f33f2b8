"""A forked trial is what a fresh process is: the same script, run both ways, sees and leaves the same."""

from __future__ import annotations

import ast
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from support.sweeps import SweepProject, light_project, table

from amlrun.sweep import warm

sys.path.insert(0, str(warm.SERVER.parent))
import preload  # beside the fork server, which runs without the package

pytestmark = [
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="trials are forked on Linux only"),
    pytest.mark.slow,
]

# Writes down all that it can see of itself, and ends as it is told.
WITNESS = '''\
"""A doc string."""
import argparse
import atexit
import csv
import gc
import json
import os
import pickle
import random
import signal
import sys
import threading
import time

import numpy as np

import helper
import light

parser = argparse.ArgumentParser()
parser.add_argument("--end", default="0")
end = parser.parse_args().end


class Mine:
    pass


class Lazy(type(sys)):
    def __getattr__(self, name):
        open("outputs/asked_" + name, "w").close()
        raise AttributeError(name)


sys.modules["lazy"] = Lazy("lazy")


def late():
    time.sleep(0.2)
    with open("outputs/thread.txt", "w") as out:
        out.write("a thread that is no daemon was waited for")


atexit.register(lambda: open("outputs/atexit.txt", "w").write("ran"))
threading.Thread(target=late).start()
left_open = open("outputs/left_open.txt", "w")
left_open.write("written at the end")
module = sys.modules["__main__"]
LINKS = [f"/proc/self/fd/{fd}" for fd in range(3, 20)]
gc.collect()  # closes what light.py left open
seen = {
    "cwd": os.getcwd(),
    "file": __file__,
    "name": __name__,
    "doc": __doc__,
    "package": __package__,
    "spec": str(__spec__),
    "loader": type(__loader__).__name__,
    "globals": sorted(name for name in globals() if name.startswith("__")),
    "is_main": module is sys.modules[Mine.__module__] and module.Mine is Mine,
    "pickled": type(pickle.loads(pickle.dumps(Mine()))).__name__,
    "argv": sys.argv,
    "orig_argv": sys.orig_argv,
    "path": sys.path,
    "executable": sys.executable,
    "environment": {k: v for k, v in os.environ.items()},
    "stdin": sys.stdin.read(),
    "stdin_tty": sys.stdin.isatty(),
    "streams": [os.path.realpath(f"/proc/self/fd/{fd}") for fd in (0, 1, 2)],
    "encodings": [sys.stdout.encoding, sys.stderr.errors, sys.stdout.line_buffering, sys.stdout.write_through],
    "handles": [os.path.realpath(link) for link in LINKS if os.path.lexists(link)],
    "session": os.getsid(0) == os.getpid() == os.getpgrp(),
    "threads": [thread.name for thread in threading.enumerate()][:1],
    "signals": [str(signal.getsignal(s)) for s in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD)],
    "ours": sorted(name for name in sys.modules if name.startswith(("fork_", "preload", "amlrun"))),
    "helper": helper.__file__,
    "helper_calls": helper.count(),
    "random": [random.random(), float(np.random.rand()), float(np.random.default_rng().random())],
    "pid": os.getpid(),
}
with open("outputs/seen.json", "w") as out:
    json.dump(seen, out)
print("out")
print("err", file=sys.stderr)
light.log_metric("score", 1.0)
if end == "text":
    sys.exit("good bye")
if end == "error":
    raise ValueError("on purpose")
if end == "signal":
    os.kill(os.getpid(), signal.SIGTERM)
if end == "interrupt":
    raise KeyboardInterrupt
sys.exit(int(end))
'''
HELPER = """\
_calls = 0
left_open = open("outputs/helper.txt", "w")
left_open.write("written at the end")


def count():
    global _calls
    _calls += 1
    return _calls
"""
ENDS = ["0", "3", "256", "text", "error", "signal", "interrupt"]
LOG_LINES = {
    "text": "good bye",
    "error": "ValueError: on purpose",
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> SweepProject:
    project = light_project(tmp_path_factory.mktemp("warm"), WITNESS)
    (project.root / "helper.py").write_text(HELPER)
    project.runconfig(variables={"MINE": "yes", "PYTHONHASHSEED": "0"})
    project.sweep_file(type="grid", expression="choice", values=json.dumps(ENDS), total=len(ENDS))
    file = project.root / "sweep.yml"
    file.write_text(file.read_text().replace("--x", "--end"))
    return project


@pytest.fixture(scope="module")
def both(project: SweepProject) -> dict[str, Path]:
    """The same sweep twice: forked, and as plain processes."""
    warm_said, forked = project.sweep()
    assert "plain process" not in warm_said.stdout
    _, plain = project.sweep("--no-warm")
    assert [row["state"] for row in table(forked)] == [row["state"] for row in table(plain)]
    return {"warm": forked, "plain": plain}


def trial(both: dict[str, Path], way: str, number: int) -> Path:
    return both[way].parent / f"{both[way].name}_{number}"


def seen(both: dict[str, Path], way: str, number: int) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((trial(both, way, number) / "outputs" / "seen.json").read_text())
    return found


def test_it_was_forked_indeed(both: dict[str, Path]) -> None:
    for way, shared in (("warm", True), ("plain", None)):
        process = json.loads((trial(both, way, 0) / ".run" / "process.json").read_text())
        assert process.get("_shared") is shared


def test_the_script_sees_the_same(both: dict[str, Path]) -> None:
    for number in range(len(ENDS)):
        forked, plain = seen(both, "warm", number), seen(both, "plain", number)
        ids = trial(both, "warm", number), trial(both, "plain", number)
        for key in set(forked) - {"random", "pid"}:
            # The only difference is the name of the run, which is in paths and variables.
            ours = json.dumps(forked[key]).replace(ids[0].name, ids[1].name)
            assert ours == json.dumps(plain[key]), key
        assert forked["environment"]["MINE"] == "yes"
        assert forked["ours"] == [] and forked["helper_calls"] == 1
        assert forked["helper"] == str(ids[0] / "helper.py")


def test_each_trial_has_its_own_random_numbers(both: dict[str, Path]) -> None:
    drawn = [number for trial_number in range(len(ENDS)) for number in seen(both, "warm", trial_number)["random"]]
    assert len(set(drawn)) == len(drawn)
    assert len({seen(both, "warm", number)["pid"] for number in range(len(ENDS))}) == len(ENDS)


@pytest.mark.parametrize("number", range(len(ENDS)))
def test_it_ends_the_same(both: dict[str, Path], number: int) -> None:
    ends = []
    for way in ("warm", "plain"):
        folder = trial(both, way, number)
        ended = json.loads((folder / ".run" / "exit.json").read_text())
        log = (folder / "user_logs" / "std_log.txt").read_text().replace(both[way].name, "HD")
        written = {
            name: (folder / "outputs" / name).read_text() if (folder / "outputs" / name).exists() else None
            for name in ("thread.txt", "atexit.txt", "left_open.txt", "helper.txt")
        }
        names = sorted(file.name for file in (folder / "outputs").iterdir())
        ends.append((ended["exit_code"], ended.get("error"), log, written, names))
    assert ends[0] == ends[1]
    assert LOG_LINES.get(ENDS[number], "out") in ends[0][2]
    if ENDS[number] != "signal":
        assert all(ends[0][3].values())


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("import ray\n", "the script imports ray"),
        ("import busy\n", "importing the script's packages starts threads"),
    ],
)
def test_scripts_that_must_not_be_forked_get_plain_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, why: str
) -> None:
    busy = "import threading, time\nthreading.Thread(target=time.sleep, args=(60,), daemon=True).start()\n"
    script += "import light\nlight.log_metric('score', 1.0)\n"
    project = light_project(tmp_path / "p", script, ray="", busy=busy)
    project.sweep_file(total=2)
    said, sweep = project.sweep()
    assert f"Trials run as plain processes: {why}." in said.stdout
    assert [row["state"] for row in table(sweep)] == ["Completed", "Completed"]


def test_what_a_package_reads_from_the_current_folder_when_imported_is_the_snapshots(tmp_path: Path) -> None:
    settings = "import os\nimported_by = os.getpid()\nwith open('settings.txt') as file:\n    value = file.read()\n"
    script = (
        "import os\nimport settings\nimport light\nassert settings.imported_by == os.getppid()\n"
        "light.log_metric('score', float(settings.value))\n"
    )
    project = light_project(tmp_path / "p", script, settings=settings)
    (project.root / "settings.txt").write_text("7.5")
    project.sweep_file(total=2)
    said, sweep = project.sweep()
    assert "plain process" not in said.stdout
    assert [row["best"] for row in table(sweep)] == ["7.5", "7.5"]


def test_no_collection_looks_through_what_the_server_imported(tmp_path: Path) -> None:
    heavy = (
        "import gc\nlooked_through = [0]\n"
        "gc.callbacks.append(lambda phase, info: looked_through.append(len(gc.get_objects())))\n"
        "kept = [[] for _ in range(100_000)]\n"
    )
    script = "import heavy\nimport light\nlight.log_metric('score', float(max(heavy.looked_through)))\n"
    project = light_project(tmp_path / "p", script, heavy=heavy)
    project.sweep_file(total=2)
    said, sweep = project.sweep()
    assert "plain process" not in said.stdout
    assert max(float(row["best"]) for row in table(sweep)) < 100_000


def test_a_fork_server_that_is_killed_is_no_loss(tmp_path: Path) -> None:
    # The first trial kills the server; the later ones are plain processes.
    script = (
        "import os, signal, time\nimport light\n"
        "if os.environ['AZUREML_RUN_ID'].endswith('_0'):\n    os.kill(os.getppid(), signal.SIGKILL)\n"
        "light.log_metric('score', 1.0)\n"
    )
    project = light_project(tmp_path, script)
    project.sweep_file(total=3, together=1)
    said, sweep = project.sweep()
    rows = table(sweep)
    assert [row["state"] for row in rows] == ["Failed", "Completed", "Completed"]
    assert "interrupted" in project.record(rows[0]["run_id"])["error"]["message"]
    assert "Trials run as plain processes: the fork server exited." in said.stdout


def test_a_trial_that_takes_too_long_is_ended_by_the_server(tmp_path: Path) -> None:
    project = light_project(tmp_path, "import time\nimport light\nlight.log_metric('score', 1.0)\ntime.sleep(60)\n")
    config = project.root / "aml_config" / "t.runconfig"
    config.write_text(json.dumps({**json.loads(config.read_text()), "maxRunDurationSeconds": 1}))
    project.sweep_file(total=1)
    _, sweep = project.sweep(code=1)
    record = project.record(f"{sweep.name}_0")
    assert record["status"] == "Failed" and "ran longer than 1 s" in record["error"]["message"]


@pytest.mark.parametrize(
    ("text", "changes"),
    [
        ("import os\nos.environ['X'] = '1'", True),
        ("import os\nos.environ.setdefault('X', '1')", True),
        ("import os\nos.putenv('X', '1')", True),
        ("import sys\nsys.path.append('x')", True),
        ("import sys\nsys.path[0:0] = ['x']", True),
        ("import sys\nsys.path += ['x']", True),
        ("from os import environ", True),
        ("import os\nx = os.environ['X']\ny = os.environ.get('Y')", False),
        ("import sys\nprint(sys.path)", False),
    ],
)
def test_what_changes_the_surroundings_of_an_import(text: str, changes: bool) -> None:
    assert any(preload.changes_surroundings(node) for node in ast.walk(ast.parse(text))) is changes


def test_which_imports_are_found(tmp_path: Path) -> None:
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "__init__.py").write_text("import csv\n")
    (tmp_path / "package" / "part.py").write_text("import wave\nfrom . import other\n")
    (tmp_path / "near.py").write_text("import near\nimport zipfile\n")
    script = tmp_path / "train.py"
    script.write_text(
        "import near\nfrom package import part\nimport json as j\nfrom xml import dom, sax\n"
        "def f():\n    import decimal\nfrom . import no\n"
    )
    found, whole = preload.imports_of(os.fspath(script))
    assert whole
    assert sorted(name for name, _ in found) == ["csv", "decimal", "json", "wave", "xml", "zipfile"]
    assert ("xml", ["dom", "sax"]) in found
    # What follows a change of the environment is left to the trial.
    script.write_text("import json\nimport os\nos.environ['OMP_NUM_THREADS'] = '1'\nimport decimal\n")
    found, whole = preload.imports_of(os.fspath(script))
    assert not whole and sorted(name for name, _ in found) == ["json", "os"]
    # A script that is no Python is left to say so itself.
    script.write_text("def\n")
    assert preload.imports_of(os.fspath(script)) == ([], True)


def test_where_forking_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    python = Path(sys.executable)
    assert warm.refusal({"command": [sys.executable, "train.py", "--x", "1"]}, python) == ""
    for command in (
        ["bash", "-c", "true"],
        [sys.executable, "-m", "train"],
        [sys.executable],
        ["/other/python", "t.py"],
    ):
        assert "not a Python script" in warm.refusal({"command": command}, python)
    monkeypatch.setattr(sys, "platform", "darwin")
    assert "Linux only" in warm.refusal({"command": [sys.executable, "train.py"]}, python)
