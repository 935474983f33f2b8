"""A service on this machine: Microsoft's inference server in the background, with a folder that is all of it.

`runs/.services/NAME/` holds the record (`service.json`), a copy of the scoring code and of the model, and the log.
The state is inferred from the process and its health, never written down.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from runner import runs, snapshot
from runner.errors import JOB_FAILED, RunnerError, os_error
from runner.project import Project
from runner.serving import process, scoring
from runner.serving.scoring import Model, Report
from runner.v1.inference import Inference

_NAME = re.compile(r"[a-z][a-z0-9-]{1,30}[a-z0-9]")


@dataclass
class Settings:
    """What a deployment asks for here. `port` 0 takes the first free one from 32000; times are in seconds.

    `scoring_timeout_ms` is honoured by the server except on Windows; `request_log` keeps what is sent.
    """

    port: int = 0
    workers: int = 1
    scoring_timeout_ms: int = 60_000
    start_timeout: float = 120.0
    request_log: bool = False
    description: str = ""
    tags: dict[str, str] = field(default_factory=dict)
    properties: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Service:
    """One service by its folder."""

    folder: Path

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def log(self) -> Path:
        return self.folder / "service.log"

    @property
    def request_log(self) -> Path:
        return self.folder / "requests.jsonl"

    @property
    def record(self) -> dict[str, Any]:
        """What was deployed; empty when the record is missing or damaged."""
        try:
            found = json.loads((self.folder / "service.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    @property
    def url(self) -> str:
        return f"http://{process.HOST}:{self.record.get('port')}/score"

    def state(self) -> str:
        """v1's names: Healthy, Transitioning (no answer yet) or Failed (no process)."""
        record = self.record
        if not runs.alive(record.get("process")):
            return "Failed"
        return "Healthy" if process.healthy(int(record.get("port", 0))) else "Transitioning"

    def shown(self) -> dict[str, Any]:
        """The record as v1 shows a service."""
        record = self.record
        hidden = ("process", "python", "settings")
        shown = {key: value for key, value in record.items() if key not in hidden}
        settings = record.get("settings", {})
        return {
            **shown,
            "name": self.name,
            "computeType": "LOCAL",
            "state": self.state(),
            "scoringUri": self.url,
            "swaggerUri": self.url.replace("/score", "/swagger.json"),
            "tags": settings.get("tags", {}),
            "properties": settings.get("properties", {}),
            "description": settings.get("description", ""),
        }


def folder_of(project: Project) -> Path:
    return project.runs / ".services"


def listing(project: Project) -> list[Service]:
    """All services of the project, by name."""
    folder = folder_of(project)
    return [Service(path) for path in sorted(folder.iterdir()) if path.is_dir()] if folder.is_dir() else []


def find(project: Project, name: str) -> Service:
    """The service of that name. Raises RunnerError naming those there are."""
    names = [one.name for one in listing(project)]
    if name in names:
        return Service(folder_of(project) / name)
    hint = f"There are: {', '.join(names)}." if names else "There are none: aml model deploy starts one."
    raise RunnerError(f"-n: there is no service {name!r} on this machine", hint=hint)


def check_name(name: str) -> None:
    """v1's rule for a service's name. Raises RunnerError."""
    if not _NAME.fullmatch(name):
        raise RunnerError(
            f"-n: {name!r} can't be a service's name",
            hint="3 to 32 lowercase letters, digits and dashes; begin with a letter, end with a letter or digit.",
        )


@dataclass
class Plan:
    """What is laid out in a service's folder: the model's file or folder, and the code with its interpreter."""

    model: Path
    sha256: str
    models: list[str]
    code: snapshot.Snapshot
    entry: str
    python: str
    variables: dict[str, str]


def plan(project: Project, model: Model, inference: Inference, *, report: Report) -> Plan:
    """The plan of a new service; makes the environment. See `scoring.interpreter` for errors."""
    python, variables = scoring.interpreter(inference, report=report, server=True)
    code = snapshot.take(inference.source, runs=project.runs)
    together = {**variables, **inference.variables}
    return Plan(model.path, model.sha256, [model.source], code, inference.entry, str(python), together)


def plan_of(service: Service) -> Plan:
    """The plan that a service was laid out by, to start from for an update. Raises RunnerError when it is damaged."""
    record = service.record
    try:
        return Plan(
            service.folder / "model" / record["modelFile"], record["sha256"], record["models"],
            snapshot.take(service.folder / "code"), record["entryScript"], record["python"], record["variables"],
        )  # fmt: skip
    except KeyError:
        raise RunnerError(
            "the service's record is damaged", file=service.folder / "service.json",
            hint=f"Deploy it again with --overwrite, or remove it: aml service delete -n {service.name}",
        ) from None  # fmt: skip


