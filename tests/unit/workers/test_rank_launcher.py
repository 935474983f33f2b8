"""Several ranks on this machine, as `aml` starts them: logs, the first failure, cancel, kills, and real mpirun."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import install
import psutil
import pytest
from support.required import lacks
from support.workplace import Workplace

from amlrun.prepare import site

pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.name == "nt", reason="the scripts use POSIX signals")]

# How often one rank of a run is killed; more of it finds rarer moments.
KILLS = int(os.environ.get("AMLRUN_TEST_KILLS", "6"))
# Says who it is, and then does what its arguments ask of one rank or of all.
SCRIPT = """\
import json, os, signal, subprocess, sys, time
rank = os.environ.get("RANK") or os.environ.get("OMPI_COMM_WORLD_RANK") or "0"
print("rank", rank, "of", os.environ.get("WORLD_SIZE"), "port", os.environ.get("MASTER_PORT"), sys.argv[1:], flush=True)
def asked(flag):
    return flag in sys.argv and sys.argv[sys.argv.index(flag) + 1] in (rank, "all")
if asked("--ignore"):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if asked("--daemonize"):
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
if asked("--log"):
    import mlflow
    for step in range(50):
        mlflow.log_metric("loss" if rank == "0" else "loss_" + rank, step, step=step)
    mlflow.log_param("seed", 7)
if asked("--exit"):
    sys.exit(7)
if asked("--die"):
    os.kill(os.getpid(), signal.SIGKILL)
if asked("--wait"):
    open("outputs/waits_" + rank, "w").close()
    time.sleep(600)
"""
CONFIG = """\
script: train.py
target: local
{distribution}
environment:
  python: {{userManagedDependencies: true, interpreterPath: {python}}}
{more}
"""
PYTORCH = "framework: PyTorch\ncommunicator: Gloo\nnodeCount: 2\npytorch: {processCount: 4}"


@pytest.fixture
def place(workplace: Workplace) -> Workplace:
    workplace.script(SCRIPT)
    configure(workplace)
    return workplace


def configure(place: Workplace, distribution: str = PYTORCH, more: str = "", python: str = sys.executable) -> None:
    text = CONFIG.format(distribution=distribution, more=more, python=json.dumps(python))
    (place.model / "aml_config" / "local.runconfig").write_text(text, encoding="utf-8")


def log(place: Workplace, rank: int) -> str:
    return (place.latest() / "user_logs" / f"std_log_process_{rank:02}.txt").read_text(encoding="utf-8")


def below(place: Workplace) -> list[psutil.Process]:
    """The processes that live in the newest run's folder: whatever was started there and never moved away."""
    found = []
    for one in psutil.process_iter():
        try:
            if Path(one.cwd()) == place.latest() and one.status() != psutil.STATUS_ZOMBIE:
                found.append(one)
        except (psutil.Error, OSError):
            continue
    return found


def wait_for(condition: Callable[[], Any], what: str) -> Any:
    deadline = time.monotonic() + 60
    while not (found := condition()):
        assert time.monotonic() < deadline, what
        time.sleep(0.02)
    return found


def all_wait(place: Workplace, ranks: int = 4) -> None:
    there = place.latest() / "outputs"
    wait_for(lambda: len(list(there.glob("waits_*"))) == ranks, "the ranks never began")


def test_each_rank_has_its_log_and_rank_0_is_shown(place: Workplace) -> None:
    done = place.submit("train.py", "$LOCAL_RANK", "${NODE_RANK}", "$HOME")
    assert "4 PyTorch processes (2 nodes of 2) run on this machine" in done.stdout
    for rank, node in enumerate("0011"):
        assert f"rank {rank} of 4 port" in log(place, rank)
        assert f"['{rank % 2}', '{node}', '$HOME']" in log(place, rank)
    assert "rank 0 of 4" in done.stdout and "rank 1 of 4" not in done.stdout
    assert (place.latest() / "user_logs" / "std_log.txt").read_text() == log(place, 0)
    ports = {log(place, rank).split("port ")[1].split()[0] for rank in range(4)}
    assert len(ports) == 1 and ports.pop().isdigit()


