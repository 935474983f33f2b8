"""`aml run submit-script --async` beside ten lines that call azure-ai-ml directly, both against the stand-in.

    python benchmarks/cloud_submit.py [--files 1990] [--megabytes 100] [--repeat 5] [--line 100,20]

Wall time is of the whole process, the two sides taken in turn, with blobs straight to Azurite; requests are counted
in runs of their own. The large snapshot is submitted once, then again with one file changed; for that each side has
a storage account of its own, as a workspace has. `--as-installed` takes Azurite as it comes: it reads through all of an
account's blobs for each one it looks up, where the stand-in's finds it by an index (standin/azurite_index.js). `--line`
also takes the large one over a line of so many megabits a second and milliseconds each way, as a person's is: on the
loopback a file that travels costs no more than one that does not.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "cloud"), str(ROOT / "src")]
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

from standin.project import Cloud  # noqa: E402
from standin.proxy import Line  # noqa: E402
from standin.world import GROUP, SUBSCRIPTION, World  # noqa: E402

NAMES = ("aml", "direct")
DIRECT = """\
import sys
from azure.ai.ml import MLClient, command
from azure.ai.ml.entities import Environment
from azure.identity import DefaultAzureCredential
subscription, group, workspace, folder = sys.argv[1:]
client = MLClient(DefaultAzureCredential(), subscription, group, workspace)
image = "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04"
environment = Environment(image=image, conda_file=folder + "/aml_config/conda.yml")
job = command(code=folder, command="python train.py --lr 0.1", environment=environment, compute="cpu-cluster",
              experiment_name="exp")
print(client.jobs.create_or_update(job).name)
"""


class Side:
    """One of the two: a project and a workspace of its own."""

    def __init__(self, world: World, folder: Path, name: str) -> None:
        self.world, self.name = world, name
        self.cloud = Cloud(world, folder / name)
        self.cloud.workspace.runs_jobs = False

    def submit(self) -> float:
        """Seconds of one submit, from the start of the process to its end."""
        place = self.cloud.workspace.name
        if self.name == "aml":
            words = ["-m", "amlrun", "run", "submit-script", "-c", "train", "-e", "exp", "--async"]
        else:
            words = ["-c", DIRECT, SUBSCRIPTION, GROUP, place, str(self.cloud.path)]
        variables = self.world.environment(AML_CACHE_DIR=str(self.cloud.path.parent / f"{self.name}-cache"))
        began = time.perf_counter()
        done = subprocess.run(
            [sys.executable, *words], cwd=self.cloud.path, env=variables, capture_output=True, text=True, check=False
        )
        took = time.perf_counter() - began
        if done.returncode:
            raise SystemExit(f"{self.name} failed:\n{done.stdout}\n{done.stderr}")
        return took

    def requests(self) -> int:
        """How many requests one submit makes, blobs included."""
        self.world.network.keep_front = True
        before = len(self.world.network.seen)
        self.submit()
        self.world.network.keep_front = False
        return len(self.world.network.seen) - before

    def fill(self, files: int, megabytes: float) -> None:
        rng = random.Random(1)
        size = int(megabytes * 1e6 / max(files, 1))
        folder = self.cloud.path / "package"
        for number in range(files):
            file = folder / f"part{number % 20}" / f"file{number}.bin"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(rng.randbytes(size))

    def change(self, mark: int) -> None:
        with (self.cloud.path / "train.py").open("a", encoding="utf-8") as stream:
            stream.write(f"# {mark}\n")


def row(name: str, aml: float, direct: float, unit: str) -> None:
    shown = "{:>10.2f}" if unit == "s" else "{:>10.0f}"
    print(f"{name:<48}{shown.format(aml)}{shown.format(direct)} {unit:<9}{aml / direct:>6.2f}", flush=True)


def small(repeat: int, folder: Path) -> None:
    with World() as world:
        sides = [Side(world, folder, name) for name in NAMES]
        counts = [[side.requests() for side in sides] for _ in range(2)]
        changed: list[list[float]] = [[], []]
        same: list[list[float]] = [[], []]
        for number in range(repeat):
            for index, side in enumerate(sides):
                side.change(number)
                changed[index].append(side.submit())
                same[index].append(side.submit())
        row("first submit, requests", *counts[0], "requests")
        row("second submit, requests", *counts[1], "requests")
        row("changed snapshot, median", *(statistics.median(times) for times in changed), "s")
        row("unchanged snapshot, median", *(statistics.median(times) for times in same), "s")
        assert not world.network.refused, world.network.refused


def large(repeat: int, files: int, megabytes: float, folder: Path, line: Line | None, indexed: bool) -> None:
    first: dict[str, list[float]] = {name: [] for name in NAMES}
    again: dict[str, list[float]] = {name: [] for name in NAMES}
    for number in range(repeat):
        for name in NAMES:
            with World(indexed=indexed) as world:
                world.network.proxy.line = line
                side = Side(world, folder / str(number), name)
                side.fill(files, megabytes)
                first[name].append(side.submit())
                side.change(number)
                again[name].append(side.submit())
    title = f"{files} files, {megabytes:g} MB" + (f", {line}" if line else "")
    row(f"{title}: first", *(statistics.median(first[name]) for name in NAMES), "s")
    row(f"{title}: one changed", *(statistics.median(again[name]) for name in NAMES), "s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=1990)
    parser.add_argument("--megabytes", type=float, default=100)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--repeat-large", type=int, default=2)
    parser.add_argument("--line", metavar="MBITS,MS")
    parser.add_argument("--as-installed", action="store_true", help="Azurite without the index of the stand-in")
    said = parser.parse_args()
    print(f"{'':<48}{'aml':>10}{'direct':>10} {'':<9}{'ratio':>6}")
    with tempfile.TemporaryDirectory() as folder:
        if said.repeat:
            small(said.repeat, Path(folder) / "small")
        lines = [None, Line(*(float(part) for part in said.line.split(",")))] if said.line else [None]
        for number, line in enumerate(lines):
            large(
                said.repeat_large,
                said.files,
                said.megabytes,
                Path(folder) / f"large{number}",
                line,
                not said.as_installed,
            )


if __name__ == "__main__":
    main()
