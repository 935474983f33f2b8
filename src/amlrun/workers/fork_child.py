"""How a fork becomes its script (part of fork_server.py: standard library, Python 3.7 and newer)."""

from __future__ import annotations

import atexit
import gc
import importlib.machinery
import itertools
import json
import os
import signal
import socket
import sys
import threading
import time
from typing import Any, Dict, Iterable, List, Set

# Seconds. A longer trial may leave more memory behind than a fork is worth.
_SHORT = 1.0


def become(plan: dict[str, Any], teaching: bool, known: List[str], channel: socket.socket | None) -> None:
    """Run the plan's script in this fork as a fresh process would, and end. Does not return.

    `known`: the modules that were there before the fork; `teaching`: tell the server which came after; `channel`:
    where the server gives this fork its next plans, until a trial fails or takes longer.
    """
    for own in ("fork_child", "fork_handle", "preload", "run_record"):
        sys.modules.pop(own, None)
    os.setsid()
    path = list(sys.path)
    while True:
        folder = os.path.realpath(plan["folder"])
        began = time.monotonic()
        code = run(settle(plan, path))
        following = None
        if channel is not None and not code and time.monotonic() - began < _SHORT:
            following = next_plan(channel)
        if following is None:
            break
        plan = following
    if teaching:
        report_late_imports(set(known), folder)
    finish(code, known[-1], folder)


def next_plan(channel: socket.socket) -> Dict[str, Any] | None:
    """Tell the server that this fork is free. Returns the next plan; None when there is none."""
    line = b""
    try:
        sys.stdout.flush()
        sys.stderr.flush()
        channel.sendall(b".")
        while not line.endswith(b"\n"):
            piece = channel.recv(1 << 16)
            if not piece:
                return None
            line += piece
    except OSError:  # the server has gone, or the disk takes no more of the log
        return None
    found: Dict[str, Any] = json.loads(line.decode("utf-8"))
    return found


def settle(plan: dict[str, Any], path: List[str]) -> str:
    """Make this fork what a fresh `python script arguments` is: folder, environment, streams, seeds, `sys.path`."""
    os.chdir(plan["cwd"])
    zone = os.environ.get("TZ")
    os.environ.clear()
    os.environ.update(plan["env"])
    if os.environ.get("TZ") != zone:
        time.tzset()
    log = os.open(
        os.path.join(plan["folder"], "user_logs", "std_log.txt"), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666
    )
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)
    script: str = os.path.abspath(plan["command"][1])
    sys.argv[:] = plan["command"][1:]
    if hasattr(sys, "orig_argv"):
        sys.orig_argv[:] = plan["command"]
    sys.path[:] = [os.path.dirname(os.path.realpath(script)), *path]
    # The random module reseeds itself after a fork; numpy's old global generator does not.
    if "numpy" in sys.modules and "numpy.random" in sys.modules:
        sys.modules["numpy.random"].seed()
    return script


def run(script: str) -> int:
    """Run the script as `__main__`. Returns its exit code as the operating system sees it, -2 for Ctrl-C."""
    main = type(sys)("__main__")
    shown = script if sys.version_info >= (3, 9) else sys.argv[0]
    main.__dict__.update(
        __file__=shown,
        __builtins__=__builtins__,
        __loader__=importlib.machinery.SourceFileLoader("__main__", script),
        __package__=None,
        __spec__=None,
        __cached__=None,
    )
    if hasattr(sys.modules["__main__"], "__annotations__"):  # as this Python begins a script
        main.__annotations__ = {}
    sys.modules["__main__"] = main
    try:
        try:
            with open(script, "rb") as stream:
                source = stream.read()
        except OSError as error:
            print("%s: can't open file %r: %s" % (sys.executable, script, error), file=sys.stderr)
            return 2
        exec(compile(source, shown, "exec", dont_inherit=True), main.__dict__)  # noqa: S102 - the user's script
    except SystemExit as end:
        if end.code is None:
            return 0
        if isinstance(end.code, int):
            return end.code & 0xFF
        print(end.code, file=sys.stderr)
        return 1
    except BaseException as error:
        # Without the frame of this function, as a fresh process has it.
        trace = error.__traceback__.tb_next if error.__traceback__ else None
        error.__traceback__ = trace
        sys.excepthook(type(error), error, trace)
        return -2 if isinstance(error, KeyboardInterrupt) else 1
    return 0


def report_late_imports(known: Set[str], folder: str) -> None:
    """Leave the server a note of the modules from outside the trial's folder that were loaded since the fork."""
    names = []
    for name, module in sorted(sys.modules.items()):
        place = file_of(module) or folder
        if name not in known and name != "__main__" and not os.path.abspath(place).startswith(folder):
            names.append(name)
    try:
        with open(os.path.join(folder, ".run", "loaded"), "w", encoding="utf-8") as note:
            note.write(" ".join(names))
    except OSError:
        return


def file_of(module: Any) -> Any:
    """A module's file, without asking a lazy one, which would load it."""
    return getattr(module, "__dict__", {}).get("__file__")


def newest_first(modules: Dict[str, Any]) -> Iterable[str]:
    """The names of modules from the latest on, without a look at the earlier ones where this Python can do that."""
    return reversed(modules) if sys.version_info >= (3, 8) else list(modules)[::-1]


def finish(code: int, last: str, folder: str) -> None:
    """End as an interpreter ends, but without taking apart the modules that were there before the fork.

    `last`: the latest of them; those that came after it are looked at.
    """
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    # Files that the script left open are written out when their last name goes.
    later = list(itertools.takewhile(lambda name: name != last, newest_first(sys.modules)))
    for name in [*later, "__main__"]:
        module = sys.modules[name]
        place = file_of(module)
        if name == "__main__" or (place and os.path.abspath(place).startswith(folder)):
            module.__dict__.clear()
    gc.collect()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError, AttributeError):
            pass
    if code == -2:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    os._exit(code)
