"""The CONNECT proxy: a tunnel to each host that is played, refused and noted for every other."""

from __future__ import annotations

import contextlib
import queue
import select
import socket
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import Any

from standin.exchange import Quiet


class Line:
    """A line to the services: megabits a second, shared by all connections, and milliseconds, each way."""

    def __init__(self, megabits: float, milliseconds: float) -> None:
        self.megabits, self.milliseconds = megabits, milliseconds
        self._free = [0.0, 0.0]
        self._lock = threading.Lock()

    def __str__(self) -> str:
        return f"{self.megabits:g} Mbit/s, {self.milliseconds:g} ms"

    def departs(self, way: int, size: int) -> float:
        """When so many bytes have left on a way (0 or 1): after those before them."""
        with self._lock:
            self._free[way] = max(self._free[way], time.monotonic()) + size * 8e-6 / self.megabits
            return self._free[way]

    def carry(self, near: socket.socket, far: socket.socket) -> None:
        """Pass on what comes from either end when it would arrive at the other, until one of them closes."""
        over = threading.Event()
        for way, (here, there) in enumerate(((near, far), (far, near))):
            under_way: queue.SimpleQueue[tuple[float, bytes]] = queue.SimpleQueue()
            for work in (self._leave, self._arrive):
                end = here if work == self._leave else there
                threading.Thread(target=work, args=(way, end, under_way, over), daemon=True).start()
        over.wait()

    def _leave(
        self, way: int, here: socket.socket, under_way: queue.SimpleQueue[tuple[float, bytes]], over: threading.Event
    ) -> None:
        data = b"."
        while data:
            try:
                data = here.recv(65536)
            except OSError:
                data = b""
            gone = self.departs(way, len(data))
            time.sleep(max(0.0, gone - time.monotonic()))
            under_way.put((gone + self.milliseconds / 1000, data))

    def _arrive(
        self, way: int, there: socket.socket, under_way: queue.SimpleQueue[tuple[float, bytes]], over: threading.Event
    ) -> None:
        while True:
            due, data = under_way.get()
            time.sleep(max(0.0, due - time.monotonic()))
            with contextlib.suppress(OSError):
                there.sendall(data)
            if not data:
                over.set()
                return


class Proxy(Quiet):
    """`route` gives the local port behind a host, None to refuse it; the refused are noted. `line` None is the loopback
    itself."""

    def __init__(self, route: Callable[[str], int | None], refused: list[str]) -> None:
        self.route, self.refused = route, refused
        self.line: Line | None = None
        super().__init__(("127.0.0.1", 0), Handler)


class Handler(BaseHTTPRequestHandler):
    server: Proxy

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_CONNECT(self) -> None:
        host, _, port = self.path.partition(":")
        behind = self.server.route(host) if port == "443" else None
        if behind is None:
            self._refuse(self.path)
            return
        with socket.create_connection(("127.0.0.1", behind)) as far:
            self.send_response_only(200)
            self.end_headers()
            self.wfile.flush()
            for end in (far, self.connection):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            line = self.server.line
            with contextlib.suppress(OSError):
                if line is None:
                    _pump(self.connection, far)
                else:
                    line.carry(self.connection, far)
        self.close_connection = True

    def _refuse(self, what: str) -> None:
        self.server.refused.append(what)
        self.send_response_only(403)
        self.send_header("Content-Length", "0")
        self.end_headers()
        self.close_connection = True

    def do_GET(self) -> None:
        self._refuse(self.path)

    do_POST = do_PUT = do_HEAD = do_GET


def _pump(near: socket.socket, far: socket.socket) -> None:
    ends = {near: far, far: near}
    while True:
        ready, _, _ = select.select(list(ends), [], [], 60)
        for end in ready:
            data = end.recv(262144)
            if not data:
                return
            ends[end].sendall(data)
