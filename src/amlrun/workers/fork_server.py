"""The fork server of a sweep: imports what the script imports once, then becomes the script in a fork per trial.

Runs on the training environment's own Python, which may be old and has no `amlrun`: standard library only, Python
3.7 and newer, and nothing of this file is left in what the script sees. It reads a line of JSON per order on
standard input: `{"script"}`, then `{"setup"}`, which it answers with `ready` or `no: reason`; then a plan per trial
(`folder, command, cwd, env, timeout`). It is its trials' supervisor: it writes `process.json` and `exit.json` of
their records as supervisor.py does. When its input ends it lets the trials that run end, and goes.
"""

from __future__ import annotations

import gc
import json
import math
import os
import select
import signal
import subprocess
import sys
import threading
import time
from typing import Any, Dict, List, Tuple

import fork_child  # type: ignore[import-not-found]
import preload  # type: ignore[import-not-found]
import run_record  # type: ignore[import-not-found]

Order = Tuple[Dict[str, Any], bool, List[str]]


class Child:
    def __init__(self, plan: dict[str, Any], pid: int, begun: float) -> None:
        self.folder: str = plan["folder"]
        self.pid = pid
        self.begun = begun
        self.timeout: float | None = plan.get("timeout")
        self.late = 0  # how often it was asked to end

    def deadline(self) -> float:
        return math.inf if self.timeout is None else self.begun + self.timeout + 5 * self.late

    def enforce_timeout(self) -> None:
        """Past the deadline: ask the process group to end; five seconds later make it."""
        try:
            os.killpg(self.pid, signal.SIGKILL if self.late else signal.SIGTERM)
        except OSError:
            pass
        self.late += 1

    def ended(self, status: int) -> None:
        code = -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
        error = "ran longer than %s s (limits.trial_timeout) and was ended" % self.timeout if self.late else ""
        value = run_record.ending(self.folder, code, time.monotonic() - self.begun, error)
        record(self.folder, "exit", value)
        run_record.release(self.folder)


def record(folder: str, part: str, value: dict[str, Any]) -> None:
    """Write one part of a trial's record; a disk that takes none leaves the state to be inferred."""
    try:
        run_record.write(folder, part, value)
    except OSError:
        pass


def serve(orders: int, answers: int, learning: bool) -> Order | None:
    """Fork a child per plan until the orders end and all children have. Returns a plan in a child, else None.

    After each child that ended a byte goes to `answers`, so that the driver need not wait for its next look.
    Packages import parts of themselves late: with `learning`, the first trial to end says what it had loaded, and
    the later ones find it there.
    """
    wake_read, wake_write = os.pipe()
    os.set_blocking(wake_read, False)
    os.set_blocking(wake_write, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
    children: dict[int, Child] = {}
    text, open_ = b"", True
    known = freeze()
    while open_ or children:
        due = min((child.deadline() for child in children.values()), default=math.inf)
        wait = None if due == math.inf else max(due - time.monotonic(), 0)
        ready = select.select([wake_read] + ([orders] if open_ else []), [], [], wait)[0]
        if wake_read in ready:
            os.read(wake_read, 4096)
        while children:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                break
            if pid in children:
                child = children.pop(pid)
                child.ended(status)
                tell(answers)
                if learning:
                    preload_late_imports(child.folder)
                    known = freeze()
                    learning = False
        for child in children.values():
            if child.deadline() <= time.monotonic():
                child.enforce_timeout()
        if orders not in ready:
            continue
        more = os.read(orders, 1 << 16)
        open_ = bool(more)
        lines = (text + more).split(b"\n")
        text = lines.pop()
        for line in lines:
            plan = json.loads(line.decode("utf-8"))
            # Called off before it began (aml run cancel, or a resumed sweep that took the trial over).
            if run_record.cancelled(plan["folder"]):
                record(plan["folder"], "exit", {"exit_code": 1, "end_time_utc": run_record.utc()})
                continue
            begun: dict[str, Any] = {
                "start_time_utc": run_record.utc(),
                "_supervisor": run_record.process(),
                "_shared": True,
            }
            start = time.monotonic()
            # A package that came late may have started a thread: no fork any more, but a process as ever.
            pid = os.fork() if threading.active_count() == 1 else spawn(plan)
            if not pid:
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                for handle in (wake_read, wake_write, orders, answers):
                    os.close(handle)
                return plan, learning, known
            begun["_script"] = run_record.process(pid)
            record(plan["folder"], "process", begun)
            children[pid] = Child(plan, pid, start)
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
    return None if reason else serve(orders, answers, whole)


if __name__ == "__main__":
    _order = main()
    if _order is not None:
        fork_child.become(*_order)
    # Taking all the packages apart would keep the sweep waiting.
    os._exit(0)
