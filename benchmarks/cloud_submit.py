"""`aml run submit-script --async` beside ten lines that call azure-ai-ml directly, both against the stand-in.

    python benchmarks/cloud_submit.py [--files 2000] [--megabytes 100] [--repeat 5]

Wall time is of the whole process, the two sides taken in turn, with blobs straight to Azurite; requests are counted
in runs of their own. The large snapshot is submitted once, then again with one file changed.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests" / "azure"), str(ROOT / "template")]
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

from standin.project import Cloud  # noqa: E402
from standin.world import GROUP, SUBSCRIPTION, World  # noqa: E402

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
            words = ["-m", "runner", "run", "submit-script", "-c", "train", "-e", "exp", "--async"]
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
    print(f"{name:<42}{shown.format(aml)}{shown.format(direct)} {unit:<9}{aml / direct:>6.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=1990)
    parser.add_argument("--megabytes", type=float, default=100)
    parser.add_argument("--repeat", type=int, default=5)
    said = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, World() as world:
        small = [Side(world, Path(folder) / "small", name) for name in ("aml", "direct")]
        counts = [[side.requests() for side in small] for _ in range(2)]
        first: list[list[float]] = [[], []]
        second: list[list[float]] = [[], []]
        for number in range(said.repeat):
            for index, side in enumerate(small):
                side.change(number)
                first[index].append(side.submit())
                second[index].append(side.submit())
        print(f"{'':<42}{'aml':>10}{'direct':>10} {'':<9}{'ratio':>6}")
        row("first submit, requests", *counts[0], "requests")
        row("second submit, requests", *counts[1], "requests")
        row("changed snapshot, median", *(statistics.median(times) for times in first), "s")
        row("unchanged snapshot, median", *(statistics.median(times) for times in second), "s")
        large = [Side(world, Path(folder) / "large", name) for name in ("aml", "direct")]
        for side in large:
            side.fill(said.files, said.megabytes)
        title = f"{said.files} files, {said.megabytes:g} MB"
        row(f"{title}: first submit", *(side.submit() for side in large), "s")
        again: list[list[float]] = [[], []]
        for number in range(2):
            for index, side in enumerate(large):
                side.change(number)
                again[index].append(side.submit())
        row(f"{title}: one file changed", *(min(times) for times in again), "s")
        print(json.dumps({"refused hosts": world.network.refused}))


if __name__ == "__main__":
    main()
