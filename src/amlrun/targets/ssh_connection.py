"""Calls to another machine over the system's ssh: one program of ours runs there for each (`workers/remote.py`).

The user's own ssh configuration, agents, jump hosts and known_hosts count. One connection is kept for some seconds,
so that a call costs a few hundredths of a second.
"""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from amlrun.errors import SERVICE, AmlError
from amlrun.prepare import room
from amlrun.prepare.machines import Machine
from amlrun.prepare.site import WORKERS
from amlrun.targets import ssh_refusals
from amlrun.targets.ssh_refusals import ConnectionLost

# Names the ssh to use, with its options, as GIT_SSH_COMMAND does for git.
VARIABLE = "AML_SSH"
_MARK = b"\x01amlrun 1\n"
_MODULES = ("remote_wire", "remote_state", "remote")
# Read by Python there: makes the modules, and starts the last of them.
_LOADER = """
import sys, types
for name, text in {sources!r}:
    module = types.ModuleType(name)
    sys.modules[name] = module
    exec(compile(text, name + ".py", "exec"), module.__dict__)
module.main()
"""
_BOOT = "import sys;i=sys.stdin.buffer;exec(compile(i.read(int(i.readline())),'amlrun','exec'))"
_CONNECT_SECONDS, _ALIVE_SECONDS, _KEPT_SECONDS = 15, 5, 30
# Calls that change nothing there: asked once more wherever the connection broke. Others are asked once more when
# nothing had begun there, as with a kept connection that has ended without a word.
_HARMLESS = ("hello", "status")


def program() -> bytes:
    """What runs there."""
    sources = [(name, (WORKERS / f"{name}.py").read_text(encoding="utf-8")) for name in _MODULES]
    return _LOADER.format(sources=sources).encode()


def control_folder() -> Path | None:
    """Where the kept connections' sockets lie: short, private; None where ssh cannot keep one."""
    if sys.platform == "win32":
        return None
    folder = Path(tempfile.gettempdir()) / f"amlrun-{os.getuid()}"
    with contextlib.suppress(OSError):
        folder.mkdir(mode=0o700, exist_ok=True)
        facts = folder.lstat()
        # A socket's path has about a hundred characters; ssh adds 40 of its own and some more while it connects.
        if (
            facts.st_uid == os.getuid()
            and not facts.st_mode & 0o077
            and len(str(folder)) < 45
            and not folder.is_symlink()
        ):
            return folder
    return None


