"""What a pipeline costs beyond its scripts: four trivial steps and two hundred, beside DVC and ZenML, in one run.

    python benchmarks/pipeline.py [--runs 7] [--steps 200] [--peers] [--gigabyte]

Four scripts (prep, train, evaluate, register), each of which writes a line, as bare processes, as a v2 pipeline of
ours, as stages of DVC and as steps of ZenML: all of them run, and all of them cached; medians of whole processes, the
commands taken in turn. Then `--steps` steps in a chain and side by side: the wall and the processor time a step beyond
the bare script, for a quarter of them and for all. Last 1 GB of input, hashed once and then known. The peers are
installed with uv into environments below the user's cache folder and kept there.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path

SOURCE = Path(__file__).resolve().parent.parent / "src"
PEERS = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "amlrun-benchmarks"
NAMES = ("prep", "train", "evaluate", "register")
SCRIPT = """\
import sys, pathlib
place = pathlib.Path(sys.argv[1])
place.mkdir(parents=True, exist_ok=True)
(place / "made.txt").write_text("made\\n")
"""
ZENML = """\
import sys
from zenml import pipeline, step
@step
def prep() -> str:
    return "made"
@step
def train(made: str) -> str:
    return made
@step
def evaluate(made: str) -> str:
    return made
@step
def register(made: str) -> str:
    return made
@pipeline
def bench():
    register(evaluate(train(prep())))
bench.with_options(enable_cache=sys.argv[1] == "cached")()
"""
HEAD = """\
type: pipeline
settings:
  default_compute: local
  continue_on_step_failure: false
jobs:
"""


def timed(words: list[str], folder: Path, environment: dict[str, str]) -> float:
    """Seconds that a command takes. Raises when it fails."""
    begun = time.perf_counter()
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True)
    seconds = time.perf_counter() - begun
    if done.returncode:
        raise RuntimeError(f"{words}: {done.stdout[-500:]}{done.stderr[-1500:]}")
    return seconds


def used() -> float:
    """Processor seconds of all processes that were started from here and have ended."""
    times = os.times()
    return times.children_user + times.children_system


def programs(name: str, *packages: str) -> Path:
    """The folder of a peer's programs; installed at the first call."""
    environment = PEERS / name
    if not (environment / "done").exists():
        subprocess.run(["uv", "venv", "-q", "--clear", "--python", "3.11", str(environment)], check=True)
        python = environment / "bin" / "python"
        subprocess.run(["uv", "pip", "install", "-q", "--python", str(python), *packages], check=True)
        (environment / "done").touch()
    return environment / "bin"


def ours(folder: Path, needs: dict[str, str], more: str = "") -> list[str]:
    """A pipeline of steps, each with the one that it reads or an empty name; the command that runs it."""
    (folder / "src").mkdir(parents=True)
    (folder / "src" / "step.py").write_text(SCRIPT, encoding="utf-8")
    (folder / "pyproject.toml").touch()
    text = HEAD
    for name, before in needs.items():
        # The name is in the command: steps that do the same with the same are one step to the cache.
        text += f"  {name}:\n    command: python step.py ${{{{outputs.made}}}} {name}"
        text += " ${{inputs.before}}\n" if before else "\n"
        text += "    code: src\n    environment: {image: python}\n    outputs: {made: {type: uri_folder}}\n"
        if before:
            text += f"    inputs: {{before: '${{{{parent.jobs.{before}.outputs.made}}}}'}}\n"
    (folder / "pipeline.yml").write_text(text + more, encoding="utf-8")
    return [sys.executable, "-m", "amlrun", "run", "submit-pipeline", "-n", "bench", "-y", "pipeline.yml"]


def bare(folder: Path, names: Iterable[str]) -> list[str]:
    """The scripts one after the other from a shell, without anything around them."""
    folder.mkdir()
    (folder / "step.py").write_text(SCRIPT, encoding="utf-8")
    lines = "".join(f"{sys.executable} step.py out/{name} || exit 1\n" for name in names)
    (folder / "all.sh").write_text(lines, encoding="utf-8")
    return ["sh", "all.sh"]


def dvc(folder: Path, environment: dict[str, str]) -> list[str]:
    folder.mkdir()
    (folder / "step.py").write_text(SCRIPT, encoding="utf-8")
    stages, before = "stages:\n", ""
    for name in NAMES:
        stages += f"  {name}:\n    cmd: {sys.executable} step.py {name}\n    deps: [step.py{before}]\n"
        stages += f"    outs: [{name}]\n"
        before = f", {name}"
    (folder / "dvc.yaml").write_text(stages, encoding="utf-8")
    program = str(programs("dvc", "dvc") / "dvc")
    for words in (["git", "init", "-q"], [program, "init", "-q"], [program, "config", "core.analytics", "false"]):
        subprocess.run(words, cwd=folder, check=True, env=environment, capture_output=True)
    return [program, "repro", "-q"]


def zenml(folder: Path, environment: dict[str, str]) -> list[str]:
    folder.mkdir()
    (folder / "steps.py").write_text(ZENML, encoding="utf-8")
    environment |= {"ZENML_CONFIG_PATH": str(folder / "config"), "ZENML_ANALYTICS_OPT_IN": "false",
                    "AUTO_OPEN_DASHBOARD": "false"}  # fmt: skip
    return [str(programs("zenml", "zenml[local]") / "python"), "steps.py"]


