"""What `aml` has done on another machine: sent along with every call over ssh, and run there by its Python.

Standard input: a line with the length of a program, the program (it makes modules of this and its two parts), a line
with the length of a request, the request as JSON, then what the request needs (a tar). Standard output: the line
`MARK`, then frames of a kind, a length and bytes: `J` JSON, `L` a piece of output, `T` a piece of a tar. The last one
is `J` with `error` or the answer. Nothing secret touches the disk or a command line. Standard library only, Python 3.7
and newer.
"""

from __future__ import annotations

import errno
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from typing import IO, Any

from remote_state import alive, folder_of, home, part, processes_of, state, write  # type: ignore[import-not-found]
from remote_wire import MARK, Refused, Tar, answer, frame  # type: ignore[import-not-found]

_BACK = ("outputs", "logs", "user_logs", ".run/mlflow", ".run/artifacts")
_TOOLS = ("micromamba", "mamba", "conda", "bash", "docker", "podman", "spark-submit")


def hello(request: dict[str, Any], stdin: IO[bytes]) -> None:
    """What this machine has."""
    space = shutil.disk_usage(os.path.expanduser("~"))
    answer({
        "python": list(sys.version_info[:3]), "executable": sys.executable, "home": home(), "system": sys.platform,
        "machine": os.uname().machine, "path": os.environ.get("PATH", ""), "free": space.free,
        "user": [os.getuid(), os.getgid()], "cores": os.cpu_count() or 1,
        "tools": {name: found for name in _TOOLS for found in [shutil.which(name)] if found},
        "missing": [one for one in request.get("paths", []) if not os.path.exists(os.path.expanduser(one))],
    })  # fmt: skip


