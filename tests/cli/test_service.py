"""`aml model deploy` and `aml service`: a service on this machine, from its start to its last trace."""

from __future__ import annotations

import errno
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psutil
import pytest
from support.serving import LIMIT, Place, free_port, kill, place_fixture, running, wait_for  # noqa: F401 - `place`

import amlrun
from amlrun.errors import AmlError
from amlrun.prepare import snapshot
from amlrun.project import Project
from amlrun.runs import store as runs
from amlrun.serving import http, process, start
from amlrun.serving.folder import ServiceFiles, ServiceSettings
from amlrun.serving.local import LocalService, LocalServices
from amlrun.serving.model_file import ModelFile
from amlrun.serving.once import Request

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the server's own process model differs on Windows")

CONFIGS = ("--ic", "aml_config/inference-config.yml", "--dc", "deployment/deployment-config-local.yml")


@pytest.fixture(scope="module")
def port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def service(place: Place, port: int) -> Iterator[dict[str, Any]]:
    """The one service that most tests use, deployed in a session that is over before they begin."""
    words = ("model", "deploy", "-n", "svc", "-m", "demo-model:1", *CONFIGS, "--port", str(port))
    done = place.aml(*words)
    assert f"http://127.0.0.1:{port}/score" in done.stdout
    assert "curl " in done.stdout
    yield place.json("service", "show", "-n", "svc")
    place.aml("service", "delete", "-n", "svc")


@pytest.fixture
def sample(place: Place) -> str:
    return place.sample.read_text(encoding="utf-8")


def pid_of(place: Place, name: str = "svc") -> int:
    return int(json.loads((place.services / name / "service.json").read_text())["process"]["pid"])


def test_a_service_is_shown_in_v1s_words(place: Place, service: dict[str, Any], port: int) -> None:
    assert service["state"] == "Healthy"
    assert service["computeType"] == "LOCAL"
    assert service["models"] == ["demo-model:1"]
    assert service["scoringUri"] == f"http://127.0.0.1:{port}/score"
    assert [one["name"] for one in place.json("service", "list")] == ["svc"]


def test_it_listens_on_this_machine_alone(place: Place, service: dict[str, Any]) -> None:
    server = psutil.Process(pid_of(place))
    listening = [one.laddr.ip for one in server.net_connections("inet") if one.status == psutil.CONN_LISTEN]
    assert listening
    assert set(listening) == {"127.0.0.1"}


def test_it_belongs_to_no_terminal(place: Place, service: dict[str, Any]) -> None:
    pid = pid_of(place)
    assert os.getsid(pid) == pid, "a session of its own: closing the terminal does not reach it"
    assert psutil.Process(pid).terminal() is None or os.getsid(0) != os.getsid(pid)


def test_service_run_scores_and_prints_json(place: Place, service: dict[str, Any], sample: str) -> None:
    answer = json.loads(place.aml("service", "run", "-n", "svc", "-d", "deployment/sample-request.json").stdout)
    assert sum(answer["probabilities"][0]) == pytest.approx(1)
    assert json.loads(place.aml("service", "run", "-n", "svc", "-d", sample).stdout) == answer


def test_service_run_tells_a_bad_request_from_a_broken_service(place: Place, service: dict[str, Any]) -> None:
    done = place.aml("service", "run", "-n", "svc", "-d", '{"data": []}', code=2)
    assert 'status 400: "data" has no rows' in done.stderr


def test_swagger_describes_the_models_columns(service: dict[str, Any], sample: str) -> None:
    from urllib.request import ProxyHandler, build_opener

    with build_opener(ProxyHandler({})).open(service["swaggerUri"]) as response:
        swagger = json.loads(response.read())
    rows = swagger["definitions"]["ServiceInput"]["properties"]["data"]
    assert rows["items"]["properties"].keys() == json.loads(sample)["data"][0].keys()


