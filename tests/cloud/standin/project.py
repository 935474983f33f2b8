"""A small v1 project attached to a workspace of its own, for a test to run commands in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from standin.world import GROUP, SUBSCRIPTION, Ended, World

SCRIPT = """\
import os, sys, time
print("run", os.environ["AZUREML_RUN_ID"], "of", os.environ["AZUREML_EXPERIMENT_NAME"], flush=True)
print("arguments", sys.argv[1:], flush=True)
with open("outputs/model.txt", "w") as stream:
    stream.write("a model\\n")
with open("logs/note.txt", "w") as stream:
    stream.write("a note\\n")
if "--sleep" in sys.argv:
    time.sleep(float(sys.argv[sys.argv.index("--sleep") + 1]))
if "--fail" in sys.argv:
    sys.exit("it was asked to fail")
print("done", flush=True)
"""
CONDA = "name: training\ndependencies:\n  - python=3.11\n  - pip:\n      - joblib\n"
CONFIG = """\
script: train.py
arguments: [--lr, "0.1"]
target: cpu-cluster
environment:
  python:
    condaDependenciesFile: aml_config/conda.yml
  docker:
    baseImage: mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04
"""


class Cloud:
    """The project's folder is `path`; `aml` runs the command in it, quick to poll and to give up."""

    def __init__(self, world: World, path: Path) -> None:
        self.world, self.path = world, path
        self.workspace = world.workspace()
        (path / "aml_config").mkdir(parents=True)
        (path / ".azureml").mkdir()
        (path / ".copier-answers.yml").write_text("_src_path: here\n", encoding="utf-8")
        (path / "train.py").write_text(SCRIPT, encoding="utf-8")
        (path / "aml_config" / "conda.yml").write_text(CONDA, encoding="utf-8")
        (path / "aml_config" / "train.runconfig").write_text(CONFIG, encoding="utf-8")
        names = {"subscription_id": SUBSCRIPTION, "resource_group": GROUP, "workspace_name": self.workspace.name}
        (path / ".azureml" / "config.json").write_text(json.dumps(names), encoding="utf-8")

    def aml(self, *words: str, **variables: str) -> Ended:
        quick = {"AML_AZURE_POLL": "0.2", "AML_AZURE_DEADLINE": "30", "AML_CACHE_DIR": str(self.path.parent / "cache")}
        return self.world.aml(*words, cwd=self.path, **{**quick, **variables})

    def submit(self, *words: str, **variables: str) -> Ended:
        return self.aml("run", "submit-script", "-c", "train", "-e", "exp", "-t", "run.json", *words, **variables)

    def run(self) -> dict[str, Any]:
        """What `-t run.json` wrote."""
        found: dict[str, Any] = json.loads((self.path / "run.json").read_text(encoding="utf-8"))
        return found

    def finish(self) -> None:
        """Wait until every job of the workspace has ended."""
        for job in list(self.workspace.jobs.values()):
            assert job.done.wait(180), f"{job.name} is {job.status}"

    def seen(self, pattern: str = "") -> list[str]:
        """The requests that named this workspace so far, without its path."""
        import re

        lines = [line for line in self.world.network.seen if f"/workspaces/{self.workspace.name}/" in line]
        return [line for line in lines if re.search(pattern, line)]
