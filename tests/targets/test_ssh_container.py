"""What only a container on a machine over ssh has, with a real sshd and a real engine; the rest is conformance."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support import engines, machines
from support.places import looks
from support.workplace import Workplace

pytestmark = pytest.mark.slow
CONFIG = """\
script: train.py
target: box
environment:
  environmentVariables: {API_KEY: sk-live-0123456789abcdef}
  python: %s
  docker: {%s, arguments: %s}
data:
  table:
    dataLocation: {dataset: {name: table, version: "1"}}
    mechanism: mount
    environmentVariableName: TABLE
    pathOnCompute: /table
"""
USER = "{userManagedDependencies: true, interpreterPath: python}"
IMAGE = f"baseImage: '{engines.IMAGE}'"


class Boxed(Workplace):
    """A workplace whose runs are in containers of the machine `box`."""

    there: machines.Machine

    def environment(self, **more: str) -> dict[str, str]:
        return super().environment(AML_CACHE_DIR=str(self.root.parent / "cache"), **self.there.environment, **more)

    def configure(self, python: str = USER, image: str = IMAGE, arguments: str = "[]") -> None:
        text = CONFIG % (python, image, arguments)
        (self.model / "aml_config" / "c.runconfig").write_text(text, encoding="utf-8")

    def boxed(self, *words: str, code: int | None = 0) -> subprocess.CompletedProcess[str]:
        return self.aml("run", "submit-script", "-c", "c", "-e", "exp", "--container", *words, code=code)


def placed(root: Path, there: machines.Machine) -> Boxed:
    place = Boxed(root)
    place.there = there
    (place.model / "aml_config").mkdir(parents=True)
    (root / "data").mkdir()
    (root / ".copier-answers.yml").write_text("_src_path: x\n", encoding="utf-8")
    (root / "data" / "datasets.yml").write_text("table: data/t.csv\n", encoding="utf-8")
    (root / "data" / "t.csv").write_text("1,2\n", encoding="utf-8")
    place.aml(*there.words())
    place.configure()
    return place


@pytest.fixture
def boxed(tmp_path: Path, docker_machine: machines.Machine) -> Boxed:
    return placed(tmp_path / "project", docker_machine)


def test_it_sees_the_machine_s_folders_and_no_secret_is_shown(boxed: Boxed) -> None:
    data = boxed.there.home / "big"
    data.mkdir(exist_ok=True)
    (data / "x.csv").write_text("x")
    boxed.configure(arguments=f"['-v', '{data}:/data']")
    boxed.script(
        "import os\nprint(os.getcwd(), os.listdir('/data'), os.environ['API_KEY'][:3], os.environ['TABLE'])\n"
        "print(open(os.environ['TABLE']).read().strip(), open('/proc/1/cmdline').read().count('sk-live'))\n"
        "open('outputs/made', 'w').write('here')\n"
    )
    done = boxed.boxed()
    assert "/azureml-run ['x.csv'] sk- /table/t.csv\n1,2 0\n" in done.stdout, done.stdout
    assert f"Container: {engines.IMAGE} (docker)" in done.stdout
    assert (boxed.latest() / "outputs" / "made").read_text() == "here"
    assert not any("sk-live" in one.read_text(errors="replace") for one in (boxed.latest() / ".run").rglob("*.json"))


CONDA = "dependencies:\n- python=3.%d\n- pip:\n  - joblib==1.4.2\n"


def test_an_environment_is_built_in_the_image_there_once(boxed: Boxed) -> None:
    (boxed.model / "conda.yml").write_text(CONDA % sys.version_info.minor, encoding="utf-8")
    boxed.configure(python="{condaDependenciesFile: conda.yml}")
    boxed.script("import joblib, sys\nprint(joblib.__version__, sys.prefix)\n")
    first, again = boxed.boxed(), boxed.boxed()
    assert "Building the environment of conda.yml" in first.stdout and "Building" not in again.stdout
    for done in (first, again):
        assert "1.4.2 /azureml-envs/azureml_" in done.stdout


def test_a_dockerfile_is_built_there(boxed: Boxed) -> None:
    boxed.configure(image=f'baseDockerfile: "FROM {engines.IMAGE}\\nENV BUILT=yes\\n"')
    boxed.script("import os\nprint('built', os.environ.get('BUILT'))\n")
    assert "built yes" in boxed.boxed().stdout


@pytest.mark.parametrize(
    ("image", "arguments", "code", "told"),
    [("baseImage: not.here/none:1", "[]", 2, "the image not.here/none:1 is not on this machine"),
     (IMAGE, "['--gpus', 'all']", 1, "a GPU was requested, but the engine has none"),
     (IMAGE, "['-v', '/not/there:/data']", 1, "a mounted folder does not exist where the engine runs")],
)  # fmt: skip
def test_what_the_engine_there_refuses(boxed: Boxed, image: str, arguments: str, code: int, told: str) -> None:
    boxed.configure(image=image, arguments=arguments)
    boxed.script("print(1)\n")
    done = boxed.boxed(code=code)
    assert told in done.stderr, done.stderr


def test_a_machine_without_an_engine(
    tmp_path: Path, machine: machines.Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AML_CONTAINER_ENGINE", "nerdctl")
    place = placed(tmp_path / "project", machine)
    place.script("print(1)\n")
    done = place.boxed(code=2)
    assert "--container: box has no nerdctl" in done.stderr and "leave out --container" in done.stderr


def test_a_container_whose_supervisor_was_killed_is_ended(boxed: Boxed, docker: dict[str, str]) -> None:
    """What nobody there watches any more is told as interrupted, and nothing of it is left."""
    boxed.script("import time\nprint('on', flush=True)\ntime.sleep(600)\n")
    boxed.boxed("--async")
    run_id = boxed.latest().name
    there = boxed.there.home / ".amlrun" / "runs" / run_id
    for _ in looks("the script never began"):
        if (there / "user_logs" / "std_log.txt").exists() and (there / "user_logs" / "std_log.txt").read_bytes():
            break
    marks = json.loads((there / ".run" / "process.json").read_text(encoding="utf-8"))
    for mark in ("_supervisor", "_script"):
        os.kill(marks[mark]["pid"], signal.SIGKILL)
    shown = boxed.record(run_id)
    assert shown["status"] == "Failed" and "interrupted" in shown["error"]["message"]
    words = ["docker", "ps", "-aq", "--filter", f"label=amlrun.run={run_id}"]
    for _ in looks("the container is left"):
        if not subprocess.run(words, env={**os.environ, **docker}, capture_output=True, check=True).stdout:
            break
