"""A script of SDK v1 as a process with the package that `aml` puts on its path, and what it left in MLflow."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SDK = Path(__file__).resolve().parents[2] / "src" / "amlrun" / "workers" / "v1_sdk"


@dataclass
class V1Project:
    """A project with one run: its folder is the script's, its MLflow store is of files, as `aml` makes one."""

    root: Path
    python: str = sys.executable
    run_id: str = "exp_1700000000_0a0b0c0d"

    @property
    def run(self) -> Path:
        return self.root / "runs" / self.run_id

    @property
    def store(self) -> Path:
        return self.run / ".run" / "mlflow"

    def environment(self, **more: str | None) -> dict[str, str]:
        facts = {"root": str(self.root), "runs": str(self.root / "runs"), "database": str(self.root / "mlflow.db")}
        facts |= {"datasets": self.datasets(), "aml": sys.executable}
        own: dict[str, str | None] = {
            "PYTHONPATH": str(SDK),
            "AZUREML_RUN_ID": self.run_id,
            "AZUREML_EXPERIMENT_NAME": "exp",
            "MLFLOW_EXPERIMENT_NAME": "exp",
            "MLFLOW_TRACKING_URI": self.store.as_uri(),
            "MLFLOW_ALLOW_FILE_STORE": "true",
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "MLFLOW_RUN_CONTEXT": json.dumps({"azureml.run_id": self.run_id}),
            "MPLBACKEND": "Agg",
            "PYTHONDONTWRITEBYTECODE": "1",
            "AML_V1_SDK": json.dumps(facts),
            **more,
        }
        inherited = {key: value for key, value in os.environ.items() if not key.startswith(("MLFLOW", "AZUREML"))}
        return inherited | {key: value for key, value in own.items() if value is not None}

    def datasets(self) -> dict[str, Any]:
        folder = self.root / "data"
        return {one.name: f"data/{one.name}" for one in folder.iterdir()} if folder.is_dir() else {}

    def start(self, script: str, **variables: str | None) -> subprocess.CompletedProcess[str]:
        """Run the script in the run's folder."""
        (self.run / "outputs").mkdir(parents=True, exist_ok=True)
        (self.run / "train.py").write_text(script, encoding="utf-8")
        return subprocess.run(
            [self.python, "train.py"], cwd=self.run, env=self.environment(**variables), capture_output=True, text=True,
            check=False,
        )  # fmt: skip

    def passes(self, script: str, **variables: str | None) -> subprocess.CompletedProcess[str]:
        done = self.start(script, **variables)
        assert done.returncode == 0, done.stdout + done.stderr
        return done

    def runs(self) -> list[LoggedRun]:
        """The MLflow runs of the store, the job's own first."""
        found = [LoggedRun(meta.parent) for meta in sorted(self.store.glob("*/*/meta.yaml"))]
        return sorted(found, key=lambda one: "mlflow.parentRunId" in one.tags)


@dataclass
class LoggedRun:
    """An MLflow run, read from its files (mlflow/store/tracking/file_store.py)."""

    folder: Path

    def _texts(self, kind: str) -> Mapping[str, str]:
        place = self.folder / kind
        files = [file for file in place.rglob("*") if file.is_file()]
        return {file.relative_to(place).as_posix(): file.read_text(encoding="utf-8") for file in files}

    @property
    def metrics(self) -> dict[str, list[tuple[float, int]]]:
        """The points of each metric: value and step."""
        lines = {key: [line.split() for line in text.splitlines()] for key, text in self._texts("metrics").items()}
        return {key: [(float(line[1]), int(line[2])) for line in found] for key, found in lines.items()}

    @property
    def params(self) -> Mapping[str, str]:
        return self._texts("params")

    @property
    def tags(self) -> Mapping[str, str]:
        return self._texts("tags")

    def artifact(self, name: str) -> Path:
        return self.folder / "artifacts" / name
