"""Framework, communicator and their sections → v2's `distribution`, checked against the number of nodes."""

from __future__ import annotations

from amlrun.spec.job import Distribution
from amlrun.v1.runconfig.config import Key
from amlrun.v1.runconfig.work import Work

_MPI = ("OpenMpi", "IntelMpi", "Mpi")
_MPI_FRAMEWORKS = ("PythonMpi", "PythonIntelMpi")


def distribution(work: Work, nodes: int) -> Distribution | None:
    """The distribution that framework and communicator ask for, None for a plain script.

    A section such as `mpi:` alone asks for nothing: v1's tools wrote every section into every file.
    """
    found = _found(work, nodes)
    _unused(work, found)
    return found


def _unused(work: Work, found: Distribution | None) -> None:
    """The sections of other distributions have no effect; one that says something is named."""
    used = None if found is None else found.type
    for key, value in work.config.values.items():
        if key[0] in ("mpi", "pytorch", "tensorflow") and key[0] != used and work.outcome(key) is None and value.field:
            work.set(key, "ignored", "framework and communicator ask for none of it", quiet=not value.said)


def _found(work: Work, nodes: int) -> Distribution | None:
    config = work.config
    framework, communicator = config.choice("framework"), config.choice("communicator")
    work.mapped(("framework",), "command", "a plain script") if framework != "R" else None
    work.mapped(("communicator",), "distribution", "none")
    if communicator == "ParallelTask":
        work.obstacle(("communicator",), "ParallelTask has no v2 counterpart", "Write a v2 parallel job.")
        return None
    if framework == "CNTK":
        config.note(("framework",), "CNTK is no longer developed: the script runs as plain Python")
    if communicator in _MPI or framework in _MPI_FRAMEWORKS:
        return _mpi(work, nodes)
    if communicator == "ParameterServer" or framework == "TensorFlowParameterServer":
        return _tensorflow(work, nodes)
    total = config.value("pytorch", "processCount")
    if communicator in ("Nccl", "Gloo") or (framework == "PyTorch" and total is not None and total.said):
        return _pytorch(work, nodes)
    if nodes > 1:
        config.note(("nodeCount",), f"{nodes} nodes without a communicator: nothing joins them")
    return None


def _same_nodes(work: Work, section: str, nodes: int) -> None:
    """Only the top-level nodeCount counts; a section that says another number above 1 contradicts it."""
    value = work.config.value(section, "nodeCount")
    if value is not None and isinstance(value.value, int) and value.value not in (1, nodes):
        hint = "The top-level nodeCount is the one that counts: write the same number there."
        work.config.problem((section, "nodeCount"), f"is {value.value}, but nodeCount is {nodes}", hint)


def _asked(work: Work, kind: str) -> None:
    work.mapped(("framework",), "distribution.type", kind)
    work.mapped(("communicator",), "distribution.type", kind)


def _mpi(work: Work, nodes: int) -> Distribution | None:
    key: Key = ("mpi", "processCountPerNode")
    processes = work.config.get(*key)
    if processes < 1:
        work.config.problem(key, f"expected 1 or more, got {processes}")
    _same_nodes(work, "mpi", nodes)
    if nodes == 1 and processes == 1:
        work.mapped(("communicator",), "distribution", "none: one process on one node")
        return None
    _asked(work, "mpi")
    work.mapped(key, "distribution.process_count_per_instance")
    return Distribution("mpi", process_count_per_instance=processes)


def _tensorflow(work: Work, nodes: int) -> Distribution:
    workers = work.config.get("tensorflow", "workerCount")
    servers = work.config.get("tensorflow", "parameterServerCount")
    for name, number, least in (("workerCount", workers, 1), ("parameterServerCount", servers, 0)):
        if number < least:
            work.config.problem(("tensorflow", name), f"expected {least} or more, got {number}")
    if workers > nodes:
        hint = "Each worker runs on a node of its own: write nodeCount: " + str(workers)
        work.config.problem(("tensorflow", "workerCount"), f"is {workers}, but nodeCount is {nodes}", hint)
    _asked(work, "tensorflow")
    work.mapped(("tensorflow", "workerCount"), "distribution.worker_count")
    work.mapped(("tensorflow", "parameterServerCount"), "distribution.parameter_server_count")
    return Distribution("tensorflow", worker_count=workers, parameter_server_count=servers)


def _pytorch(work: Work, nodes: int) -> Distribution | None:
    key: Key = ("pytorch", "processCount")
    total = work.config.get(*key)
    _same_nodes(work, "pytorch", nodes)
    if total is None:
        total = nodes
    if total < 1 or total % nodes:
        hint = f"processCount counts all processes; write a multiple of nodeCount, for instance {nodes}."
        work.config.problem(key, f"{total} processes can't be shared evenly by {nodes} nodes", hint)
        return None
    if total == 1:
        return None
    _asked(work, "pytorch")
    work.mapped(key, "distribution.process_count_per_instance", "processes by node")
    return Distribution("pytorch", process_count_per_instance=total // nodes)
