"""The processes (ranks) of a distributed job, rehearsed on one machine with the variables of the service's nodes.

The variables are those of Azure ML's distributed training (how-to-train-distributed-gpu, "process-level environment
variables"), Open MPI's and Intel MPI's own, and TensorFlow's TF_CONFIG.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from amlrun.dataclass import dataclass, field
from amlrun.errors import AmlError
from amlrun.prepare import code
from amlrun.runs import store as runs
from amlrun.runs.process import cores
from amlrun.spec.job import CommandJob

# More processes than this on one machine are asked about first.
MOST = 16
FAILED = ".run/ranks.json"
_HOST = "127.0.0.1"
_USES_MPI = rb"^[ \t]*(?:import|from)[ \t]+(mpi4py|horovod)\b"
_LIGHTNING = rb"^[ \t]*(?:import|from)[ \t]+(?:lightning|pytorch_lightning)\b"
# Programs that start a node's processes themselves, given only the node's own number.
_LAUNCHERS = r"\b(?:torchrun|torch\.distributed\.(?:run|launch)|deepspeed|accelerate launch)\b"
_INSTALL = (
    "Add `openmpi` to the conda file, or install it: apt-get install openmpi-bin, brew install open-mpi. "
    "--single runs one process without it."
)


@dataclass
class Rank:
    """One process: what messages call it, its variables, and whether the run waits for it (a parameter server: no)."""

    title: str
    variables: dict[str, str] = field(default_factory=dict)
    needed: bool = True


@dataclass
class Layout:
    """A distributed job's processes on `nodes` pretended machines; `ports` are chosen when they start (`@PORT0@` …)."""

    kind: str
    nodes: int
    ranks: list[Rank]
    ports: int

    def __str__(self) -> str:
        each, left = divmod(len(self.ranks), self.nodes)
        count = f"{self.nodes} nodes of {each}" if not left and self.nodes > 1 else "1 node" if self.nodes == 1 else ""
        return f"{len(self.ranks)} {self.kind} processes" + (f" ({count})" if count else "")


def of_job(job: CommandJob) -> Layout | None:
    """The processes that the job's `distribution` and `resources` ask for; None for one process, and with --single."""
    wanted = job.distribution
    if wanted is None or job.local.single:
        return None
    nodes = (job.resources.instance_count if job.resources else None) or 1
    if wanted.type == "tensorflow":
        layout = _tensorflow(wanted.worker_count or nodes, wanted.parameter_server_count or 0)
    else:
        each = wanted.process_count_per_instance or 1
        launched = wanted.type == "pytorch" and each == 1 and _launches_its_own(job)
        make = _pytorch if wanted.type == "pytorch" else _mpi
        ranks = [make(number, each, nodes) for number in range(nodes * each)]
        if launched:
            for rank in ranks:
                # torchrun and Lightning take these for processes that somebody else has started.
                del rank.variables["RANK"], rank.variables["LOCAL_RANK"]
        layout = Layout("PyTorch" if wanted.type == "pytorch" else "MPI", nodes, ranks, 1)
    return layout if len(layout.ranks) > 1 else None


def check(job: CommandJob) -> list[str]:
    """What is to be said before the ranks of a job start here. Raises AmlError for more than are started unasked."""
    layout = of_job(job)
    if layout is None:
        return []
    count, here = len(layout.ranks), cores()
    counted = f"{here} core{'' if here == 1 else 's'}"
    if count > MOST and not job.local.many_ranks:
        raise AmlError(
            f"distribution: {count} processes on this machine of {counted}: more than {MOST} are not started unasked",
            hint="--yes starts them, --single runs one process, --ct NAME uses a cluster.",
        )
    said = [
        f"{layout} run on this machine: they share its cores, memory and disk, and use the loopback interface."
        " Their speed says nothing about a cluster; --single runs one process."
    ]
    if count > here:
        said.append(f"{count} processes are more than this machine's {counted}: they take turns.")
    return said


def plan(job: CommandJob, run: runs.RunFolder, command: list[str], has: Callable[[str], bool]) -> dict[str, Any] | None:
    """What `workers/rank_launcher.py` starts in the run's folder; None for a job of one process.

    `has` says whether the place of the run has a program. Raises AmlError when the code uses MPI and there is no
    `mpirun`.
    """
    layout = of_job(job)
    if layout is None:
        return None
    mpi = False
    if layout.kind == "MPI":
        file, _, package = _first(run.folder, _USES_MPI).partition(":")
        program = Path(command[0]).name.lower()
        python = "python" in program or "python" in " ".join(command[1:])
        there = has("mpirun") or has("mpiexec")
        if file and not there:
            raise AmlError(f"{file} imports {package}, and mpirun is not on this machine", hint=_INSTALL)
        mpi = there and (bool(file) or not python)
        script = command[1] if len(command) > 1 else ""
        if package == "mpi4py" and script.endswith(".py") and "python" in program:
            # Else one rank that raises leaves the others waiting for ever (mpi4py.run).
            command = [command[0], "-m", "mpi4py", *command[1:]]
    width = max(2, len(str(len(layout.ranks) - 1)))
    return {
        "command": command,
        "ranks": [
            {"title": rank.title, "variables": rank.variables, "needed": rank.needed,
             "log": f"user_logs/std_log_process_{number:0{width}}.txt"}
            for number, rank in enumerate(layout.ranks)
        ],
        "ports": layout.ports,
        "mpi": mpi,
        "failed": FAILED,
        "install": _INSTALL,
        "cancel": f"aml run cancel -r {run.id}",
    }  # fmt: skip


