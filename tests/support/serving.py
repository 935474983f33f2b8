"""What the tests of scoring share: a project like a rendered one, with a registered model, and `aml` in it."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest

from support.rendering import template_file

TEMPLATE = Path(__file__).parents[2] / "template"
# Generous, for they only end what hangs: CI's machine may be slow and busy.
LIMIT = 600.0

_TRAIN = """
import sys
from pathlib import Path
import joblib, pandas
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
table = pandas.read_csv(next(Path(sys.argv[1]).rglob("*.csv")))
model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500))
joblib.dump(model.fit(table.drop(columns="target"), table["target"]), sys.argv[2])
"""


@dataclass
class Place:
    """A rendered project; `model_file` is what train.py would have written."""

    root: Path
    cache: Path
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def model(self) -> Path:
        return self.root / "models" / "model1"

    @property
    def model_file(self) -> Path:
        return self.root / "trained" / "model.pkl"

    @property
    def sample(self) -> Path:
        return self.root / "deployment" / "sample-request.json"

    @property
    def services(self) -> Path:
        return self.root / "runs" / ".services"

    def environment(self) -> dict[str, str]:
        dropped = ("MLFLOW_TRACKING_URI", "VIRTUAL_ENV", "PYTHONDONTWRITEBYTECODE", "AML_DEBUG")
        kept = {key: value for key, value in os.environ.items() if key not in dropped}
        return {**kept, "AML_CACHE_DIR": str(self.cache), **self.variables}

    def start(self, *words: str, **more: Any) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "amlrun", *words], cwd=self.model, env=self.environment(), text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8", **more,
        )  # fmt: skip

    def aml(self, *words: str, code: int = 0, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run `aml WORDS` in the model's folder; another exit code than `code`, or a traceback of ours, fails."""
        process = self.start(*words)
        out, err = process.communicate(stdin, timeout=LIMIT)
        assert process.returncode == code, f"{words}: exit {process.returncode}\n{out}\n{err}"
        return subprocess.CompletedProcess(words, process.returncode, out, err)

    def json(self, *words: str) -> Any:
        return json.loads(self.aml(*words, "-o", "json").stdout)


def make_place(folder: Path, cache: Path) -> Place:
    """Lay a project out and train its small model in the scoring environment, which is built for it."""
    root = folder / "project"
    lay_out(root)
    home = folder / "home"
    home.mkdir()
    place = Place(root, cache, {"HOME": str(home), "UV_CACHE_DIR": uv_cache()})
    place.model_file.parent.mkdir()
    python = scoring_python(place)
    subprocess.run([python, "-c", _TRAIN, str(root / "data"), str(place.model_file)], check=True, timeout=LIMIT)
    return place


def lay_out(root: Path) -> None:
    """The template's files that score, and the data; the questions' answers are this test's."""
    for name in ("models/model1", "deployment", "data"):
        shutil.copytree(TEMPLATE / name, root / name, ignore=shutil.ignore_patterns("*.jinja", "tests", "__pycache__"))
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    for name in ("models/model1/score.py", "models/model1/aml_config/inference-conda.yml"):
        (root / name).write_text(template_file(name, python_version=version), encoding="utf-8")
    (root / ".copier-answers.yml").write_text("_src_path: here\n", encoding="utf-8")


def uv_cache() -> str:
    """uv's own cache, which a home of our own would hide: every package would be fetched again."""
    from uv import find_uv_bin

    return subprocess.run([find_uv_bin(), "cache", "dir"], capture_output=True, text=True, check=True).stdout.strip()


def scoring_python(place: Place) -> str:
    """The interpreter of the inference conda file, made as `aml` makes it."""
    code = (
        "from pathlib import Path; import sys; from amlrun.prepare import environment\n"
        "conda = Path('aml_config/inference-conda.yml')\n"
        "print(environment.prepare(conda, report=lambda line: print(line, file=sys.stderr)).python)"
    )
    words = [sys.executable, "-c", code]
    done = subprocess.run(
        words, cwd=place.model, env=place.environment(), capture_output=True, text=True, timeout=2 * LIMIT
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def wait_for(condition: Callable[[], bool], limit: float = LIMIT) -> None:
    """Wait until it is so; fails after `limit` seconds."""
    end = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.02)


def kill(*victims: psutil.Process) -> None:
    """Kill processes and wait until they are gone; one that ended meanwhile, by itself, is gone too."""
    for victim in victims:
        with contextlib.suppress(psutil.NoSuchProcess):
            victim.kill()
    wait_for(lambda: not any(running(victim) for victim in victims))


def running(process: psutil.Process) -> bool:
    """Whether a process still runs; one that nobody has waited for yet does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


_ports = itertools.count()


def free_port() -> int:
    """A port that no other test process chooses, below those that systems hand to outgoing connections.

    From that range a client could be given the very port of a server that was just killed, and be its own server.
    """
    while True:
        port = 20000 + os.getpid() % 110 * 100 + next(_ports) % 100
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


@pytest.fixture(scope="module", name="place")
def place_fixture(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A project with `demo-model:1` registered. The scoring environment is built once for all test files.

    AML_TEST_ENVIRONMENTS names a folder that keeps it from one session to the next.
    """
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    cache = os.environ.get("AML_TEST_ENVIRONMENTS") or shared / "scoring-cache"
    place = make_place(tmp_path_factory.mktemp("serving"), Path(cache))
    place.aml("model", "register", "-n", "demo-model", "-p", str(place.model_file))
    return place
