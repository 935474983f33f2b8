"""No call hangs for ever: not with a peer that is silent, nor with one that trickles; what moves is let live."""

from __future__ import annotations

import contextlib
import socketserver
import threading
import time
import types
from collections.abc import Callable, Iterator

import pytest
from azure.core.rest import HttpRequest

from amlrun.azure import calls as calls_module
from amlrun.azure.calls import CallBudget
from amlrun.azure.transport import Transport
from amlrun.errors import AmlError

Answer = Callable[[socketserver.StreamRequestHandler, threading.Event], None]
LENGTH = 4_000_000
HEAD = f"HTTP/1.1 200 OK\r\nContent-Length: {LENGTH}\r\n\r\n".encode()


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


@contextlib.contextmanager
def server(answer: Answer) -> Iterator[str]:
    """A peer on the loopback; `answer` gets each request's handler, and an event that tells the test's end."""
    over = threading.Event()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            with contextlib.suppress(OSError):
                while self.rfile.readline().strip():
                    pass
                answer(self, over)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        block_on_close = False

    with Server(("127.0.0.1", 0), Handler) as made:
        threading.Thread(target=made.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{made.server_address[1]}/x"
        finally:
            over.set()
            made.shutdown()


def silent(handler: socketserver.StreamRequestHandler, over: threading.Event) -> None:
    over.wait(120)


def trickle(text: bytes, pause: float) -> Answer:
    """The text byte by byte, then a byte at a time; after a minute the rest, so that who waited is seen."""

    def answer(handler: socketserver.StreamRequestHandler, over: threading.Event) -> None:
        end = time.monotonic() + 60
        sent = 0
        while time.monotonic() < end:
            handler.wfile.write(text[sent : sent + 1] or b" ")
            sent += 1
            if over.wait(pause):
                return
        handler.wfile.write(text[sent:] + bytes(LENGTH - max(0, sent - len(text))))

    return answer


@pytest.mark.parametrize("answer", [silent, trickle(HEAD, 0.1), trickle(HEAD, 0.01)], ids=["silent", "head", "body"])
@pytest.mark.parametrize("transfer", [False, True], ids=["request", "transfer"])
def test_a_peer_that_does_not_come_to_an_end(monkeypatch: pytest.MonkeyPatch, answer: Answer, transfer: bool) -> None:
    monkeypatch.setenv("AML_AZURE_DEADLINE", "1")
    with server(answer) as url, pytest.raises(AmlError) as error:
        transport = Transport()
        with transport.call("ask", transfer=transfer):
            transport.send(HttpRequest("GET", url)).read()
    assert error.value.exit_code == 3
    assert "could not ask" in error.value.message and "GET 127.0.0.1/x: no response" in error.value.message


def test_a_peer_that_does_not_take_what_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AML_AZURE_DEADLINE", "1")
    with server(silent) as url, pytest.raises(AmlError) as error:
        transport = Transport()
        with transport.call("send a file", transfer=True):
            transport.send(HttpRequest("PUT", url, content=bytes(50_000_000)))
    assert error.value.exit_code == 3


def test_a_slow_transfer_lives_longer_than_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AML_AZURE_DEADLINE", "4")

    def slow(handler: socketserver.StreamRequestHandler, over: threading.Event) -> None:
        handler.wfile.write(HEAD)
        for _ in range(40):
            handler.wfile.write(bytes(100_000))
            over.wait(0.15)

    with server(slow) as url:
        transport = Transport()
        with transport.call("fetch", transfer=True):
            assert len(transport.send(HttpRequest("GET", url)).read()) == LENGTH


def test_only_bytes_that_move_give_time_back() -> None:
    calls = CallBudget()
    with calls.call("fetch", 1000, transfer=True):
        calls.attempt("GET", "http://x/y")
        calls._request_until = before = calls._until
        calls.moved(1_000_000, 30.0, came=True)
        assert calls._until - before == pytest.approx(30.0)
        calls.moved(1, 60.0, came=True)
        assert calls._until - before == pytest.approx(30.0, abs=0.01)
        # A whole file swallowed at once by buffers on the way is no life either.
        calls.moved(50_000_000, 0.0, came=False)
        assert calls._until - before == pytest.approx(30.0, abs=0.01)
    with calls.call("ask", 1000):
        before = calls._until
        calls.moved(1_000_000, 30.0, came=True)
        assert calls._until == before


def test_signing_in_is_not_taken_from_the_call_that_needs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(calls_module, "time", types.SimpleNamespace(monotonic=lambda: now[0]))
    calls = CallBudget()
    with calls.call("ask", 100):
        now[0] += 40
        with calls.call("sign in", 330):
            assert calls.doing == "sign in"
            now[0] += 300
            assert calls._until - now[0] == 30
        assert calls.doing == "ask"
        assert calls._until - now[0] == 60


def test_one_request_has_the_deadline_also_in_a_longer_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AML_AZURE_DEADLINE", "1")
    with server(trickle(HEAD, 0.05)) as url, pytest.raises(AmlError) as error:
        transport = Transport()
        with transport.call("wait for a machine", 1800):
            transport.send(HttpRequest("GET", url)).read()
    assert error.value.exit_code == 3


def test_what_the_deadline_cuts_off_is_not_the_cause(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rate limited until the time was over: the last attempt's silence is our own doing."""
    monkeypatch.setenv("AML_AZURE_DEADLINE", "0.05")
    budget = CallBudget()
    with pytest.raises(AmlError, match="the service answered 429"), budget.call("do it"):
        budget.attempt("PUT", "http://x/y")
        budget.answered(429)
        budget.attempt("PUT", "http://x/y")
        time.sleep(0.06)
        budget.failed(TimeoutError("timed out"))
        budget.attempt("PUT", "http://x/y")
