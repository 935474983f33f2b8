"""Forks of the fork server that take one trial after another, as those of an AutoML search do."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from support.serving import wait_for

from amlrun.sweep import warm

pytestmark = [
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="trials are forked on Linux only"),
    pytest.mark.slow,
]


class Server:
    """The fork server at work on a script that has a setup, ordered by hand."""

    def __init__(self, folder: Path, script: str) -> None:
        self.folder = folder
        (folder / "train.py").write_text(script, encoding="utf-8")
        (folder / "common.py").write_text("def prepare(): pass\n", encoding="utf-8")
        self.process = subprocess.Popen(
            [sys.executable, str(warm.SERVER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=folder
        )
        assert self.process.stdin and self.process.stdout
        self.orders, self.answers = self.process.stdin, self.process.stdout
        self.order({"script": str(folder / "train.py")})
        self.order({"setup": [str(folder / "common.py")]})
        assert self.answers.readline() == b"ready\n"

    def order(self, value: dict[str, Any]) -> None:
        self.orders.write(json.dumps(value).encode() + b"\n")
        self.orders.flush()

    def start(self, name: str, *words: str, **more: Any) -> Path:
        run = self.folder / name
        for part in (".run", "user_logs", "outputs"):
            (run / part).mkdir(parents=True)
        command = [sys.executable, str(self.folder / "train.py"), *words]
        self.order({"folder": str(run), "command": command, "cwd": str(run), "env": {"NAME": name}, **more})
        return run

    def run(self, name: str, *words: str, **more: Any) -> Path:
        """A trial, from its start to its end."""
        run = self.start(name, *words, **more)
        assert self.answers.read(1) == b"."
        return run

    def close(self) -> None:
        self.orders.close()
        self.process.wait(60)
        self.answers.close()


# Waits for a signal, fails, or ends well, and says what it sees.
TAKES_TURNS = """\
import json, os, random, signal, sys, time
count = globals().get("count", 0) + 1
print(sys.argv[1:], os.environ["NAME"], os.path.basename(os.getcwd()), len(sys.path), count, flush=True)
if "fail" in sys.argv:
    sys.exit(3)
if "wait" in sys.argv:
    open("outputs/waits", "w").close()
    while not os.path.exists("../go_on"):
        time.sleep(0.01)
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = Server(tmp_path, TAKES_TURNS)
    yield made
    made.close()


def part(run: Path, name: str) -> Any:
    return json.loads((run / ".run" / f"{name}.json").read_text())


def pid(run: Path) -> int:
    return int(part(run, "process")["_script"]["pid"])


def seen(run: Path) -> str:
    return (run / "user_logs" / "std_log.txt").read_text()


def test_a_fork_takes_one_trial_after_another_and_each_is_a_fresh_script(server: Server) -> None:
    runs = [server.run(name, name.upper()) for name in ("a", "b", "c")]
    # The first to end teaches the server which imports come late, and is not kept.
    assert pid(runs[0]) != pid(runs[1]) == pid(runs[2])
    width = seen(runs[0]).split()[-2]
    for run in runs:
        assert seen(run) == f"['{run.name.upper()}'] {run.name} {run.name} {width} 1\n"
        assert part(run, "exit")["exit_code"] == 0


def test_a_fork_whose_trial_failed_takes_no_other(server: Server) -> None:
    first, failed, after = server.run("a"), server.run("b", "fail"), server.run("c")
    assert [part(run, "exit")["exit_code"] for run in (first, failed, after)] == [0, 3, 0]
    assert pid(failed) != pid(after)


def test_a_fork_whose_trial_took_long_takes_no_other(server: Server) -> None:
    server.run("a")
    slow = server.start("b", "wait")
    wait_for(
        lambda: (slow / "outputs" / "waits").exists() and time.time() > part(slow, "process")["_script"]["seen"] + 1
    )
    (server.folder / "go_on").touch()
    assert server.answers.read(1) == b"."
    assert pid(server.run("c")) != pid(slow)


def test_two_at_a_time_have_a_fork_each(server: Server) -> None:
    server.run("a")
    both = [server.start("b", "wait"), server.start("c", "wait")]
    wait_for(lambda: all((run / "outputs" / "waits").exists() for run in both))
    (server.folder / "go_on").touch()
    assert server.answers.read(1) + server.answers.read(1) == b".."
    later = [server.run("d"), server.run("e")]
    assert pid(both[0]) != pid(both[1]) and {pid(run) for run in later} <= {pid(run) for run in both}


def test_a_fork_that_was_ended_while_it_was_free_is_no_loss(server: Server) -> None:
    server.run("a")
    free = pid(server.run("b"))
    os.kill(free, signal.SIGKILL)
    wait_for(lambda: not psutil.pid_exists(free))
    after = server.run("c")
    assert pid(after) != free and part(after, "exit")["exit_code"] == 0


def test_a_trial_that_is_ended_fails_with_its_signal(server: Server) -> None:
    server.run("a"), server.run("b")
    ended = server.start("c", "wait")
    wait_for((ended / "outputs" / "waits").exists)
    os.kill(pid(ended), signal.SIGKILL)
    assert server.answers.read(1) == b"."
    assert part(ended, "exit")["exit_code"] == -signal.SIGKILL


def test_a_cancel_that_comes_too_late_does_not_end_the_next_trial(server: Server) -> None:
    server.run("a")
    earlier = server.run("b")
    hit = server.start("c", "wait")
    wait_for((hit / "outputs" / "waits").exists)
    assert pid(hit) == pid(earlier)
    # As a cancel of b does that found it running, a moment before it ended.
    (earlier / ".run" / "cancel.json").write_text("{}")
    os.kill(pid(earlier), signal.SIGTERM)
    record = hit / ".run" / "process.json"  # its first one is removed before the second is written
    wait_for(lambda: record.exists() and str(pid(earlier)) not in record.read_text())
    (server.folder / "go_on").touch()
    assert server.answers.read(1) == b"."
    assert (part(hit, "exit")["exit_code"], part(earlier, "exit")["exit_code"]) == (0, 0)


def test_a_fork_whose_trial_was_cancelled_takes_no_other(server: Server) -> None:
    server.run("a")
    ending = server.start("b", "wait")
    wait_for((ending / "outputs" / "waits").exists)
    (ending / ".run" / "cancel.json").write_text("{}")
    (server.folder / "go_on").touch()
    assert server.answers.read(1) == b"."
    assert pid(server.run("c")) != pid(ending)


def test_a_trial_in_a_kept_fork_has_its_own_time_limit(server: Server) -> None:
    server.run("a"), server.run("b", timeout=60)
    late = server.run("c", "wait", timeout=0.5)
    assert "ran longer than 0.5 s" in part(late, "exit")["error"]["message"]


def test_free_forks_end_with_their_server(server: Server) -> None:
    server.run("a")
    free = pid(server.run("b"))
    os.kill(server.process.pid, signal.SIGKILL)
    wait_for(lambda: not psutil.pid_exists(free) or psutil.Process(free).status() == psutil.STATUS_ZOMBIE)
