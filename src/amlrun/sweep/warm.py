"""The driver's end of the fork server (fork_server.py), and whether a sweep's script may be forked at all."""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from amlrun.runs import store as runs

SERVER = Path(__file__).parents[1] / "workers" / "fork_server.py"
_PATIENCE = 300  # seconds for the imports
# A trial's own words, which no module may read while it is imported for all of them.
_OF_A_RUN = ("AZUREML_RUN_ID", "MLFLOW_RUN_ID", "MLFLOW_RUN_NAME", "MLFLOW_RUN_CONTEXT")


def refusal(plan: dict[str, Any], python: Path) -> str:
    """Why a trial's plan can't be forked here, or an empty string."""
    if not sys.platform.startswith("linux"):
        # macOS has fork, but its system libraries end a process that uses them after one.
        return "forking is safe on Linux only"
    if plan.get("ranks"):
        return "a trial has several processes"
    command = plan["command"]
    if len(command) < 2 or Path(command[0]) != python or not command[1].endswith(".py"):
        return "the command is not a Python script"
    return ""


class Warm:
    """A running fork server of the sweep `run`, at work on its imports from the start.

    Raises OSError when it cannot be started.
    """

    def __init__(self, plan: dict[str, Any], run: runs.RunFolder) -> None:
        environment = {key: value for key, value in plan["env"].items() if key not in _OF_A_RUN}
        with (run.private / "warm.log").open("ab") as stream:
            self._server = subprocess.Popen(
                [plan["command"][0], str(SERVER)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stream,
                # A copy of what a trial starts in: some packages read a file of the current folder when imported.
                cwd=run.folder,
                env=environment,
                start_new_session=True,
            )
        assert self._server.stdin and self._server.stdout  # noqa: S101 - PIPE was asked for
        self._orders, self._answers = self._server.stdin, self._server.stdout
        self._ready = False
        try:
            self._send({"script": str(run.folder / plan["command"][1])})
        except BaseException:
            self.close()
            raise

    def set_up(self, setup: Sequence[str]) -> None:
        """Say what follows the imports: a module's file, and the arguments of its `prepare`, for what trials share.

        Nothing where they share nothing. Raises OSError when the server is gone.
        """
        self._send({"setup": list(setup)})

    def wait_ready(self) -> str:
        """Wait for the imports. Returns why the script's trials can't be forked, or an empty string."""
        deadline = time.monotonic() + _PATIENCE
        while not select.select([self._answers], [], [], 0.2)[0]:
            if time.monotonic() > deadline:
                self._server.kill()
                return f"the imports took more than {_PATIENCE} s"
        line = self._answers.readline().decode("utf-8", "replace").strip()
        if line == "ready":
            self._ready = True
            return ""
        return line.removeprefix("no: ") or "the fork server exited while it imported the script's packages"

    def start(self, run: runs.RunFolder, plan: dict[str, Any]) -> None:
        """Have a trial forked; its record says when it runs. Raises OSError when the server is gone."""
        self._send({**plan, "folder": str(run.folder)})

    def pause(self, seconds: float) -> None:
        """Sleep, but no longer than until a trial ends."""
        if select.select([self._answers], [], [], seconds)[0] and not os.read(self._answers.fileno(), 4096):
            time.sleep(seconds)  # the server is gone, which `alive` says

    def _send(self, value: dict[str, Any]) -> None:
        self._orders.write(json.dumps(value).encode() + b"\n")
        self._orders.flush()

    @property
    def alive(self) -> bool:
        return self._server.poll() is None

    def close(self) -> None:
        """Take no more trials: the server ends when those that run have, and at once while it is not ready."""
        for stream in (self._orders, self._answers):
            with contextlib.suppress(OSError):
                stream.close()
        if not self._ready:
            self._server.terminate()

    def wait(self, seconds: float) -> None:
        try:
            self._server.wait(seconds)
        except subprocess.TimeoutExpired:
            return