def begin(request: dict[str, Any], stdin: IO[bytes]) -> None:
    """Make a run's folder from the tar, and start its supervisor with the plan."""
    run_id, plan = request["run"], request["plan"]
    folder = folder_of(run_id)
    if request["home"] != home():
        raise Refused("moved", "the home folder there has changed; run the same command again")
    os.makedirs(os.path.dirname(folder), exist_ok=True)
    try:
        os.mkdir(folder)
    except FileExistsError:
        raise Refused("exists", "run %s already exists" % run_id) from None
    os.mkdir(os.path.join(folder, ".run"))
    write(os.path.join(folder, ".run", "remote.json"), {"pid": os.getpid(), "seen": time.time()})
    with tarfile.open(fileobj=stdin, mode="r|") as archive:
        archive.extractall(folder)  # noqa: S202 - our own, over our own connection
    # The pipe was whole: what a killed client sent in part must not start.
    if not os.path.exists(os.path.join(folder, ".run", "whole")):
        raise Refused("torn", "the upload was incomplete")
    with open(os.path.join(folder, ".run", "reserve"), "wb") as stream:
        stream.write(b"\0" * 65536)
    if os.path.exists(os.path.join(folder, ".run", "fenced")):
        raise Refused("late", "the run was abandoned in the meantime")
    # What the shell of a login sets is the machine's; what the run needs comes over it.
    plan["env"] = dict(os.environ, **plan["env"])
    supervisor = subprocess.Popen(
        [sys.executable, "-I", "-S", os.path.join(folder, ".run", "workers", "supervisor.py")],
        stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    if supervisor.stdin is not None:
        with supervisor.stdin as pipe:
            pipe.write(json.dumps(plan).encode())
    while not part(folder, "process") and supervisor.poll() is None:
        time.sleep(0.002)
    answer(state(run_id))


def status(request: dict[str, Any], stdin: IO[bytes]) -> None:
    """How a run is. With `fence` one that is not here can't begin any more: a submit on its way is too late."""
    run_id = request["run"]
    found = state(run_id)
    if request.get("fence") and found["state"] in ("absent", "lost"):
        folder = folder_of(run_id)
        os.makedirs(os.path.join(folder, ".run"), exist_ok=True)
        open(os.path.join(folder, ".run", "fenced"), "w").close()
    answer(found)


def follow(request: dict[str, Any], stdin: IO[bytes]) -> None:
    """The log from a byte on, until the run has ended; then how it is, and its results."""
    run_id, at = request["run"], request["at"]
    log = os.path.join(folder_of(run_id), "user_logs", "std_log.txt")
    told, wait = time.monotonic(), 0.01
    while True:
        found = state(run_id)
        over = found["state"] not in ("running", "preparing") or not request.get("follow", True)
        try:
            with open(log, "rb") as stream:
                stream.seek(at)
                while True:
                    piece = stream.read(1 << 16)
                    if not piece:
                        break
                    at += len(piece)
                    told, wait = time.monotonic(), 0.01
                    frame("L", piece)
        except FileNotFoundError:
            pass
        if over:
            break
        if time.monotonic() - told > 2:
            # A reader that is gone is noticed by this.
            frame("L", b"")
            told = time.monotonic()
        time.sleep(wait)
        wait = min(wait * 1.3, 0.1)
    if request.get("fetch") and found["state"] in ("ended", "lost"):
        found["sent"] = send_back(run_id)
    answer(found)
    tidy(run_id, stdin)


def fetch(request: dict[str, Any], stdin: IO[bytes]) -> None:
    """A run's results."""
    sent = send_back(request["run"])
    answer(dict(state(request["run"]), sent=sent))
    tidy(request["run"], stdin)


def send_back(run_id: str) -> int:
    """Send the results as a tar; how many bytes it had."""
    folder, frames = folder_of(run_id), Tar()
    stream = io.BufferedWriter(frames, 1 << 18)
    with tarfile.open(fileobj=stream, mode="w|") as archive:
        for name in _BACK:
            if os.path.exists(os.path.join(folder, name)):
                archive.add(os.path.join(folder, name), name)
    stream.flush()
    return int(frames.sent)


def tidy(run_id: str, stdin: IO[bytes]) -> None:
    """Remove an ended run's folder once it is said that its results have arrived."""
    if stdin.readline() == b"arrived\n" and state(run_id)["state"] in ("ended", "lost"):
        shutil.rmtree(folder_of(run_id), ignore_errors=True)


def cancel(request: dict[str, Any], stdin: IO[bytes]) -> None:
    """End a run and all that it started, also what has left its session: asked first, made after five seconds."""
    run_id = request["run"]
    folder = folder_of(run_id)
    if os.path.isdir(folder) and state(run_id)["state"] in ("running", "preparing"):
        write(os.path.join(folder, ".run", "cancel.json"), {"cancel": {"reason": request["reason"]}})
    for sign in (signal.SIGTERM, signal.SIGKILL):
        until = time.monotonic() + 5
        told = set()  # type: set[int]
        while time.monotonic() < until:
            supervisor = (part(folder, "process").get("_supervisor") or {}).get("pid")
            left = [pid for pid in processes_of(run_id) if pid != supervisor]
            script = part(folder, "process").get("_script")
            if alive(script):
                left.append(script["pid"])
            if not left:
                break
            for pid in left:
                if pid not in told:
                    told.add(pid)
                    try:
                        os.kill(pid, sign)
                    except OSError:
                        continue
            time.sleep(0.02)
    until = time.monotonic() + 5
    while state(run_id)["state"] == "running" and time.monotonic() < until:
        time.sleep(0.02)
    answer(state(run_id))


def execute(request: dict[str, Any], stdin: IO[bytes]) -> None:
    """Run a command, its output as frames; `stdout` apart when asked for."""
    given = {}
    for name, value in request["env"].items():
        place = value[7:] if value.startswith("file://") else value
        # A setting that names a file of the other machine says nothing here.
        if not place.startswith("/") or " " in place or os.path.exists(place):
            given[name] = value
    apart = request.get("apart")
    try:
        process = subprocess.Popen(
            request["words"], env=dict(os.environ, **given), cwd=request.get("cwd"), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE if apart else subprocess.STDOUT,
        )  # fmt: skip
    except OSError as error:
        answer({"code": 127, "err": "%s: %s" % (request["words"][0], error.strerror)})
        return
    if apart:
        out, err = process.communicate()
        frame("L", out)
        answer({"code": process.returncode, "err": err.decode("utf-8", "replace")[-20000:]})
        return
    for line in process.stdout or ():
        frame("L", line)
    answer({"code": process.wait(), "err": ""})


def put(request: dict[str, Any], stdin: IO[bytes]) -> None:
    """Write a file, whole or not at all."""
    path = os.path.expanduser(request["path"])
    os.makedirs(os.path.dirname(path), exist_ok=True)
    temporary = "%s.%d" % (path, os.getpid())
    left = request["size"]
    with open(temporary, "wb") as stream:
        while left:
            piece = stdin.read(min(left, 1 << 20))
            if not piece:
                os.unlink(temporary)
                raise Refused("torn", "the upload of the file was incomplete")
            stream.write(piece)
            left -= len(piece)
    os.chmod(temporary, request.get("mode", 0o644))
    os.replace(temporary, path)
    answer({"path": path})


def get(request: dict[str, Any], stdin: IO[bytes]) -> None:
    """What a small file holds; None without one."""
    try:
        with open(os.path.expanduser(request["path"]), encoding="utf-8") as stream:
            answer({"text": stream.read()})
    except (OSError, ValueError):
        answer({"text": None})


def clear(request: dict[str, Any], stdin: IO[bytes]) -> None:
    """Remove a folder below our own."""
    path = os.path.realpath(os.path.expanduser(request["path"]))
    if path.startswith(os.path.realpath(home()) + os.sep):
        shutil.rmtree(path, ignore_errors=True)
    answer({})


VERBS = {one.__name__: one for one in (hello, begin, status, follow, fetch, cancel, execute, put, get, clear)}


def main() -> None:
    stdin = sys.stdin.buffer
    sys.stdout.buffer.write(MARK)
    request = json.loads(stdin.read(int(stdin.readline())).decode("utf-8"))
    try:
        VERBS[request["verb"]](request, stdin)
    except Refused as error:
        answer({"error": str(error), "kind": error.kind})
    except BrokenPipeError:
        os._exit(0)
    except (OSError, tarfile.TarError, EOFError) as error:
        answer({"error": str(error), "kind": "full" if getattr(error, "errno", 0) == errno.ENOSPC else "os"})
    os._exit(0)  # all is said; the other side waits for this process


if __name__ == "__main__":
    main()
