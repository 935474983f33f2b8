"""The server's process: started detached, watched until it is healthy, ended with all its workers."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import re
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from amlrun.errors import AmlError, os_errors
from amlrun.runs import store as runs
from amlrun.serving import environment

HOST = "127.0.0.1"
FIRST_PORT = 32000
TAKEN = "another program has taken the port"
SILENT = "the service did not answer"
EXPOSED = "the server listens on an address that is reachable from other machines"
# How the command line of a server is marked; its own token follows.
_MARK = "aml-service="
_LAUNCHER = Path(__file__).parents[1] / "workers" / "score_server.py"
# Windows: DETACHED_PROCESS and CREATE_NEW_PROCESS_GROUP.
_WINDOWS_DETACHED = 0x00000008 | 0x00000200


def launch(
    words: list[str], folder: Path, variables: dict[str, str], log: Path, *, token: str
) -> subprocess.Popen[bytes]:
    """Start the launcher with `words` (the interpreter, then the server's arguments), out of reach of this terminal.

    Its command line is marked with `token`. Raises AmlError when the interpreter cannot be started.
    """
    detached: dict[str, Any] = {"start_new_session": True}
    if os.name == "nt":
        detached = {"creationflags": _WINDOWS_DETACHED}
    with os_errors(f"start {words[0]}"), log.open("wb") as stream:
        return subprocess.Popen(
            [words[0], str(_LAUNCHER), f"{_MARK}{token}", *words[1:]], cwd=folder, stdin=subprocess.DEVNULL,
            stdout=stream, stderr=subprocess.STDOUT, **detached,
            env={**environment.inherited(), **variables, "PYTHONUNBUFFERED": "1"},
        )  # fmt: skip


def await_health(server: subprocess.Popen[bytes], port: int, limit: float, log: Path) -> str:
    """Wait until the server answers; the reason when it ended, or did not within `limit` seconds, else nothing.

    One that other machines could reach is no healthy one: the reason is EXPOSED then.
    """
    deadline = time.monotonic() + limit
    while time.monotonic() < deadline:
        if server.poll() is not None:
            return cause(log)
        # Another program may have taken the port meanwhile, and may well answer.
        if healthy(port):
            addresses = _addresses(server.pid, port)
            if any(not ipaddress.ip_address(one).is_loopback for one in addresses):
                return EXPOSED
            if addresses:
                return ""
        time.sleep(0.05)
    return f"{SILENT} within {limit:.0f} s"


def _addresses(pid: int, port: int) -> set[str]:
    """The addresses at which the process, or a child of it, listens on that port."""
    import psutil

    try:
        server = psutil.Process(pid)
        family = [server, *server.children(recursive=True)]
        held = [one for member in family for one in member.net_connections("inet")]
    except psutil.NoSuchProcess:
        return set()
    except psutil.AccessDenied:
        return _answering(port)
    return {one.laddr.ip for one in held if one.status == psutil.CONN_LISTEN and one.laddr.port == port}


def _answering(port: int) -> set[str]:
    """Which addresses of this machine answer on that port, where the system does not say who listens."""
    import psutil

    own = {HOST, *(one.address for each in psutil.net_if_addrs().values() for one in each if one.family == 2)}
    found = set()
    for address in own:
        with contextlib.suppress(OSError), socket.create_connection((address, port), timeout=1):
            found.add(address)
    return found


def healthy(port: int) -> bool:
    """Whether the server on that port of this machine answers its liveness probe; a busy one gets ten seconds."""
    from http.client import HTTPConnection, HTTPException

    connection = HTTPConnection(HOST, port, timeout=10)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


_RAISED = re.compile(r"^([A-Za-z_][\w.]*)(?:: (.*))?$")
_SERVERS_OWN = "azureml_inference_server_http."
# The master's last words: only that a worker did not start, and not always before it is gone.
_MASTERS_OWN = "gunicorn."


def line_of(log: Path, script: Path) -> int | None:
    """The line of the script that the last traceback in the log passed last; None when it names none."""
    lines = re.findall(rf'^  File "{re.escape(str(script))}", line (\d+)', _text(log), re.MULTILINE)
    return int(lines[-1]) if lines else None


def _text(log: Path) -> str:
    try:
        return log.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def cause(log: Path) -> str:
    """What ended the server: the last exception in its log that is the script's; else the server's own."""
    lines = _text(log).splitlines()
    scripts, servers, inside, before = "", "", False, ""
    for line in lines:
        if line.endswith("Traceback (most recent call last):"):
            # "trace" is its telemetry, which stumbles over a model's folder and goes on.
            inside = "azmlinfsrv.trace" not in before
        elif inside and line and not line.startswith((" ", "\t")):
            match = _RAISED.match(line)
            if line.startswith(_MASTERS_OWN):
                pass
            elif match and line.startswith(_SERVERS_OWN):
                servers = match[2] or line
            elif match:
                scripts = line
            inside = False
        before = line
    if scripts or servers:
        return scripts or servers
    if any("Connection in use" in line or "Address already in use" in line for line in lines):
        return TAKEN
    tail = [line for line in lines if line.strip()][-3:]
    return "the server exited: " + (" / ".join(tail) if tail else "no log was written")


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Ctrl-C waits until the end: now it would leave a server behind that nobody knows of."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    pressed = threading.Event()
    before = signal.signal(signal.SIGINT, lambda *_: pressed.set())
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if pressed.is_set():
        raise KeyboardInterrupt


def stop(process: Any, folder: Path, token: str = "") -> None:
    """End a server (as `runs.this_process` names it) and all its workers.

    When the server itself was killed, a worker of it lives on, and keeps the port, until its next request: it is found
    by the token on its command line, or by the service's folder where the token was lost with the record.
    """
    with uninterrupted():
        _stop(process, folder, token)


def _stop(process: Any, folder: Path, token: str) -> None:
    import psutil

    family = []
    if runs.alive(process):
        with contextlib.suppress(psutil.Error):
            server = psutil.Process(process["pid"])
            family = [server, *server.children(recursive=True)]
    known = {one.pid for one in family}
    code = str(folder / "code") + os.sep
    for one in psutil.process_iter(["cmdline"]):
        words = one.info["cmdline"] or []
        marks = [word for word in words if word.startswith(_MARK)]
        ours = bool(marks) and (marks[0] == f"{_MARK}{token}" or any(word.startswith(code) for word in words))
        if ours and one.pid not in known:
            family.append(one)
    for one in family:
        with contextlib.suppress(psutil.Error):
            one.terminate()
    _, left = psutil.wait_procs(family, timeout=5)
    for one in left:
        with contextlib.suppress(psutil.Error):
            one.kill()
    psutil.wait_procs(left, timeout=30)


def free_port(promised: Collection[int] = ()) -> int:
    """The first free port from 32000 that is not promised. Raises AmlError when there is none among a thousand."""
    for port in range(FIRST_PORT, FIRST_PORT + 1000):
        if port not in promised and not in_use(port):
            return port
    raise AmlError(f"no port from {FIRST_PORT} to {FIRST_PORT + 999} is free", hint="Choose one with --port.")


def in_use(port: int) -> bool:
    """Whether another program has that port of this machine. Raises AmlError for one that only a superuser gets."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        if os.name != "nt":
            # A port whose last connections are still closing is free for a server.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except PermissionError as error:
            if os.name != "nt":  # Windows says so of ports that are taken, too
                raise AmlError(
                    f"only a superuser may use port {port}", field="port", hint="Choose a port above 1023."
                ) from error
            return True
        except OSError:
            return True
    return False
