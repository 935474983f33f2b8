"""A machine for tests of ssh: sshd on the loopback, with keys and settings of its own, and a line that can freeze."""

from __future__ import annotations

import contextlib
import os
import pwd
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import install

from support.required import lacks

HOST = "127.0.0.1"


class Machine:
    """sshd in `folder`: `port` is its own, `line` a port through which it is reached until `freeze`.

    `variables` are what a login there has.
    """

    def __init__(self, folder: Path, **variables: str) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.port = free_port()
        self._sshd = install.which("sshd")
        if self._sshd is None or sys.platform != "linux" or os.geteuid() != 0:
            lacks("sshd", "sshd is not installed, or this is not root on Linux (python tests/install.py)")
        self.home.mkdir(parents=True)
        for name in ("host_key", "key", "other_key"):
            words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)]
            subprocess.run(words, check=True)
        # The user's shell starts with a home of its own, so that nothing of the test is left in the real one.
        login = ",".join(f'environment="{name}={text}"' for name, text in {"HOME": self.home, **variables}.items())
        key = (folder / "key.pub").read_text(encoding="utf-8")
        (folder / "authorized_keys").write_text(f"{login} {key}", encoding="utf-8")
        self.know("host_key")
        (folder / "sshd_config").write_text(
            f"Port {self.port}\nListenAddress {HOST}\nHostKey {folder}/host_key\nPidFile {folder}/pid\nUsePAM no\n"
            f"PasswordAuthentication no\nAuthorizedKeysFile {folder}/authorized_keys\nStrictModes no\n"
            "PermitUserEnvironment yes\nPermitRootLogin yes\nMaxStartups 100\nMaxSessions 100\n",
            encoding="utf-8",
        )
        (folder / "config").write_text(f"UserKnownHostsFile {folder}/known_hosts\nGlobalKnownHostsFile none\n")
        self.line = Line(self.port)
        self.start()

    def know(self, key: str, port: int | None = None) -> None:
        """Have known_hosts say that the machine has this key."""
        words = (self.folder / f"{key}.pub").read_text(encoding="utf-8").split()
        lines = [f"[{HOST}]:{one} {words[0]} {words[1]}\n" for one in ([port] if port else [self.port])]
        (self.folder / "known_hosts").write_text("".join(lines), encoding="utf-8")

    def start(self) -> None:
        Path("/run/sshd").mkdir(exist_ok=True)
        words = [str(self._sshd), "-D", "-e", "-f", str(self.folder / "sshd_config")]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(words, stdout=log, stderr=log)
        for _ in range(200):
            with contextlib.suppress(OSError), socket.create_connection((HOST, self.port), 1):
                return
            time.sleep(0.05)
        lacks("sshd", f"sshd did not start: {(self.folder / 'log').read_text(errors='replace')[-300:]}")

    @property
    def environment(self) -> dict[str, str]:
        """What tells `aml` which ssh to use."""
        return {"AML_SSH": f"ssh -F {shlex.quote(str(self.folder / 'config'))}"}

    def words(self, name: str = "box", port: int | None = None) -> tuple[str, ...]:
        """The words that attach it."""
        return ("computetarget", "attach", "remote", "-n", name, "-a", HOST, "-u", pwd.getpwuid(os.geteuid()).pw_name,
                "--ssh-port", str(port or self.port), "--private-key-file", str(self.folder / "key"))  # fmt: skip

    def drop(self) -> None:
        """End every connection, as a network that breaks; new ones can be made."""
        import psutil

        with contextlib.suppress(psutil.Error):
            for child in psutil.Process(self.process.pid).children():
                with contextlib.suppress(psutil.Error):
                    child.send_signal(signal.SIGKILL)

    def stop_listening(self) -> None:
        """The machine is away: connections end, and no new one is taken; `start` brings it back."""
        self.process.terminate()
        self.process.wait(10)
        self._forget_kept()

    def _forget_kept(self) -> None:
        """End the connections that ssh keeps."""
        from amlrun.targets import ssh_connection

        folder = ssh_connection.control_folder()
        for kept in folder.iterdir() if folder else ():
            words = ["ssh", "-o", f"ControlPath={kept}", "-O", "exit", "x"]
            subprocess.run(words, capture_output=True, check=False)

    def stop(self) -> None:
        self.line.close()
        self.drop()
        self.stop_listening()


class Line:
    """A TCP proxy to a port: `freeze` stops what flows, as a network that is gone without a word."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._flows = threading.Event()
        self._flows.set()
        self._server = socket.create_server((HOST, 0))
        self.port = int(self._server.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def freeze(self) -> None:
        self._flows.clear()

    def thaw(self) -> None:
        self._flows.set()

    def close(self) -> None:
        self._server.close()
        self._flows.set()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._server.accept()
                there = socket.create_connection((HOST, self._target))
                for one, other in ((client, there), (there, client)):
                    threading.Thread(target=self._pump, args=(one, other), daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                self._flows.wait()
                target.sendall(data)
        for one in (source, target):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)


def free_port() -> int:
    with socket.create_server((HOST, 0)) as server:
        return int(server.getsockname()[1])


@contextlib.contextmanager
def machine(folder: Path, **variables: str) -> Iterator[Machine]:
    made = Machine(folder, **variables)
    try:
        yield made
    finally:
        made.stop()
