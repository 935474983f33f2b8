"""A small project with a sweep over three values, which the stand-in runs in a second or two."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from support.sweeps import SWEEP

from standin.project import CONFIG, Cloud
from standin.world import World

# What `mlflow.log_metric` leaves in its database, without the seconds that importing MLflow takes.
SCRIPT = """\
import argparse, contextlib, os, sqlite3, sys, time

def log_metric(key, value, step):
    file = os.environ["MLFLOW_TRACKING_URI"].replace("sqlite:///", "")
    with contextlib.closing(sqlite3.connect(file, timeout=60)) as database, database:
        columns = "key, value, timestamp, run_uuid, step, is_nan"
        database.execute(f"CREATE TABLE IF NOT EXISTS metrics ({columns})")
        row = (key, 0 if value != value else value, 0, "r", step, value != value)
        database.execute(f"INSERT INTO metrics ({columns}) VALUES (?, ?, ?, ?, ?, ?)", row)

parser = argparse.ArgumentParser()
parser.add_argument("--x", type=float)
parser.add_argument("--kind", default="good")
parser.add_argument("--metric", default="score")
args = parser.parse_args()
print("x is", args.x, os.environ["AZUREML_SWEEP_x"], flush=True)
if args.kind == "crash" or (args.kind == "some" and args.x > 0.8):
    sys.exit("this one crashes")
for step in (1, 2, 3):
    value = float("nan") if args.kind == "nan" else args.x * step / (step + 1)
    log_metric(args.metric, value, step)
if args.kind == "hopeless" and args.x < 0.4:
    time.sleep(600)
open("outputs/x.txt", "w").write(str(args.x))
"""


def project(world: World, path: Path) -> Cloud:
    cloud = Cloud(world, path)
    (cloud.path / "train.py").write_text(SCRIPT, encoding="utf-8")
    arrange(cloud)
    return cloud


def arrange(cloud: Cloud, *arguments: str, **changes: Any) -> None:
    """The sweep's file and its trials' own arguments."""
    said = {"type": "grid", "expression": "choice", "values": "[0.5, 0.9, 0.7]", "policy": "", "goal": "maximize",
            "total": 4, "together": 2, **changes}  # fmt: skip
    said["policy"] = f"  {{{said['policy']}}}"
    (cloud.path / "sweep.yml").write_text(SWEEP.format(**said), encoding="utf-8")
    config = CONFIG.replace('[--lr, "0.1"]', json.dumps(list(arguments)))
    (cloud.path / "aml_config" / "train.runconfig").write_text(config, encoding="utf-8")


WORDS = ("run", "submit-hyperdrive", "-c", "train", "-e", "exp", "--hyperdrive-configuration-name", "sweep.yml",
         "-t", "run.json")  # fmt: skip
