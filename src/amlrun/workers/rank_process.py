"""What the ranks of a run need: ports, words and variables, logs, and the wrapper around a rank that mpirun starts.

Part of rank_launcher.py: standard library, Python 3.7 and newer.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from typing import Any

import process_tree  # type: ignore[import-not-found]

VARIABLE = "AML_RANKS"
NOT_FOUND = 127
_LAST_LINES = 20


def say(message: str) -> None:
    """A line of the launcher's own in the run's log."""
    sys.stdout.buffer.write(("aml: %s\n" % message).encode("utf-8"))
    sys.stdout.buffer.flush()


def show_end(log: str) -> None:
    """The last lines of a rank's log, in the run's."""
    try:
        with open(log, "rb") as stream:
            stream.seek(max(0, os.path.getsize(log) - 8192))
            lines = stream.read().decode("utf-8", "replace").splitlines()[-_LAST_LINES:]
    except OSError:
        return
    if lines:
        say("the last lines of %s:" % log)
        sys.stdout.buffer.write("".join("  %s\n" % line for line in lines).encode("utf-8"))
        sys.stdout.buffer.flush()


def how(code: int) -> str:
    """How a process ended, in words."""
    if code > 0:
        return "ended with exit code %d" % code
    try:
        return "was killed by signal %d (%s)" % (-code, signal.Signals(-code).name)
    except ValueError:
        return "was killed by signal %d" % -code


def note_failure(spec: dict[str, Any], message: str) -> None:
    """Write down which rank failed, for the run's record; the first one counts."""
    try:
        with open(spec["failed"], "x", encoding="utf-8") as stream:
            json.dump({"message": message}, stream)
    except OSError:
        return


def start(command: list[str], environment: dict[str, str], log: Any) -> subprocess.Popen[bytes]:
    """A process with its output in `log`, that ends with this one where the system can do that. Raises OSError."""
    return subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        preexec_fn=process_tree.die_with_parent(),
    )


def choose_ports(spec: dict[str, Any]) -> None:
    """Fill in `@PORT0@` … with ports that are free on this machine now; those kept apart by being held together."""
    import socket  # a rank that mpirun starts has no use for it

    held = [socket.socket() for _ in range(spec["ports"])]
    for one in held:
        one.bind(("127.0.0.1", 0))
    ports = {"@PORT%d@" % index: str(one.getsockname()[1]) for index, one in enumerate(held)}
    for one in held:
        one.close()
    threads = max(1, cores() // len(spec["ranks"]))
    for rank in spec["ranks"]:
        for name, value in rank["variables"].items():
            rank["variables"][name] = re.sub("@PORT[0-9]+@", lambda found: ports[found.group()], value)
        if "MASTER_PORT" in os.environ and "MASTER_PORT" in rank["variables"]:
            rank["variables"]["MASTER_PORT"] = os.environ["MASTER_PORT"]
        # With a thread for each core, ranks that wait for each other spin against those that compute.
        rank["variables"].setdefault("OMP_NUM_THREADS", os.environ.get("OMP_NUM_THREADS", str(threads)))


def taken_port(variables: Any) -> str:
    """The port that the job's own variables name and that something else listens on; else empty."""
    port = variables.get("MASTER_PORT", "")
    if not port.isdigit() or not 0 < int(port) < 65536:
        return ""
    import socket

    with socket.socket() as probe:
        if os.name != "nt":
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", int(port)))
        except OSError:
            return str(port)
    return ""


def cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def expanded(word: str, variables: dict[str, str]) -> str:
    """A word of the command with `$LOCAL_RANK`, `${NODE_RANK}` … filled in, as the service's shell does."""

    def value(found: re.Match[str]) -> str:
        return variables.get(found.group(1) or found.group(2), found.group())

    return re.sub(r"\$(?:\{(\w+)\}|(\w+))", value, word)


def mpirun_settings() -> dict[str, str]:
    """Open MPI 4 (OMPI_) and 5 (PRTE_): more ranks than cores, root too, and each rank may use any core."""
    return {
        "OMPI_ALLOW_RUN_AS_ROOT": "1",
        "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
        "OMPI_MCA_rmaps_base_oversubscribe": "1",
        "OMPI_MCA_hwloc_base_binding_policy": "none",
        "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",
        "PRTE_MCA_hwloc_default_binding_policy": "none",
    }


def as_mpi_rank() -> int:
    """One rank that mpirun started: its log, the variables of its pretended node, then the script."""
    spec = json.loads(os.environ.pop(VARIABLE))
    number = int(os.environ.get("OMPI_COMM_WORLD_RANK") or os.environ.get("PMI_RANK") or "0")
    rank = spec["ranks"][number]
    # Its number and the size are mpirun's own; what it says of the node is replaced.
    own = {key: value for key, value in rank["variables"].items() if not key.startswith("PMI_")}
    command = [expanded(word, own) for word in spec["command"]]
    told, script = [], None

    def forward(*_: Any) -> None:
        told.append(1)
        if script is not None:
            script.terminate()

    for sign in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sign, forward)
    try:
        with open(rank["log"], "ab") as log:
            script = start(command, dict(os.environ, **own), log)
    except OSError as error:
        note_failure(spec, "%s: could not start %s: %s" % (rank["title"], command[0], error.strerror))
        return NOT_FOUND
    code = script.wait()
    # A rank that mpirun ended with the others did not fail first.
    if code and not told and code != -signal.SIGTERM:
        note_failure(spec, "%s %s; its log: %s" % (rank["title"], how(code), rank["log"]))
    return code if code >= 0 else 128 - code
