"""Spark jobs: the entry runs as plain Python, with the variables of the driver; data stays where it lies (direct)."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

from standin.executor import KINDS, Job
from standin.plane import Plane, Refusal, Workspace

_DRIVER = "spark.yarn.appMasterEnv."
_WANTED = ("spark.driver.cores", "spark.driver.memory", "spark.executor.cores", "spark.executor.memory",
           "spark.executor.instances")  # fmt: skip


class Spark(Job):
    """One Spark job; its log is the driver's."""

    def __init__(self, plane: Plane, workspace: Workspace, name: str, said: dict[str, Any]) -> None:
        super().__init__(plane, workspace, name, said)
        conf = said.get("conf") or {}
        missing = [key for key in _WANTED if key not in conf]
        if missing or bool(said.get("computeId")) == bool(said.get("resources")):
            raise Refusal(400, "UserError", f"A Spark job wants {missing or 'one of computeId and resources'}.")
        wrong = [key for key, item in (said.get("inputs") or {}).items() if "uri" in item and item["mode"] != "Direct"]
        if wrong:
            raise Refusal(400, "UserError", f"Inputs of a Spark job are read directly: {wrong}")
        said["command"] = f"python {shlex.quote(said['entry']['file'])} {said.get('args') or ''}"

    @property
    def log_place(self) -> str:
        return f"ExperimentRun/dcid.{self.name}/logs/azureml/driver/stdout"

    def _input(self, folder: Path, name: str, item: dict[str, Any]) -> Any:
        return self.plane.resolve_uri(self.workspace, item["uri"])

    def _variables(self, database: Path, command: str, results: dict[str, Path], folder: Path) -> dict[str, str]:
        conf = self.said.get("conf") or {}
        own = {key.removeprefix(_DRIVER): str(value) for key, value in conf.items() if key.startswith(_DRIVER)}
        return {**super()._variables(database, command, results, folder), **own}


def play() -> None:
    """Have the stand-in take Spark jobs."""
    KINDS["Spark"] = Spark
