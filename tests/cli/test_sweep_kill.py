"""A sweep is killed at random moments and resumed, again and again: nothing is lost, nothing counted twice.

`SWEEP_KILLS=50` kills it more often than is good for every day.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import psutil
import pytest
from support.sweeps import light_project, table

from amlrun.runs import store as runs
from amlrun.sweep import store
from amlrun.sweep.samplers import planned

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="kills with SIGKILL")
KILLS = int(os.environ.get("SWEEP_KILLS", "5"))
# Each trial says that it began and that it ended, outside of any run folder.
SCRIPT = """\
import argparse
import os
import time

import light

parser = argparse.ArgumentParser()
parser.add_argument("--x")
x = parser.parse_args().x
journal = os.path.join(os.environ["JOURNAL"], os.environ["AZUREML_RUN_ID"])
open(journal + ".begun", "x").close()
for report in range(3):
    light.log_metric("score", float(x) * (report + 1))
    time.sleep(0.05)
open(journal + ".ended", "x").close()
"""


@pytest.mark.parametrize("warm", [True, False], ids=["warm", "plain"])
def test_killed_and_resumed(tmp_path: Path, warm: bool) -> None:
    rng = random.Random(7 + warm)  # noqa: S311
    project = light_project(tmp_path / "p", SCRIPT)
    journal = tmp_path / "journal"
    journal.mkdir()
    project.runconfig(variables={"JOURNAL": str(journal)})
    total = 4 * KILLS
    project.sweep_file(total=total)
    (project.root / "sweep.yml").write_text((project.root / "sweep.yml").read_text().replace("max_duration", "#"))
    _, sweep = project.sweep("--async", *([] if warm else ["--no-warm"]))
    kill(sweep, rng)
    kills = 1
    while kills < KILLS:
        words = ("run", "submit-hyperdrive", "--resume", sweep.name)
        driver = subprocess.Popen(
            project.command(*words), cwd=project.root, env=project.environment,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        try:
            # Anywhere from the start of Python to the middle of the trials.
            _, said = driver.communicate(timeout=rng.uniform(0.1, 2.5))
        except subprocess.TimeoutExpired:
            kill(sweep, rng, driver.pid)
            driver.wait()
            kills += 1
            for file in sweep.parent.glob(f"{sweep.name}*/.run/*.json"):
                json.loads(file.read_text(encoding="utf-8"))  # none is torn
            continue
        assert driver.returncode == 0, said
        break  # it was done before the next kill
    project.aml("run", "submit-hyperdrive", "--resume", sweep.name)
    rows = table(sweep)
    assert [int(row["trial"]) for row in rows] == list(range(total))
    assert {row["state"] for row in rows} == {"Completed"}
    assert {row["reports"] for row in rows} == {"3"}
    # Each trial got the values that the seed gives it, whichever sitting drew them.
    settings = store.load(runs.find(sweep.parent, sweep.name))
    drawn = planned(settings.job.sampling_algorithm, settings.job.search_space, total, settings.seed)
    assert [row["x"] for row in rows] == [str(values["x"]) for values in drawn]
    # Of all attempts of a trial exactly one came to its end, and that is the one in the table.
    ended = Counter(name.stem.split("_r")[0] for name in journal.glob("*.ended"))
    counted_twice = {name: count for name, count in ended.items() if count > 1}
    seen_ending = {
        name
        for name in counted_twice
        if sum(
            "exit_code" in (json.loads(part.read_text()) if (part := attempt / ".run" / "exit.json").exists() else {})
            and not (attempt / ".run" / "cancel.json").exists()
            for attempt in sweep.parent.glob(f"{name}*")
            if attempt.name.split("_r")[0] == name
        )
        > 1
    }
    assert not seen_ending
    assert {row["run_id"] for row in rows} <= {name.stem for name in journal.glob("*.ended")}
    assert project.record(sweep)["status"] == "Completed"
    print(f"killed {kills} times; {sum(1 for _ in journal.glob('*.begun'))} attempts for {total} trials")


def kill(sweep: Path, rng: random.Random, driver: int | None = None) -> None:
    """Kill the driver with SIGKILL; half of the time the fork server, supervisors and scripts too."""
    everyone = rng.random() < 0.5
    if driver is None:
        time.sleep(rng.uniform(0.1, 1.5))
        try:
            driver = json.loads((sweep / ".run" / "process.json").read_text())["_supervisor"]["pid"]
        except (OSError, ValueError, KeyError):
            return
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(driver)
        for member in [process, *(process.children(recursive=True) if everyone else [])]:
            with contextlib.suppress(psutil.NoSuchProcess):
                member.kill()
