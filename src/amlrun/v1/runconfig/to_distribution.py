"""Framework, communicator and their sections → v2's `distribution`, checked against the number of nodes."""

from __future__ import annotations

from amlrun.spec.job import Distribution
from amlrun.v1.config import Key
from amlrun.v1.runconfig.context import TranslationContext

_MPI = ("OpenMpi", "IntelMpi", "Mpi")
_MPI_FRAMEWORKS = ("PythonMpi", "PythonIntelMpi")


def distribution(context: TranslationContext, nodes: int) -> Distribution | None:
    """The distribution that framework and communicator ask for, None for a plain script.

    A section such as `mpi:` alone asks for nothing: v1's tools wrote every section into every file.
    """
    found = _found(context, nodes)
    _unused(context, found)
    return found


def _unused(context: TranslationContext, found: Distribution | None) -> None:
    """The sections of other distributions have no effect; one that says something is named."""
    used = None if found is None else found.type
    for key, value in context.config.values.items():
        if (
            key[0] in ("mpi", "pytorch", "tensorflow")
            and key[0] != used
            and context.report_of(key) is None
            and value.field
        ):
            context.set(key, "ignored", "not used by this framework and communicator", quiet=not value.is_set)


def _found(context: TranslationContext, nodes: int) -> Distribution | None:
    config = context.config
    framework, communicator = config.choice("framework"), config.choice("communicator")
    context.mapped(("framework",), "command", "a plain script") if framework != "R" else None
    context.mapped(("communicator",), "distribution", "none")
    if communicator == "ParallelTask":
        context.blocking_error(("communicator",), "ParallelTask has no v2 counterpart", "Write a v2 parallel job.")
        return None
    if framework == "CNTK":
        config.note(("framework",), "CNTK is no longer developed: the script runs as plain Python")
    if communicator in _MPI or framework in _MPI_FRAMEWORKS:
        return _mpi(context, nodes)
    if communicator == "ParameterServer" or framework == "TensorFlowParameterServer":
        return _tensorflow(context, nodes)
    total = config.value("pytorch", "processCount")
    if communicator in ("Nccl", "Gloo") or (framework == "PyTorch" and total is not None and total.is_set):
        return _pytorch(context, nodes)
    if nodes > 1:
        here = "; here the script runs once" if context.here else ""
        config.note(("nodeCount",), f"{nodes} nodes without a communicator: the nodes do not work together{here}")
    return None


def _same_nodes(context: TranslationContext, section: str, nodes: int) -> None:
    """Only the top-level nodeCount counts; a section that says another number above 1 contradicts it."""
    value = context.config.value(section, "nodeCount")
    if value is not None and isinstance(value.value, int) and value.value not in (1, nodes):
        hint = "The top-level nodeCount is used: write the same number there."
        context.config.problem((section, "nodeCount"), f"is {value.value}, but nodeCount is {nodes}", hint)


def _asked(context: TranslationContext, kind: str) -> None:
    context.mapped(("framework",), "distribution.type", kind)
    context.mapped(("communicator",), "distribution.type", kind)


def _mpi(context: TranslationContext, nodes: int) -> Distribution | None:
    key: Key = ("mpi", "processCountPerNode")
    processes = context.config.get(*key)
    if processes < 1:
        context.config.problem(key, f"expected 1 or more, got {processes}")
    _same_nodes(context, "mpi", nodes)
    if nodes == 1 and processes == 1:
        context.mapped(("communicator",), "distribution", "none: one process on one node")
        return None
    _asked(context, "mpi")
    context.mapped(key, "distribution.process_count_per_instance")
    return Distribution("mpi", process_count_per_instance=processes)


def _tensorflow(context: TranslationContext, nodes: int) -> Distribution:
    workers = context.config.get("tensorflow", "workerCount")
    servers = context.config.get("tensorflow", "parameterServerCount")
    for name, number, least in (("workerCount", workers, 1), ("parameterServerCount", servers, 0)):
        if number < least:
            context.config.problem(("tensorflow", name), f"expected {least} or more, got {number}")
    if workers > nodes:
        hint = "Each worker runs on its own node: write nodeCount: " + str(workers)
        context.config.problem(("tensorflow", "workerCount"), f"is {workers}, but nodeCount is {nodes}", hint)
    _asked(context, "tensorflow")
    context.mapped(("tensorflow", "workerCount"), "distribution.worker_count")
    context.mapped(("tensorflow", "parameterServerCount"), "distribution.parameter_server_count")
    return Distribution("tensorflow", worker_count=workers, parameter_server_count=servers)


def _pytorch(context: TranslationContext, nodes: int) -> Distribution | None:
    key: Key = ("pytorch", "processCount")
    total = context.config.get(*key)
    _same_nodes(context, "pytorch", nodes)
    counted = total is not None
    if total is None:
        total = nodes
    if total < 1 or total % nodes:
        hint = f"processCount counts all processes; write a multiple of nodeCount, for instance {nodes}."
        context.config.problem(key, f"{total} processes cannot be distributed evenly over {nodes} nodes", hint)
        return None
    if total == 1:
        return None
    _asked(context, "pytorch")
    context.mapped(key, "distribution.process_count_per_instance", "processes by node")
    # 1 is v2's default; not said, a script such as Lightning's may start a node's processes itself.
    return Distribution("pytorch", process_count_per_instance=total // nodes if counted else None)
