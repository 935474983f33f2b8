"""What passes between the command and the stand-in: a request, its answer, and what can go wrong with it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from http.server import ThreadingHTTPServer
from typing import Any


@dataclass
class Request:
    """One request; `target` is the path with its query."""

    method: str
    host: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def line(self) -> str:
        """What faults and counts match on: `PUT management.azure.com/subscriptions/…?api-version=…`."""
        return f"{self.method} {self.host}{self.target}"


@dataclass
class Reply:
    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Fault:
    """What goes wrong with requests whose line matches `pattern`.

    `kind` is a status (`"503"`), `"429"` with `retry_after`, `reset`, `reset-after` (done, then the answer is lost),
    `cut` (half the body), `not-json`, `black-hole` or `dribble` (an answer that comes byte by byte and never ends).
    `times` limits it; None is for ever.
    """

    pattern: str
    kind: str
    times: int | None = None
    retry_after: str | None = None
    hits: int = 0

    def meets(self, line: str) -> bool:
        if self.times is not None and self.hits >= self.times:
            return False
        if not re.search(self.pattern, line):
            return False
        self.hits += 1
        return True


class Quiet(ThreadingHTTPServer):
    """A server whose clients may go away without a word."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is not news."""
