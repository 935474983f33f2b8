"""Scoring here: the local service beside the inference server started by hand, batch beside one loop, and a kill.

    python benchmarks/scoring.py [--only service|kill|batch] [--seconds 2] [--rounds 24] [--files 4000] [--load 60]

One machine, one run. What is compared takes turns, in rounds; the ratio is the median of the rounds' own. The batch
and the loop score the same files; their speed is counted from when init() is over, and for whole processes beside
that. The loop's cores are its processor time a second: near 1 when its libraries start no threads of their own.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection, HTTPException
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / part) for part in ("tests", "src")]

import psutil  # noqa: E402
from support.serving import Place, free_port, kill, make_place, scoring_python, wait_for  # noqa: E402

LOOP = """
import json, sys, time
from pathlib import Path
sys.path.insert(0, ".")
import score_batch
score_batch.init()
begun, cpu = time.perf_counter(), time.process_time()
files = sorted(Path(sys.argv[1]).glob("*.csv"))
with open(sys.argv[2], "w") as out:
    for at in range(0, len(files), 10):
        score_batch.run([str(f) for f in files[at:at + 10]]).to_csv(out, sep=" ", header=False, index=False)
took = time.perf_counter() - begun
print(json.dumps({"speed": len(files) / took, "cores": (time.process_time() - cpu) / took}))
"""


def ask(port: int, body: bytes) -> tuple[int, bytes]:
    """One request on a connection of its own; status 0 for none at all."""
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("POST", "/score", body, {"Content-Type": "application/json"})
        response = connection.getresponse()
        return response.status, response.read()
    except (OSError, HTTPException):
        return 0, b""
    finally:
        connection.close()


def load(port: int, body: bytes, clients: int, seconds: float) -> tuple[float, list[float]]:
    """Requests per second, and the latencies in ms, of so many clients in a closed loop."""
    end = time.perf_counter() + seconds

    def client(_: int) -> list[float]:
        mine: list[float] = []
        while (begun := time.perf_counter()) < end:
            status, _ = ask(port, body)
            if status != 200:
                raise RuntimeError(f"status {status}")
            mine.append((time.perf_counter() - begun) * 1000)
        return mine

    with ThreadPoolExecutor(clients) as pool:
        together = sorted(one for mine in pool.map(client, range(clients)) for one in mine)
    return len(together) / seconds, together


def percentile(values: list[float], percent: float) -> float:
    return values[min(len(values) - 1, int(len(values) * percent / 100))]


def by_hand(place: Place, python: str) -> tuple[subprocess.Popen[bytes], int]:
    """Microsoft's server as its documentation starts it."""
    port = free_port()
    words = [str(Path(python).with_name("azmlinfsrv")), "--entry_script", "score.py"]
    words += ["--model_dir", str(place.model_file.parent), "--port", str(port)]
    null = subprocess.DEVNULL
    server = subprocess.Popen(words, cwd=place.model, env=place.environment(), stdout=null, stderr=null)
    sample = place.sample.read_bytes()
    wait_for(lambda: ask(port, sample)[0] == 200)
    return server, port


def serve(place: Place, port: int, sample: bytes, python: str, rounds: int, seconds: float) -> None:
    server, other = by_hand(place, python)
    try:
        figures: dict[str, list[tuple[float, list[float]]]] = {"aml model deploy": [], "azmlinfsrv by hand": []}
        for number in range(rounds):
            turn = [("aml model deploy", port), ("azmlinfsrv by hand", other)]
            for name, where in turn if number % 2 == 0 else reversed(turn):
                figures[name].append(load(where, sample, 2, seconds))
    finally:
        server.terminate()
        server.wait()
    print(f"\n{'service, 2 clients':28}{'requests/s':>12}{'p50 ms':>10}{'p99 ms':>10}")
    for name, found in figures.items():
        rate = statistics.median(rate for rate, _ in found)
        together = sorted(one for _, latencies in found for one in latencies)
        p50, p99 = percentile(together, 50), percentile(together, 99)
        print(f"{name:28}{rate:>12.1f}{p50:>10.2f}{p99:>10.2f}")
    ratios = [ours / theirs for (ours, _), (theirs, _) in zip(*figures.values())]
    print(f"{'ratio':28}{statistics.median(ratios):>12.3f}   (rounds: {min(ratios):.2f} to {max(ratios):.2f})")