def ssh_words(machine: Machine) -> list[str]:
    """The command that connects; what to run there follows."""
    asked = os.environ.get(VARIABLE)
    words = shlex.split(asked) if asked else [shutil.which("ssh") or ""]
    if not words or not words[0]:
        raise AmlError("ssh was not found", hint="Install the OpenSSH client.")
    options = {
        "BatchMode": "yes", "StrictHostKeyChecking": "yes", "ConnectTimeout": str(_CONNECT_SECONDS),
        "ServerAliveInterval": str(_ALIVE_SECONDS), "ServerAliveCountMax": "4", "LogLevel": "ERROR",
    }  # fmt: skip
    folder = control_folder()
    if folder is not None:
        options |= {"ControlMaster": "auto", "ControlPath": f"{folder}/%C", "ControlPersist": str(_KEPT_SECONDS)}
    words += [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
    if machine.port:
        words += ["-p", str(machine.port)]
    if machine.private_key_file:
        words += ["-i", str(Path(machine.private_key_file).expanduser()), "-o", "IdentitiesOnly=yes"]
    return [*words, "-T", machine.address]


class Receipt:
    """What tells the other side, once its answer has been dealt with, that all arrived."""

    def __init__(self) -> None:
        self._settled = threading.Event()
        self._arrived = False

    def give(self) -> None:
        """All arrived."""
        self._arrived = True
        self._settled.set()

    def close(self) -> None:
        """Nothing more will be said."""
        self._settled.set()

    def wait(self) -> bytes:
        """What is to be sent, once that is known."""
        self._settled.wait()
        return b"arrived\n" if self._arrived else b""


class Connection:
    """Calls to one machine. Every one raises AmlError: exit code 3 when it can't be reached."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine

    def call(self, verb: str, *, payload: Callable[[IO[bytes]], None] | None = None, **request: Any) -> dict[str, Any]:
        """One call and its answer; output on the way is given under `out`. One that broke off may be tried twice."""
        try:
            return self._call(verb, payload, request)
        except ConnectionLost as error:
            if error.greeted and verb not in _HARMLESS:
                raise
            return self._call(verb, payload, request)

    def _call(self, verb: str, payload: Callable[[IO[bytes]], None] | None, request: dict[str, Any]) -> dict[str, Any]:
        out = b""
        for kind, data in self.frames(verb, payload=payload, **request):
            if kind == "L":
                out += data
            elif kind == "J":
                answer: dict[str, Any] = json.loads(data)
                return {**answer, "out": out}
        raise AssertionError

    def run(self, words: list[str], variables: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        """Run a command there to its end."""
        done = self.call("execute", words=words, env=dict(variables), apart=True)
        return subprocess.CompletedProcess(words, done["code"], done["out"].decode("utf-8", "replace"), done["err"])

    def stream(self, words: list[str], report: Callable[[str], None], variables: Mapping[str, str]) -> str | None:
        """Run a builder there and report its lines as they come; None when it went well, else its output."""
        lines = room.Lines(report)
        for kind, data in self.frames("execute", words=words, env=dict(variables)):
            if kind == "L":
                lines.take(data.decode("utf-8", "replace"))
            else:
                answer = json.loads(data)
                return lines.text(answer["err"]) if answer["code"] else None
        raise AssertionError

    def frames(
        self,
        verb: str,
        *,
        payload: Callable[[IO[bytes]], None] | None = None,
        receipt: Receipt | None = None,
        **request: Any,
    ) -> Iterator[tuple[str, bytes]]:
        """One call, its frames as they come; the last is the answer (`J`), after which a `receipt` may be given."""
        if self.machine.private_key_file and not Path(self.machine.private_key_file).expanduser().is_file():
            raise AmlError("there is no such key file", file=self.machine.private_key_file, field=self.machine.name)
        words = [*ssh_words(self.machine), f'{shlex.quote(self.machine.python)} -I -S -c "{_BOOT}"']
        code, text = program(), json.dumps({"verb": verb, **request}).encode()

        def feed(stream: IO[bytes]) -> None:
            with contextlib.suppress(OSError), stream:
                stream.write(b"%d\n%b%d\n%b" % (len(code), code, len(text), text))
                if payload is not None:
                    payload(stream)
                if receipt is not None:
                    stream.flush()
                    stream.write(receipt.wait())

        with (
            tempfile.TemporaryFile() as errors,
            subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors) as process,
        ):
            assert process.stdin is not None and process.stdout is not None  # noqa: S101 - pipes were asked for
            feeder = threading.Thread(target=feed, args=(process.stdin,), daemon=True)
            feeder.start()
            try:
                answered = False
                greeted = _greeted(process.stdout)
                for kind, data in _read(process.stdout):
                    answered = kind == "J"
                    if answered:
                        _refuse(json.loads(data), self.machine)
                    yield kind, data
                    if answered:
                        break
            finally:
                if receipt is not None:
                    receipt.close()
                if not answered:
                    process.terminate()
                process.stdout.close()
                code_there = process.wait()
                feeder.join(5)
            if not answered:
                errors.seek(0)
                said = errors.read().decode("utf-8", "replace")
                error = ssh_refusals.explain(said, code_there, self.machine)
                if isinstance(error, ConnectionLost):
                    error.greeted = greeted
                raise error


def _greeted(stream: IO[bytes]) -> bool:
    """Whether the program there began. What a login's start files print comes before its mark, and is passed over."""
    return any(line.endswith(_MARK) for line in stream)


def _read(stream: IO[bytes]) -> Iterator[tuple[str, bytes]]:
    """The frames of a stream."""
    while head := stream.readline():
        kind, _, size = head.strip().partition(b" ")
        if not size.isdigit():
            return
        data = stream.read(int(size))
        if len(data) < int(size):
            return
        yield kind.decode(), data


def _refuse(answer: dict[str, Any], machine: Machine) -> None:
    if "error" not in answer:
        return
    if answer.get("kind") == "full":
        raise AmlError(
            f"{machine.name}: there is no space left on the machine", exit_code=SERVICE,
            hint="Free some in ~/.amlrun there (runs/ and environments/ can be deleted), then submit again.",
        )  # fmt: skip
    raise AmlError(f"{machine.name}: {answer['error']}", exit_code=SERVICE)
