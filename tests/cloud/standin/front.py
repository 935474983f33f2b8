"""The TLS server behind the proxy: it answers for every host played, and goes wrong where a fault says so."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import struct
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import Any

from standin import entra
from standin.exchange import Fault, Quiet, Reply, Request


class Front(Quiet):
    """`fault` says what goes wrong with a request, `answer` acts on it; `over` is set when the tests end."""

    def __init__(
        self,
        context: ssl.SSLContext,
        fault: Callable[[Request], Fault | None],
        answer: Callable[[Request], Reply],
        over: threading.Event,
    ) -> None:
        self.context, self.fault, self.answer, self.over = context, fault, answer, over
        super().__init__(("127.0.0.1", 0), Handler)

    def finish_request(self, request: Any, client_address: Any) -> None:
        request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self.context.wrap_socket(request, server_side=True) as wrapped:
            Handler(wrapped, client_address, self)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    server: Front

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def _serve(self) -> None:
        if self.headers.get("Expect", "").lower() == "100-continue":
            self.send_response_only(100)
            self.end_headers()
        length = int(self.headers.get("Content-Length") or 0)
        host = self.headers["Host"].removesuffix(":443")
        request = Request(self.command, host, self.path, dict(self.headers), self.rfile.read(length))
        fault = self.server.fault(request)
        kind = "" if fault is None else fault.kind
        if kind == "black-hole":
            self.server.over.wait(600)
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
            reply = self.server.answer(request)
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
                if self.server.over.wait(0.25):
                    return

    def _reset(self) -> None:
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            socket.socket.shutdown(self.connection, socket.SHUT_RDWR)


def _refusal(fault: Fault, request: Request) -> Reply:
    status = int(fault.kind)
    headers = {} if fault.retry_after is None else {"Retry-After": fault.retry_after}
    if "blob.core" in request.host:
        code = {403: "AuthorizationPermissionMismatch", 503: "ServerBusy"}.get(status, "InternalError")
        text = f'<?xml version="1.0" encoding="utf-8"?><Error><Code>{code}</Code><Message>injected</Message></Error>'
        return Reply(status, text.encode(), {**headers, "Content-Type": "application/xml", "x-ms-error-code": code})
    said: Any = {"code": f"Injected{status}", "message": f"the stand-in answers {status} here"}
    body = (
        {"error": "injected", "error_description": said["message"]} if request.host == entra.HOST else {"error": said}
    )
    return Reply(status, json.dumps(body).encode(), {**headers, "Content-Type": "application/json"})
