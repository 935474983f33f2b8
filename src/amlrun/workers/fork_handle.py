"""A fork as its server sees it (part of fork_server.py: standard library, Python 3.7 and newer)."""

from __future__ import annotations

import json
import math
import os
import signal
import socket
import time
from typing import Any

import run_record  # type: ignore[import-not-found]


class Fork:
    """A process and the trial that it runs. `channel` leads to one that takes further trials."""

    def __init__(self, pid: int, channel: socket.socket | None) -> None:
        self.pid, self.channel = pid, channel
        self.plan: dict[str, Any] = {}
        self.earlier: list[str] = []
        self.start = 0.0
        self.late = 0  # how often it was asked to end

    def begin(self, plan: dict[str, Any], start: float, begun: dict[str, Any]) -> None:
        """Note in the trial's record that it runs here, from `start` (time.monotonic) on."""
        if self.plan:
            self.earlier.append(self.plan["folder"])
        self.plan, self.start = plan, start
        record(plan["folder"], "process", dict(begun, _script=run_record.process(self.pid)))

    def take(self, plan: dict[str, Any]) -> bool:
        """Give a free fork its next trial; False when it has gone."""
        try:
            if self.channel is not None:
                self.channel.sendall(json.dumps(plan).encode() + b"\n")
        except OSError:
            self.leave()
        return self.channel is not None

    def is_free(self) -> bool:
        """What a fork says of which there is something to read: that its trial ended well, or that it ends itself."""
        try:
            free = self.channel is not None and bool(self.channel.recv(1))
        except OSError:
            free = False
        if not free:
            self.leave()
        return free

    def leave(self) -> None:
        """Give the fork no more trials: it ends when the one that it runs has."""
        if self.channel is not None:
            self.channel.close()
            self.channel = None

    def deadline(self) -> float:
        timeout = self.plan.get("timeout")
        return math.inf if timeout is None else float(self.start + timeout + 5 * self.late)

    def enforce_timeout(self) -> None:
        """Past the deadline: ask the process group to end; five seconds later make it."""
        try:
            os.killpg(self.pid, signal.SIGKILL if self.late else signal.SIGTERM)
        except OSError:
            pass
        self.late += 1

    def ended_for_an_earlier(self, status: int) -> bool:
        """Whether the signal that ended the fork was meant for an earlier trial, which had just ended by itself."""
        if not os.WIFSIGNALED(status) or self.late or run_record.cancelled(self.plan["folder"]):
            return False
        return any(run_record.cancelled(folder) for folder in self.earlier)

    def ended(self, status: int) -> None:
        """Record how the trial ended."""
        code = -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
        error = (
            "ran longer than %s s (limits.trial_timeout) and was stopped" % self.plan["timeout"] if self.late else ""
        )
        folder = self.plan["folder"]
        record(folder, "exit", run_record.ending(folder, code, time.monotonic() - self.start, error))
        run_record.release(folder)


def record(folder: str, part: str, value: dict[str, Any]) -> None:
    """Write one part of a trial's record; a disk that takes none leaves the state to be inferred."""
    try:
        run_record.write(folder, part, value)
    except OSError:
        pass
