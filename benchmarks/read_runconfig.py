"""How long it takes to read and translate one run configuration, after start-up and without azure-ai-ml.

Prints a table: ordinary files of every generation, then 5,000 spoilt ones (see tests/v1_mutations.py), with the ratio
to reading the same text with ruamel.yaml alone. `uv run python benchmarks/read_runconfig.py [COUNT]`
"""

from __future__ import annotations

import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tests")]

from ruamel.yaml import YAML  # noqa: E402
from support.v1_files import MODERN, corpus, corpus_file, model  # noqa: E402
from support.v1_mutations import GENERATIONS, spoil  # noqa: E402

from amlrun.errors import AmlError  # noqa: E402
from amlrun.v1.runconfig import to_job  # noqa: E402


def translated(file: Path, folder: Path) -> bool:
    """Read and translate one file; whether it gave a job."""
    try:
        config = to_job.read(file, folder)
        work = to_job.translate(config, folder)
        to_job.notes(work)
    except AmlError:
        return False
    return not config.problems


def plain(file: Path, folder: Path) -> bool:
    try:
        YAML(typ="rt").load(file.read_bytes())
    except Exception:
        return False
    return True


def milliseconds(
    texts: list[bytes], folder: Path, read: Callable[[Path, Path], bool]
) -> tuple[list[float], float, int]:
    """The time of each file, the most processor time that one took, and how many gave a job."""
    file = folder / "aml_config" / "train.runconfig"
    times, most, good = [], 0.0, 0
    for text in texts:
        file.write_bytes(text)
        begun, busy = time.perf_counter(), time.process_time()
        good += read(file, folder)
        times.append((time.perf_counter() - begun) * 1000)
        most = max(most, (time.process_time() - busy) * 1000)
    return times, most, good


def row(name: str, texts: list[bytes], folder: Path) -> None:
    ours, most, good = milliseconds(texts, folder, translated)
    peer, _, _ = milliseconds(texts, folder, plain)
    median, other = statistics.median(ours), statistics.median(peer)
    columns = (
        len(texts),
        good,
        f"{median:.2f}",
        f"{max(ours):.2f}",
        f"{most:.2f}",
        f"{other:.2f}",
        f"{median / other:.2f}",
    )
    print(f"{name:<18}" + "".join(f"{column:>12}" for column in columns))


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 5000
    files = [corpus_file(name).read_bytes() for name in corpus(*MODERN, "workbench-2017")]
    chance = random.Random(1)
    with tempfile.TemporaryDirectory() as place:
        folder = model(Path(place), b"script: train.py\n")
        milliseconds([GENERATIONS["modern"]] * 20, folder, translated)
        titles = ("count", "jobs", "median ms", "slowest ms", "of it CPU", "ruamel ms", "ratio")
        print(f"{'files':<18}" + "".join(f"{title:>12}" for title in titles))
        row("every generation", [*GENERATIONS.values()] * 20, folder)
        if files:
            row("public files", files, folder)
        texts = [*GENERATIONS.values(), *files]
        row("spoilt", [spoil(chance.choice(texts), chance, chance.randint(1, 5)) for _ in range(count)], folder)
    assert not any(name.startswith("azure") for name in sys.modules), "azure was imported"


if __name__ == "__main__":
    main()