def malformed(sample: dict[str, Any], count: int) -> Iterator[bytes]:
    """Requests that are each wrong somewhere, drawn from a fixed seed."""
    draw = random.Random(6)  # noqa: S311 - not for secrets
    row = sample["data"][0]
    columns = list(row)
    for number in range(count):
        column = draw.choice(columns)
        wrong: list[Any] = [
            b"", b"{", b"\xff\xfe\x00", b"null", b"[" * 5000, b"<xml/>", b'{"data": NaN}', b'"text"', b"0",
            json.dumps(sample)[: draw.randrange(1, 600)].encode(),
            {"rows": [row]}, {"data": None}, {"data": []}, {"data": row}, {"data": [[1, 2]]}, {"data": ["a"]},
            {"data": [{key: value for key, value in row.items() if key != column}]},
            {"data": [{**row, column: draw.choice([None, "12", True, [1], {"a": 1}, "", 10**400])}]},
            {"data": [{**row, draw.choice(["", "x" * 999, "\u0000"]): 1}]},
            {"data": [row, {}]}, {"data": [row] * 3 + [{**row, column: float("nan")}]},
            {"data": [{**row, column: float("inf")}]},
        ]  # fmt: skip
        chosen = wrong[number % len(wrong)]
        yield chosen if isinstance(chosen, bytes) else json.dumps(chosen).encode()


def send(port: int, body: bytes, kind: str = "application/json") -> tuple[int, str]:
    from http.client import HTTPConnection

    connection = HTTPConnection("127.0.0.1", port, timeout=LIMIT)
    try:
        connection.request("POST", "/score", body, {"Content-Type": kind})
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


