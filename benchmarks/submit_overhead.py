"""What a submit costs beyond the script itself, beside the launchers people know, in one run on one machine.

    python benchmarks/submit_overhead.py [--runs 5] [--peers]

The peers (guildai, MLflow Projects, DVC experiments) are installed into throwaway environments with uv. Every
command runs the same script, one line that prints; medians of whole processes, the commands taken in turn.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SOURCE = Path(__file__).resolve().parent.parent / "src"
SCRIPT = "print('trained')\n"


def timed(words: list[str], folder: Path, environment: dict[str, str]) -> float:
    """Seconds that a command takes. Raises when it fails."""
    begun = time.perf_counter()
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True)
    seconds = time.perf_counter() - begun
    if done.returncode:
        raise RuntimeError(f"{words}: {done.stdout[-500:]}{done.stderr[-1500:]}")
    return seconds


def tool(place: Path, name: str, *packages: str, python: str = "3.11") -> Path:
    """A throwaway environment with a peer in it; the folder of its programs."""
    environment = place / f"env-{name}"
    subprocess.run(["uv", "venv", "-q", "--python", python, str(environment)], check=True)
    subprocess.run(
        ["uv", "pip", "install", "-q", "--python", str(environment / "bin" / "python"), *packages], check=True
    )
    return environment / "bin"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--runs", type=int, default=5)
    options.add_argument("--peers", action=argparse.BooleanOptionalAction, default=True)
    asked = options.parse_args()
    environment = {
        key: value for key, value in os.environ.items() if key not in ("PYTHONDONTWRITEBYTECODE", "VIRTUAL_ENV")
    }
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary)
        ours = place / "ours" / "models" / "m"
        (ours / "aml_config").mkdir(parents=True)
        (place / "ours" / ".copier-answers.yml").write_text("")
        (ours / "train.py").write_text(SCRIPT)
        conda = "dependencies:\n- python=3.11\n- pip:\n  - six\n"
        (ours / "aml_config" / "conda.yml").write_text(conda)
        (ours / "aml_config" / "x.runconfig").write_text(
            "script: train.py\ntarget: local\n"
            "environment:\n  python:\n    condaDependenciesFile: aml_config/conda.yml\n"
        )
        environment |= {"PYTHONPATH": str(SOURCE), "HOME": str(place), "AML_CACHE_DIR": str(place / "cache")}
        aml = [sys.executable, "-m", "amlrun", "run", "submit-script", "-c", "x", "-e", "bench"]
        timed(aml, ours, environment)
        trained = next((place / "cache" / "environments").glob("*/bin/python"))
        candidates: dict[str, tuple[list[str], Path]] = {
            "bare script": ([str(trained), "train.py"], ours),
            "aml run submit-script": (aml, ours),
        }
        if asked.peers:
            candidates |= peers(place, environment)
        for words, folder in candidates.values():
            timed(words, folder, environment)
        seconds: dict[str, list[float]] = {name: [] for name in candidates}
        for _ in range(asked.runs):
            for name, (words, folder) in candidates.items():
                seconds[name].append(timed(words, folder, environment))
    report(seconds)


def peers(place: Path, environment: dict[str, str]) -> dict[str, tuple[list[str], Path]]:
    found: dict[str, tuple[list[str], Path]] = {}
    guild, mlflow, dvc = place / "guild", place / "mlflow", place / "dvc"
    for folder in (guild, mlflow, dvc):
        folder.mkdir()
        (folder / "train.py").write_text(SCRIPT)
    programs = tool(place, "guild", "guildai", "setuptools<81")
    (place / ".guild").mkdir(exist_ok=True)
    found["guild run"] = ([str(programs / "guild"), "-H", str(place / ".guild"), "run", "train.py", "-y"], guild)
    programs = tool(place, "mlflow", "mlflow>=3,<4")
    (mlflow / "MLproject").write_text("name: x\nentry_points:\n  main:\n    command: python train.py\n")
    words = [str(programs / "mlflow"), "run", "--env-manager", "local", "."]
    found["mlflow run --env-manager local"] = (words, mlflow)
    environment["PATH"] = f"{programs}{os.pathsep}{environment['PATH']}"
    programs = tool(place, "dvc", "dvc", "pathspec<1")
    git = ["git", "-c", "user.name=b", "-c", "user.email=b@example.invalid"]
    (dvc / "dvc.yaml").write_text(
        "stages:\n  train:\n    cmd: python train.py\n    deps: [train.py]\n    always_changed: true\n"
    )
    for command in ([*git, "init", "-q"], [str(programs / "dvc"), "init", "-q"], [*git, "add", "-A"],
                    [*git, "commit", "-qm", "x"]):  # fmt: skip
        subprocess.run(command, cwd=dvc, check=True, env=environment, capture_output=True)
    for key, value in (("user.name", "b"), ("user.email", "b@example.invalid")):
        subprocess.run(["git", "config", key, value], cwd=dvc, check=True, env=environment)
    found["dvc exp run"] = ([str(programs / "dvc"), "exp", "run", "-f"], dvc)
    return found


def report(seconds: dict[str, list[float]]) -> None:
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    bare, ours = medians["bare script"], medians["aml run submit-script"] - medians["bare script"]
    print(f"{platform.platform()}, Python {platform.python_version()}, {os.cpu_count()} cores")
    print(f"{'':32} {'median s':>9} {'min':>7} {'max':>7} {'beyond bare':>12} {'ours / theirs':>14}")
    for name, values in seconds.items():
        beyond = medians[name] - bare
        ratio = f"{ours / beyond:.2f}" if name not in ("bare script", "aml run submit-script") else ""
        print(f"{name:32} {medians[name]:9.3f} {min(values):7.3f} {max(values):7.3f} {beyond:12.3f} {ratio:>14}")


if __name__ == "__main__":
    main()
