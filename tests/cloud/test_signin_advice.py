"""What keeps a company's machine from signing in is named, with the next step: certificate, proxy, tenant."""

from __future__ import annotations

import http.server
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme
from standin.project import Cloud
from standin.world import Ended

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the stand-in needs a POSIX shell")


def show(cloud: Cloud, **variables: str) -> Ended:
    done = cloud.aml("workspace", "show", **variables)
    assert done.code == 3 and "Traceback" not in done.err, done.text
    return done


def test_a_certificate_that_is_not_trusted(cloud: Cloud) -> None:
    done = show(cloud, REQUESTS_CA_BUNDLE="")
    assert "service principal: its certificate is not trusted" in done.err
    assert done.err.rstrip().splitlines()[-1].startswith("Set REQUESTS_CA_BUNDLE=/path/to/company-ca.pem")
    assert "Sign in with `az login`" not in done.err


def test_the_variable_that_only_other_programs_read(cloud: Cloud) -> None:
    done = show(cloud, REQUESTS_CA_BUNDLE="", SSL_CERT_FILE=str(cloud.world.network.authority))
    assert "SSL_CERT_FILE is not read by Azure's packages. Set REQUESTS_CA_BUNDLE=" in done.err


def test_a_bundle_of_another_authority(cloud: Cloud, tmp_path: Path) -> None:
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(str(other))
    done = show(cloud, REQUESTS_CA_BUNDLE=str(other))
    assert f"REQUESTS_CA_BUNDLE={other} does not contain the CA that signed it" in done.err


def test_a_bundle_that_is_not_there(cloud: Cloud) -> None:
    done = show(cloud, REQUESTS_CA_BUNDLE="/nowhere/ca.pem")
    assert "REQUESTS_CA_BUNDLE must name an existing file: /nowhere/ca.pem" in done.err


@pytest.fixture
def refusing() -> Iterator[int]:
    """A proxy that lets nobody through without a user's name; the port."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            pass

        def do_CONNECT(self) -> None:
            self.send_response(407, "Proxy Authentication Required")
            self.send_header("Content-Length", "0")
            self.end_headers()

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as made:
        threading.Thread(target=made.serve_forever, args=(0.05,), daemon=True).start()
        yield made.server_address[1]
        made.shutdown()


def test_a_proxy_that_wants_a_user(cloud: Cloud, refusing: int) -> None:
    done = show(cloud, https_proxy=f"http://me:hunter2@127.0.0.1:{refusing}")
    assert "the proxy refused the connection (407 Proxy Authentication Required)" in done.err
    assert "requires authentication: set http://USER:PASSWORD@HOST:PORT" in done.err and "hunter2" not in done.text


@pytest.mark.parametrize("proxy", ["http://127.0.0.1:9", "http://no-such-proxy.invalid:8080"])
def test_a_proxy_that_does_not_answer(cloud: Cloud, proxy: str) -> None:
    done = show(cloud, https_proxy=proxy)
    assert "the proxy does not answer" in done.err
    assert f"https_proxy={proxy} does not respond as a proxy" in done.err


@pytest.mark.parametrize(
    ("said", "step"),
    [
        ("AADSTS90002: Tenant 'x' not found.", "AZURE_TENANT_ID names no directory"),
        ("AADSTS700016: Application with identifier 'x' was not found.", "AZURE_CLIENT_ID names no application"),
        ("AADSTS7000222: The provided client secret keys are expired.", "The secret has expired"),
        ("AADSTS53003: Access has been blocked by Conditional Access.", "conditional access"),
        ("AADSTS7000215: Invalid client secret provided.", "it is the secret's value, not its id"),
    ],
)
def test_what_entra_id_says_has_a_next_step(cloud: Cloud, said: str, step: str) -> None:
    done = show(cloud, AZURE_CLIENT_SECRET=said)
    assert said.rstrip(".") in done.err and step in done.err.splitlines()[-1]


def test_a_token_of_another_tenant(cloud: Cloud) -> None:
    done = show(cloud, AZURE_TENANT_ID="99999999-9999-9999-9999-999999999999")
    assert "wrong issuer" in done.err and "`az login --tenant ID`, or AZURE_TENANT_ID" in done.err
