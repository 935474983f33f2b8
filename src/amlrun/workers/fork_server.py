"""The fork server of a sweep: imports what the script imports once, then becomes the script in a fork per trial.

Runs on the training environment's own Python, which may be old and has no `amlrun`: standard library only, Python
3.7 and newer, and nothing of this file is left in what the script sees. It reads a line of JSON per order on
standard input: `{"script"}`, then `{"setup"}`, which it answers with `ready` or `no: reason`; then a plan per trial
(`folder, command, cwd, env, timeout`). It is its trials' supervisor: it writes `process.json` and `exit.json` of
their records as supervisor.py does. When its input ends it lets the trials that run end, and goes.

A script that has a setup is one of ours and leaves nothing behind in its process: a fork whose trial ended well and
soon takes the next one, for a fork costs as much as a small trial (it copies each page that it writes to).
"""

from __future__ import annotations

import gc
import json
import math
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from typing import Any, Dict, List, Optional, Tuple

import fork_child  # type: ignore[import-not-found]
import preload  # type: ignore[import-not-found]
import run_record  # type: ignore[import-not-found]
from fork_handle import Fork, record  # type: ignore[import-not-found]

Order = Tuple[Dict[str, Any], bool, List[str], Optional[socket.socket]]


class Server:
    """Forks a child per plan. The first trial to end says which late imports it made: `learning` until then.

    `keeping`: a fork takes one trial after another. `inherited` are the handles that a child closes.
    """

    def __init__(self, answers: int, learning: bool, keeping: bool, inherited: list[int]) -> None:
        self.answers, self.learning, self.keeping, self.inherited = answers, learning, keeping, inherited
        self.working: dict[int, Fork] = {}
        self.free: list[Fork] = []
        self.known = freeze()

    def start(self, plan: dict[str, Any]) -> Order | None:
        """Start a trial, in a fork that is free or a new one, in which the answer is what the fork has to do."""
        # Called off before it began (aml run cancel, or a resumed sweep that took the trial over).
        if run_record.cancelled(plan["folder"]):
            record(plan["folder"], "exit", {"exit_code": 1, "end_time_utc": run_record.utc()})
            return None
        begun = {"start_time_utc": run_record.utc(), "_supervisor": run_record.process(), "_shared": True}
        start = time.monotonic()
        fork = self.free_fork(plan)
        if fork is None and threading.active_count() > 1:
            # A package that came late has started a thread: no fork any more, but a process as ever.
            fork = Fork(spawn(plan), None)
        if fork is None:
            ours, its = socket.socketpair() if self.keeping and not self.learning else (None, None)
            pid = os.fork()
            if not pid:
                self.close_inherited(ours)
                return plan, self.learning, self.known, its
            if its is not None:
                its.close()
            fork = Fork(pid, ours)
        fork.begin(plan, start, begun)
        self.working[fork.pid] = fork
        return None

    def free_fork(self, plan: dict[str, Any]) -> Fork | None:
        """A free fork that has taken the plan."""
        while self.free:
            fork = self.free.pop()
            if fork.take(plan):
                return fork
        return None

    def close_inherited(self, ours: socket.socket | None) -> None:
        """Close in a child what is the server's: the script sees none of it, and a fork's end shows at once."""
        for channel in (ours, *(fork.channel for fork in [*self.working.values(), *self.free])):
            if channel is not None:
                channel.close()
        for handle in self.inherited:
            os.close(handle)

    def channels(self) -> dict[socket.socket, Fork]:
        """Where the forks that are at work may say that they are free."""
        return {fork.channel: fork for fork in self.working.values() if fork.channel is not None}

    def hear(self, fork: Fork) -> None:
        """Take in what a fork says."""
        if fork.is_free():
            del self.working[fork.pid]
            fork.ended(0)
            if fork.late or run_record.cancelled(fork.plan["folder"]):
                fork.leave()  # somebody is about to end its process
            else:
                self.free.append(fork)
            tell(self.answers)

    def reap(self) -> list[dict[str, Any]]:
        """Record how the trials of the children that ended ended. Returns the plans that have to start again."""
        again = []
        while self.working or self.free:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                break
            self.free = [fork for fork in self.free if fork.pid != pid]
            fork = self.working.pop(pid, None)
            if fork is None:
                continue
            fork.leave()
            if fork.ended_for_an_earlier(status):
                again.append(fork.plan)
                continue
            fork.ended(status)
            tell(self.answers)
            if self.learning:
                preload_late_imports(fork.plan["folder"])
                self.known = freeze()
                self.learning = False
        return again

    def close(self) -> None:
        """Let the free forks go, and wait for them."""
        for fork in self.free:
            fork.leave()
            os.waitpid(fork.pid, 0)


