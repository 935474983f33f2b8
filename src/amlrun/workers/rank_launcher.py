"""Starts the processes (ranks) of a distributed run on one machine, and ends all of them when one fails.

The supervisor's script in such a run. What to start comes in the variable AML_RANKS, as JSON (`prepare.ranks.plan`):
`command`, `ranks` (each with `title`, `log`, `variables`, `needed`), `ports` (how many free ports to choose), `mpi`
(whether `mpirun` starts them), `failed` (the file that says which rank failed first), and the `cancel` command to name.
Each rank writes its own log; rank 0's is repeated on standard output. Standard library only, Python 3.7 and newer.

The rule (that of mpirun; torchrun says 1 for every code): the first rank that ends with another code than 0 ends all,
and its code is the run's. With `mpi`, mpirun starts this file again as each rank, with `--rank`.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from typing import Any

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import process_tree  # type: ignore[import-not-found]
import rank_process  # type: ignore[import-not-found]

# Less than the supervisor's five seconds, so that this process is there to the end.
_GRACE = 4.0
_QUICK, _SLOW = 0.005, 0.05
_HANG_SECONDS = 60.0
# What ends by itself so soon after the ranks was not left behind.
_SOON = 0.3
_MPI_LOG = "user_logs/mpi_log.txt"


class Launcher:
    """The ranks of one run."""

    def __init__(self, spec: dict[str, Any]) -> None:
        self.spec = spec
        self.ranks: list[dict[str, Any]] = spec["ranks"]
        self.told = False
        self.started: list[subprocess.Popen[bytes]] = []
        self.mirrored = 0
        self.idle_since = time.monotonic()
        self.said = False

    def run(self) -> int:
        """Start, watch and end the ranks. Returns the run's exit code."""
        for sign in (signal.SIGTERM, signal.SIGINT):
            signal.signal(sign, self._on_signal)
        process_tree.adopt()
        taken = rank_process.taken_port(os.environ)
        if taken:
            return self._give_up("MASTER_PORT %s is taken on this machine: remove it, and a free one is chosen" % taken)
        rank_process.choose_ports(self.spec)
        try:
            code = self._mpi() if self.spec["mpi"] else self._each()
        finally:
            self._end_all()
            self._mirror()
        return code

    def _on_signal(self, number: int, frame: Any) -> None:
        self.told = True

    def _give_up(self, message: str, code: int = 1) -> int:
        rank_process.note_failure(self.spec, message)
        rank_process.say(message)
        return code

    def _each(self) -> int:
        for rank in self.ranks:
            environment = dict(os.environ, **rank["variables"])
            command = [rank_process.expanded(word, rank["variables"]) for word in self.spec["command"]]
            try:
                with open(rank["log"], "ab") as log:
                    self.started.append(rank_process.start(command, environment, log))
            except OSError as error:
                why = "%s: could not start %s: %s" % (rank["title"], command[0], error.strerror)
                return self._give_up(why, rank_process.NOT_FOUND)
        return self._watch()

    def _watch(self) -> int:
        """Wait until every rank that is needed has ended well, or one has not."""
        wait = _QUICK
        while True:
            codes = [one.poll() for one in self.started]
            wait = _QUICK if self._mirror() else min(wait * 1.2, _SLOW)
            if self.told:
                return 128 + int(signal.SIGTERM)
            for rank, code in zip(self.ranks, codes):
                if code:
                    return self._failed(rank, code)
            if all(code == 0 for rank, code in zip(self.ranks, codes) if rank["needed"]):
                return 0
            self._tell_of_waiting(codes)
            time.sleep(wait)

    def _failed(self, rank: dict[str, Any], code: int) -> int:
        others = "rank is" if len(self.ranks) == 2 else "%d ranks are" % (len(self.ranks) - 1)
        self._mirror()
        message = "%s %s" % (rank["title"], rank_process.how(code))
        rank_process.note_failure(self.spec, "%s; its log: %s" % (message, rank["log"]))
        rank_process.say("%s; the other %s stopped with it." % (message, others))
        if rank is not self.ranks[0]:
            rank_process.show_end(rank["log"])
        return code if code > 0 else 128 - code

    def _tell_of_waiting(self, codes: list[int | None]) -> None:
        """Say once that some ranks go on long after another has ended: they may wait for it for ever."""
        now = time.monotonic()
        ended = [rank["title"] for rank, code in zip(self.ranks, codes) if code == 0]
        if not ended or self.said:
            self.idle_since = now
            return
        if now - self.idle_since < _HANG_SECONDS:
            return
        self.said = True
        left = [rank["title"] for rank, code in zip(self.ranks, codes) if code is None]
        rank_process.say(
            "%s finished successfully %d s ago, %s still running: if they are waiting for it, cancel the run with: %s"
            % (ended[0], _HANG_SECONDS, ", ".join(left) + (" is" if len(left) == 1 else " are"), self.spec["cancel"])
        )

    def _mpi(self) -> int:
        program = shutil.which("mpirun") or shutil.which("mpiexec")
        if program is None:
            return self._give_up("mpirun was not found; " + self.spec["install"], rank_process.NOT_FOUND)
        words = [program, "-n", str(len(self.ranks)), sys.executable, "-I", "-S", os.path.abspath(__file__), "--rank"]
        environment = dict(os.environ, **rank_process.mpirun_settings())
        environment[rank_process.VARIABLE] = json.dumps(self.spec)
        with open(_MPI_LOG, "ab") as log:
            mpirun = rank_process.start(words, environment, log)
        self.started.append(mpirun)
        wait = _QUICK
        while mpirun.poll() is None:
            wait = _QUICK if self._mirror() else min(wait * 1.2, _SLOW)
            if self.told:
                return 128 + int(signal.SIGTERM)
            time.sleep(wait)
        self._mirror()
        code = int(mpirun.returncode)
        if self.told:
            return 128 + int(signal.SIGTERM)
        if code:
            self._mpi_failed(code)
        return code if code >= 0 else 128 - code

    def _mpi_failed(self, code: int) -> None:
        try:
            with open(self.spec["failed"], encoding="utf-8") as stream:
                message = json.load(stream)["message"]
        except (OSError, ValueError, KeyError):
            message = "mpirun %s; its log: %s" % (rank_process.how(code), _MPI_LOG)
            rank_process.note_failure(self.spec, message)
        rank_process.say(message)
        for log in [_MPI_LOG, *(rank["log"] for rank in self.ranks[1:])]:
            if log in message:
                rank_process.show_end(log)

    def _mirror(self) -> bool:
        """Repeat what rank 0 has written since; whether there was something."""
        try:
            with open(self.ranks[0]["log"], "rb") as stream:
                stream.seek(self.mirrored)
                text = stream.read()
        except OSError:
            return False
        if text:
            self.mirrored += len(text)
            sys.stdout.buffer.write(text)
            sys.stdout.buffer.flush()
        return bool(text)

    def _end_all(self) -> None:
        """End what is left below this process. What outlived a rank that ended by itself is named."""
        living = [one.pid for one in self.started if one.poll() is None]
        if os.name == "nt":
            for pid in living:
                subprocess.run(["taskkill", "/F", "/T", "/PID", str(pid)], stdout=subprocess.DEVNULL, check=False)
            return
        if not living and not self.told:
            until = time.monotonic() + _SOON
            while process_tree.below(os.getpid()) and time.monotonic() < until:
                time.sleep(_QUICK)
            left = process_tree.below(os.getpid())
            if left:
                names = ", ".join("%s (process %d)" % (name, pid) for pid, name in left.items())
                rank_process.say("Left behind by the ranks and stopped with the run: %s" % names)
        process_tree.end_below(os.getpid(), _GRACE)
        for one in self.started:
            one.poll()
        process_tree.reap()


def main() -> int:
    if sys.argv[1:] == ["--rank"]:
        return int(rank_process.as_mpi_rank())
    return Launcher(json.loads(os.environ.pop(rank_process.VARIABLE))).run()


if __name__ == "__main__":
    sys.exit(main())
