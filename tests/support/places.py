"""A small project on one target: the same files and the same words on every one of them, for the conformance suite."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

# Writes down all that it sees; what else it does is chosen by its arguments.
SCRIPT = """\
import json, os, subprocess, sys, time
arguments = sys.argv[1:]
print("script runs with", arguments, flush=True)
print("to stderr", file=sys.stderr, flush=True)
def read(folder):
    return open(os.path.join(folder, "a.csv")).read() if folder else None
names = ("AZUREML_RUN_ID", "AZUREML_EXPERIMENT_NAME", "GREETING", "EMPTY", "NUMBERS", "MLFLOW_TRACKING_URI")
seen = {
    "arguments": arguments,
    "variables": {name: os.environ.get(name) for name in names},
    "files": sorted(os.path.join(top, file)[2:].replace(os.sep, "/") for top, _, all in os.walk(".") for file in all),
    "folders": [name for name in ("outputs", "logs") if os.path.isdir(name)],
    "beside": os.path.samefile(os.path.dirname(os.path.abspath(__file__)), os.getcwd()),
    "by argument": read(arguments[arguments.index("--data") + 1]) if "--data" in arguments else None,
    "by variable": read(os.environ.get("NUMBERS")),
}
with open("outputs/seen.json", "w") as stream:
    json.dump(seen, stream)
with open("logs/note.txt", "w") as stream:
    stream.write("a note")
if "--log-metrics" in arguments:
    import mlflow
    for step in range(3):
        mlflow.log_metric("loss", 1 / (step + 1), step=step)
    mlflow.log_metric("accuracy", 0.75)
if "--raise" in arguments:
    raise ValueError("it was asked to raise")
if "--wait" in arguments:
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    time.sleep(600)
if "--pause" in arguments:
    for number in range(10):
        print("line", number, flush=True)
        time.sleep(float(arguments[arguments.index("--pause") + 1]) / 10)
print("done", flush=True)
"""
CONFIG = """\
script: train.py
arguments: [--data, /data, --word, "a b", --log-metrics]
target: local
environment:
  environmentVariables: {GREETING: "hello, you", EMPTY: ""}
  python:
    userManagedDependencies: true
    interpreterPath: %s
  docker:
    baseImage: %s
data:
  numbers:
    dataLocation: {dataset: {name: numbers, version: "1"}}
    mechanism: mount
    environmentVariableName: NUMBERS
    pathOnCompute: /data
