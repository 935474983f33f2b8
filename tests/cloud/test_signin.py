"""The ways to sign in: each is gone through for real, but for Microsoft at the other end (standin/entra.py)."""

from __future__ import annotations

import datetime
import http.server
import json
import os
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from standin import entra
from standin.person import Person
from standin.project import Cloud
from standin.world import Ended

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the stand-in needs a POSIX shell")
# What a process's environment has of the service principal, taken away.
NOBODY = {"AZURE_TENANT_ID": "", "AZURE_CLIENT_ID": "", "AZURE_CLIENT_SECRET": ""}
TENANT, CLIENT = entra.TENANT, "33333333-3333-3333-3333-333333333333"
WRONG, MACHINE = "a-secret-that-is-wrong", "a-machine's-secret"
# What commands of the test under way printed.
printed: list[str] = []


@pytest.fixture(autouse=True)
def nothing_leaks(cloud: Cloud) -> Iterator[None]:
    """No secret and no token, right or wrong, is printed, nor kept in the project, the cache or the home folder."""
    printed.clear()
    yield
    assert printed
    places = cloud.path, cloud.path.parent / "cache", cloud.world.folder / "home"
    kept = [file for place in places for file in files(place)]
    texts = {"what was printed": "".join(printed).encode(), **{str(file): file.read_bytes() for file in kept}}
    for secret in (*entra.given, WRONG, MACHINE):
        assert [where for where, text in texts.items() if secret.encode() in text] == []


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def ended(done: Ended) -> Ended:
    printed.append(done.text)
    return done


def show(cloud: Cloud, *words: str, **variables: str) -> Ended:
    return ended(cloud.aml("workspace", "show", *words, **{**NOBODY, **variables}))


def program(folder: Path, name: str, text: str) -> str:
    """A program of that name in a folder of its own; a PATH that has it."""
    folder.mkdir()
    (folder / name).write_text(f"#!{sys.executable}\n{text}", encoding="utf-8")
    (folder / name).chmod(0o755)
    return str(folder)


def az(folder: Path) -> str:
    """An `az` that is signed in, and notes each time that it is called beside itself."""
    answer = {
        "accessToken": entra.access_token(TENANT, "https://management.azure.com", "az"),
        "expiresOn": "2099-01-01 00:00:00.000000",
        "expires_on": int(time.time()) + 3600,
        "tokenType": "Bearer",
    }
    note = f"import sys\nwith open({str(folder / 'calls')!r}, 'a') as stream:\n    print(*sys.argv[1:], file=stream)\n"
    return program(folder, "az", f"{note}print({json.dumps(answer)!r})\n")


