"""What `aml run submit-script` adds to the bare command of the same thing, target by target.

    python benchmarks/targets.py [--repeat 9] [--only container,ssh]

container: beside `docker run` of the same script in the same image with the same mounts and options. ssh: beside
`ssh HOST python script` over a connection that is kept, as `aml` keeps its own; nothing is built there. mpi, torch: two
ranks beside `mpirun -n 2` and `torchrun --nproc-per-node 2`, started by hand with the settings that this machine needs.
spark: beside the same Python with the configuration that the run was given. Wall seconds of whole processes, the two
sides taken in turn, medians; the environments are there already. Docker's daemon and sshd are started on this machine
where none runs (root, Debian: `python tests/install.py`, which brings MPI and PyTorch, too).
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "src")]
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

import install  # noqa: E402
from support import engines, machines  # noqa: E402
from support.workplace import Workplace  # noqa: E402

SCRIPT = 'import os\nopen("outputs/x", "w").write("x")\nprint("done", flush=True)\n'
CONFIG = """\
script: train.py
target: local
environment:
  docker: {baseImage: %s}
  python: {userManagedDependencies: true, interpreterPath: %s}
"""
MPI = """\
from mpi4py import MPI
assert MPI.COMM_WORLD.allreduce(1) == 2
print("done", flush=True)
"""
TORCH = """\
import torch, torch.distributed as dist
dist.init_process_group("gloo")
total = torch.ones(1)
dist.all_reduce(total)
assert total.item() == 2
print("done", flush=True)
dist.destroy_process_group()
"""
SPARK = """\
from pyspark.sql import SparkSession
spark = SparkSession.builder.getOrCreate()
assert spark.range(100).count() == 100
print("done", flush=True)
"""
RANKS = """\
script: train.py
target: local
nodeCount: 1
%s
environment:
  python: {userManagedDependencies: true, interpreterPath: %s}
"""
PYSPARK = """\
script: train.py
target: local
framework: PySpark
environment:
  python: {condaDependenciesFile: conda.yml}
