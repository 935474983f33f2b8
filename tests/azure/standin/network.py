"""The network that the command sees: an own authority, a CONNECT proxy, and one TLS server for every host played.

The proxy opens a tunnel to exactly the hosts that are played; every other is refused and noted in `refused`.
Faults are injected here, before (or after) the stand-in has acted on a request.
"""

from __future__ import annotations

import contextlib
import re
import select
import socket
import ssl
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

HOSTS = ("management.azure.com", "login.microsoftonline.com", "westeurope.api.azureml.ms")


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


class Network:
    """`answer` acts on one request; `passthrough` maps a host to a local TLS port that speaks for itself."""

    def __init__(self, folder: Path, names: list[str], answer: Callable[[Request], Reply]) -> None:
        import trustme

        authority = trustme.CA()
        leaf = authority.issue_cert(*HOSTS, *names, "127.0.0.1")
        self.authority = folder / "authority.pem"
        self.certificate, self.key = folder / "certificate.pem", folder / "key.pem"
        authority.cert_pem.write_to_path(self.authority)
        self.key.write_bytes(leaf.private_key_pem.bytes())
        self.certificate.write_bytes(b"".join(part.bytes() for part in leaf.cert_chain_pems))
        self.names = {*HOSTS, *names}
        self.answer = answer
        self.passthrough: dict[str, int] = {}
        self.faults: list[Fault] = []
        self.refused: list[str] = []
        self.seen: list[str] = []
        self.keep_front = False
        self._lock = threading.Lock()
        self._over = threading.Event()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.key)
        self._front = _Front(self, context)
        self._proxy = _Proxy(self)
        for server in (self._front, self._proxy):
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables that send a process here."""
        proxy = f"http://127.0.0.1:{self._proxy.server_address[1]}"
        found = {"HTTPS_PROXY": proxy, "HTTP_PROXY": proxy, "NO_PROXY": "", "REQUESTS_CA_BUNDLE": str(self.authority)}
        return {**found, **{name.lower(): value for name, value in found.items() if name != "REQUESTS_CA_BUNDLE"}}

    def route(self, host: str) -> int | None:
        """The local port behind a host; None refuses it."""
        if host not in self.names:
            return None
        # Faults on blobs can only be made in front of Azurite.
        if host in self.passthrough and not self.keep_front and not any("blob" in f.pattern for f in self.faults):
            return self.passthrough[host]
        port: int = self._front.server_address[1]
        return port

    def fault(self, request: Request) -> Fault | None:
        with self._lock:
            self.seen.append(request.line)
            return next((fault for fault in self.faults if fault.meets(request.line)), None)

    def add(self, fault: Fault) -> Fault:
        with self._lock:
            self.faults.append(fault)
        return fault

    def remove(self, fault: Fault) -> None:
        with self._lock:
            self.faults.remove(fault)

    def hold(self) -> None:
        """What a black hole does with a request: nothing, until the test is over."""
        self._over.wait(600)

    def over(self, seconds: float) -> bool:
        """Whether the test is over, after a wait of at most that long."""
        return self._over.wait(seconds)

    def stop(self) -> None:
        self._over.set()
        for server in (self._front, self._proxy):
            server.shutdown()
            server.server_close()


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is not news."""


class _Front(_Quiet):
    def __init__(self, network: Network, context: ssl.SSLContext) -> None:
        self.network, self.context = network, context
        super().__init__(("127.0.0.1", 0), _FrontHandler)

    def finish_request(self, request: Any, client_address: Any) -> None:
        request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self.context.wrap_socket(request, server_side=True) as wrapped:
            _FrontHandler(wrapped, client_address, self)


class _FrontHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    server: _Front

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def _serve(self) -> None:
        if self.headers.get("Expect", "").lower() == "100-continue":
            self.send_response_only(100)
            self.end_headers()
        length = int(self.headers.get("Content-Length") or 0)
        host = self.headers["Host"].removesuffix(":443")
        request = Request(self.command, host, self.path, dict(self.headers), self.rfile.read(length))
        network = self.server.network
        fault = network.fault(request)
        kind = "" if fault is None else fault.kind
        if kind == "black-hole":
            network.hold()
            self.close_connection = True
        elif kind == "dribble":
            self._dribble()
        elif kind == "reset":
            self._reset()
        elif fault is not None and kind.isdigit():
            self._send(_refusal(fault, request))
        elif kind == "not-json":
            self._send(Reply(200, b"<html>please sign in</html>", {"Content-Type": "text/html"}))
        else:
            reply = network.answer(request)
            if kind == "reset-after":
                self._reset()
            else:
                self._send(reply, cut=kind == "cut")

    do_GET = do_PUT = do_POST = do_PATCH = do_DELETE = do_HEAD = _serve

    def _send(self, reply: Reply, cut: bool = False) -> None:
        self.send_response_only(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if "Content-Length" not in reply.headers:
            self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(reply.body[: len(reply.body) // 2] if cut else reply.body)
        self.wfile.flush()
        if cut:
            self.close_connection = True

    def _dribble(self) -> None:
        self.close_connection = True
        text = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n"
        with contextlib.suppress(OSError):
            for at in range(100_000):
                self.wfile.write(text[at : at + 1] or b" ")
                self.wfile.flush()
                if self.server.network.over(0.25):
                    return

    def _reset(self) -> None:
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            socket.socket.shutdown(self.connection, socket.SHUT_RDWR)


def _refusal(fault: Fault, request: Request) -> Reply:
    import json

    status = int(fault.kind)
    headers = {} if fault.retry_after is None else {"Retry-After": fault.retry_after}
    if "blob.core" in request.host:
        code = {403: "AuthorizationPermissionMismatch", 503: "ServerBusy"}.get(status, "InternalError")
        text = f'<?xml version="1.0" encoding="utf-8"?><Error><Code>{code}</Code><Message>injected</Message></Error>'
        return Reply(status, text.encode(), {**headers, "Content-Type": "application/xml", "x-ms-error-code": code})
    text = json.dumps({"error": {"code": f"Injected{status}", "message": f"the stand-in answers {status} here"}})
    return Reply(status, text.encode(), {**headers, "Content-Type": "application/json"})


class _Proxy(_Quiet):
    def __init__(self, network: Network) -> None:
        self.network = network
        super().__init__(("127.0.0.1", 0), _ProxyHandler)


class _ProxyHandler(BaseHTTPRequestHandler):
    server: _Proxy

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_CONNECT(self) -> None:
        host, _, port = self.path.partition(":")
        behind = self.server.network.route(host) if port == "443" else None
        if behind is None:
            self._refuse(self.path)
            return
        with socket.create_connection(("127.0.0.1", behind)) as far:
            self.send_response_only(200)
            self.end_headers()
            self.wfile.flush()
            for end in (far, self.connection):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with contextlib.suppress(OSError):
                _pump(self.connection, far)
        self.close_connection = True

    def _refuse(self, what: str) -> None:
        self.server.network.refused.append(what)
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