def _common(number: int, each: int, nodes: int) -> dict[str, str]:
    return {
        "AZUREML_NODE_COUNT": str(nodes),
        "AZUREML_CR_NODE_RANK": str(number // each),
        "AZUREML_PROCESS_NAME": f"rank_{number}",
        "AZ_BATCH_HOST_LIST": ",".join([_HOST] * nodes),
        "AZ_BATCHAI_JOB_MASTER_NODE_IP": _HOST,
        "NODE_RANK": str(number // each),
    }


def _title(number: int, each: int, nodes: int) -> str:
    return f"rank {number}" + (f" (node {number // each})" if nodes > 1 else "")


def _pytorch(number: int, each: int, nodes: int) -> Rank:
    own = {
        "MASTER_ADDR": _HOST,
        "MASTER_PORT": "@PORT0@",
        "WORLD_SIZE": str(nodes * each),
        "RANK": str(number),
        "LOCAL_RANK": str(number % each),
    }
    return Rank(_title(number, each, nodes), _common(number, each, nodes) | own)


def _mpi(number: int, each: int, nodes: int) -> Rank:
    own = {
        "OMPI_COMM_WORLD_RANK": str(number),
        "OMPI_COMM_WORLD_SIZE": str(nodes * each),
        "OMPI_COMM_WORLD_LOCAL_RANK": str(number % each),
        "OMPI_COMM_WORLD_LOCAL_SIZE": str(each),
        "PMI_RANK": str(number),
        "PMI_SIZE": str(nodes * each),
        "MPI_LOCALRANKID": str(number % each),
        "MPI_LOCALNRANKS": str(each),
        # "localhost" on one node, and the address with a port only with several (hi-ml, Lightning#14118).
        "AZ_BATCHAI_MPI_MASTER_NODE": _HOST if nodes > 1 else "localhost",
    }
    if nodes > 1:
        own["AZ_BATCH_MASTER_NODE"] = f"{_HOST}:@PORT0@"
    return Rank(_title(number, each, nodes), _common(number, each, nodes) | own)


def _tensorflow(workers: int, servers: int) -> Layout:
    """Parameter servers and workers, each on a node of its own, as Azure ML lists them."""
    roles = [("ps", index) for index in range(servers)] + [("worker", index) for index in range(workers)]
    places = {role: f"{_HOST}:@PORT{number}@" for number, role in enumerate(roles)}
    cluster = {
        kind: [place for (name, _), place in places.items() if name == kind]
        for kind in ("worker", "ps")
        if any(name == kind for name, _ in roles)
    }
    ranks = []
    # Workers first: their log is the one that is followed.
    for number, (kind, index) in enumerate(sorted(roles, key=lambda role: role[0] != "worker")):
        config = {"cluster": cluster, "task": {"type": kind, "index": index}, "environment": "cloud"}
        variables = _common(number, 1, len(roles)) | {"TF_CONFIG": json.dumps(config)}
        named = "parameter server" if kind == "ps" else kind
        ranks.append(Rank(f"{named} {index}", variables, needed=kind == "worker"))
    return Layout("TensorFlow", len(roles), ranks, len(roles))


def _launches_its_own(job: CommandJob) -> bool:
    """Whether the command starts a node's processes itself: torchrun and its kind, or Lightning without a count."""
    words = job.command if isinstance(job.command, str) else " ".join(job.command)
    if re.search(_LAUNCHERS, words):
        return True
    counted = job.distribution is not None and job.distribution.process_count_per_instance is not None
    return not counted and job.code is not None and bool(_first(code.folder(job), _LIGHTNING))


def _first(folder: Path, wanted: bytes) -> str:
    """`FILE:WORD` of the first Python file below a folder that matches; empty when none does."""
    for top, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in ("runs", "outputs"))
        for name in sorted(files):
            if not name.endswith(".py"):
                continue
            try:
                found = re.search(wanted, Path(top, name).read_bytes(), re.MULTILINE)
            except OSError:
                continue
            if found:
                word = found[1].decode() if found.re.groups else ""
                return f"{Path(top, name).relative_to(folder).as_posix()}:{word}"
    return ""
