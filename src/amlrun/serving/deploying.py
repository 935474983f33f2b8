"""A service's way onto this machine and off it: laid out in its folder, started, waited for, removed."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from amlrun.errors import JOB_FAILED, AmlError, os_error
from amlrun.prepare import snapshot
from amlrun.project import Project
from amlrun.runs import store as runs
from amlrun.serving import process, scoring
from amlrun.serving.scoring import Model, Report
from amlrun.serving.service import Service, Settings, check_name, folder_of, listing, settings_of
from amlrun.v1.scoring.inference import Inference


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
    """The plan that a service was laid out by, to start from for an update. Raises AmlError when it is damaged."""
    record = service.record
    try:
        return Plan(
            service.folder / "model" / record["modelFile"], record["sha256"], record["models"],
            snapshot.take(service.folder / "code"), record["entryScript"], record["python"], record["variables"],
        )  # fmt: skip
    except KeyError:
        raise service.damaged() from None


def deploy(
    project: Project, name: str, wanted: Plan, settings: Settings, *, overwrite: bool, wait: bool = True, report: Report
) -> Service:
    """Lay a service out, start it, and wait until it answers.

    Raises AmlError for a name or port that is taken (exit code 2), and with the cause from the log when the
    server ends before it is healthy (exit code 1); the log stays for `aml service get-logs` then.
    """
    check_name(name)
    service = Service(folder_of(project) / name)
    ours = not settings.port and not service.record.get("port")
    server = _begin(project, service, wanted, settings, overwrite=overwrite)
    while wait and (why := _wait(service, server, settings, report)):
        if why != process.TAKEN or not ours:
            hints = [scoring.advice(why), f"The whole log: aml service get-logs -n {name}"]
            if why.startswith(process.SILENT):
                hints.insert(0, f"It was stopped. If init() takes longer: --no-wait, then aml service show -n {name}")
            hints.append(f"With a changed script: aml service update -n {name} --ic FILE")
            line = process.line_of(service.log, service.folder / "code" / wanted.entry)
            hint = "\n".join(one for one in hints if one)
            raise AmlError(why, file=wanted.entry, line=line, exit_code=JOB_FAILED, hint=hint)
        settings.port = process.free_port(_owners(project, name))
        report(f"{why}: trying {settings.port} …")
        server = _begin(project, service, wanted, settings, overwrite=True)
    return service


def _begin(
    project: Project, service: Service, wanted: Plan, settings: Settings, *, overwrite: bool
) -> subprocess.Popen[bytes]:
    """Lay the service out in place of what is there, and start it."""
    with _alone():
        if service.folder.exists() and not overwrite:
            raise AmlError(f"there is a service {service.name!r} already", hint="Give --overwrite to replace it.")
        if not wanted.model.exists():
            raise AmlError("the model is gone", file=wanted.model, hint=f"Name it again: -m {wanted.models[0]}")
        before = service.record
        port = settings.port or int(before.get("port", 0)) or process.free_port(_owners(project, service.name))
        if port != before.get("port"):
            _check_port(project, port, service.name)
        settings.port = port
        fresh = service.folder.with_name(f".{service.name}.{os.getpid()}")
        try:
            for left in folder_of(project).glob(".*"):  # by one that was killed
                shutil.rmtree(left, ignore_errors=True)
            _lay_out(fresh, wanted, settings, str(before.get("createdTime", runs.now())))
            process.stop(before.get("process"), service.folder)
            _check_port(project, port, service.name)
            if service.folder.exists():
                shutil.rmtree(service.folder)
            fresh.replace(service.folder)
        except OSError as error:
            raise os_error(error, f"make the service's folder {service.folder}") from error
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
        return _start(service)


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """While one service is laid out and started no other is: whether a name or a port is free is found by looking."""
    from filelock import FileLock

    from amlrun.prepare.environment import cache_folder

    place = cache_folder().parent / "services.lock"
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(place)
        lock.acquire()
    except OSError as error:
        raise os_error(error, f"lock {place}") from error
    try:
        yield
    finally:
        lock.release()


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


def _start(service: Service) -> subprocess.Popen[bytes]:
    """Start the server of a service that is laid out, detached from this terminal. Raises AmlError."""
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
    with process.uninterrupted():
        server = process.launch([record["python"], *words], code, variables, service.log)
        try:
            runs.replace_json(service.folder / "service.json", {**record, "process": runs.this_process(server.pid)})
        except OSError as error:
            process.stop(runs.this_process(server.pid), service.folder)  # nobody would know of it
            raise os_error(error, f"record the service {service.name}") from error
    return server


def _wait(service: Service, server: subprocess.Popen[bytes], settings: Settings, report: Report) -> str:
    """Wait until the server is healthy; the cause when it ends, or stays silent, and is stopped.

    Raises AmlError when another command deleted or deployed the service meanwhile: what is there now is left alone.
    """
    report("Waiting for the service to be healthy …")
    why = "interrupted"
    try:
        why = process.await_health(server, settings.port, settings.start_timeout, service.log)
    finally:
        if why:
            with process.uninterrupted(), _alone():
                recorded = service.record.get("process") or {}
                ours = recorded.get("pid") == server.pid
                if ours:
                    process.stop(recorded, service.folder)
    if why and not ours:
        raise AmlError(
            f"another command deleted the service {service.name!r}, or deployed it, before it was healthy",
            exit_code=JOB_FAILED, hint="What is there now: aml service list",
        )  # fmt: skip
    return why


def delete(service: Service) -> None:
    """End the server and remove the service's folder. Raises AmlError when files can't be removed."""
    with _alone():
        process.stop(service.record.get("process"), service.folder)
        try:
            shutil.rmtree(service.folder)
        except FileNotFoundError:
            return  # by another delete
        except OSError as error:
            raise os_error(error, f"remove {service.folder}") from error


def _owners(project: Project, name: str, *, running: bool = True) -> dict[int, str]:
    """The ports of the other services that run, or are about to: a server has its port only when it has started."""
    others = [one for one in listing(project) if one.name != name]
    return {
        int(one.record.get("port", 0)): one.name
        for one in others
        if not running or runs.alive(one.record.get("process"))
    }


def _check_port(project: Project, port: int, name: str) -> None:
    if not 1 <= port <= 65535:
        raise AmlError(f"--port: {port} is not between 1 and 65535")
    if port not in _owners(project, name) and not process.in_use(port):
        return
    owner = _owners(project, name, running=False).get(port)
    who = f" by the service {owner!r}" if owner else ""
    raise AmlError(f"--port: {port} is in use{who}", hint="Name another port, or leave --port out to have one found.")
