"""Another machine as the place where a script runs: its paths, and what has to be sent along."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

from amlrun.errors import AmlError
from amlrun.prepare import data, snapshot
from amlrun.prepare.interpreter import Interpreter
from amlrun.prepare.machines import Machine
from amlrun.prepare.site import Report
from amlrun.project import Project
from amlrun.runs import store as runs
from amlrun.spec.job import CommandJob, Input, Output
from amlrun.targets import machine_facts
from amlrun.targets.posix_site import PosixSite
from amlrun.targets.ssh_connection import Connection


class RemoteSite(PosixSite):
    """One run on another machine. `sends` gathers what of this machine the script is told of, by its place there."""

    def __init__(
        self,
        project: Project,
        run: runs.RunFolder,
        interpreter: Interpreter,
        connection: Connection,
        there: dict[str, Any],
        report: Report,
    ) -> None:
        super().__init__(project, run, interpreter)
        self._connection, self._there, self._report = connection, there, report
        self.sends: dict[str, Path] = {}
        self.sends_workers = False
        self.spark_submit = machine_facts.spark_submit(there)
        self.bash, self.label = there["tools"].get("bash"), self.machine.name

    @property
    def machine(self) -> Machine:
        return self._connection.machine

    @property
    def home(self) -> str:
        """Our own folder there."""
        return str(self._there["home"])

    @property
    def folder(self) -> str:
        return f"{self.home}/runs/{self.run.id}"

    @property
    def workers(self) -> str:
        self.sends_workers = True
        return f"{self.folder}/.run/workers"

    @property
    def launcher(self) -> list[str]:
        return [str(self._there["executable"]), "-I", "-S"]

    @property
    def cores(self) -> int:
        return machine_facts.cores(self._there)

    def variables(self) -> dict[str, str]:
        """Its own Python first on PATH; the rest is what a login there has."""
        return self.variables_over(self._there["path"])

    def input(self, name: str, wanted: Input) -> str:
        """A place there that the machine's entry names, else this machine's data, which is sent along."""
        known = self.machine.datasets
        named = data.dataset_name(wanted.path) or name
        if named in known:
            return known[named]
        place = data.locate(self.project, name, wanted.path)
        files = self._sendable(name, place)
        hint = f"; to use a copy there, name its path in data/computes.yml: {self.machine.name}: datasets: {named}:"
        self._report(f"Uploading input {name} ({files}){hint}")
        inside = f".run/inputs/{name}" + (f"/{place.name}" if place.is_file() else "")
        self.sends[inside] = place
        return f"{self.folder}/{inside}"

    def _sendable(self, name: str, place: Path) -> str:
        count, size = 1, place.stat().st_size
        if place.is_dir():
            sizes = [one.stat().st_size for one in place.rglob("*") if one.is_file()]
            count, size = len(sizes), sum(sizes)
        if size > snapshot.MAX_BYTES:
            raise AmlError(
                f"input {name}: {snapshot.human(size)} at {place} is too large to upload with every run", field=name,
                hint=f"Copy it to {self.machine.name} once, and put its path into data/computes.yml: "
                f"{self.machine.name}: datasets: {name}: /PATH",
            )  # fmt: skip
        return f"{count:,} file{'' if count == 1 else 's'}, {snapshot.human(size)}"

    def output(self, name: str, wanted: Output) -> str:
        super().output(name, Output(wanted.type))
        return f"{self.folder}/outputs/{name}"

    def dataset(self, path: Path) -> str:
        return str(path)

    def volumes(self, job: CommandJob, report: Report) -> None:
        for volume in job.local.volumes:
            report(f"Arguments at or below {volume.container} mean {volume.host} on {self.machine.name} (-v)")

    def host_path(self, host: str) -> str:
        return host

    def ask_python(self, program: str, python_path: str | None) -> str:
        variables = {"PYTHONPATH": python_path} if python_path else {}
        words = [self.python, "-c", program]
        done = self._connection.call("execute", words=words, env=variables, apart=True)
        if done["code"]:
            raise subprocess.SubprocessError(done["err"].strip()[-300:])
        return str(done["out"].decode("utf-8", "replace"))
