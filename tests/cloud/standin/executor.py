"""Runs a submitted job for real: its snapshot from blob storage, its command in a shell, its outputs back to blobs.

The environment is not built: `python` is the interpreter of the tests. Everything else of a script's contract is
kept: working directory, `outputs/` and `logs/`, inputs as paths, environment variables, a growing log, metrics.
"""

from __future__ import annotations

import os
import re
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

from standin.azurite import Azurite
from standin.shapes import now

FINAL = ("Completed", "Failed", "Canceled")
_STORE = re.compile(r"azureml://(?:subscriptions/.*/)?datastores/([^/]+)/(?:paths/)?(.*)")
_CODE = re.compile(r"https://[^/]+/([^/]+)/(.*)")


class Job:
    """One job: `said` is the body it was created with; `status` moves on in a thread of its own."""

    def __init__(self, plane: Any, workspace: Any, name: str, said: dict[str, Any]) -> None:
        self.plane, self.workspace, self.name, self.said = plane, workspace, name, said
        self.status = "Starting"
        self.error: str | None = None
        self.metrics: dict[str, float] = {}
        # What run history keeps of it beside the job's own properties.
        self.history: dict[str, str] = {}
        self.starts = 0
        self.started: str | None = None
        self.ended: str | None = None
        self.process: subprocess.Popen[bytes] | None = None
        self.done = threading.Event()
        self._cancel = threading.Event()

    @property
    def blobs(self) -> Azurite:
        azurite: Azurite = self.plane.azurite
        return azurite

    def start(self) -> None:
        threading.Thread(target=self._run, daemon=True).start()

    def cancel(self) -> None:
        self._cancel.set()
        self.status = "CancelRequested"
        process = self.process
        if process is not None and process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)

    def _run(self) -> None:
        try:
            with tempfile.TemporaryDirectory(prefix="standin-job-") as folder:
                code = self._execute(Path(folder))
            ended = "Canceled" if self._cancel.is_set() else "Completed" if code == 0 else "Failed"
            if ended == "Failed":
                self.error = f"Execution failed. User process '/bin/bash' exited with status code {code}."
        except Exception as problem:
            ended, self.error = "Failed", f"the stand-in could not run the job: {problem!r}"
        self.ended = now()
        self.status = ended
        self.done.set()

    def _execute(self, folder: Path) -> int:
        self.status = "Preparing"
        work = folder / "wd"
        work.mkdir()
        if self.said.get("codeId"):
            match = _CODE.fullmatch(self.plane.code_uri(self.said["codeId"]))
            assert match is not None
            self.fetch(match[1], match[2], work)
        for name in ("outputs", "logs"):
            (work / name).mkdir(exist_ok=True)
        command = str(self.said["command"])
        results = {}
        for name, item in (self.said.get("inputs") or {}).items():
            value = item["value"] if item.get("jobInputType") == "literal" else self._input(folder, name, item)
            command = re.sub(r"\$\{\{\s*inputs\." + name + r"\s*\}\}", lambda _, v=value: str(v), command)
        for name, item in (self.said.get("outputs") or {}).items():
            results[name] = folder / "named" / name
            # A file's is its own path, and only the folder above it is there.
            file = str(item.get("jobOutputType")).lower() == "uri_file"
            (results[name].parent if file else results[name]).mkdir(parents=True, exist_ok=True)
            command = re.sub(r"\$\{\{\s*outputs\." + name + r"\s*\}\}", lambda _, v=results[name]: str(v), command)
        self.status = "Running"
        self.started = now()
        self.starts += 1
        log, database = folder / "std_log.txt", folder / "mlflow.db"
        with log.open("wb") as stream:
            self.process = subprocess.Popen(
                ["/bin/bash", "-c", command],
                cwd=work,
                env=self._variables(database, command, results, folder),
                stdout=stream,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
            code = self._follow(log)
        self.status = "Finalizing"
        self._read_metrics(database)
        artifacts = self.blobs.container(self.workspace.container("workspaceartifactstore"))
        for top in ("outputs", "logs"):
            for file in sorted((work / top).rglob("*")):
                if file.is_file():
                    place = f"ExperimentRun/dcid.{self.name}/{file.relative_to(work).as_posix()}"
                    artifacts.upload_blob(place, file.read_bytes(), overwrite=True)
        for name, place in results.items():
            uri = self.said["outputs"][name].get("uri")
            match = _STORE.fullmatch(str(uri)) if uri else None
            store, top = (
                (match[1], match[2].rstrip("/")) if match else ("workspaceblobstore", f"azureml/{self.name}/{name}")
            )
            default = self.blobs.container(self.workspace.container(store))
            for file in sorted([place, *place.rglob("*")]):
                if file.is_file():
                    inside = "" if file == place else f"/{file.relative_to(place).as_posix()}"
                    default.upload_blob(f"{top}{inside}", file.read_bytes(), overwrite=True)
        return code

    def _variables(self, database: Path, command: str, results: dict[str, Path], folder: Path) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("HOME", "LANG", "TMPDIR") if name in os.environ}
        said = {key: str(value) for key, value in (self.said.get("environmentVariables") or {}).items()}
        for name, item in (self.said.get("inputs") or {}).items():
            for key, value in said.items():
                if "${{" in value and item.get("jobInputType") != "literal":
                    said[key] = re.sub(r"\$\{\{\s*inputs\." + name + r"\s*\}\}", str(folder / "inputs" / name), value)
        return {
            **kept,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
            "PYTHONUNBUFFERED": "1",
            "AZUREML_RUN_ID": self.name,
            "AZUREML_EXPERIMENT_NAME": str(self.said.get("experimentName") or "Default"),
            "MLFLOW_TRACKING_URI": f"sqlite:///{database}",
            "MLFLOW_EXPERIMENT_NAME": str(self.said.get("experimentName") or "Default"),
            **said,
        }

    def _follow(self, log: Path) -> int:
        """Wait for the command, showing its log in blob storage as it grows."""
        assert self.process is not None
        blob = self.blobs.container(self.workspace.container("workspaceartifactstore")).get_blob_client(self.log_place)
        shown = -1
        while True:
            try:
                code: int | None = self.process.wait(0.1)
            except subprocess.TimeoutExpired:
                code = None
            if self._cancel.is_set() and code is None:
                os.killpg(self.process.pid, signal.SIGKILL)
            text = log.read_bytes()
            if len(text) != shown:
                shown = len(text)
                blob.upload_blob(text, overwrite=True)
            if code is not None:
                return code

    @property
    def log_place(self) -> str:
        return f"ExperimentRun/dcid.{self.name}/user_logs/std_log.txt"

    def _input(self, folder: Path, name: str, item: dict[str, Any]) -> Path:
        place = folder / "inputs" / name
        uri = self.plane.resolve_uri(self.workspace, item["uri"])
        match = _STORE.fullmatch(uri)
        if match is None:
            raise ValueError(f"the stand-in has no data at {uri}")
        self.fetch(self.workspace.container(match[1]), match[2], place)
        return place

    def fetch(self, container: str, prefix: str, place: Path) -> None:
        """Blobs below a prefix (or the one blob) as files."""
        client = self.blobs.container(container)
        prefix = prefix.rstrip("/")
        found = False
        for blob in client.list_blobs(name_starts_with=prefix):
            inside = blob.name[len(prefix) :].lstrip("/")
            if blob.name != prefix and not blob.name.startswith(prefix + "/"):
                continue
            target = place / inside if inside else place
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(client.download_blob(blob.name).readall())
            found = True
        if not found:
            raise ValueError(f"there is nothing at {container}/{prefix}")

    def _read_metrics(self, database: Path) -> None:
        if not database.exists():
            return
        with sqlite3.connect(database) as connection:
            rows = connection.execute("SELECT key, value FROM latest_metrics").fetchall()
        self.metrics = {key: float(value) for key, value in rows}


# What runs a job, by its `jobType`; other modules add theirs.
KINDS: dict[str, type[Job]] = {"Command": Job}
