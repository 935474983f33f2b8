"""A server that other machines could reach is none: where it cannot be bound to this machine it does not start."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from amlrun.serving import process
from amlrun.workers import score_server

pytestmark = pytest.mark.slow

# A server that listens where its argument says, and answers every request.
SERVER = """
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers()
    def log_message(self, *words): pass
server = HTTPServer((sys.argv[1], 0), Handler)
print(server.server_address[1], flush=True)
server.serve_forever()
"""


def test_the_servers_own_address_is_replaced() -> None:
    package = SimpleNamespace(DEFAULT_HOST="0.0.0.0")  # noqa: S104 - as the package has it
    score_server.bind_to_this_machine(package)
    assert package.DEFAULT_HOST == "127.0.0.1"


@pytest.mark.parametrize("package", [SimpleNamespace(), SimpleNamespace(HOST="::"), SimpleNamespace(DEFAULT_HOST=0)])
def test_a_package_that_names_its_address_otherwise_is_not_started(package: SimpleNamespace) -> None:
    with pytest.raises(SystemExit, match=r"cannot be bound to 127\.0\.0\.1"):
        score_server.bind_to_this_machine(package)


@pytest.mark.parametrize(("address", "why"), [("127.0.0.1", ""), ("0.0.0.0", process.EXPOSED)])  # noqa: S104
def test_a_server_that_listens_for_others_is_not_healthy(tmp_path: Path, address: str, why: str) -> None:
    words = [sys.executable, "-c", SERVER, address]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        port = int(server.stdout.readline())
        assert process.await_health(server, port, 600, tmp_path / "log") == why
        server.kill()


def test_where_the_system_does_not_say_who_listens_the_addresses_are_tried() -> None:
    with socket.create_server(("127.0.0.1", 0)) as local:
        assert process._answering(local.getsockname()[1]) == {"127.0.0.1"}
    others = {"127.0.0.1"} | {
        one[4][0] for one in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET, socket.SOCK_STREAM)
    }
    with socket.create_server(("0.0.0.0", 0)) as everywhere:  # noqa: S104
        assert others & process._answering(everywhere.getsockname()[1])
