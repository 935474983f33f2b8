"""Someone at a terminal who calls the command there."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import time

from standin.project import Cloud


class Person:
    """Someone at a terminal: what the command writes to its standard error is `shown`."""

    def __init__(self, cloud: Cloud, *words: str, **variables: str) -> None:
        import pty  # POSIX only

        self.shown = ""
        self._ours, theirs = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "amlrun", *words],
            cwd=cloud.path,
            env=cloud.world.environment(**variables),
            stdin=theirs,
            stdout=subprocess.DEVNULL,
            stderr=theirs,
        )
        os.close(theirs)

    def wait(self) -> int:
        """Read the screen until nobody writes there any more, and the command has ended."""
        end = time.monotonic() + 180
        try:
            while time.monotonic() < end:
                if not select.select([self._ours], [], [], 1)[0]:
                    continue
                try:
                    data = os.read(self._ours, 65536)
                except OSError:  # the other end is closed
                    break
                if not data:
                    break
                self.shown += data.decode(errors="replace")
            return self.process.wait(60)
        finally:
            self.process.kill()
            self.process.wait()
            os.close(self._ours)
