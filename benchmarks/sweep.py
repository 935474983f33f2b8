"""A sweep of the sample model: warm forks, plain processes, Optuna with a subprocess a trial, and the bare training.

    python benchmarks/sweep.py [--trials 40] [--jobs 2] [--rounds 2] [--trivial 1000] [--no-plain]

All four run the template's train.py on its sample data with the same values. `--trivial` then runs that many trials
of a script that does nothing but report one number, and prints the driver's own cost a trial and its memory.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jinja2

ROOT = Path(__file__).resolve().parents[1]
TEMPLATE = ROOT / "template"
SOURCE = ROOT / "src"
sys.path[:0] = [str(SOURCE), str(ROOT / "tests")]

PURE = """\
import json, sys, time
import train
words = json.loads(sys.argv[1])
out, sys.stdout = sys.stdout, open("/dev/null", "w")
train.main(words[0])
start, used = time.perf_counter(), time.process_time()
for one in words:
    train.main(one)
print(time.perf_counter() - start, time.process_time() - used, file=out)
"""


def make(folder: Path, jobs: int, trials: int) -> None:
    """A project with the sample and a random sweep over it."""
    (folder / "aml_config").mkdir(parents=True)
    (folder / "pyproject.toml").touch()
    (folder / "train.py").write_text(sample("train.py"), encoding="utf-8")
    config: dict[str, Any] = {
        "script": "train.py",
        "arguments": arguments(),
        "target": "local",
        "environment": {"python": {"userManagedDependencies": True, "interpreterPath": sys.executable}},
    }
    (folder / "aml_config" / "local.runconfig").write_text(json.dumps(config), encoding="utf-8")
    sweep_file(folder, jobs, trials)


def sample(name: str) -> str:
    """A file of the sample model, as a default render has it."""
    text = (TEMPLATE / "models" / "model1" / f"{name}.jinja").read_text(encoding="utf-8")
    return jinja2.Environment(keep_trailing_newline=True).from_string(text).render(framework="scikit-learn")


def sweep_file(folder: Path, jobs: int, trials: int) -> None:
    """The sample's search space, without early termination."""
    sweep = sample("aml_config/sweep.yml")
    head = sweep.split("policy:")[0]
    tail = f"primary_metric_name: val_accuracy\nprimary_metric_goal: maximize\nmax_total_runs: {trials}\n"
    (folder / "sweep.yml").write_text(head + tail + f"max_concurrent_runs: {jobs}\n", encoding="utf-8")


def arguments() -> list[str]:
    return ["--data-path", str(TEMPLATE / "data" / "sample"), "--epochs", "20", "--es_patience", "5"]


def environment(folder: Path) -> dict[str, str]:
    left_out = ("PYTHONDONTWRITEBYTECODE", "MLFLOW_TRACKING_URI")
    kept = {key: value for key, value in os.environ.items() if key not in left_out}
    return {**kept, "PYTHONPATH": str(SOURCE), "MPLBACKEND": "Agg", "MLFLOW_DISABLE_TELEMETRY": "true"}


def used() -> float:
    """Processor seconds of all processes that were started from here and have ended."""
    times = os.times()
    return times.children_user + times.children_system


def ours(folder: Path, *words: str) -> tuple[float, float, Path]:
    """Seconds and processor seconds of `aml run submit-hyperdrive` from start to exit, and the sweep's folder."""
    command = [sys.executable, "-m", "amlrun", "run", "submit-hyperdrive", "-c", "local", "-e", "bench", "--seed", "1",
               "--hyperdrive-configuration-name", "sweep.yml", "-t", "run.json", *words]  # fmt: skip
    start, before = time.perf_counter(), used()
    subprocess.run(command, cwd=folder, env=environment(folder), check=True, stdout=subprocess.DEVNULL)
    seconds = time.perf_counter() - start
    run_id = json.loads((folder / "run.json").read_text(encoding="utf-8"))["run_id"]
    return seconds, used() - before, folder / "runs" / run_id


def values(folder: Path) -> list[list[str]]:
    """The arguments that the trials of our sweep got."""
    with (folder / "outputs" / "trials.csv").open(encoding="utf-8", newline="") as stream:
        names, *rows = list(csv.reader(stream))
    first = names.index("reports") + 1
    return [[word for pair in zip(names[first:], row[first:]) for word in (f"--{pair[0]}", pair[1])] for row in rows]


