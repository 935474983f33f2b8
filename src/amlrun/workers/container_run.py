"""The process that stands for a container while it runs: starts it, waits for it, and ends with its true exit code.

    container_run.py FOLDER NAME ENGINE [WORD ...] -- run WORD ...

FOLDER is the run's, NAME the container's, ENGINE and its words the client (`docker`); what follows `--` are its words
that start the container; with nothing there a container of that name is waited for. The supervisor takes this for its
script. Killed, it leaves the container alone: the next `aml` finds it by its name and waits again. Why a run failed is
written to `.run/reason.json`. Standard library only, Python 3.7 and newer.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from typing import Any

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import run_record  # type: ignore[import-not-found]

# A supervisor that ends its script gives it five seconds.
_GRACE = 4
_LOOK_SECONDS = 1.0
# What Docker says of a container that an engine which starts again has ended: by SIGTERM, by SIGKILL, or not known.
_ENDED_WITH_ENGINE = (143, 137, 255)


class Container:
    """A container by its name, over the engine's client."""

    def __init__(self, engine: list[str], name: str) -> None:
        self.engine = engine
        self.name = name
        self.stopping = False
        # Whether the engine was away while the container ran.
        self.lost_engine = False

    def call(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*self.engine, *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            universal_newlines=True,
            start_new_session=True,
        )

    def start(self, *words: str) -> None:
        """Start the client; it goes on when this process has ended."""
        nowhere = subprocess.DEVNULL
        subprocess.Popen([*self.engine, *words], stdin=nowhere, stdout=nowhere, stderr=nowhere, start_new_session=True)

    def state(self) -> dict[str, Any] | None:
        """What the engine says of it: None when there is no such container. Waits for an engine that is away."""
        told = False
        while True:
            done = self.call("container", "inspect", "--format", "{{json .State}}", self.name)
            if done.returncode == 0:
                return dict(json.loads(done.stdout))
            if "no such container" in done.stderr.lower():
                return None
            if self.stopping:
                raise ConnectionError(done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "no answer")
            self.lost_engine = True
            if not told:
                print("aml: the container engine does not answer; waiting for it", flush=True)
                told = True
            time.sleep(_LOOK_SECONDS)

    def stop(self, *_: Any) -> None:
        """Ask the script to end; after four seconds, make it. Does not wait."""
        if self.stopping:
            return
        self.stopping = True
        self.start("stop", "-t", str(_GRACE - 1), self.name)


def wait(container: Container, words: list[str]) -> tuple[int, str]:
    """Start the container, or wait for the one that is there; its exit code, and why it failed where that is known."""
    refused = ""
    if words:
        client = subprocess.Popen(
            [*container.engine, *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            universal_newlines=True,
            start_new_session=True,
        )
        _, refused = client.communicate()
        if client.returncode == 0:
            return 0, ""
        container.lost_engine = client.returncode == 125
        if container.stopping and container.state() is None:
            return 143, ""
    while True:
        state = container.state()
        if state is None and not words:
            # It ended, and was removed, while nobody watched.
            return 1, "interrupted: its container was removed before the exit code was recorded"
        if state is None or str(state.get("Status")) in ("created", "configured"):
            # The engine's own words, for `aml` to explain.
            return 125, refused.strip() or "its container is gone"
        if str(state.get("Status")) not in ("running", "paused", "restarting", "removing", "stopping"):
            break
        if container.stopping:
            time.sleep(0.05)
            continue
        waited = container.call("wait", container.name)
        if "no such exit code" in waited.stderr:
            # Podman shows it as running for ever.
            return 1, "the exit code is unknown: podman's monitor of the container (conmon) was killed"
        if waited.returncode != 0:
            container.lost_engine = True
            time.sleep(_LOOK_SECONDS)
    code = int(state.get("ExitCode", 1))
    if state.get("OOMKilled"):
        return code or 137, "the script was killed: the container ran out of memory (--memory)"
    if code in (125, 126, 127) and refused.strip():
        return code, refused.strip()
    if container.lost_engine and code in _ENDED_WITH_ENGINE:
        return code, "interrupted: the container engine stopped while the script was running, and the script with it"
    return code, ""


def main(words: list[str]) -> int:
    folder, name = words[:2]
    at = words.index("--")
    container = Container(words[2:at], name)
    for sign in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sign, container.stop)
    parent = os.getppid()
    try:
        code, why = wait(container, words[at + 1 :])
    except ConnectionError as error:
        code, why = 143, "the container engine did not answer, and the container may still run: %s" % error
    if why:
        run_record.write(folder, "reason", {"message": why})
    # Without a supervisor nobody would write down how it ended: the container stays, to be asked.
    if os.getppid() == parent:
        remove(container)
    return code


def remove(container: Container) -> None:
    """Remove the container without a wait; an engine that is away just now is asked again, for a minute."""
    if not hasattr(os, "fork"):
        container.start("rm", "-f", "-v", container.name)
        return
    if os.fork():
        return
    try:
        os.setsid()
        nothing = os.open(os.devnull, os.O_RDWR)
        for handle in range(3):
            os.dup2(nothing, handle)
        until = time.monotonic() + 60
        while time.monotonic() < until:
            done = container.call("rm", "-f", "-v", container.name)
            if done.returncode == 0 or "no such container" in done.stderr.lower():
                break
            time.sleep(_LOOK_SECONDS)
    finally:
        os._exit(0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
