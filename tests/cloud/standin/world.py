"""Everything a test needs, put together: the network, the plane and Azurite, and the command in a process."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from types import TracebackType

from support.places import Ended

from standin import azurite, batch, endpoints, handlers, pipelines, schedules, spark, sweeps
from standin.entra import SECRET, TENANT
from standin.network import Network
from standin.plane import Plane, Workspace

handlers.ROUTES += [*sweeps.ROUTES, *batch.ROUTES, *pipelines.ROUTES, *schedules.ROUTES]
spark.play()
TEMPLATE = Path(__file__).resolve().parents[3] / "template"
SOURCE = Path(__file__).resolve().parents[3] / "src"
SUBSCRIPTION = "22222222-2222-2222-2222-222222222222"
GROUP = "rg-standin"

_MAKING = threading.Lock()


class World:
    """A context manager; `workspace()` makes a fresh one, and `aml` runs the command against it."""

    def __init__(self, *, indexed: bool = True) -> None:
        self._indexed = indexed

    def __enter__(self) -> World:
        self._folder = tempfile.TemporaryDirectory(prefix="standin-", ignore_cleanup_errors=True)
        self.folder = Path(self._folder.name)
        self.plane = Plane()
        self.network = Network(self.folder, [azurite.HOST, f"*{endpoints.DOMAIN}"], self.plane.answer)
        network = self.network
        self.azurite = azurite.Azurite(network.certificate, network.key, network.authority, indexed=self._indexed)
        self.plane.azurite, self.plane.authority = self.azurite, str(self.network.authority)
        self.network.passthrough[azurite.HOST] = self.azurite.port
        self._count = 0
        self._lock = threading.Lock()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for workspace in self.plane.workspaces.values():
            for job in list(workspace.jobs.values()):
                if not job.done.is_set():
                    job.cancel()
        self.network.stop()
        self.azurite.stop()
        self._folder.cleanup()

    def workspace(self) -> Workspace:
        with self._lock:
            self._count += 1
            name = f"ws{self._count}"
        root = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}"
        return self.plane.workspace(f"{root}/providers/Microsoft.MachineLearningServices/workspaces/{name}", name)

    def environment(self, **more: str) -> dict[str, str]:
        """A process's environment: only this network, a service principal that works, no home of the person's."""
        home = self.folder / "home"
        home.mkdir(exist_ok=True)
        kept = {name: os.environ[name] for name in ("LANG", "SYSTEMROOT", "TMPDIR") if name in os.environ}
        return {
            **kept,
            "PATH": str(self._programs()),
            "HOME": str(home),
            "USERPROFILE": str(home),
            "PYTHONPATH": str(SOURCE),
            "AZURE_TENANT_ID": TENANT,
            "AZURE_CLIENT_ID": "33333333-3333-3333-3333-333333333333",
            "AZURE_CLIENT_SECRET": SECRET,
            **self.network.environment,
            **more,
        }

    def _programs(self) -> Path:
        """A folder with the programs that the command may find here: no Azure CLI of the machine's."""
        place = self.folder / "programs"
        with _MAKING:  # several commands are started side by side
            if not place.exists():
                place.mkdir()
                git = shutil.which("git")
                if git:
                    (place / "git").symlink_to(git)
        return place

    def start(self, words: list[str], cwd: Path, **more: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "amlrun", *words],
            cwd=cwd,
            env=self.environment(**more),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )

    def aml(self, *words: str, cwd: Path, timeout: float = 120, **more: str) -> Ended:
        """Run `aml WORDS` to its end. A command that outlives `timeout` seconds is hung: TimeoutExpired."""
        process = self.start(list(words), cwd, **more)
        try:
            out, err = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise
        return Ended(process.returncode, out, err)