def in_turn(commands: dict[str, Callable[[], float]], runs: int) -> dict[str, list[float]]:
    """The seconds of each command, one after the other, after a first time that does not count."""
    for command in commands.values():
        command()
    found: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(runs):
        for name, command in commands.items():
            found[name].append(command())
    return found


def four(place: Path, environment: dict[str, str], runs: int, peers: bool) -> None:
    """Four steps, run and cached."""
    chain = dict(zip(NAMES, ("", *NAMES)))
    folder = place / "four"
    words = ours(folder, chain)
    shell = bare(place / "bare", NAMES)
    commands: dict[str, Callable[[], float]] = {
        "bare scripts": lambda: timed(shell, place / "bare", environment),
        "aml: run": lambda: timed([*words, "--from", "prep"], folder, environment),
        "aml: cached": lambda: timed(words, folder, environment),
    }
    if peers:
        repro = dvc(place / "dvc", environment)
        steps = zenml(place / "zenml", environment)
        commands |= {
            "DVC: run": lambda: timed([*repro, "-f"], place / "dvc", environment),
            "DVC: cached": lambda: timed(repro, place / "dvc", environment),
            "ZenML: run": lambda: timed([*steps, "run"], place / "zenml", environment),
            "ZenML: cached": lambda: timed([*steps, "cached"], place / "zenml", environment),
        }
    found = in_turn(commands, runs)
    medians = {name: statistics.median(values) for name, values in found.items()}
    print(f"\n{'four steps':16} {'median s':>9} {'min':>7} {'max':>7} {'beyond bare':>12} {'ours / theirs':>14}")
    for name, values in found.items():
        beyond = medians[name] - (0 if name.endswith("cached") else medians["bare scripts"])
        own = medians["aml: cached"] if name.endswith("cached") else medians["aml: run"]
        ratio = "" if name.startswith(("aml", "bare")) else f"{own / medians[name]:.2f}"
        print(f"{name:16} {medians[name]:9.3f} {min(values):7.3f} {max(values):7.3f} {beyond:12.3f} {ratio:>14}")


def many(place: Path, environment: dict[str, str], steps: int) -> None:
    """So many steps in a chain and side by side, run and cached: what a step costs, for a quarter and for all."""
    head = ("run s", "bare s", "own ms a step", "processor ms", "cached s", "ms a step")
    print(f"\n{'many steps':20}", " ".join(f"{word:>13}" for word in head))
    for shape in ("chain", "side by side"):
        for count in (steps // 4, steps):
            names = [f"s{number}" for number in range(count)]
            needs = dict(zip(names, ("", *names) if shape == "chain" else ("",) * count))
            folder = place / f"{shape}{count}".replace(" ", "")
            words = [*ours(folder, needs), "--jobs", "1"]
            shell = bare(place / f"bare{shape}{count}".replace(" ", ""), names)
            start = used()
            alone = timed(shell, place / f"bare{shape}{count}".replace(" ", ""), environment)
            between = used()
            run = timed(words, folder, environment)
            processor = used() - between - (between - start)
            cached = timed(words, folder, environment)
            label = f"{count} in a chain" if shape == "chain" else f"{count} side by side"
            row = (run, alone, (run - alone) / count * 1000, processor / count * 1000, cached, cached / count * 1000)
            print(f"{label:20}", " ".join(f"{value:13.2f}" for value in row), flush=True)
            shutil.rmtree(folder)


def gigabyte(place: Path, environment: dict[str, str]) -> None:
    """A gigabyte of input in 64 files: hashed by the first submit, known to the second."""
    folder = place / "gigabyte"
    step = """\
  read:
    command: python step.py ${{outputs.made}} ${{inputs.data}}
    code: src
    environment: {image: python}
    inputs: {data: {type: uri_folder, path: data}}
    outputs: {made: {type: uri_folder}}
"""
    words = ours(folder, {}, step)
    (folder / "data").mkdir()
    piece = os.urandom(1 << 24)
    for number in range(64):
        (folder / "data" / f"{number}.bin").write_bytes(piece)
        os.utime(folder / "data" / f"{number}.bin", (1_700_000_000, 1_700_000_000))
    begun = time.perf_counter()
    for file in sorted((folder / "data").iterdir()):
        with file.open("rb") as stream:
            digest = hashlib.sha256()
            while chunk := stream.read(1 << 20):
                digest.update(chunk)
    plain = time.perf_counter() - begun
    first = timed(words, folder, environment)
    second = timed(words, folder, environment)
    print(f"\n1 GB of input in 64 files: read and hashed with nothing around it {plain:.2f} s; "
          f"first submit {first:.2f} s, second {second:.2f} s")  # fmt: skip


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--runs", type=int, default=7)
    options.add_argument("--steps", type=int, default=200)
    options.add_argument("--peers", action=argparse.BooleanOptionalAction, default=True)
    options.add_argument("--gigabyte", action=argparse.BooleanOptionalAction, default=True)
    asked = options.parse_args()
    left_out = ("PYTHONDONTWRITEBYTECODE", "VIRTUAL_ENV", "MLFLOW_TRACKING_URI")
    environment = {key: value for key, value in os.environ.items() if key not in left_out}
    print(f"{platform.platform()}, Python {platform.python_version()}, {os.cpu_count()} cores", flush=True)
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary)
        environment |= {"PYTHONPATH": str(SOURCE), "HOME": str(place), "AML_CACHE_DIR": str(place / "cache")}
        four(place, environment, asked.runs, asked.peers)
        if asked.steps:
            many(place, environment, asked.steps)
        if asked.gigabyte:
            gigabyte(place, environment)


if __name__ == "__main__":
    main()