def test_the_first_failure_ends_all_with_its_code_and_name(place: Workplace) -> None:
    done = place.submit("train.py", "--exit", "2", "--wait", "all", code=1)
    record = place.record()
    assert record["exit_code"] == 7 and record["status"] == "Failed"
    assert record["error"]["message"].startswith("rank 2 (node 1) ended with exit code 7")
    assert "std_log_process_02.txt" in done.stderr and "rank 2 of 4" in done.stdout
    assert below(place) == []


def test_a_rank_that_is_killed_and_one_that_ignores_sigterm(place: Workplace) -> None:
    place.submit("train.py", "--die", "1", "--ignore", "3", "--wait", "all", code=1)
    record = place.record()
    assert (record["exit_code"], "killed by signal 9 (SIGKILL)" in record["error"]["message"]) == (137, True)
    assert below(place) == []


def test_what_a_rank_leaves_behind_is_named_and_ended(place: Workplace) -> None:
    done = place.submit("train.py", "--daemonize", "1")
    if sys.platform.startswith("linux"):
        assert "Left behind by the ranks and stopped with the run: python" in done.stdout
        assert below(place) == []


@pytest.mark.parametrize("ignores", [(), ("--ignore", "all")])
def test_a_cancel_ends_every_rank(place: Workplace, ignores: tuple[str, ...]) -> None:
    place.submit("--async", "train.py", "--wait", "all", *ignores)
    all_wait(place)
    place.aml("run", "cancel", "-r", "latest")
    assert place.record()["status"] == "Canceled" and below(place) == []


def test_the_time_limit_counts_for_all(place: Workplace) -> None:
    configure(place, more="maxRunDurationSeconds: 2")
    place.submit("train.py", "--wait", "all", code=1)
    assert "ran longer than 2 s" in place.record()["error"]["message"] and below(place) == []


def test_metrics_of_all_ranks_are_in_the_run(place: Workplace) -> None:
    place.submit("train.py", "--log", "all")
    assert place.record()["metrics"] == {"loss": 49, "loss_1": 49, "loss_2": 49, "loss_3": 49}


def test_a_port_of_the_jobs_own_that_is_taken(place: Workplace) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        configure(place, more=f"environmentVariables: {{MASTER_PORT: '{port}'}}")
        place.submit(code=1)
    assert f"MASTER_PORT {port} is taken on this machine" in place.record()["error"]["message"]
    place.submit()
    assert f"port {port}" in log(place, 3)


def test_parameter_servers_end_with_the_workers(place: Workplace) -> None:
    place.script(
        "import json, os, time\nconfig = json.loads(os.environ['TF_CONFIG'])\nprint(config, flush=True)\n"
        "if config['task']['type'] == 'ps':\n    time.sleep(600)\n"
    )
    servers = "framework: TensorFlow\ncommunicator: ParameterServer\nnodeCount: 2\ntensorflow: {workerCount: 2}"
    configure(place, servers)
    place.submit()
    assert place.record()["exit_code"] == 0 and below(place) == []
    workers = json.loads(log(place, 1).replace("'", '"'))["cluster"]["worker"]
    assert len(set(workers)) == 2 and all(one.partition(":")[2].isdigit() for one in workers)


def test_a_command_that_is_not_there(place: Workplace) -> None:
    job = place.model / "job.yml"
    job.write_text(
        "command: ./solve $RANK\ncode: .\ncompute: local\nenvironment: azureml:e:1\n"
        "distribution: {type: pytorch, process_count_per_instance: 2}\n"
    )
    done = place.aml("job", "create", "-f", "job.yml", "-e", "exp", code=1)
    assert "ended with exit code 127" in done.stderr and "solve" in done.stdout + log(place, 1)


def test_single_and_dry_run(place: Workplace) -> None:
    assert "this machine, 4 PyTorch processes (2 nodes of 2)" in place.submit("--dry-run").stdout
    done = place.submit("--single")
    assert "rank 0 of 1" in done.stdout and not list((place.latest() / "user_logs").glob("std_log_process*"))