def batch(place: Place, python: str, files: int, rows: int, rounds: int) -> None:
    folder = place.root / "files"
    folder.mkdir()
    (table,) = (place.root / "data").rglob("*.csv")
    head, *lines = table.read_text().splitlines()
    draw = random.Random(0)
    for number in range(files):
        chosen = draw.choices(lines, k=rows)
        (folder / f"part{number:05}.csv").write_text("\n".join([head, *chosen]) + "\n")
    variables = {**place.environment(), "AZUREML_MODEL_DIR": str(place.model_file.parent)}
    loop, ours = "one loop calling run()", "aml run submit-batch"
    speed: dict[str, list[float]] = {loop: [], ours: []}
    whole: dict[str, list[float]] = {loop: [], ours: []}
    cores = []
    for number in range(rounds):
        for name in (loop, ours) if number % 2 == 0 else (ours, loop):
            begun = time.perf_counter()
            if name == loop:
                words = [python, "-c", LOOP, str(folder), str(place.root / "loop.txt")]
                told = subprocess.run(
                    words, cwd=place.model, env=variables, check=True, capture_output=True, text=True
                ).stdout
                speed[name].append(json.loads(told)["speed"])
                cores.append(json.loads(told)["cores"])
            else:
                told = place.aml("run", "submit-batch", "-p", str(place.model_file), "-d", str(folder)).stdout
                speed[name].append(float(re.findall(r"([\d.]+) files/s", told)[-1]))
            whole[name].append(files / (time.perf_counter() - begun))
    size = sum(file.stat().st_size for file in folder.iterdir()) / 1e6
    output = next((place.root / "runs").glob("batch_*/outputs/*.txt"))
    same = sorted(output.read_text().splitlines()) == sorted((place.root / "loop.txt").read_text().splitlines())
    print(f"\nbatch: {files} files of {rows} rows, {size:.0f} MB; the loop uses {statistics.median(cores):.2f} cores")
    print(f"{'':28}{'rows/s':>12}{'with start':>12}{'seconds':>10}")
    for name in (loop, ours):
        steady, all_in = statistics.median(speed[name]), statistics.median(whole[name])
        print(f"{name:28}{steady * rows:>12.0f}{all_in * rows:>12.0f}{files / all_in:>10.1f}")
    ratios = [statistics.median(a / b for a, b in zip(found[ours], found[loop])) for found in (speed, whole)]
    print(f"{'ratio':28}{ratios[0]:>12.2f}{ratios[1]:>12.2f}")
    print(f"the same rows: {same}")


def killed(place: Place, port: int, sample: bytes, seconds: float) -> None:
    """Eight clients, each with a row of its own, while the server is killed at a third and updated right after."""
    row = json.loads(sample)["data"][0]
    bodies = [json.dumps({"data": [{**row, "mean_radius": 10.0 + n}]}).encode() for n in range(8)]
    right = [ask(port, body)[1] for body in bodies]
    counts = {"right": 0, "error": 0, "wrong": 0}
    lock, end = threading.Lock(), time.monotonic() + seconds

    def client(number: int) -> None:
        while time.monotonic() < end:
            status, answer = ask(port, bodies[number])
            kind = "error" if status != 200 else "right" if answer == right[number] else "wrong"
            with lock:
                counts[kind] += 1
            if kind == "error":
                time.sleep(0.01)

    with ThreadPoolExecutor(8) as pool:
        clients = [pool.submit(client, number) for number in range(8)]
        time.sleep(seconds / 3)
        record = json.loads((place.services / "bench" / "service.json").read_text())
        server = psutil.Process(record["process"]["pid"])
        begun = time.monotonic()
        kill(server, *server.children())
        place.aml("service", "update", "-n", "bench")
        back = time.monotonic() - begun
        for one in clients:
            one.result()
    print(f"\n8 clients for {seconds:.0f} s, the server killed once, healthy again after {back:.1f} s: {counts}")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--only", choices=("service", "kill", "batch"))
    options.add_argument("--seconds", type=float, default=2, help="a round of a server")
    options.add_argument("--rounds", type=int, default=24, help="of the servers; of the batch a sixth")
    options.add_argument("--files", type=int, default=4000)
    options.add_argument("--rows", type=int, default=300, help="a file")
    options.add_argument("--load", type=float, default=60, help="seconds of load around the kill")
    asked = options.parse_args()
    print(f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    with tempfile.TemporaryDirectory() as temporary:
        place = make_place(Path(temporary), Path(temporary) / "cache")
        python, sample, port = scoring_python(place), place.sample.read_bytes(), free_port()
        if asked.only != "batch":
            place.aml("model", "register", "-n", "bench", "-p", str(place.model_file))
            place.aml("model", "deploy", "-n", "bench", "-m", "bench", "--port", str(port))
            try:
                if asked.only != "kill":
                    serve(place, port, sample, python, asked.rounds, asked.seconds)
                if asked.only != "service":
                    killed(place, port, sample, asked.load)
            finally:
                place.aml("service", "delete", "-n", "bench")
        if asked.only in (None, "batch"):
            batch(place, python, asked.files, asked.rows, max(1, asked.rounds // 6))


if __name__ == "__main__":
    main()