"""


class Side:
    """One command, and how long it took."""

    def __init__(self, words: list[str], cwd: Path, environment: dict[str, str]) -> None:
        self.words, self.cwd, self.environment = words, cwd, environment
        self.times: list[float] = []

    def run(self) -> None:
        began = time.perf_counter()
        done = subprocess.run(
            self.words, cwd=self.cwd, env=self.environment, capture_output=True, text=True, check=False
        )
        self.times.append(time.perf_counter() - began)
        if done.returncode or "done" not in done.stdout:
            raise SystemExit(f"{self.words} failed:\n{done.stdout}\n{done.stderr}")


def project(folder: Path, config: str, script: str = SCRIPT) -> Path:
    (folder / "aml_config").mkdir(parents=True)
    (folder / ".copier-answers.yml").write_text("_src_path: x\n", encoding="utf-8")
    (folder / "aml_config" / "c.runconfig").write_text(config, encoding="utf-8")
    (folder / "train.py").write_text(script, encoding="utf-8")
    return folder


def submit(root: Path, own: dict[str, str], *words: str) -> Side:
    aml = [sys.executable, "-m", "amlrun", "run", "submit-script", "-c", "c", "-e", "exp", *words]
    return Side(aml, root, {**Workplace(root).environment(), "AML_CACHE_DIR": str(root.parent / "cache"), **own})


@contextmanager
def container(folder: Path) -> Iterator[tuple[Side, Side]]:
    with engines.docker() as own:
        root = project(folder / "container", CONFIG % (engines.IMAGE, "python3"))
        bare = folder / "bare"
        (bare / "outputs").mkdir(parents=True)
        (bare / "train.py").write_text(SCRIPT, encoding="utf-8")
        words = ["docker", "run", "--init", "--rm", "--pull=never", "--shm-size", "2g", "-w", "/azureml-run"]
        words += ["--mount", f"type=bind,src={bare},dst=/azureml-run", engines.IMAGE, "python3", "train.py"]
        yield submit(root, own, "--container"), Side(words, bare, {**os.environ, **own})


@contextmanager
def ssh(folder: Path) -> Iterator[tuple[Side, Side]]:
    with machines.machine(folder / "machine") as there:
        root = project(folder / "ssh", CONFIG % (engines.IMAGE, "python3"))
        own = there.environment
        environment = {**Workplace(root).environment(), **own}
        attach = [sys.executable, "-m", "amlrun", *there.words()]
        subprocess.run(attach, cwd=root, env=environment, check=True, stdout=subprocess.DEVNULL)
        bare = there.home / "bare"
        (bare / "outputs").mkdir(parents=True)
        (bare / "train.py").write_text(SCRIPT, encoding="utf-8")
        kept = ["-o", "ControlMaster=auto", "-o", f"ControlPath={folder}/%C", "-o", "ControlPersist=30"]
        where = ["-p", str(there.port), "-i", str(there.folder / "key"), f"root@{machines.HOST}"]
        words = ["ssh", "-F", str(there.folder / "config"), *kept, *where, f"cd {bare} && python3 train.py"]
        yield submit(root, own, "--ct", "box"), Side(words, root, dict(os.environ))


def ranks(folder: Path, script: str, distribution: str, bare: list[str]) -> tuple[Side, Side]:
    python = install.frameworks()
    if not python.exists():
        raise SystemExit("There is no environment with MPI and PyTorch: python tests/install.py")
    root = project(folder / "ranks", RANKS % (distribution, json.dumps(str(python))), script)
    return submit(root, {}), Side(bare, root, dict(os.environ))


@contextmanager
def mpi(folder: Path) -> Iterator[tuple[Side, Side]]:
    distribution = "communicator: OpenMpi\nmpi: {processCountPerNode: 2}"
    words = ["mpirun", "--allow-run-as-root", "--oversubscribe", "--bind-to", "none", "-n", "2"]
    yield ranks(folder, MPI, distribution, [*words, str(install.frameworks()), "-m", "mpi4py", "train.py"])


@contextmanager
def torch(folder: Path) -> Iterator[tuple[Side, Side]]:
    distribution = "framework: PyTorch\ncommunicator: Gloo\npytorch: {processCount: 2}"
    words = [str(install.frameworks().with_name("torchrun")), "--standalone", "--nproc-per-node", "2", "train.py"]
    yield ranks(folder, TORCH, distribution, words)


@contextmanager
def spark(folder: Path) -> Iterator[tuple[Side, Side]]:
    root = project(folder / "spark", PYSPARK, SPARK)
    (root / "conda.yml").write_text("dependencies:\n- python=3.11\n- pip:\n  - six\n", encoding="utf-8")
    # The environment that the tests of Spark keep; made the first time, which takes a minute.
    ours = submit(root, {"AML_CACHE_DIR": str(ROOT / ".tools" / "spark")})
    ours.run()
    ours.times.clear()
    run = Workplace(root).latest() / ".run"
    python = json.loads((run / "prepared.json").read_text(encoding="utf-8"))["environment"]["python"]
    own = {"SPARK_CONF_DIR": str(run / "spark"), "SPARK_LOCAL_IP": "127.0.0.1", "PYSPARK_PYTHON": python}
    yield ours, Side([python, "train.py"], root, {**os.environ, **own})


TARGETS: dict[str, tuple[str, Callable[..., object], float]] = {
    "container": ("container, beside docker run", container, 0.35),
    "ssh": ("ssh, beside ssh HOST python script", ssh, 0.5),
    "mpi": ("2 MPI ranks, beside mpirun", mpi, 0.3),
    "torch": ("2 PyTorch ranks, beside torchrun", torch, 0.3),
    "spark": ("Spark, beside python script", spark, 0.0),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=9)
    parser.add_argument("--only", default=",".join(TARGETS))
    given = parser.parse_args()
    print(f"{'':<40}{'aml':>8}{'bare':>8}{'more':>8}{'at most':>9}", flush=True)
    for name in given.only.split(","):
        title, place, most = TARGETS[name]
        with tempfile.TemporaryDirectory(prefix="aml-", dir="/var/tmp") as folder, place(Path(folder)) as (ours, bare):
            for number in range(given.repeat + 1):
                for side in (ours, bare):
                    side.run()
                if not number:  # the first looks into the image, and connects
                    ours.times.clear()
                    bare.times.clear()
            left, right = statistics.median(ours.times), statistics.median(bare.times)
            print(f"{title:<40}{left:>8.2f}{right:>8.2f}{left - right:>8.2f}{most:>9.2f}", flush=True)


if __name__ == "__main__":
    main()