@pytest.mark.parametrize("whom", ["rank", "launcher", "supervisor", "client"])
def test_a_kill_leaves_no_process_and_no_run_that_lies(place: Workplace, whom: str) -> None:
    client = place.start("run", "submit-script", "-c", "local", "-e", "exp", "train.py", "--wait", "all")
    wait_for(lambda: (place.runs / "latest").exists(), "no run was made")
    all_wait(place)
    process = json.loads((place.latest() / ".run" / "process.json").read_text())
    launcher = psutil.Process(process["_script"]["pid"])
    victim = {
        "rank": lambda: launcher.children()[2].pid,
        "launcher": lambda: launcher.pid,
        "supervisor": lambda: process["_supervisor"]["pid"],
        "client": lambda: client.pid,
    }[whom]()
    os.kill(victim, signal.SIGKILL)
    if whom in ("supervisor", "client"):
        # The ranks go on: the run still says so, and can be ended.
        assert place.record()["status"] == "Running" and len(below(place)) >= 5
        place.aml("run", "cancel", "-r", "latest")
    client.communicate(timeout=60)
    assert place.record()["status"] == ("Canceled" if whom in ("supervisor", "client") else "Failed")
    wait_for(lambda: not below(place), "processes were left")


def a_rank(place: Workplace, rng: random.Random) -> tuple[psutil.Process, str] | None:
    """One of the ranks that live, and its number."""
    found = []
    for one in below(place) if (place.runs / "latest").exists() else ():
        with contextlib.suppress(psutil.Error):
            found += [(one, one.environ()["RANK"])] if "RANK" in one.environ() else []
    return rng.choice(found) if found else None


def test_a_rank_killed_at_any_moment_is_named(place: Workplace) -> None:
    place.script(SCRIPT + "time.sleep(0.4)\nprint('done', flush=True)\n")
    began = time.monotonic()
    place.submit()
    whole, rng = time.monotonic() - began, random.Random("ranks")  # noqa: S311 - any moment will do
    ended = {"Completed": 0, "Failed": 0}
    for _ in range(KILLS):
        shutil.rmtree(place.runs)
        client = place.start("run", "submit-script", "-c", "local", "-e", "exp")
        time.sleep(rng.uniform(whole / 3, whole))
        victim = a_rank(place, rng)
        if victim is not None:
            with contextlib.suppress(psutil.NoSuchProcess):
                victim[0].kill()
        client.communicate(timeout=60)
        record = place.record()
        ended[record["status"]] += 1
        if record["status"] == "Completed":
            assert [log(place, rank).split()[-1] for rank in range(4)] == ["done"] * 4
        else:
            assert victim is not None
            message = record["error"]["message"]
            assert message.startswith(f"rank {victim[1]} ") and "SIGKILL" in message, (victim, message)
        assert client.returncode == (record["status"] == "Failed")
        wait_for(lambda: not below(place), "processes were left")
    assert sum(ended.values()) == KILLS and ended["Failed"], ended


def python_with_mpi4py() -> str:
    """A Python that has mpi4py, in an environment that tests/install.py makes."""
    if shutil.which("mpirun") is None:
        lacks("mpi", "mpirun is not installed: apt-get install openmpi-bin")
    python = install.frameworks()
    if subprocess.run([python, "-c", "import mpi4py"], check=False).returncode if python.exists() else True:
        lacks("mpi", "mpi4py is not installed: python tests/install.py")
    return str(python)


@pytest.fixture
def mpi(place: Workplace) -> Workplace:
    configure(place, "communicator: OpenMpi\nnodeCount: 2\nmpi: {processCountPerNode: 2}", python=python_with_mpi4py())
    place.script(
        "from mpi4py import MPI\nworld = MPI.COMM_WORLD\nimport os\n"
        "names = ('NODE_RANK', 'OMPI_COMM_WORLD_LOCAL_RANK', 'OMPI_COMM_WORLD_LOCAL_SIZE')\n"
        "print('sum', world.allreduce(world.rank), [os.environ[name] for name in names], flush=True)\n" + SCRIPT
    )
    return place