def serve(orders: int, answers: int, learning: bool, keeping: bool) -> Order | None:
    """Start a trial per plan until the orders end and all trials have. Returns an order in a child, else None.

    After each trial that ended a byte goes to `answers`, so that the driver need not wait for its next look.
    Packages import parts of themselves late: with `learning`, the first trial to end says what it had loaded, and
    the later ones find it there.
    """
    wake_read, wake_write = os.pipe()
    os.set_blocking(wake_read, False)
    os.set_blocking(wake_write, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
    server = Server(answers, learning, keeping, [wake_read, wake_write, orders, answers])
    text, open_ = b"", True
    while open_ or server.working:
        due = min((fork.deadline() for fork in server.working.values()), default=math.inf)
        wait = None if due == math.inf else max(due - time.monotonic(), 0)
        channels = server.channels()
        sources: list[Any] = [wake_read, *channels, *([orders] if open_ else [])]
        ready = select.select(sources, [], [], wait)[0]
        # Before its end is looked for: a fork may say that it is free, and be ended then.
        for fork in [channels[one] for one in ready if one in channels]:
            server.hear(fork)
        if wake_read in ready:
            os.read(wake_read, 4096)
        plans = server.reap()
        for fork in server.working.values():
            if fork.deadline() <= time.monotonic():
                fork.enforce_timeout()
        if orders in ready:
            more = os.read(orders, 1 << 16)
            open_ = bool(more)
            lines = (text + more).split(b"\n")
            text = lines.pop()
            plans += [json.loads(line.decode("utf-8")) for line in lines]
        for plan in plans:
            forked = server.start(plan)
            if forked is not None:
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                return forked
    server.close()
    return None


def tell(answers: int) -> None:
    """Wake the driver, if it is there and listens."""
    try:
        os.write(answers, b".")
    except OSError:
        pass


def spawn(plan: dict[str, Any]) -> int:
    """Start the script as a plain process; returns its pid."""
    with open(os.path.join(plan["folder"], "user_logs", "std_log.txt"), "ab") as log:
        try:
            started = subprocess.Popen(
                plan["command"], cwd=plan["cwd"], env=plan["env"], stdout=log, stderr=log, start_new_session=True
            )
        except OSError as error:
            log.write(("could not start %s: %s\n" % (plan["command"][0], error)).encode())
            return subprocess.Popen([sys.executable, "-c", "raise SystemExit(127)"]).pid
    return started.pid


def preload_late_imports(folder: str) -> None:
    """Import what an ended trial had loaded, from the note that it left (fork_child.report_late_imports)."""
    note = os.path.join(folder, ".run", "loaded")
    try:
        with open(note, encoding="utf-8") as stream:
            names = stream.read().split()
    except OSError:
        return
    run_record.forget(note)
    for name in names:
        preload.load(name)


def freeze() -> List[str]:
    """Make ready for forks; returns the names of the modules that they will find.

    A fork pays for each page that it writes to, and looking at an object writes its count of references: what can be
    looked through here, a fork does not look through. What is frozen no collection of a fork touches; to collect
    before would only leave holes (https://docs.python.org/3/library/gc.html#gc.freeze), and takes long.
    """
    # A finder made for a relative path stands for the folder that is current now.
    for path in [path for path in sys.path_importer_cache if not os.path.isabs(path)]:
        del sys.path_importer_cache[path]
    gc.freeze()
    return list(sys.modules)


def order(orders: int) -> dict[str, Any] | None:
    """The next line of the orders, and no byte more; None at their end."""
    line = b""
    while not line.endswith(b"\n"):
        piece = os.read(orders, 1)
        if not piece:
            return None
        line += piece
    found: dict[str, Any] = json.loads(line.decode("utf-8"))
    return found


def main() -> Order | None:
    """Serve. Returns None in the server, and in a child its plan."""
    orders, answers = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)
    os.close(nothing)
    wanted = order(orders)
    if wanted is None:
        return None
    # Neither this file's folder nor the current one is on the path of a script that lies elsewhere.
    del sys.path[0]
    sys.argv[:] = [wanted["script"]]
    # Imports make much and drop little: a tenth of their time would go into looking for what they dropped.
    thresholds = gc.get_threshold()
    gc.set_threshold(0)
    reason, whole = preload.preload(wanted["script"])
    shared = order(orders)
    if shared is None:
        return None
    if not reason and shared["setup"]:
        reason = preload.set_up(*shared["setup"])
    if not gc.get_threshold()[0]:
        # First: all of it counts as new, and the next object made would have it looked through.
        gc.freeze()
        gc.set_threshold(*thresholds)
    os.write(answers, ("no: " + reason if reason else "ready").encode() + b"\n")
    os.set_blocking(answers, False)
    return None if reason else serve(orders, answers, whole, bool(shared["setup"]))


if __name__ == "__main__":
    _order = main()
    if _order is not None:
        fork_child.become(*_order)
    # Taking all the packages apart would keep the sweep waiting.
    os._exit(0)
