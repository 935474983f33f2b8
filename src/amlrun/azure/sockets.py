"""Connections whose every read and write obeys the deadline of the call they serve.

The timeout of a socket is for one read: a peer that sends a byte a minute would hold a call for ever. Here each read
and write gets at most what its thread's call has left, and tells how much it moved and in what time. (Behind a SOCKS
proxy, or one that is itself reached by TLS, the timeout is still for one read.)
"""

from __future__ import annotations

import socket
import ssl
import threading
import time
from typing import Any, Protocol

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.util.ssl_ import create_urllib3_context

# As azure-core's own adapter: fewer, larger writes.
_BLOCK = 32768


class Clock(Protocol):
    """What a call has left."""

    def left(self) -> float:
        """Seconds until the call has to end."""

    def moved(self, size: int, seconds: float, *, came: bool) -> None:
        """Bytes that were read (`came`) or written, and the time that it took."""


class _Here(threading.local):
    clock: Clock | None = None


_here = _Here()


def bind_deadline(clock: Clock) -> None:
    """From now on the reads and writes of this thread obey `clock`."""
    _here.clock = clock


class _Timed:
    """A socket's reads and writes, each within what the clock has left."""

    # Whether what is read is an answer: before TLS it is the proxy's.
    answers = False

    def recv_into(self, *args: Any) -> Any:
        return self._within(super().recv_into, *args, came=self.answers)  # type: ignore[misc]

    def recv(self, *args: Any) -> Any:
        return self._within(super().recv, *args, came=self.answers)  # type: ignore[misc]

    def _within(self: Any, act: Any, *args: Any, came: bool = False, size: int | None = None) -> Any:
        clock = _here.clock
        if clock is None:
            return act(*args)
        left = clock.left()
        if left <= 0:
            raise TimeoutError("timed out")
        own = self.gettimeout()
        if own is None or own > left:
            self.settimeout(left)
        began = time.monotonic()
        try:
            done = act(*args)
        finally:
            self.settimeout(own)
        if size is None:
            size = done if isinstance(done, int) else len(done)
        clock.moved(size, time.monotonic() - began, came=came)
        return done


class _Plain(_Timed, socket.socket):
    def sendall(self, data: Any, *args: Any) -> None:
        self._within(super().sendall, data, *args, size=memoryview(data).nbytes)


class _Secure(_Timed, ssl.SSLSocket):
    answers = True

    # sendall of a TLS socket is made of sends.
    def send(self, data: Any, *args: Any) -> int:
        sent: int = self._within(super().send, data, *args)
        return sent


class _PlainConnection(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        return _timed(super()._new_conn())


class _SecureConnection(HTTPSConnection):
    def _new_conn(self) -> socket.socket:
        return _timed(super()._new_conn())


def _timed(made: socket.socket) -> _Plain:
    family, kind, protocol, timeout = made.family, made.type, made.proto, made.gettimeout()
    timed = _Plain(family, kind, protocol, fileno=made.detach())
    timed.settimeout(timeout)
    return timed


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _PlainConnection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


_POOLS = {"http": _PlainPool, "https": _SecurePool}


class Adapter(HTTPAdapter):
    """The adapter of a session of requests whose connections obey."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, ssl_context=_context(), blocksize=_BLOCK, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        if proxy.lower().startswith("socks"):
            return super().proxy_manager_for(proxy, **kwargs)
        manager = super().proxy_manager_for(proxy, ssl_context=_context(), blocksize=_BLOCK, **kwargs)
        manager.pool_classes_by_scheme = _POOLS
        return manager

    def connections(self, url: str) -> HTTPConnectionPool:
        """A pool of connections to a URL's host, with the proxy and the authorities that the environment says."""
        merged = requests.Session().merge_environment_settings(url, {}, None, None, None)
        asked = requests.Request("GET", url).prepare()
        pool: Any = self.get_connection_with_tls_context(asked, merged["verify"], merged["proxies"], merged["cert"])
        self.cert_verify(pool, url, merged["verify"], merged["cert"])
        context = pool.conn_kw.get("ssl_context")
        if context is not None and (pool.ca_certs or pool.ca_cert_dir):
            # Once for all of them: urllib3 would read the authorities for each connection, 27 ms (measured).
            context.load_verify_locations(pool.ca_certs, pool.ca_cert_dir)
            pool.ca_certs = pool.ca_cert_dir = None
        made: HTTPConnectionPool = pool
        return made


def _context() -> ssl.SSLContext:
    made = create_urllib3_context()
    made.sslsocket_class = _Secure
    return made
