"""What only a machine over ssh has, with a real sshd: keys, lost connections, environments, its space."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import machines
from support.oldest_python import oldest_python
from support.places import finish, looks, processes_of
from support.workplace import Workplace

pytestmark = pytest.mark.slow

CONFIG = """\
script: train.py
target: box
environment:
  environmentVariables: {API_KEY: sk-live-0123456789abcdef}
  python: {userManagedDependencies: true, interpreterPath: %s}
"""
TALKER = """\
import time
for number in range(40):
    print("line", number, flush=True)
    time.sleep(0.1)
print("done", flush=True)
"""


class Afar(Workplace):
    """A workplace whose runs are on the machine `box`."""

    there: machines.Machine

    def environment(self, **more: str) -> dict[str, str]:
        cache = str(self.root.parent / "cache")
        return super().environment(**{"AML_CACHE_DIR": cache, **self.there.environment, **more})

    def submit_there(self, *words: str, code: int | None = 0) -> subprocess.CompletedProcess[str]:
        return self.aml("run", "submit-script", "-c", "c", "-e", "exp", *words, code=code)

    @property
    def computes(self) -> Path:
        return self.root / "data" / "computes.yml"


@pytest.fixture
def afar(tmp_path: Path, machine: machines.Machine) -> Iterator[Afar]:
    place = Afar(tmp_path / "project")
    place.there = machine
    (place.model / "aml_config").mkdir(parents=True)
    (place.root / ".copier-answers.yml").write_text("_src_path: x\n", encoding="utf-8")
    (place.model / "aml_config" / "c.runconfig").write_text(CONFIG % "python", encoding="utf-8")
    place.aml(*machine.words())
    yield place
    machine.know("host_key")
    machine.line.thaw()


def test_no_secret_is_stored(afar: Afar) -> None:
    afar.script("import os\nprint(os.environ['API_KEY'][:3], flush=True)\n")
    assert "sk-\n" in afar.submit_there().stdout
    key = (afar.there.folder / "key").read_text(encoding="utf-8").splitlines()[1]
    kept = [*afar.root.rglob("*"), *(afar.root.parent / "cache").rglob("*"), *afar.there.home.rglob("*")]
    for file in kept:
        if file.is_file() and file.name != "c.runconfig":
            text = file.read_text(errors="replace")
            assert "sk-live" not in text and key not in text, file
    assert f"private_key_file: {afar.there.folder}/key" in afar.computes.read_text(encoding="utf-8")


@pytest.mark.parametrize("flag", ["--password", "--private-key-passphrase"])
def test_a_password_is_not_taken(afar: Afar, flag: str) -> None:
    before = afar.computes.read_bytes()
    assert "stores no secret" in afar.aml(*afar.there.words("other"), flag, "hunter2", code=2).stderr
    assert afar.computes.read_bytes() == before


def test_an_unknown_host_key_is_refused_with_what_to_do(afar: Afar) -> None:
    (afar.there.folder / "known_hosts").write_text("")
    done = afar.aml(*afar.there.words("fresh", afar.there.line.port), code=2)
    wanted = subprocess.run(
        ["ssh-keygen", "-l", "-f", str(afar.there.folder / "host_key.pub")], capture_output=True, text=True, check=True
    ).stdout.split()[1]
    assert "its host key is unknown" in done.stderr and wanted in done.stderr
    assert f"ssh-keyscan -p {afar.there.line.port} 127.0.0.1 >> ~/.ssh/known_hosts" in done.stderr.replace("\n", " ")
    assert "fresh" not in afar.computes.read_text(encoding="utf-8")


def test_a_changed_host_key_is_refused(afar: Afar) -> None:
    afar.there.know("other_key", afar.there.line.port)
    done = afar.aml(*afar.there.words("fresh", afar.there.line.port), code=2)
    assert "its host key has changed" in done.stderr and "ssh-keygen -R" in done.stderr


@pytest.mark.parametrize(
    ("words", "says", "code"),
    [
        (("-n", "nobody", "-a", "nowhere.invalid"), "its host name could not be resolved", 3),
        (("-n", "nobody", "-a", "127.0.0.1", "--ssh-port", "1"), "the connection was refused", 3),
        (("-n", "local", "-a", "127.0.0.1"), "is not a valid compute name", 2),
        (("-n", "nobody", "-a", "-oProxyCommand=x"), "is not valid", 2),
        (("-n", "nobody", "-a", "127.0.0.1", "--private-key-file", "/no/key"), "there is no such key file", 2),
    ],
)
def test_a_machine_that_cannot_be_attached(afar: Afar, words: tuple[str, ...], says: str, code: int) -> None:
    done = afar.aml("computetarget", "attach", "remote", *words, code=code)
    assert says in done.stderr and "nobody" not in afar.computes.read_text(encoding="utf-8"), done.stderr


def test_a_key_that_is_not_accepted(afar: Afar) -> None:
    words = [str(afar.there.folder / "other_key") if one.endswith("/key") else one for one in afar.there.words("other")]
    # Another line: a kept connection needs no key.
    words[words.index("--ssh-port") + 1] = str(afar.there.line.port)
    afar.there.know("host_key", afar.there.line.port)
    done = afar.aml(*words, code=2)
    assert "it does not accept your key" in done.stderr and "ssh-copy-id" in done.stderr


def test_a_python_that_is_not_there_or_too_old(afar: Afar) -> None:
    afar.script("print(1)\n")
    entry = afar.computes.read_text(encoding="utf-8")
    afar.computes.write_text(f"{entry}  python: python3.99\n", encoding="utf-8")
    assert "python3.99 was not found there" in afar.submit_there(code=2).stderr and not afar.runs.exists()
    old = afar.there.home / "old"
    old.write_text('#!/bin/sh\necho "SyntaxError: future feature annotations is not defined" >&2\nexit 1\n')
    old.chmod(0o755)
    afar.computes.write_text(f"{entry}  python: {old}\n", encoding="utf-8")
    assert "is older than 3.7" in afar.submit_there(code=2).stderr


def test_the_oldest_python_is_enough(afar: Afar) -> None:
    python = oldest_python()
    entry = afar.computes.read_text(encoding="utf-8")
    afar.computes.write_text(f"{entry}  python: {python}\n", encoding="utf-8")
    afar.script("import sys\nprint(sys.executable)\nopen('outputs/x', 'w')\n")
    assert python in afar.submit_there().stdout and (afar.latest() / "outputs" / "x").exists()


def test_a_log_goes_on_where_the_connection_broke(afar: Afar) -> None:
    """Every connection is cut twice; what is shown and what is kept is the log, byte for byte."""
    afar.script(TALKER)
    command = afar.start("run", "submit-script", "-c", "c", "-e", "exp")
    assert command.stdout is not None
    out = b""
    for line in iter(command.stdout.readline, b""):
        out += line
        if line in (b"line 5\n", b"line 20\n"):
            afar.there.drop()
    ended = finish(command)
    assert ended.code == 0, ended.err
    wanted = "".join(f"line {number}\n" for number in range(40)) + "done\n"
    assert wanted in out.decode() and (afar.latest() / "user_logs" / "std_log.txt").read_text() == wanted
    assert "the connection was lost; trying again" in ended.err


def test_a_network_that_freezes(afar: Afar) -> None:
    """Nothing flows and nothing is refused: ssh notices, and the command goes on when the network is back."""
    port = afar.there.line.port
    afar.there.know("host_key", port)
    afar.aml(*afar.there.words("box", port))
    afar.script(TALKER)
    command = afar.start("run", "submit-script", "-c", "c", "-e", "exp")
    assert command.stdout is not None and command.stderr is not None
    line = b""
    while line != b"line 5\n":
        line = command.stdout.readline()
        assert line, finish(command).err
    afar.there.line.freeze()
    assert b"trying again" in command.stderr.readline()
    afar.there.line.thaw()
    ended = finish(command)
    assert ended.code == 0 and "done\n" in ended.out, ended.err
    assert (afar.latest() / "user_logs" / "std_log.txt").read_text().count("line") == 40


def test_a_machine_that_is_away_is_told_so(afar: Afar) -> None:
    afar.script("import time\nprint('on', flush=True)\ntime.sleep(600)\n")
    afar.submit_there("--async")
    run_id = afar.latest().name
    afar.there.stop_listening()
    try:
        done = afar.aml("run", "show", "-r", run_id)
        assert "last known state" in done.stderr and "Running" in done.stdout
        assert "the connection was refused" in afar.aml("run", "cancel", "-r", run_id, code=3).stderr
        assert "last known state" in afar.aml("run", "list").stderr
        before = {one.name for one in afar.runs.iterdir()}
        assert "the connection was refused" in afar.submit_there(code=3).stderr
    finally:
        afar.there.start()
    # A submit that broke off has not begun, and says so.
    for name in {one.name for one in afar.runs.iterdir()} - before:
        assert afar.record(name)["status"] == "Failed"
    assert "Canceled" in afar.aml("run", "cancel", "-r", run_id).stdout
    assert processes_of(run_id) == []


def test_cancel_ends_what_has_left_the_session(afar: Afar) -> None:
    """A script that makes a daemon: two forks and a session of its own."""
    afar.script(
        "import os, time\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n        time.sleep(600)\n"
        "    os._exit(0)\nprint('on', flush=True)\ntime.sleep(600)\n"
    )
    afar.submit_there("--async")
    run_id = afar.latest().name
    for _ in looks("the daemon never began"):
        if len(processes_of(run_id)) >= 2:
            break
    afar.aml("run", "cancel", "-r", run_id)
    assert processes_of(run_id) == []


JOB = """\
command: python3 train.py --rate ${{inputs.rate}} && echo then
code: .
inputs: {rate: 0.5}
environment: {image: unused}
compute: %s
"""


@pytest.mark.parametrize(("compute", "words"), [("azureml:box", ()), ("azureml:cluster", ("--ct", "box"))])
def test_a_v2_job_names_it_as_its_compute(afar: Afar, compute: str, words: tuple[str, ...]) -> None:
    (afar.model / "job.yml").write_text(JOB % compute, encoding="utf-8")
    afar.script("import os, sys\nprint(sys.argv[1:], os.environ['HOME'], flush=True)\n")
    done = afar.aml("job", "create", "-f", "job.yml", "-e", "exp", *words)
    assert f"['--rate', '0.5'] {afar.there.home}\nthen\n" in done.stdout


def test_several_runs_at_once(afar: Afar) -> None:
    afar.script("import os, time\ntime.sleep(0.5)\nopen('outputs/id', 'w').write(os.environ['AZUREML_RUN_ID'])\n")
    commands = [afar.start("run", "submit-script", "-c", "c", "-e", "exp") for _ in range(5)]
    assert [finish(one).code for one in commands] == [0] * 5
    folders = [one for one in afar.runs.iterdir() if one.is_dir()]
    assert len(folders) == 5 and all((one / "outputs" / "id").read_text() == one.name for one in folders)
    # Nothing of them is left there.
    assert list((afar.there.home / ".amlrun" / "runs").iterdir()) == []


def test_data_there_is_used_and_data_here_is_sent(afar: Afar, tmp_path: Path) -> None:
    config = CONFIG % "python" + (
        "arguments: [--data, /data]\ndata:\n  numbers:\n    dataLocation: {dataset: {name: numbers, version: '1'}}\n"
        "    mechanism: mount\n    pathOnCompute: /data\n"
    )
    (afar.model / "aml_config" / "c.runconfig").write_text(config, encoding="utf-8")
    afar.script("import os, sys\nprint(sys.argv[2], os.listdir(sys.argv[2]))\n")
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "a.csv").write_text("1")
    afar.aml("dataset", "register", "-n", "numbers", "-p", str(tmp_path / "here"))
    done = afar.submit_there()
    assert "Uploading input numbers (1 file, 1 B)" in done.stdout and "['a.csv']" in done.stdout
    (tmp_path / "there").mkdir()
    entry = afar.computes.read_text(encoding="utf-8")
    afar.computes.write_text(f"{entry}  datasets: {{numbers: {tmp_path}/there}}\n", encoding="utf-8")
    done = afar.submit_there()
    assert f"{tmp_path}/there []" in done.stdout and "Sending" not in done.stdout


def test_an_environment_is_built_there_once(afar: Afar) -> None:
    text = CONFIG.replace("userManagedDependencies: true, interpreterPath: %s", "condaDependenciesFile: conda.yml")
    (afar.model / "aml_config" / "c.runconfig").write_text(text, encoding="utf-8")
    conda = f"dependencies:\n- python=3.{sys.version_info.minor}\n- pip:\n  - joblib==1.4.2\n"
    (afar.model / "conda.yml").write_text(conda, encoding="utf-8")
    afar.script("import joblib, sys\nprint(joblib.__version__, sys.prefix)\n")
    first, again = afar.submit_there(), afar.submit_there()
    assert "Building the environment" in first.stdout and "Building the environment" not in again.stdout
    for done in (first, again):
        assert f"1.4.2 {afar.there.home}/.amlrun/environments/" in done.stdout
    (afar.model / "conda.yml").write_text("dependencies:\n- pip:\n  - joblib-of-nobody==9\n", encoding="utf-8")
    assert "conda.yml:3: " in afar.submit_there(code=1).stderr


@pytest.mark.skipif(sys.platform != "linux", reason="mounts a small disk")
def test_no_space_there(afar: Afar) -> None:
    runs = afar.there.home / ".amlrun" / "runs"
    runs.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(runs)], check=True)
    try:
        (afar.model / "large.bin").write_bytes(b"x" * 1_000_000)
        afar.script("print(1)\n")
        done = afar.submit_there(code=3)
        assert "there is no space left on the machine" in done.stderr and "~/.amlrun" in done.stderr
        record = json.loads((afar.latest() / ".run" / "run.json").read_text(encoding="utf-8"))
        assert record["status"] == "Failed" and "no space left" in record["error"]["message"]
    finally:
        subprocess.run(["umount", "-l", str(runs)], check=True)


def test_a_machine_that_was_removed_is_still_asked(afar: Afar) -> None:
    afar.script("import time\nprint('on', flush=True)\ntime.sleep(600)\n")
    afar.submit_there("--async")
    run_id = afar.latest().name
    shutil.rmtree(afar.computes.parent)
    assert "Canceled" in afar.aml("run", "cancel", "-r", run_id).stdout


def test_ctrl_c_leaves_the_run_and_says_how_to_end_it(afar: Afar) -> None:
    afar.script("import time\nprint('on', flush=True)\ntime.sleep(600)\n")
    command = afar.start("run", "submit-script", "-c", "c", "-e", "exp", start_new_session=True)
    assert command.stdout is not None
    while command.stdout.readline() != b"on\n":
        continue
    command.send_signal(signal.SIGINT)
    ended = finish(command)
    run_id = afar.latest().name
    assert ended.code == 130 and f"{run_id} continues on box (" in ended.out
    afar.aml("run", "cancel", "-r", run_id)
    assert processes_of(run_id) == []
