"""How remote.py answers: frames on standard output. Standard library only, Python 3.7 and newer."""

from __future__ import annotations

import io
import json
import sys
from typing import Any

MARK = b"\x01amlrun 1\n"


class Refused(Exception):
    """What is told as `error`, with `kind` for `aml` to know it by."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(text)
        self.kind = kind


def frame(kind: str, data: bytes) -> None:
    out = sys.stdout.buffer
    out.write(b"%s %d\n" % (kind.encode(), len(data)))
    out.write(data)
    out.flush()


def answer(value: dict[str, Any]) -> None:
    frame("J", json.dumps(value).encode())


class Tar(io.RawIOBase):
    """A stream whose pieces become frames; `sent` counts their bytes."""

    sent = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        frame("T", bytes(data))
        self.sent += len(data)
        return len(data)
