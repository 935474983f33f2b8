"""Which processes a distributed job has on one machine, and what each finds in its environment."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from amlrun.errors import AmlError
from amlrun.prepare import ranks
from amlrun.runs.store import RunFolder
from amlrun.spec.job import CommandJob, Distribution, Local, Resources


def job(kind: Any, nodes: int | None = None, command: Any = ("python", "train.py"), **counts: int) -> CommandJob:
    resources = None if nodes is None else Resources(instance_count=nodes)
    words = command if isinstance(command, str) else list(command)
    return CommandJob(command=words, distribution=Distribution(kind, **counts), resources=resources)


def variables(made: CommandJob) -> list[dict[str, str]]:
    layout = ranks.of_job(made)
    assert layout is not None
    return [rank.variables for rank in layout.ranks]


def test_pytorch_ranks_fill_node_by_node() -> None:
    found = variables(job("pytorch", 2, process_count_per_instance=2))
    names = ("RANK", "LOCAL_RANK", "NODE_RANK", "WORLD_SIZE")
    assert [[one[name] for name in names] for one in found] == [
        ["0", "0", "0", "4"], ["1", "1", "0", "4"], ["2", "0", "1", "4"], ["3", "1", "1", "4"],
    ]  # fmt: skip
    assert {(one["MASTER_ADDR"], one["MASTER_PORT"]) for one in found} == {("127.0.0.1", "@PORT0@")}
    assert found[3]["AZUREML_NODE_COUNT"] == "2" and found[3]["AZUREML_CR_NODE_RANK"] == "1"
    assert found[3]["AZUREML_PROCESS_NAME"] == "rank_3"


def test_mpi_ranks_have_the_names_of_open_mpi_and_of_intel_mpi() -> None:
    first, second = variables(job("mpi", process_count_per_instance=2))
    assert (second["OMPI_COMM_WORLD_RANK"], second["OMPI_COMM_WORLD_SIZE"]) == ("1", "2")
    assert (second["OMPI_COMM_WORLD_LOCAL_RANK"], second["OMPI_COMM_WORLD_LOCAL_SIZE"]) == ("1", "2")
    assert (second["PMI_RANK"], second["PMI_SIZE"], second["MPI_LOCALRANKID"]) == ("1", "2", "1")
    # The master's address and port are there only with several nodes.
    assert first["AZ_BATCHAI_MPI_MASTER_NODE"] == "localhost" and "AZ_BATCH_MASTER_NODE" not in first
    assert variables(job("mpi", 2))[0]["AZ_BATCH_MASTER_NODE"] == "127.0.0.1:@PORT0@"


def test_tensorflow_ranks_have_tf_config_and_servers_are_not_waited_for() -> None:
    layout = ranks.of_job(job("tensorflow", 2, worker_count=2, parameter_server_count=1))
    assert layout is not None
    assert [(rank.title, rank.needed) for rank in layout.ranks] == [
        ("worker 0", True), ("worker 1", True), ("parameter server 0", False),
    ]  # fmt: skip
    configs = [json.loads(rank.variables["TF_CONFIG"]) for rank in layout.ranks]
    # Ports count up, parameter servers first.
    assert configs[0]["cluster"] == {"worker": ["127.0.0.1:@PORT1@", "127.0.0.1:@PORT2@"], "ps": ["127.0.0.1:@PORT0@"]}
    assert configs[2]["task"] == {"type": "ps", "index": 0} and configs[1]["task"] == {"type": "worker", "index": 1}
    assert all(one["environment"] == "cloud" for one in configs) and layout.ports == 3


@pytest.mark.parametrize(
    "made",
    [
        CommandJob(command=["python", "train.py"], resources=Resources(instance_count=4)),
        job("pytorch"),
        job("mpi", 1, process_count_per_instance=1),
    ],
)
def test_one_process_is_a_plain_run(made: CommandJob) -> None:
    assert ranks.of_job(made) is None and ranks.check(made) == []


def test_single_runs_one_process() -> None:
    made = job("pytorch", 2)
    made.local = Local(single=True)
    assert ranks.of_job(made) is None


@pytest.mark.parametrize(
    "line",
    ["torchrun --nnodes 2 train.py", "python -m torch.distributed.launch x.py", "deepspeed x.py"],
)
def test_a_launcher_of_a_node_gets_the_nodes_number_alone(line: str) -> None:
    found = variables(job("pytorch", 2, line))
    assert [one["NODE_RANK"] for one in found] == ["0", "1"]
    assert not any(name in one for one in found for name in ("RANK", "LOCAL_RANK"))


def test_lightning_starts_its_own_processes_unless_they_are_counted(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("import lightning as L\n")
    for count, there in ((None, False), (1, True)):
        made = job("pytorch", 2)
        made.code = tmp_path
        assert made.distribution is not None
        made.distribution.process_count_per_instance = count
        assert ("LOCAL_RANK" in variables(made)[0]) is there


def test_more_ranks_than_cores_are_said_and_more_than_sixteen_asked_about(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranks, "cores", lambda: 2)
    first, second = ranks.check(job("mpi", 2, process_count_per_instance=2))
    assert first.startswith("4 MPI processes (2 nodes of 2) run on this machine")
    assert "more than this machine's 2 cores" in second
    many = job("mpi", 4, process_count_per_instance=8)
    with pytest.raises(AmlError, match="32 processes on this machine of 2 cores") as raised:
        ranks.check(many)
    assert "--yes" in raised.value.hint and raised.value.exit_code == 2
    many.local.many_ranks = True
    assert ranks.check(many)


def planned(folder: Path, made: CommandJob, has: bool = False) -> Any:
    return ranks.plan(made, RunFolder(folder), [sys.executable, *made.command[1:]], lambda program: has)


def test_the_plan_has_a_log_for_each_rank(tmp_path: Path) -> None:
    made = planned(tmp_path, job("pytorch", 1, process_count_per_instance=2))
    assert [rank["log"] for rank in made["ranks"]] == [f"user_logs/std_log_process_0{n}.txt" for n in (0, 1)]
    assert made["mpi"] is False and made["cancel"].endswith(tmp_path.name) and "RANK" in made["ranks"][1]["variables"]


@pytest.mark.parametrize("line", ["from mpi4py import MPI", "import horovod.torch as hvd", "    import mpi4py"])
def test_code_that_uses_mpi_needs_mpirun(tmp_path: Path, line: str) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "work.py").write_text(f"import os\n{line}\n")
    made = job("mpi", 1, process_count_per_instance=2)
    with pytest.raises(AmlError, match=r"sub/work\.py imports .*mpirun is not on this machine") as raised:
        planned(tmp_path, made)
    assert "openmpi" in raised.value.hint
    plan = planned(tmp_path, made, has=True)
    # A rank that raises must end the others: mpi4py.run aborts.
    assert plan["mpi"] and (plan["command"][1:3] == ["-m", "mpi4py"]) is ("mpi4py" in line)


def test_code_without_mpi_runs_by_variables_and_other_programs_by_mpirun(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("print(1)\n")
    assert planned(tmp_path, job("mpi", 2), has=True)["mpi"] is False
    solver = ranks.plan(job("mpi", 2), RunFolder(tmp_path), ["bash", "-c", "./solve"], lambda program: True)
    assert solver is not None and solver["mpi"] is True