"""
FILES = {
    ".copier-answers.yml": "_src_path: here\n", ".amlignore": "data/\nnumbers/\nprivate/\n*.tmp\n*.json\n",
    "train.py": SCRIPT, "package/naïve file.py": "x = 1\n", "numbers/a.csv": "1,2\n", "private/plan.txt": "x",
    "scratch.tmp": "x", "id_rsa": "x",
}  # fmt: skip
IMAGE = "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04"
FINAL = ("Completed", "Failed", "Canceled")
PATIENCE = 180.0


@dataclass
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        return self.out + self.err


@dataclass
class Place:
    """A project on one target. `submit` adds the target's name and `words`; nothing else differs.

    `python` and `image` are the run configuration's. `more_left` names what of a run is left beside processes, and
    `serving` what serves a run while it goes on, each with a function that kills that.
    """

    name: str
    target: str
    root: Path
    environment: Callable[[], dict[str, str]]
    words: tuple[str, ...] = ()
    of_the_workspace: tuple[str, ...] = ()
    python: str = sys.executable
    image: str = IMAGE
    more_left: Callable[[str], list[str]] = lambda run_id: []
    serving: dict[str, Callable[[str], None]] = field(default_factory=dict)
    first: Ended | None = None

    def write(self) -> None:
        """Put the project's files there."""
        files = {**FILES, "aml_config/train.runconfig": CONFIG % (json.dumps(self.python), self.image)}
        for file, text in files.items():
            (self.root / file).parent.mkdir(parents=True, exist_ok=True)
            (self.root / file).write_text(text, encoding="utf-8")

    def begin(self) -> Place:
        """The project with its dataset registered and one good run behind it, which `first.json` tells of."""
        self.aml("dataset", "register", "-n", "numbers", "-p", "numbers", *self.of_the_workspace)
        self.first = self.submit(to="first.json")
        self.aml("run", "download-logs", "-r", "first.json", "-d", "fetched")
        return self

    def api(self, code: str) -> Any:
        """What a program prints as JSON that uses the library in this place.

        `place` is its target's name, `more` what `load_runconfig` is told in addition.
        """
        asked = {"--container": "container"}
        more = {asked[word]: True for word in self.words}
        words = [sys.executable, "-c", f"place = {self.target!r}\nmore = {more}\n{code}"]
        done = subprocess.run(
            words, cwd=self.root, env=self.environment(), capture_output=True, text=True, timeout=300, check=False
        )
        assert done.returncode == 0 and done.stderr == "", done.stderr
        return json.loads(done.stdout)

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        """`aml WORDS` as a process of its own, in a session of its own as a terminal would give it."""
        return subprocess.Popen(
            [sys.executable, "-m", "amlrun", *words],
            cwd=self.root, env=self.environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip

    def aml(self, *words: str, code: int | None = 0) -> Ended:
        done = finish(self.start(*words))
        assert code is None or done.code == code, f"{words}: {done.code}\n{done.text}"
        assert "Traceback (most recent call last)" not in done.err, done.err
        return done

    def submit_words(self, *words: str, to: str = "run.json") -> tuple[str, ...]:
        """`--ct` names the target, everything else is the same file; `words` end with script and arguments."""
        submit = ("run", "submit-script", "-c", "train", "-e", "exp", "--ct", self.target, "-t", to)
        return (*submit, *self.words, *words)

    def submit(self, *words: str, code: int | None = 0, to: str = "run.json") -> Ended:
        return self.aml(*self.submit_words(*words, to=to), code=code)

    def record(self, file: str = "run.json") -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.root / file).read_text(encoding="utf-8"))
        return found

    def shown(self, run: str = "run.json") -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.aml("run", "show", "-r", run, "-o", "json").out)
        return found

    def folder(self, file: str = "run.json") -> Path:
        return self.root / "runs" / str(self.record(file)["run_id"])

    def seen(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder("first.json") / "outputs" / "seen.json").read_text())
        return found

    def runs(self) -> set[str]:
        """The names of the runs' folders."""
        folder = self.root / "runs"
        return {one.name for one in folder.iterdir() if one.is_dir()} if folder.is_dir() else set()

    def until(self, run: str, *states: str) -> dict[str, Any]:
        """The run's record once it is in one of these states."""
        for _ in looks(f"{run} never became {' or '.join(states)}"):
            shown = self.shown(run)
            if shown["status"] in states:
                return shown
        raise AssertionError

    def left(self, run_id: str) -> list[str]:
        """What of a run is left: processes with its id in their environment, and what the target keeps beside."""
        return [*processes_of(run_id), *self.more_left(run_id)]

    def until_nothing_is_left(self, run_id: str) -> None:
        """Wait until all that the run had is gone: what removes it may be at work when the run's end is told."""
        for _ in looks(f"{run_id} has ended and left {self.left(run_id)}"):
            if not self.left(run_id):
                return


def finish(process: subprocess.Popen[bytes], timeout: float = 300) -> Ended:
    """Wait for a command. One that outlives `timeout` seconds is hung: TimeoutExpired."""
    try:
        out, err = (stream.decode("utf-8", "replace") for stream in process.communicate(timeout=timeout))
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise
    return Ended(process.returncode, out, err)


def looks(what: str, patience: float = PATIENCE) -> Iterator[None]:
    """One step for each look at something that has to become true. Raises AssertionError(what) when it never does."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        yield
        time.sleep(0.05)
    raise AssertionError(what)


def processes_of(run_id: str) -> list[str]:
    """The processes, wherever they run on this machine, that have the run's id in their environment."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.environ().get("AZUREML_RUN_ID") == run_id and process.status() != psutil.STATUS_ZOMBIE:
                found.append(f"{process.pid} {' '.join(process.cmdline())[:200]}")
    return found


def kill_supervisor(runs: Path) -> Callable[[str], None]:
    """What kills the supervisor of a run that lies in `runs`."""

    def kill(run_id: str) -> None:
        with contextlib.suppress(OSError, KeyError, ValueError):
            found = json.loads((runs / run_id / ".run" / "process.json").read_text(encoding="utf-8"))
            os.kill(found["_supervisor"]["pid"], signal.SIGKILL)

    return kill


def kill_tree(pid: int) -> None:
    """SIGKILL for a process and all that it started."""
    with contextlib.suppress(psutil.NoSuchProcess):
        top = psutil.Process(pid)
        for member in [top, *top.children(recursive=True)]:
            with contextlib.suppress(psutil.NoSuchProcess):
                member.kill()
