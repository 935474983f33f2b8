"""A small project without an environment to build, and `aml` as a process, for the tests of the runner."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SOURCE = Path(__file__).resolve().parents[2] / "src"
RUNCONFIG = """\
script: train.py
arguments: []
target: local
environment:
  python:
    userManagedDependencies: true
    interpreterPath: {python}
"""


@dataclass
class Workplace:
    """A project whose run configuration `local` runs train.py with this Python."""

    root: Path

    @property
    def model(self) -> Path:
        return self.root / "models" / "m"

    @property
    def runs(self) -> Path:
        return self.root / "runs"

    def script(self, text: str) -> Path:
        file = self.model / "train.py"
        file.write_text(text, encoding="utf-8")
        return file

    def environment(self, **more: str) -> dict[str, str]:
        dropped = ("MLFLOW_TRACKING_URI", "VIRTUAL_ENV", "PYTHONDONTWRITEBYTECODE", "AML_DEBUG")
        kept = {key: value for key, value in os.environ.items() if key not in dropped}
        return {**kept, "PYTHONPATH": str(SOURCE), **more}

    def start(self, *words: str, cwd: Path | None = None, env: dict[str, str] | None = None, **more: Any) -> Any:
        """`aml WORDS` as a process of its own, its streams as pipes."""
        return subprocess.Popen(
            [sys.executable, "-m", "amlrun", *words],
            cwd=cwd or self.model,
            env=self.environment(**(env or {})),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            **more,
        )

    def aml(
        self, *words: str, cwd: Path | None = None, code: int | None = 0, env: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run `aml WORDS` to its end. With `code` the exit code is checked, and no traceback is ever allowed."""
        process = self.start(*words, cwd=cwd, env=env)
        out, err = (stream.decode("utf-8", "replace") for stream in process.communicate(timeout=300))
        done = subprocess.CompletedProcess(words, process.returncode, out, err)
        assert code is None or done.returncode == code, f"exit {done.returncode}\n{out}\n{err}"
        assert "Traceback (most recent call last)" not in err, err
        return done

    def submit(self, *words: str, code: int | None = 0) -> subprocess.CompletedProcess[str]:
        return self.aml("run", "submit-script", "-c", "local", "-e", "exp", *words, code=code)

    def record(self, run_id: str = "latest") -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.aml("run", "show", "-r", run_id, "-o", "json").stdout)
        return found

    def latest(self) -> Path:
        return self.runs / (self.runs / "latest").read_text(encoding="utf-8").strip()