def settings_of(service: Service) -> Settings:
    """The settings a service runs with."""
    return Settings(**service.record.get("settings", {}))


def deploy(
    project: Project, name: str, wanted: Plan, settings: Settings, *, overwrite: bool, wait: bool = True, report: Report
) -> Service:
    """Lay a service out, start it, and wait until it answers.

    Raises RunnerError for a name or port that is taken (exit code 2), and with the cause from the log when the
    server ends before it is healthy (exit code 1); the log stays for `aml service get-logs` then.
    """
    check_name(name)
    service = Service(folder_of(project) / name)
    if service.folder.exists() and not overwrite:
        raise RunnerError(f"there is a service {name!r} already", hint="Give --overwrite to replace it.")
    before = service.record
    port = settings.port or int(before.get("port", 0)) or process.free_port()
    if port != before.get("port"):
        _check_port(project, port, name)
    settings.port = port
    fresh = service.folder.with_name(f".{name}.{os.getpid()}")
    try:
        _lay_out(fresh, wanted, settings, str(before.get("createdTime", runs.now())))
        process.stop(before.get("process"), service.folder)
        _check_port(project, port, name)
        if service.folder.exists():
            shutil.rmtree(service.folder)
        fresh.replace(service.folder)
    except OSError as error:
        raise os_error(error, f"make the service's folder {service.folder}") from error
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    start(service, wait=wait, report=report)
    return service


def _lay_out(folder: Path, wanted: Plan, settings: Settings, created: str) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "model").mkdir(parents=True)
    (folder / "code").mkdir()
    snapshot.copy(wanted.code, folder / "code")
    copy = shutil.copytree if wanted.model.is_dir() else shutil.copy2
    copy(wanted.model, folder / "model" / wanted.model.name)
    record = {
        "createdTime": created, "updatedTime": runs.now(), "port": settings.port, "models": wanted.models,
        "sha256": wanted.sha256, "modelFile": wanted.model.name, "entryScript": wanted.entry,
        "python": wanted.python, "variables": wanted.variables, "settings": asdict(settings),
    }  # fmt: skip
    runs.replace_json(folder / "service.json", record)


def start(service: Service, *, wait: bool, report: Report) -> None:
    """Start the server of a service that is laid out, detached from this terminal. See `deploy` for errors."""
    record = service.record
    settings = settings_of(service)
    model, code = service.folder / "model", service.folder / "code"
    variables = {
        **record["variables"], "AZUREML_MODEL_DIR": str(model), "AML_APP_ROOT": str(code),
        "SERVICE_NAME": service.name, "SCORING_TIMEOUT_MS": str(settings.scoring_timeout_ms),
    }  # fmt: skip
    if (model / record["modelFile"]).is_file():
        variables["MODEL_SHA256"] = record["sha256"]
    if settings.request_log:
        variables["AML_REQUEST_LOG"] = str(service.request_log)
    words = ["--entry_script", str(code / record["entryScript"]), "--model_dir", str(model)]
    words += ["--port", str(record["port"]), "--worker_count", str(settings.workers)]
    server = process.launch([record["python"], *words], code, variables, service.log)
    runs.replace_json(service.folder / "service.json", {**record, "process": runs.this_process(server.pid)})
    if not wait:
        return
    report("Waiting for the service to be healthy …")
    try:
        why = process.await_health(server, int(record["port"]), settings.start_timeout, service.log)
    except BaseException:
        process.stop(service.record.get("process"), service.folder)
        raise
    if why:
        process.stop(service.record.get("process"), service.folder)
        hint = f"The whole log: aml service get-logs -n {service.name}"
        raise RunnerError(why, file=record["entryScript"], exit_code=JOB_FAILED, hint=hint)


def delete(service: Service) -> None:
    """End the server and remove the service's folder. Raises RunnerError when files can't be removed."""
    process.stop(service.record.get("process"), service.folder)
    try:
        shutil.rmtree(service.folder)
    except OSError as error:
        raise os_error(error, f"remove {service.folder}") from error


def _check_port(project: Project, port: int, name: str) -> None:
    if not 1 <= port <= 65535:
        raise RunnerError(f"--port: {port} is not between 1 and 65535")
    if not process.in_use(port):
        return
    owner = [one.name for one in listing(project) if one.record.get("port") == port and one.name != name]
    who = f" by the service {owner[0]!r}" if owner else ""
    raise RunnerError(
        f"--port: {port} is in use{who}", hint="Name another port, or leave --port out to have one found."
    )