def test_mpirun_starts_code_that_uses_mpi(mpi: Workplace) -> None:
    mpi.submit()
    assert [log(mpi, rank).splitlines()[0] for rank in range(4)] == [
        "sum 6 ['0', '0', '2']", "sum 6 ['0', '1', '2']", "sum 6 ['1', '0', '2']", "sum 6 ['1', '1', '2']",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("--exit", "2", "--wait", "all"), 7, "rank 2 (node 1) ended with exit code 7"),
        (("--die", "1", "--wait", "all"), 137, "rank 1 (node 0) was killed by signal 9 (SIGKILL)"),
    ],
)
def test_mpirun_ends_all_with_the_first_that_fails(
    mpi: Workplace, words: tuple[str, ...], code: int, says: str
) -> None:
    mpi.submit("train.py", *words, code=1)
    record = mpi.record()
    assert (record["exit_code"], says in record["error"]["message"]) == (code, True), record
    assert below(mpi) == []


def test_a_cancel_ends_mpirun_and_its_ranks(mpi: Workplace) -> None:
    mpi.submit("--async", "train.py", "--wait", "all", "--ignore", "all")
    all_wait(mpi)
    mpi.aml("run", "cancel", "-r", "latest")
    assert mpi.record()["status"] == "Canceled" and below(mpi) == []


ALL_REDUCE = """\
import sys, torch, torch.distributed as dist
dist.init_process_group("gloo")
total = torch.tensor([dist.get_rank() + 1.0])
dist.all_reduce(total)
# One write: the ranks that torchrun starts share a log, and print writes word by word where nothing is buffered.
sys.stdout.write(f"sum {total.item()} of {dist.get_world_size()}\\n")
dist.destroy_process_group()
"""


@pytest.fixture
def torch(place: Workplace) -> Workplace:
    python = install.frameworks()
    if subprocess.run([python, "-c", "import torch"], check=False).returncode if python.exists() else True:
        lacks("torch", "PyTorch's CPU build is not installed: python tests/install.py")
    place.script(ALL_REDUCE)
    configure(place, "framework: PyTorch\ncommunicator: Gloo\nnodeCount: 2", python=str(python))
    return place


def test_pytorch_ranks_find_each_other(torch: Workplace) -> None:
    torch.submit()
    assert [log(torch, rank).split("sum")[1].split() for rank in (0, 1)] == [["3.0", "of", "2"]] * 2


def test_torchrun_starts_the_ranks_of_its_node(torch: Workplace) -> None:
    line = (
        "torchrun --nnodes 2 --nproc_per_node 2 --node_rank $NODE_RANK --master_addr $MASTER_ADDR "
        "--master_port $MASTER_PORT train.py"
    )
    config = torch.model / "aml_config" / "local.runconfig"
    config.write_text(config.read_text().replace("script: train.py", f"command: {line}"))
    torch.submit()
    assert [log(torch, node).count("sum 10.0 of 4") for node in (0, 1)] == [2, 2]


def test_ranks_that_wait_for_one_that_has_ended_are_named(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    sys.path.insert(0, str(site.WORKERS))
    import rank_launcher  # type: ignore[import-not-found]

    ranks = [{"title": f"rank {number}", "log": ""} for number in range(3)]
    launcher = rank_launcher.Launcher({"ranks": ranks, "cancel": "aml run cancel -r r1"})
    launcher._tell_of_waiting([0, None, None])  # it may have ended before the first look
    assert capfdbinary.readouterr().out == b""
    for _ in range(2):  # once, however long it takes
        launcher.idle_since -= 61
        launcher._tell_of_waiting([0, None, None])
    said = capfdbinary.readouterr().out.decode()
    assert said.count("rank 0 finished successfully 60 s ago, rank 1, rank 2 are still running") == 1
    assert "aml run cancel -r r1" in said