def optuna_subprocess(folder: Path, rows: list[list[str]], jobs: int) -> tuple[float, float]:
    """What one would write with Optuna: ask, start `python train.py` with the values, tell.

    Its folders lie beside the project, for what lies in the project travels with every later trial of ours.
    """
    start, before = time.perf_counter(), used()
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize")
    env = environment(folder) | {"MLFLOW_TRACKING_URI": f"sqlite:///{folder}/mlflow.db", "MLFLOW_EXPERIMENT_NAME": "o"}

    def one(number: int) -> None:
        trial = study.ask()
        work = folder.with_name(f"optuna{number}")
        work.mkdir()
        (work / "train.py").write_text((folder / "train.py").read_text(encoding="utf-8"), encoding="utf-8")
        command = [sys.executable, "train.py", *arguments(), *rows[number]]
        subprocess.run(command, cwd=work, env=env, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        study.tell(trial, json.loads((work / "outputs" / "metrics.json").read_text(encoding="utf-8"))["accuracy"])

    one(0)  # makes the experiment, so that the others do not race for it
    with ThreadPoolExecutor(jobs) as pool:
        list(pool.map(one, range(1, len(rows))))
    return time.perf_counter() - start, used() - before


def pure(folder: Path, rows: list[list[str]], jobs: int) -> tuple[float, float]:
    """The training calls alone: a warm process per core, each with its share of the values; the slower one's time."""
    env = environment(folder) | {"MLFLOW_TRACKING_URI": f"sqlite:///{folder}/mlflow.db", "MLFLOW_EXPERIMENT_NAME": "p"}
    env["PYTHONPATH"] = str(folder)
    work = folder.with_name("alone")
    work.mkdir(exist_ok=True)
    shares = [[arguments() + row for row in rows[start::jobs]] for start in range(jobs)]

    def one(share: list[list[str]]) -> list[float]:
        done = subprocess.run([sys.executable, "-c", PURE, json.dumps(share)], cwd=work, env=env, check=True,
                              capture_output=True, text=True)  # fmt: skip
        return [float(number) for number in done.stdout.split()]

    one(shares[0][:1])
    with ThreadPoolExecutor(jobs) as pool:
        found = list(pool.map(one, shares))
    return max(wall for wall, _ in found), sum(processor for _, processor in found)


def trivial(folder: Path, trials: int, jobs: int) -> None:
    """The driver's own cost: processor seconds of `aml` itself, and its memory early and late."""
    from support.sweeps import LIGHT_MLFLOW

    (folder / "train.py").write_text("import light\nlight.log_metric('val_accuracy', 1.0)\n", encoding="utf-8")
    (folder / "light.py").write_text(LIGHT_MLFLOW, encoding="utf-8")
    file = folder / "sweep.yml"
    text = file.read_text(encoding="utf-8").split("max_total_runs")[0]
    file.write_text(f"{text}max_total_runs: {trials}\nmax_concurrent_runs: {jobs}\n", encoding="utf-8")
    import psutil

    command = [sys.executable, "-m", "amlrun", "run", "submit-hyperdrive", "-c", "local", "-e", "exp",
               "--hyperdrive-configuration-name", "sweep.yml"]  # fmt: skip
    start = time.perf_counter()
    driver = psutil.Popen(command, cwd=folder, env=environment(folder), stdout=subprocess.PIPE, text=True)
    memory: list[tuple[int, float]] = []
    times = 0.0
    for line in driver.stdout:
        if " Completed; " in line:
            number = len(memory) + 1
            used = driver.cpu_times()
            times = used.user + used.system
            memory.append((number, driver.memory_info().rss / 1e6))
            if number == 1:
                first = times
    driver.wait()
    wall = time.perf_counter() - start
    tenth = memory[len(memory) // 10][1]
    last = memory[-1][1]
    print(f"\n{len(memory)} trivial trials: {wall:.1f} s wall; the driver's own processor time "
          f"{(times - first) / (len(memory) - 1) * 1000:.1f} ms a trial; "
          f"its memory {tenth:.0f} MB after a tenth, {last:.0f} MB at the end")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=40)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=2, help="how often each of ours before and after the long peer")
    parser.add_argument("--no-plain", action="store_true", help="leave out our own plain processes")
    parser.add_argument("--trivial", type=int, default=1000)
    args = parser.parse_args()
    print(f"{platform.platform()}, Python {platform.python_version()}, {os.cpu_count()} processors", flush=True)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary, "p")
        # Once before, with few trials: bytecode, MLflow's tables.
        make(folder, args.jobs, 2)
        ours(folder)
        sweep_file(folder, args.jobs, args.trials)
        runs = [ours(folder) for _ in range(args.rounds)]
        rows = values(runs[0][2])
        bares = [pure(folder, rows, args.jobs) for _ in range(args.rounds)]
        peer, peer_used = optuna_subprocess(folder, rows, args.jobs)
        # Half before the long peer and half after it, for a machine's speed changes meanwhile.
        runs += [ours(folder) for _ in range(args.rounds)]
        bares += [pure(folder, rows, args.jobs) for _ in range(args.rounds)]
        warm, warm_used = (statistics.median(column) for column in list(zip(*runs))[:2])
        bare, bare_used = (statistics.median(column) for column in zip(*bares))
        table = [("aml, warm forks", warm, warm_used), ("Optuna + a subprocess a trial", peer, peer_used)]
        if not args.no_plain:
            table.append(("aml --no-warm", *ours(folder, "--no-warm")[:2]))
        table.append(("the training calls alone", bare, bare_used))
        print(f"\n{args.trials} trials, {args.jobs} at a time")
        print(f"{'':34}{'seconds':>9}{'trials/s':>10}{'to warm':>9}{'processor s':>13}{'to warm':>9}")
        for name, seconds, processor in table:
            print(f"{name:34}{seconds:9.2f}{args.trials / seconds:10.2f}{seconds / warm:9.2f}"
                  f"{processor:13.2f}{processor / warm_used:9.2f}")  # fmt: skip
        print("each run of ours: " + ", ".join(f"{one[0]:.2f}" for one in runs))
        print("each of the training alone: " + ", ".join(f"{one[0]:.2f}" for one in bares))
        print(f"warm against Optuna with subprocesses: {peer / warm:.1f} times the trials per second (wanted: 8)")
        print(f"warm against the training alone: {warm / bare:.2f} times its time (wanted: at most 1.6)", flush=True)
        if args.trivial:
            # A folder of its own: what the others left behind would travel with every trial.
            other = Path(temporary, "t")
            make(other, args.jobs, 2)
            trivial(other, args.trivial, args.jobs)


if __name__ == "__main__":
    main()
