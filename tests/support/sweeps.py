"""A small project with a sweep in it, and `aml` run on it as a person would."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

TEMPLATE = Path(__file__).parents[2] / "template"
SOURCE = Path(__file__).parents[2] / "src"

# Reports a few values of a known function; what goes wrong is chosen by its arguments.
SCRIPT = """\
import argparse
import os
import sys
import time

import mlflow

parser = argparse.ArgumentParser()
parser.add_argument("--x", type=float, default=0.5)
parser.add_argument("--reports", type=int, default=3)
parser.add_argument("--pause", type=float, default=0)
parser.add_argument("--kind", default="good")
parser.add_argument("--metric", default="score")
args = parser.parse_args()
print("x is", args.x, flush=True)
if args.kind == "crash" or (args.kind == "some" and args.x > 0.5):
    raise RuntimeError("this one crashes")
for report in range(1, args.reports + 1):
    value = args.x * (1 - 1 / (report + 1))
    if args.kind == "nan" or (args.kind == "somenan" and args.x > 0.5):
        value = float("nan")
    mlflow.log_metric(args.metric, value, step=report)
    time.sleep(args.pause)
with open(os.path.join("outputs", "x.txt"), "w") as out:
    out.write(str(args.x))
"""

# The same lines in the same files, without the seconds that importing MLflow takes.
LIGHT_MLFLOW = """\
import os
import time
from pathlib import Path
from urllib.parse import urlparse
from urllib.request import url2pathname

_store = Path(url2pathname(urlparse(os.environ["MLFLOW_TRACKING_URI"]).path))
_metrics = _store / os.environ["MLFLOW_EXPERIMENT_ID"] / os.environ["MLFLOW_RUN_ID"] / "metrics"


def log_metric(key, value, step=0):
    with (_metrics / key).open("a", encoding="utf-8") as stream:
        stream.write(f"{int(time.time() * 1000)} {value} {step}\\n")
"""

SWEEP = """\
sampling:
  type: {type}
  parameter_space:
  - name: --x
    expression: {expression}
    values: {values}
policy:
{policy}
primary_metric_name: score
primary_metric_goal: {goal}
max_total_runs: {total}
max_concurrent_runs: {together}
max_duration_minutes: 10
"""


class SweepProject:
    """A project folder with `train.py`, a runconfig and sweep files."""

    def __init__(self, root: Path, script: str = SCRIPT) -> None:
        self.root = root
        (root / "aml_config").mkdir(parents=True, exist_ok=True)
        (root / "pyproject.toml").touch()
        (root / "train.py").write_text(script, encoding="utf-8")
        self.runconfig()

    def light(self) -> None:
        """Have the script write MLflow's files directly from now on."""
        (self.root / "light.py").write_text(LIGHT_MLFLOW, encoding="utf-8")
        (self.root / "train.py").write_text(SCRIPT.replace("import mlflow", "import light as mlflow"), encoding="utf-8")

    def runconfig(self, *arguments: str, script: str = "train.py", variables: dict[str, str] | None = None) -> None:
        value = {
            "script": script,
            "arguments": list(arguments),
            "target": "local",
            "environment": {
                "environmentVariables": variables or {},
                "python": {"userManagedDependencies": True, "interpreterPath": sys.executable},
            },
        }
        (self.root / "aml_config" / "t.runconfig").write_text(json.dumps(value), encoding="utf-8")

    def sweep_file(self, **changes: Any) -> None:
        values = {
            "type": "random", "expression": "uniform", "values": "[0, 1]", "policy": "  type: NoTerminationPolicy",
            "goal": "maximize", "total": 4, "together": 2, **changes,
        }  # fmt: skip
        (self.root / "sweep.yml").write_text(SWEEP.format(**values), encoding="utf-8")

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "amlrun", *words]

    @property
    def environment(self) -> dict[str, str]:
        left_out = ("MLFLOW_TRACKING_URI", "PYTHONDONTWRITEBYTECODE")
        kept = {key: value for key, value in os.environ.items() if key not in left_out}
        return {**kept, "PYTHONPATH": str(SOURCE)}

    def aml(self, *words: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            self.command(*words), cwd=self.root, env=self.environment, capture_output=True, text=True, check=False,
            timeout=300,
        )  # fmt: skip
        assert done.returncode == code, f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def sweep(self, *words: str, code: int = 0) -> tuple[subprocess.CompletedProcess[str], Path]:
        """Submit a sweep; what was said, and the folder of the sweep's run."""
        file = self.root / "run.json"
        base = ("run", "submit-hyperdrive", "-c", "t", "-e", "exp", "--hyperdrive-configuration-name", "sweep.yml")
        done = self.aml(*base, "-t", str(file), *words, code=code)
        return done, self.root / "runs" / json.loads(file.read_text(encoding="utf-8"))["run_id"]

    def record(self, run: Path | str) -> dict[str, Any]:
        shown = self.aml("run", "show", "-r", run.name if isinstance(run, Path) else run, "-o", "json").stdout
        found: dict[str, Any] = json.loads(shown)
        return found


def table(sweep: Path) -> list[dict[str, str]]:
    with (sweep / "outputs" / "trials.csv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def light_project(root: Path, script: str, **packages: str) -> SweepProject:
    """A project whose script writes MLflow's files through light.py, with `packages` in its environment."""
    project = SweepProject(root, script)
    (project.root / "light.py").write_text(LIGHT_MLFLOW)
    if packages:
        place = root.with_name("packages")
        place.mkdir()
        for name, text in packages.items():
            (place / f"{name}.py").write_text(text)
        project.runconfig(variables={"PYTHONPATH": str(place)})
    return project
