"""The processes below this one, also those that left its process group: found, asked to end, and made to.

Part of supervisor.py and rank_launcher.py: standard library, Python 3.7 and newer. On Linux a process whose parent has
gone comes to the nearest ancestor that called `adopt` (prctl(2), PR_SET_CHILD_SUBREAPER), so none is lost.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import Any

_SUBREAPER, _PARENT_DEATH = 36, 1  # PR_SET_CHILD_SUBREAPER, PR_SET_PDEATHSIG
_POLL_SECONDS = 0.01


def _prctl() -> Any:
    """Linux's prctl(2), or None."""
    if not sys.platform.startswith("linux"):
        return None
    try:
        import ctypes

        return ctypes.CDLL(None).prctl
    except (ImportError, OSError, AttributeError):
        return None


def adopt() -> None:
    """Become the parent of whatever is orphaned below this process, where the system can do that."""
    prctl = _prctl()
    if prctl is not None:
        prctl(_SUBREAPER, 1, 0, 0, 0)


def die_with_parent() -> Any:
    """A `preexec_fn` with which a child is killed when this process ends; None where the system can't do that."""
    prctl = _prctl()
    return None if prctl is None else lambda: prctl(_PARENT_DEATH, int(signal.SIGKILL), 0, 0, 0)


def below(top: int) -> dict[int, str]:
    """The living descendants of a process: pid and the program's name, children before theirs."""
    parents = _parents()
    found: dict[int, str] = {}
    ahead = [top]
    while ahead:
        wanted = ahead.pop(0)
        for pid, (parent, name) in parents.items():
            if parent == wanted and pid not in found and pid != top:
                found[pid] = name
                ahead.append(pid)
    return found


def _parents() -> dict[int, tuple[int, str]]:
    """Every process that is not a zombie: pid → (parent, name)."""
    found = {}
    if os.path.isdir("/proc/self"):
        for entry in os.listdir("/proc"):
            if not entry.isdigit():
                continue
            try:
                with open("/proc/%s/stat" % entry, encoding="utf-8", errors="replace") as stream:
                    head, _, rest = stream.read().rpartition(")")
            except OSError:
                continue
            state, parent = rest.split()[:2]
            if state not in ("Z", "X"):
                found[int(entry)] = (int(parent), head.partition("(")[2])
        return found
    try:
        done = subprocess.run(
            ["ps", "-A", "-o", "pid=,ppid=,stat=,comm="],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            universal_newlines=True,
            check=False,
        )
    except OSError:
        return found
    for line in done.stdout.splitlines():
        words = line.split(None, 3)
        if len(words) == 4 and not words[2].startswith("Z"):
            found[int(words[0])] = (int(words[1]), os.path.basename(words[3]))
    return found


def end_below(top: int, grace: float) -> None:
    """Ask every descendant of `top` to end; after `grace` seconds make what is left. Zombies of our own are reaped."""
    if os.name == "nt":
        return
    _signal(below(top), signal.SIGTERM)
    until = time.monotonic() + grace
    while time.monotonic() < until:
        if not below(top):
            return
        time.sleep(_POLL_SECONDS)
    for _ in range(100):  # what is being started meanwhile is found the next time
        left = below(top)
        if not left:
            return
        _signal(left, signal.SIGKILL)
        time.sleep(_POLL_SECONDS)


def _signal(pids: dict[int, str], sign: int) -> None:
    for pid in pids:
        try:
            os.kill(pid, sign)
        except OSError:
            continue


def reap() -> None:
    """Take note of the ended children that nobody waits for: those that were adopted. Call when all others are done."""
    if os.name == "nt":
        return
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return