def test_200_malformed_requests_get_a_4xx_with_a_message_and_the_next_good_one_its_answer(
    place: Place, service: dict[str, Any], port: int, sample: str
) -> None:
    before = pid_of(place), [child.pid for child in psutil.Process(pid_of(place)).children()]
    seen = 0
    kinds = ("application/json", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data")
    for number, body in enumerate(malformed(json.loads(sample), 200)):
        status, answer = send(port, body, kinds[number % 7 // 4 * (number % 4)])
        assert 400 <= status < 500, (status, body[:200], answer)
        assert json.loads(answer)["message"], body[:200]
        seen += 1
    assert seen == 200
    status, answer = send(port, sample.encode())
    assert status == 200, answer
    assert (pid_of(place), [child.pid for child in psutil.Process(pid_of(place)).children()]) == before, "no crash"


def test_ten_megabytes_are_refused(service: dict[str, Any], port: int, sample: str) -> None:
    row = json.loads(sample)["data"][0]
    body = json.dumps({"data": [row] * (10_000_000 // len(json.dumps(row)))}).encode()
    status, answer = send(port, body)
    assert status == 413
    assert "bytes" in json.loads(answer)["message"]


def test_a_name_that_is_taken_and_a_port_that_is_in_use_are_refused(
    place: Place, service: dict[str, Any], port: int
) -> None:
    deploy = ("model", "deploy", "-m", "demo-model:1", *CONFIGS)
    taken = place.aml(*deploy, "-n", "svc", code=2)
    assert "--overwrite" in taken.stderr
    used = place.aml(*deploy, "-n", "other", "--port", str(port), code=2)
    assert f"--port: {port} is in use by the service 'svc'" in used.stderr
    for number, said in ((port, f"{port} is in use by the service 'svc'"), (80000, "80000 is not between")):
        (place.model / "aml_config" / "dc.yml").write_text(f"computeType: local\nport: {number}\n")
        blamed = place.aml(*deploy, "-n", "other", "--dc", "aml_config/dc.yml", code=2)
        assert f"dc.yml:2: port: {said}" in blamed.stderr
    assert not (place.services / "other").exists()
    with socket.socket() as foreign:
        foreign.bind(("127.0.0.1", 0))
        foreign.listen()
        number = str(foreign.getsockname()[1])
        assert f"{number} is in use" in place.aml(*deploy, "-n", "other", "--port", number, code=2).stderr
    assert [path.name for path in place.services.iterdir()] == ["svc"], "nothing is left of what was refused"


def test_it_writes_nothing_into_the_home_folder(place: Place, service: dict[str, Any]) -> None:
    assert list(Path(place.variables["HOME"]).rglob("*")) == []


def test_logs_keys_and_statistics(place: Place, service: dict[str, Any], port: int, sample: str) -> None:
    send(port, sample.encode())
    assert "POST /score 200" in place.aml("service", "get-logs", "-n", "svc", "-l", "5").stdout
    assert "POST /score" not in place.aml("service", "get-logs", "-n", "svc", "--init").stdout
    assert place.json("service", "get-keys", "-n", "svc") == {"primaryKey": None, "secondaryKey": None}
    assert place.json("service", "get-access-token", "-n", "svc") == {"accessToken": None}
    assert "svc has no keys" in place.aml("service", "regen-key", "-n", "svc", "-k", "Primary", code=2).stderr
    found = place.json("service", "stats", "-n", "svc")
    assert found["count"] == sum(found["statuses"].values()) > 0
    assert found["errors"]["5xx"] == 0
    assert 0 < found["latency_ms"]["p50"] <= found["latency_ms"]["p99"]
    assert found["rows"] == 0, "what is sent is not kept unless that is asked for"
    assert not (place.services / "svc" / "requests.jsonl").exists()


def test_a_killed_server_is_told_right_and_started_again(place: Place, service: dict[str, Any], sample: str) -> None:
    kill(psutil.Process(pid_of(place)))
    assert place.json("service", "show", "-n", "svc")["state"] == "Failed"
    # A worker that outlives the server answers once more, rightly, and ends.
    wait_for(lambda: http.post(service["scoringUri"], Request(sample.encode()))[0] is None)
    done = place.aml("service", "run", "-n", "svc", "-d", sample, code=3)
    assert "aml service update -n svc" in done.stderr
    place.aml("service", "update", "-n", "svc")
    kill(psutil.Process(pid_of(place)))
    place.aml("service", "update", "-n", "svc")
    assert place.json("service", "show", "-n", "svc")["state"] == "Healthy", "started beside a worker that was left"
    assert "probabilities" in place.aml("service", "run", "-n", "svc", "-d", sample).stdout


def test_a_killed_worker_is_replaced_by_the_server_itself(place: Place, service: dict[str, Any], sample: str) -> None:
    server = psutil.Process(pid_of(place))
    (worker,) = server.children()
    kill(worker)
    wait_for(lambda: http.post(service["scoringUri"], Request(sample.encode()))[0] == 200)
    assert pid_of(place) == server.pid
    assert worker not in server.children()


def test_under_load_and_killed_once_every_answer_is_right_or_an_error(
    place: Place, service: dict[str, Any], sample: str
) -> None:
    """Eight clients while the server is killed and started again; benchmarks/scoring.py does it for a minute."""
    url = service["scoringUri"]
    row = json.loads(sample)["data"][0]
    rows = [{**row, "mean_radius": 10.0 + number} for number in range(8)]
    bodies = [json.dumps({"data": [one]}) for one in rows]
    right = [http.post(url, Request(body.encode()))[1] for body in bodies]
    assert len({json.dumps(one) for one in right}) == 8, "the answers tell the requests apart"
    counts = {"right": 0, "error": 0, "wrong": 0}
    after = [0] * 8
    lock, done, restarted = threading.Lock(), threading.Event(), threading.Event()

    def client(number: int) -> None:
        while not done.is_set():
            status, answer = http.post(url, Request(bodies[number].encode()), timeout=LIMIT)
            kind = "error" if status != 200 else "right" if answer == right[number] else "wrong"
            with lock:
                counts[kind] += 1
                after[number] += kind == "right" and restarted.is_set()
            if kind == "error":
                done.wait(0.05)  # eight clients of nobody would take the machine from the server that starts

    with ThreadPoolExecutor(8) as pool:
        clients = [pool.submit(client, number) for number in range(8)]

        def reached(condition: bool) -> bool:
            return condition or any(one.done() for one in clients)

        try:
            wait_for(lambda: reached(counts["right"] >= 80))
            server = psutil.Process(pid_of(place))
            kill(server, *server.children())
            wait_for(lambda: reached(counts["error"] > 0))
            place.aml("service", "update", "-n", "svc")
            restarted.set()
            wait_for(lambda: reached(min(after) >= 5))
        finally:
            done.set()
            for one in clients:
                one.result()  # raises what ended a client before its time
    assert counts["wrong"] == 0, counts
    assert counts["right"] >= 80
    assert counts["error"] > 0
    assert min(after) >= 5


class Answers(threading.Thread):
    """A server of one connection that reads a request and answers with exactly these bytes."""

    def __init__(self, answer: bytes) -> None:
        super().__init__(daemon=True)
        self.answer = answer
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listening.getsockname()[1]}/score"
        self.start()

    def run(self) -> None:
        connection, _ = self.listening.accept()
        with self.listening, connection:
            received = b""
            while not received.endswith(b"{}"):
                received += connection.recv(65536)
            connection.sendall(self.answer)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[1, 2", "IncompleteRead"),
        (b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 100\r\n\r\n{", "IncompleteRead"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "IncompleteRead"),
        (b"HTTP/1.1 200 OK\r\nContent-Le", "IncompleteRead"),
        (b"POST /score HTTP/1.1\r\n\r\n", "POST /score"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n", "more than 100 headers"),
        (b"", "Remote end closed connection"),
    ],
)
def test_an_answer_that_breaks_off_or_is_none_is_a_reason_and_no_exception(answer: bytes, said: str) -> None:
    status, reason = http.post(Answers(answer).url, Request(b"{}"), timeout=LIMIT)
    assert status is None
    assert said in reason


def test_an_answer_is_read_if_it_is_json() -> None:
    head = b"HTTP/1.1 %d OK\r\nContent-Length: %d\r\n\r\n%s"
    for status, body, answer in [(200, b"[1]", [1]), (503, b"busy", "busy"), (200, b"[" * 9999, "[" * 9999)]:
        url = Answers(head % (status, len(body), body)).url
        assert http.post(url, Request(b"{}"), timeout=LIMIT) == (status, answer)


def test_the_tests_in_deployment_pass_against_the_service(place: Place, service: dict[str, Any]) -> None:
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "deployment"]
    env = {**place.environment(), "SERVICE_URL": service["scoringUri"]}
    done = subprocess.run(words, cwd=place.root, env=env, capture_output=True, text=True, timeout=LIMIT)
    assert done.returncode == 0, done.stdout
    assert "5 passed" in done.stdout


def test_the_request_log_is_asked_for_and_shows_what_was_sent(
    place: Place, service: dict[str, Any], port: int, sample: str, request: pytest.FixtureRequest
) -> None:
    # --rt and --bi are v1's too: a container's affairs, of no account here.
    words = ("--collect-model-data", "true", "--nr", "2", "--rt", "python", "--bi", "registry/image:1")
    place.aml("service", "update", "-n", "svc", *words)
    request.addfinalizer(lambda: place.aml("service", "update", "-n", "svc", "--md", "false", "--nr", "1"))
    row = json.loads(sample)["data"][0]
    for value in (10.0, 20.0, 30.0):
        assert send(port, json.dumps({"data": [{**row, "mean_radius": value}]}).encode())[0] == 200
    assert send(port, b"{")[0] == 400
    found = place.json("service", "stats", "-n", "svc")
    assert found["count"] == 4
    assert found["rows"] == 3
    assert found["errors"] == {"4xx": 1, "5xx": 0}
    assert found["columns"]["mean_radius"] == {"count": 3, "min": 10.0, "mean": 20.0, "max": 30.0}
    assert "mean_radius" in place.aml("service", "stats", "-n", "svc").stdout


@pytest.mark.parametrize(
    ("script", "line", "message", "hint"),
    [
        (
            "def init():\n    raise RuntimeError('none')\ndef run(data): pass\n",
            "2: ",
            "RuntimeError: none",
            "--ic FILE",
        ),
        ("import nosuch\n", "1: ", "No module named 'nosuch'", "Name the missing package in the conda file"),
        ("def run(:\n", "1: ", "SyntaxError: invalid syntax", "aml service get-logs -n failing"),
        ("def init(): pass\n", " ", "does not have a run() function", "--ic FILE"),
    ],
)
def test_a_script_that_fails_at_the_start_is_named_with_the_cause(
    place: Place, script: str, line: str, message: str, hint: str
) -> None:
    (place.model / "failing.py").write_text(script)
    words = ("model", "deploy", "-n", "failing", "-m", "demo-model:1", "--es", "failing.py", "--overwrite")
    words += ("--port", str(free_port()))
    done = place.aml(*words, code=1)
    assert f"Error: failing.py:{line}" in done.stderr
    assert message in done.stderr
    assert hint in done.stderr
    assert "Traceback" not in done.stderr
    assert message in place.aml("service", "get-logs", "-n", "failing").stdout, "the log is kept"
    assert place.json("service", "show", "-n", "failing")["state"] == "Failed"
    place.aml("service", "delete", "-n", "failing")
    assert not (place.services / "failing").exists()


def test_a_changed_model_is_refused_before_a_server_starts(place: Place) -> None:
    place.aml("model", "register", "-n", "tampered", "-p", str(place.model_file))
    path = Path(place.json("model", "show", "-n", "tampered")["path"])
    path.chmod(0o644)
    path.write_bytes(path.read_bytes() + b"\n")
    done = place.aml("model", "deploy", "-n", "tampered", "-m", "tampered", code=2)
    assert "not the registered one" in done.stderr
    assert not (place.services / "tampered").exists()


def test_the_server_refuses_a_model_that_was_changed_in_its_own_folder(place: Place, service: dict[str, Any]) -> None:
    copy = place.services / "svc" / "azureml-models" / "demo-model" / "1" / "model.pkl"
    good = copy.read_bytes()
    copy.write_bytes(good + b"\n")
    done = place.aml("service", "update", "-n", "svc", code=1)
    assert "is not the registered file" in done.stderr
    copy.write_bytes(good)
    place.aml("service", "update", "-n", "svc")


def test_delete_leaves_nothing(place: Place) -> None:
    words = ("-n", "short-lived", "-m", "demo-model:1", "-t", "deployed.json", "--port", str(free_port()))
    place.aml("model", "deploy", *words)
    shown = json.loads((place.model / "deployed.json").read_text())
    server = psutil.Process(pid_of(place, "short-lived"))
    family = [server, *server.children(recursive=True)]
    assert len(family) > 1
    place.aml("service", "delete", "-n", "short-lived")
    assert not any(running(one) for one in family)
    assert not (place.services / "short-lived").exists()
    assert not process.in_use(int(shown["port"]))
    assert "no service 'short-lived'" in place.aml("service", "delete", "-n", "short-lived", code=2).stderr


def test_deploys_at_once_get_a_name_and_a_port_each(place: Place) -> None:
    names = ["twin", "twin", "other"]
    words = ("model", "deploy", "-m", "demo-model:1", "-n")
    started = [place.start(*words, name) for name in names]
    ends = [(*one.communicate("", timeout=LIMIT), one.returncode) for one in started]
    try:
        assert sorted(code for *_, code in ends[:2]) == [0, 2], ends
        assert ends[2][2] == 0, ends
        assert "the service 'twin' already exists" in ends[0][1] + ends[1][1]
        shown = [place.json("service", "show", "-n", name) for name in ("twin", "other")]
        assert [one["state"] for one in shown] == ["Healthy", "Healthy"]
        assert len({one["port"] for one in shown}) == 2
    finally:
        for name in ("twin", "other"):
            place.aml("service", "delete", "-n", name)
    assert not [path for path in place.services.iterdir() if path.name != "svc"], "no folder is left half laid out"


def test_another_programs_answer_is_not_the_services_health(tmp_path: Path) -> None:
    """Two projects may find the same port free: the one whose server did not get it must not say that it is healthy."""
    log = tmp_path / "log.txt"
    log.write_text("[ERROR] Connection in use: ('127.0.0.1', 1)\n")
    with ThreadingHTTPServer(("127.0.0.1", 0), Healthy) as other:
        threading.Thread(target=other.serve_forever, daemon=True).start()
        port = other.server_address[1]
        words = [sys.executable, "-c", "import sys; sys.stdin.read()"]
        with subprocess.Popen(words, stdin=subprocess.PIPE) as server:
            assert process.healthy(port)
            assert "did not answer" in process.await_health(server, port, 1, log)
        assert process.await_health(server, port, LIMIT, log) == process.TAKEN
        other.shutdown()


class Healthy(BaseHTTPRequestHandler):
    """Answers every GET with 200."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, *words: Any) -> None:
        return None


def test_what_is_lost_of_a_service_is_named_and_can_be_replaced(place: Place, service: dict[str, Any]) -> None:
    copy = place.services / "svc" / "azureml-models" / "demo-model" / "1" / "model.pkl"
    copy.unlink()
    lost = place.aml("service", "update", "-n", "svc", code=2)
    assert "model.pkl: the model is missing" in lost.stderr
    assert "-m demo-model:1" in lost.stderr
    place.aml("service", "update", "-n", "svc", "-m", "demo-model:1")
    assert copy.is_file()
    record = place.services / "svc" / "service.json"
    whole = record.read_bytes()
    record.write_bytes(whole[:20])
    for words in (("run", "-d", '{"data": []}'), ("update",)):
        assert "the service's record is damaged" in place.aml("service", *words, "-n", "svc", code=2).stderr
    assert place.json("service", "list")[0]["state"] == "Failed"
    record.write_bytes(whole)
    assert place.json("service", "list")[0]["state"] == "Healthy"


def test_a_pid_that_another_process_has_now_is_left_alone(place: Place) -> None:
    """After a restart of the machine the recorded pid may be anybody's."""
    folder = place.services / "older"
    folder.mkdir(parents=True)
    innocent = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)
    with innocent:
        long_ago = psutil.Process(innocent.pid).create_time() - 3600
        record = {"port": free_port(), "models": [], "process": {"pid": innocent.pid, "seen": long_ago}}
        (folder / "service.json").write_text(json.dumps(record))
        assert place.json("service", "show", "-n", "older")["state"] == "Failed"
        place.aml("service", "delete", "-n", "older")
        assert innocent.poll() is None
    assert not folder.exists()


def endless(place: Place, mark: Path) -> subprocess.Popen[str]:
    """A deploy whose server never is healthy: its init() has begun, and does not end."""
    script = f"import pathlib, time\ndef init():\n    pathlib.Path({str(mark)!r}).touch()\n    time.sleep(9999)\n"
    (place.model / "endless.py").write_text(script + "def run(data): pass\n")
    words = ("model", "deploy", "-n", "endless", "-m", "demo-model:1", "--es", "endless.py")
    deploy = place.start(*words, "--port", str(free_port()))
    wait_for(lambda: mark.exists() or deploy.poll() is not None)
    return deploy


def test_a_service_that_another_command_took_while_it_started_is_left_to_that(place: Place, tmp_path: Path) -> None:
    deploy = endless(place, tmp_path / "first")
    place.aml("service", "delete", "-n", "endless")
    out, err = deploy.communicate(timeout=LIMIT)
    assert deploy.returncode == 1, out + err
    assert "another command deleted the service 'endless'" in err
    deploy = endless(place, tmp_path / "second")
    place.aml("model", "deploy", "-n", "endless", "-m", "demo-model:1", "--overwrite", "--port", str(free_port()))
    out, err = deploy.communicate(timeout=LIMIT)
    assert deploy.returncode == 1, out + err
    assert "another command deleted the service 'endless', or deployed it" in err
    assert place.json("service", "show", "-n", "endless")["state"] == "Healthy"
    place.aml("service", "delete", "-n", "endless")


@pytest.mark.parametrize("mishap", ["a full disk", "Ctrl-C"])
def test_a_server_is_recorded_or_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest, mishap: str
) -> None:
    """Between its start and its record nobody would know of it."""
    found = LocalService(Project(tmp_path), "svc")
    (found.folder / "code").mkdir(parents=True)
    model = {"file": "m", "sha256": "", "source": "m:1", "name": "m", "version": "1"}
    record = {
        "python": sys.executable, "variables": {}, "model": model, "entryScript": "score.py", "port": 1, "token": "t",
    }  # fmt: skip
    (found.folder / "service.json").write_text(json.dumps(record))
    launcher = tmp_path / "server.py"
    launcher.write_text("import time\ntime.sleep(9999)\n")
    monkeypatch.setattr(process, "_LAUNCHER", launcher)
    launch = process.launch
    started: list[psutil.Process] = []
    request.addfinalizer(lambda: kill(*started))

    def launch_then(*words: Any, **more: Any) -> Any:
        server = launch(*words, **more)
        started.append(psutil.Process(server.pid))
        if mishap == "Ctrl-C":
            signal.raise_signal(signal.SIGINT)
        return server

    monkeypatch.setattr(process, "launch", launch_then)
    if mishap == "Ctrl-C":
        with pytest.raises(KeyboardInterrupt):
            start._launch(found, {})
        assert found.record["process"]["pid"] == started[0].pid
        process.stop(found.record["process"], found.folder, "t")
    else:
        monkeypatch.setattr(runs, "replace_json", full_disk)
        with pytest.raises(AmlError, match="could not record the service svc: No space left"):
            start._launch(found, {})
    assert not running(started[0])


def test_a_server_that_stays_silent_is_stopped_and_the_way_to_wait_longer_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AML_CACHE_DIR", str(tmp_path / "cache"))
    code = tmp_path / "code"
    code.mkdir()
    (code / "score.py").write_text("")
    (tmp_path / "model.pkl").touch()
    model = ModelFile(tmp_path / "model.pkl", "", "demo:1", "demo")
    files = ServiceFiles(model, snapshot.build_snapshot(code), "score.py", sys.executable, {})
    service = LocalService(Project(tmp_path), "silent")
    with pytest.raises(AmlError, match="did not answer within 0 s") as caught:
        start.start(service, files, ServiceSettings(port=free_port(), start_timeout=0), overwrite=False)
    assert "--no-wait, then aml service show -n silent" in caught.value.hint
    assert LocalServices(Project(tmp_path)).get("silent").state() == "Failed"


def full_disk(file: Path, value: Any) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.fixture
def without_rights() -> Iterator[None]:
    """No superuser's rights while a test goes on."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_port_for_superusers_is_refused_with_a_better_one(without_rights: None) -> None:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", 1))
        except PermissionError:
            refused = True
        except OSError:
            refused = False
        else:
            refused = False  # a machine that reserves no ports
    if not refused:
        assert process.in_use(1) in (True, False)
        return
    with pytest.raises(AmlError, match="only a superuser may use port 1\nChoose a port above 1023"):
        process.in_use(1)


def test_an_interrupted_deploy_leaves_no_server_behind(place: Place, tmp_path: Path) -> None:
    deploy = endless(place, tmp_path / "begun")
    server = psutil.Process(pid_of(place, "endless"))
    family = [server, *server.children(recursive=True)]
    deploy.send_signal(signal.SIGINT)
    out, err = deploy.communicate(timeout=LIMIT)
    assert deploy.returncode == 130, out + err
    assert not any(running(one) for one in family)
    assert place.json("service", "show", "-n", "endless")["state"] == "Failed"
    place.aml("service", "delete", "-n", "endless")


@pytest.mark.parametrize("name", ["A", "ab", "x" * 40, "a_b", "-ab", "../up", "ab-"])
def test_a_name_that_v1_would_refuse_is_refused(place: Place, name: str) -> None:
    assert "is not a valid service name" in place.aml("model", "deploy", f"--name={name}", "-m", "x", code=2).stderr


def test_the_library_deploys_scores_and_deletes(place: Place, sample: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The example of the documentation."""
    for name, value in place.environment().items():
        monkeypatch.setenv(name, value)
    events: list[amlrun.Event] = []
    service = amlrun.deploy("demo-model:1", "from-python", path=place.model, on_event=events.append)
    try:
        assert service.state() == "Healthy"
        assert any("healthy" in str(event) for event in events)
        status, answer = service.send(Request(sample.encode()))
        assert status == 200
        assert answer == amlrun.score("demo-model", json.loads(sample), path=place.model)
        assert amlrun.find_service("from-python", path=place.model).scoring_uri == service.scoring_uri
    finally:
        service.delete()
    with pytest.raises(AmlError, match="no service 'from-python'"):
        amlrun.find_service("from-python", path=place.model)


ECHO = "import os\ndef init(): ...\ndef run(data): return [os.environ.get('PAYMENT_API_KEY'), os.environ.get('MODE')]\n"
PLANTED = """\
entryScript: echo.py
sourceDirectory: .
condaFile: aml_config/inference-conda.yml
environment:
  environmentVariables:
    PAYMENT_API_KEY: Zx81-planted-Qy72
    MODE: fast
"""


def test_a_secret_of_the_inference_file_reaches_the_script_and_no_record(place: Place, sample: str) -> None:
    (place.model / "echo.py").write_text(ECHO)
    (place.model / "aml_config" / "secret.yml").write_text(PLANTED)
    words = ("-n", "secretive", "-m", "demo-model:1", "--ic", "aml_config/secret.yml", "--port", str(free_port()))
    place.aml("model", "deploy", *words)
    try:
        assert place.json("service", "run", "-n", "secretive", "-d", sample) == ["Zx81-planted-Qy72", "fast"]
        kept = [file for file in (place.services / "secretive").iterdir() if file.is_file()]
        assert [file.name for file in kept if "planted" in file.read_text(errors="replace")] == []
        done = place.aml("service", "update", "-n", "secretive", "--nr", "2", code=2)
        assert "PAYMENT_API_KEY: the value is a secret, which is not kept with the service" in done.stderr
        assert place.json("service", "run", "-n", "secretive", "-d", sample)[0] == "Zx81-planted-Qy72", "it still runs"
        place.aml("service", "update", "-n", "secretive", "--ic", "aml_config/secret.yml")
        assert place.json("service", "run", "-n", "secretive", "-d", sample) == ["Zx81-planted-Qy72", "fast"]
    finally:
        place.aml("service", "delete", "-n", "secretive")
        (place.model / "aml_config" / "secret.yml").unlink()
