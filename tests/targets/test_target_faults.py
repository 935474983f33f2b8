"""What goes wrong around a run, on every target: Ctrl-C, `kill -9` at any moment, a full disk. No run may lie after
it, and nothing of it may be left.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field

import pytest
from support.places import FINAL, Place, finish, kill_tree

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")]

# How often a submit of each target is killed; more of it finds rarer moments.
KILLS = int(os.environ.get("AMLRUN_TEST_KILLS", "6"))


def until_said(command: subprocess.Popen[bytes], what: bytes) -> None:
    """Wait until a command has printed that."""
    said = b""
    while what not in said:
        assert command.stdout is not None
        line = command.stdout.readline()
        assert line, finish(command).err
        said += line


def test_ctrl_c(place: Place) -> None:
    """The run ends, or the command says that it goes on and how to end it; after that nothing is left of it."""
    before = place.runs()
    command = place.start(*place.submit_words("train.py", "--wait"))
    until_said(command, b"script runs with")
    (run_id,) = place.runs() - before
    command.send_signal(signal.SIGINT)
    ended = finish(command)
    assert ended.code == 130, ended.text
    assert "Status: Canceled" in ended.out or f"{run_id} continues on " in ended.out, ended.text
    if "continues on" in ended.out:
        assert f"aml run cancel -r {run_id}" in ended.out and place.shown(run_id)["status"] == "Running"
        place.aml("run", "cancel", "-r", run_id)
    assert place.until(run_id, *FINAL)["status"] == "Canceled"
    place.until_nothing_is_left(run_id)


@dataclass
class Counted:
    """How the killed submits ended; `none` made no run. `late`: killed between the script's last line and its exit."""

    ended: dict[str, int] = field(default_factory=lambda: dict.fromkeys((*FINAL, "none"), 0))
    late: int = 0


def test_kill_9_at_any_moment(place: Place) -> None:
    """The command, or it and all that it started, is killed: every run comes to an end that is true."""
    began = time.monotonic()
    place.submit("train.py", "--pause", "0.3")
    whole = time.monotonic() - began
    rng, counted = random.Random(place.name), Counted()  # noqa: S311 - any moment will do
    for attempt in range(KILLS):
        before = place.runs()
        command = place.start(*place.submit_words("train.py", "--pause", "0.3"))
        time.sleep(rng.uniform(0.05, whole))
        if attempt % 2:
            kill_tree(command.pid)
        else:
            command.kill()
        command.communicate()
        new = place.runs() - before
        counted.ended["none"] += not new
        for run_id in new:
            status, late = told_right(place, run_id)
            counted.ended[status] += 1
            counted.late += late
    # Those few milliseconds are rarely hit; a record that is often wrong is a fault.
    assert counted.late <= max(1, KILLS // 20), counted
    assert sum(counted.ended.values()) == KILLS
    listed = place.aml("run", "list", "--last", "1000")
    assert all(run_id in listed.out for run_id in place.runs())


def test_what_serves_a_run_is_killed(place: Place) -> None:
    """The supervisor, the connection, the daemon: the record says how the run ended, and nothing of it is left."""
    rng = random.Random(place.name)  # noqa: S311 - any moment will do
    for victim in list(place.serving) * (KILLS // 3):
        before = place.runs()
        command = place.start(*place.submit_words("train.py", "--pause", "1"))
        until_said(command, b"line 1")
        (run_id,) = place.runs() - before
        time.sleep(rng.uniform(0, 1))
        place.serving[victim](run_id)
        finish(command)
        told_right(place, run_id)


def told_right(place: Place, run_id: str) -> tuple[str, bool]:
    """The state in which a run ends, and whether its script was about to exit when it was killed. What the record
    says is what happened, and nothing of the run is left.
    """
    late = False
    shown = place.until(run_id, *FINAL)
    log = place.aml("run", "monitor-logs", "-r", run_id, code=None).out.partition("Execution Summary")[0]
    if shown["status"] == "Completed":
        assert "done" in log.splitlines(), log
    else:
        assert shown["status"] == "Failed" and "interrupted" in shown["error"]["message"], shown
        late = "done" in log.split()
    place.until_nothing_is_left(run_id)
    return str(shown["status"]), late


def test_a_full_disk(on_small_disk: Place) -> None:
    """A submit says that the disk is full; what was there before is whole, and with room all goes on."""
    place = on_small_disk
    record = (place.folder("first.json") / ".run" / "run.json").read_bytes()
    ballast = place.root.parent / "ballast"
    with ballast.open("wb", 0) as stream, pytest.raises(OSError, match="No space"):
        while True:
            stream.write(b"\0" * 4096)
    full = place.aml(*place.submit_words("train.py"), code=None)
    assert full.code in (1, 2, 3), full.text
    assert "No space left" in full.err and "ree some space" in full.err, full.text
    ballast.unlink()
    assert (place.folder("first.json") / ".run" / "run.json").read_bytes() == record
    assert "done" in place.submit("train.py").out
    for run_id in place.runs():
        assert place.until(run_id, *FINAL)["status"] in ("Completed", "Failed")