@pytest.fixture
def machine() -> Iterator[str]:
    """The identity endpoint of a compute instance: a token for who has its secret."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            pass

        def do_GET(self) -> None:
            query = parse_qs(urlsplit(self.path).query)
            secret = self.headers.get("secret") or self.headers.get("X-IDENTITY-HEADER")
            good = secret == MACHINE and query["resource"] == ["https://management.azure.com"]
            token = entra.access_token(TENANT, query["resource"][0], "managed identity")
            body = {"access_token": token, "expires_on": str(int(time.time()) + 3600), "token_type": "Bearer"}
            text = json.dumps(body if good else {"message": "no identity for you"}).encode()
            self.send_response(200 if good else 400)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as made:
        threading.Thread(target=made.serve_forever, args=(0.05,), daemon=True).start()
        yield f"http://127.0.0.1:{made.server_address[1]}/token"
        made.shutdown()


def test_a_service_principal_with_a_certificate(cloud: Cloud, tmp_path: Path) -> None:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a principal")])
    now = datetime.datetime.now(datetime.timezone.utc)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
    made = made.not_valid_before(now).not_valid_after(now + datetime.timedelta(days=1))
    pem = tmp_path / "principal.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    pem.write_bytes(private + made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    done = show(cloud, AZURE_TENANT_ID=TENANT, AZURE_CLIENT_ID=CLIENT, AZURE_CLIENT_CERTIFICATE_PATH=str(pem))
    assert done.code == 0, done.text
    assert cloud.workspace.signed_in == {"certificate"}


def test_workload_identity(cloud: Cloud, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text(entra.FEDERATED, encoding="utf-8")
    said = {"AZURE_TENANT_ID": TENANT, "AZURE_CLIENT_ID": CLIENT, "AZURE_FEDERATED_TOKEN_FILE": str(token)}
    done = show(cloud, **said)
    assert done.code == 0, done.text
    assert cloud.workspace.signed_in == {"workload identity"}
    token.unlink()
    gone = show(cloud, **said)
    assert gone.code == 3
    assert "workload identity: " in gone.err and str(token) in gone.err


@pytest.mark.parametrize(
    ("place", "secret"), [("MSI_ENDPOINT", "MSI_SECRET"), ("IDENTITY_ENDPOINT", "IDENTITY_HEADER")]
)
def test_managed_identity(cloud: Cloud, machine: str, place: str, secret: str) -> None:
    done = show(cloud, NO_PROXY="127.0.0.1", **{place: machine, secret: MACHINE})
    assert done.code == 0, done.text
    assert cloud.workspace.signed_in == {"managed identity"}
    refused = show(cloud, NO_PROXY="127.0.0.1", **{place: machine, secret: WRONG})
    assert refused.code == 3
    assert "managed identity: " in refused.err and "no identity for you" in refused.err


def test_the_azure_cli(cloud: Cloud, tmp_path: Path) -> None:
    done = show(cloud, PATH=az(tmp_path / "bin"))
    assert done.code == 0, done.text
    assert cloud.workspace.signed_in == {"az"}


def test_the_azure_cli_is_asked_once_and_no_record_has_its_token(cloud: Cloud, tmp_path: Path) -> None:
    done = ended(cloud.submit(**NOBODY, PATH=az(tmp_path / "bin")))
    assert done.code == 0, done.text
    assert cloud.workspace.signed_in == {"az"}
    calls = (tmp_path / "bin" / "calls").read_text(encoding="utf-8").splitlines()
    assert len(calls) == 1 and "https://management.azure.com" in calls[0], calls
    (job,) = cloud.workspace.jobs.values()
    assert not [secret for secret in entra.given if secret in json.dumps(job.said)]


def test_an_azure_cli_that_is_not_signed_in(cloud: Cloud, tmp_path: Path) -> None:
    text = "import sys\nsys.exit(\"ERROR: Please run 'az login' to setup account.\")\n"
    done = show(cloud, PATH=program(tmp_path / "bin", "az", text))
    assert done.code == 3
    assert "Tried:\n  az login: Please run 'az login'" in done.err


def test_an_azure_cli_that_hangs(cloud: Cloud, tmp_path: Path) -> None:
    done = show(cloud, PATH=program(tmp_path / "bin", "az", "import time\ntime.sleep(600)\n"), AML_AZURE_DEADLINE="2")
    assert done.code == 3
    assert "Tried:\n  az login: no answer in 2 s" in done.err


def test_an_azure_cli_that_says_something_else(cloud: Cloud, tmp_path: Path) -> None:
    token = entra.access_token(TENANT, "https://management.azure.com", "az")
    done = show(cloud, PATH=program(tmp_path / "bin", "az", f'print(\'{{"accessToken":"{token}"}} and more\')\n'))
    assert done.code == 3
    assert "Tried:\n  az login: its output is not a token" in done.err


def test_a_traceback_has_no_secret(cloud: Cloud) -> None:
    done = show(cloud, "--debug", AZURE_TENANT_ID=TENANT, AZURE_CLIENT_ID=CLIENT, AZURE_CLIENT_SECRET=WRONG)
    assert "Traceback" in done.err and "Invalid client secret" in done.err


def test_what_was_set_up_and_failed_is_told_when_another_way_works(cloud: Cloud, tmp_path: Path) -> None:
    principal = {"AZURE_TENANT_ID": TENANT, "AZURE_CLIENT_ID": CLIENT, "AZURE_CLIENT_SECRET": WRONG}
    done = show(cloud, PATH=az(tmp_path / "bin"), **principal)
    assert done.code == 0, done.text
    assert cloud.workspace.signed_in == {"az"}
    assert "Signed in with az login, after others failed:\n  service principal: " in done.text
    assert "Invalid client secret" in done.text


def test_the_environment_comes_before_the_azure_cli(cloud: Cloud, tmp_path: Path, machine: str) -> None:
    path = az(tmp_path / "bin")
    token = tmp_path / "token"
    token.write_text(entra.FEDERATED, encoding="utf-8")
    said = {"AZURE_TENANT_ID": TENANT, "AZURE_CLIENT_ID": CLIENT, "AZURE_CLIENT_SECRET": entra.SECRET}
    said |= {"AZURE_FEDERATED_TOKEN_FILE": str(token), "PATH": path}
    said |= {"MSI_ENDPOINT": machine, "MSI_SECRET": MACHINE, "NO_PROXY": "127.0.0.1"}
    for taken, way in (
        ("AZURE_CLIENT_SECRET", "secret"),
        ("AZURE_FEDERATED_TOKEN_FILE", "workload identity"),
        ("MSI_ENDPOINT", "managed identity"),
        ("PATH", "az"),
    ):
        cloud.workspace.signed_in.clear()
        done = show(cloud, **said)
        assert done.code == 0, done.text
        assert cloud.workspace.signed_in == {way}
        del said[taken]


def test_nobody_to_sign_in_is_told_at_once_and_asks_nobody(cloud: Cloud) -> None:
    before = len(cloud.world.network.seen)
    done = show(cloud)
    assert done.code == 3
    assert cloud.world.network.seen[before:] == []
    assert "Tried:" not in done.err
    for way in ("service principal", "workload identity", "managed identity", "az login", "browser", "device code"):
        assert f"\n  {way}: " in done.err
    assert "no interactive sign-in: this is not a terminal" in done.err and "Sign in with `az login`" in done.err


def test_a_person_at_a_terminal_is_given_a_device_code(cloud: Cloud) -> None:
    over_ssh = {"SSH_CONNECTION": "10.0.0.1 1 10.0.0.2 22"}
    person = Person(cloud, "workspace", "show", "-o", "json", **NOBODY, **over_ssh)
    assert person.wait() == 0, person.shown
    printed.append(person.shown)
    assert "https://microsoft.com/devicelogin" in person.shown and entra.USER_CODE in person.shown
    assert "`az login`" in person.shown
    assert cloud.workspace.signed_in == {"device code"}


BROWSER = """\
import sys, urllib.parse, urllib.request
said = urllib.parse.parse_qs(urllib.parse.urlsplit(sys.argv[1]).query)
form = urllib.parse.urlencode({"code": "browser-code." + said["nonce"][0], "state": said["state"][0]})
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
where = said["redirect_uri"][0]
if said.get("response_mode") == ["form_post"]:
    opener.open(where, form.encode()).read()
else:
    opener.open(f"{where}/?{form}").read()
"""


def test_a_person_with_a_screen_signs_in_with_the_browser(cloud: Cloud, tmp_path: Path) -> None:
    path = program(tmp_path / "bin", "a-browser", BROWSER)
    screen = {"DISPLAY": ":0", "BROWSER": f"{path}/a-browser %s &", "NO_PROXY": "localhost"}
    person = Person(cloud, "workspace", "show", "-o", "json", **NOBODY, **screen)
    assert person.wait() == 0, person.shown
    printed.append(person.shown)
    assert cloud.workspace.signed_in == {"browser"}, person.shown


def test_to_attach_a_folder_nobody_has_to_sign_in(cloud: Cloud) -> None:
    person = Person(cloud, "folder", "attach", "-o", "json", **NOBODY)
    assert person.wait() == 0, person.shown
    printed.append(person.shown)
    assert "The workspace was not checked: could not sign in" in person.shown
    assert not cloud.workspace.signed_in
