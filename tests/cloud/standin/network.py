"""The network that the command sees: an own authority, a CONNECT proxy, and one TLS server for every host played.

The proxy (proxy.py) opens a tunnel to exactly the hosts that are played; every other is refused and noted in
`refused`. The server (front.py) makes the faults, before or after the stand-in has acted on a request.
"""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable
from pathlib import Path

import trustme

from standin.exchange import Fault, Reply, Request
from standin.front import Front
from standin.proxy import Proxy

HOSTS = ("management.azure.com", "login.microsoftonline.com", "westeurope.api.azureml.ms")


class Network:
    """`answer` acts on one request; `passthrough` maps a host to a local TLS port that speaks for itself."""

    def __init__(self, folder: Path, names: list[str], answer: Callable[[Request], Reply]) -> None:
        authority = trustme.CA()
        leaf = authority.issue_cert(*HOSTS, *names, "127.0.0.1")
        self.authority = folder / "authority.pem"
        self.certificate, self.key = folder / "certificate.pem", folder / "key.pem"
        authority.cert_pem.write_to_path(self.authority)
        self.key.write_bytes(leaf.private_key_pem.bytes())
        self.certificate.write_bytes(b"".join(part.bytes() for part in leaf.cert_chain_pems))
        self.names = {*HOSTS, *names}
        self.passthrough: dict[str, int] = {}
        self.faults: list[Fault] = []
        self.refused: list[str] = []
        self.seen: list[str] = []
        self.keep_front = False
        self._lock = threading.Lock()
        self._over = threading.Event()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.key)
        self._front = Front(context, self.fault, answer, self._over)
        self.proxy = Proxy(self.route, self.refused)
        for server in (self._front, self.proxy):
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables that send a process here."""
        proxy = f"http://127.0.0.1:{self.proxy.server_address[1]}"
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

    def stop(self) -> None:
        self._over.set()
        for server in (self._front, self.proxy):
            server.shutdown()
            server.server_close()
