"""From a service's files to a server that answers: laid out in its folder, started, waited for, removed."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from amlrun.errors import JOB_FAILED, AmlError, os_error, os_errors
from amlrun.prepare import snapshot
from amlrun.project import Project
from amlrun.runs import redact
from amlrun.runs import store as runs
from amlrun.serving import environment, process
from amlrun.serving.folder import ServiceFiles, ServiceFolder, ServiceSettings, folder_of, service_folders


def start(
    service: ServiceFolder, files: ServiceFiles, settings: ServiceSettings, *, overwrite: bool, wait: bool = True
) -> None:
    """Lay a service out, start it, and wait until it answers. See `LocalServices.deploy` for errors."""
    automatic = not settings.port and not service.record.get("port")
    server = _begin(service, files, settings, overwrite=overwrite)
    while wait and (why := _wait(service, server, settings)):
        if why != process.TAKEN or not automatic:
            hints = [environment.advice(why), f"The whole log: aml service get-logs -n {service.name}"]
            if why.startswith(process.SILENT):
                waiting = f"--no-wait, then aml service show -n {service.name}"
                hints.insert(0, f"It was stopped. If init() takes longer: {waiting}")
            hints.append(f"After changing the script: aml service update -n {service.name} --ic FILE")
            line = process.line_of(service.log, service.folder / "code" / files.entry)
            hint = "\n".join(one for one in hints if one)
            raise AmlError(why, file=files.entry, line=line, exit_code=JOB_FAILED, hint=hint)
        settings.port = process.free_port(_owners(service.project, service.name))
        service.report(f"{why}: trying {settings.port} …")
        server = _begin(service, files, settings, overwrite=True)


def _begin(
    service: ServiceFolder, files: ServiceFiles, settings: ServiceSettings, *, overwrite: bool
) -> subprocess.Popen[bytes]:
    """Lay the service out in place of what is there, and start it."""
    project = service.project
    variables = _with_secrets(files.variables)
    with _alone():
        if service.folder.exists() and not overwrite:
            raise AmlError(f"the service {service.name!r} already exists", hint="Give --overwrite to replace it.")
        if not files.model.path.exists():
            raise AmlError(
                "the model is missing", file=files.model.path, hint=f"Give it again: -m {files.model.source}"
            )
        before = service.record
        port = settings.port or int(before.get("port", 0)) or process.free_port(_owners(project, service.name))
        if port != before.get("port"):
            _check_port(project, port, service.name)
        settings.port = port
        fresh = service.folder.with_name(f".{service.name}.{os.getpid()}")
        try:
            for left in folder_of(project).glob(".*"):  # by one that was killed
                shutil.rmtree(left, ignore_errors=True)
            _lay_out(fresh, files, settings, str(before.get("createdTime", runs.now())))
            process.stop(before.get("process"), service.folder, str(before.get("token", "")))
            _check_port(project, port, service.name)
            if service.folder.exists():
                shutil.rmtree(service.folder)
            fresh.replace(service.folder)
        except OSError as error:
            raise os_error(error, f"make the service's folder {service.folder}") from error
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
        return _launch(service, variables)


def _with_secrets(variables: dict[str, str]) -> dict[str, str]:
    """The variables, with what the record does not keep taken from this process's. Raises AmlError when one lacks."""
    found = {name: os.environ.get(name, value) if redact.MASK in value else value for name, value in variables.items()}
    lacking = [name for name, value in found.items() if redact.MASK in value]
    if lacking:
        raise AmlError(
            f"{', '.join(lacking)}: the value is a secret, which is not kept with the service",
            hint=f"Set the variable {lacking[0]} in this shell, or give --ic again.",
        )
    return found


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """While one service is laid out and started no other is: whether a name or a port is free is found by looking."""
    from filelock import FileLock

    from amlrun.prepare.environment import cache_folder

    place = cache_folder().parent / "services.lock"
    with os_errors(f"lock {place}"):
        place.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(place)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _lay_out(folder: Path, files: ServiceFiles, settings: ServiceSettings, created: str) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "code").mkdir(parents=True)
    snapshot.copy(files.code, folder / "code")
    files.model.lay_out(folder)
    model = {**asdict(files.model), "file": files.model.path.name}
    del model["path"]
    record = {
        "createdTime": created, "updatedTime": runs.now(), "port": settings.port, "model": model,
        "entryScript": files.entry, "python": files.python, "variables": redact.masked(files.variables),
        "settings": asdict(settings), "token": uuid.uuid4().hex,
    }  # fmt: skip
    runs.replace_json(folder / "service.json", record)


def _launch(service: ServiceFolder, given: dict[str, str]) -> subprocess.Popen[bytes]:
    """Start the server of a service that is laid out, detached from this terminal. Raises AmlError."""
    record = service.record
    settings = service.settings()
    model = service.files().model
    directory, code = service.folder / model.directory, service.folder / "code"
    variables = {
        **given, "AZUREML_MODEL_DIR": str(directory), "AML_APP_ROOT": str(code),
        "SERVICE_NAME": service.name, "SCORING_TIMEOUT_MS": str(settings.scoring_timeout_ms),
    }  # fmt: skip
    if model.path.is_file():
        variables["MODEL_SHA256"] = model.sha256
    if settings.request_log:
        variables["AML_REQUEST_LOG"] = str(service.request_log)
    words = ["--entry_script", str(code / record["entryScript"]), "--model_dir", str(directory)]
    words += ["--port", str(record["port"]), "--worker_count", str(settings.workers)]
    with process.uninterrupted():
        server = process.launch([record["python"], *words], code, variables, service.log, token=record["token"])
        try:
            runs.replace_json(service.folder / "service.json", {**record, "process": runs.this_process(server.pid)})
        except OSError as error:
            # Without a record nobody would know of it.
            process.stop(runs.this_process(server.pid), service.folder, record["token"])
            raise os_error(error, f"record the service {service.name}") from error
    return server


def _wait(service: ServiceFolder, server: subprocess.Popen[bytes], settings: ServiceSettings) -> str:
    """Wait until the server is healthy; the cause when it ends, or stays silent, and is stopped.

    Raises AmlError when another command deleted or deployed the service meanwhile: what is there now is left alone.
    """
    service.report("Waiting for the service to be healthy …")
    why = "interrupted"
    try:
        why = process.await_health(server, settings.port, settings.start_timeout, service.log)
    finally:
        if why:
            with process.uninterrupted(), _alone():
                record = service.record
                recorded = record.get("process") or {}
                ours = recorded.get("pid") == server.pid
                if ours:
                    process.stop(recorded, service.folder, str(record.get("token", "")))
    if why and not ours:
        raise AmlError(
            f"another command deleted the service {service.name!r}, or deployed it, before it was healthy",
            exit_code=JOB_FAILED, hint="List the services: aml service list",
        )  # fmt: skip
    return why


def remove(service: ServiceFolder) -> None:
    """End the server and remove the service's folder. Raises AmlError when files cannot be removed."""
    with _alone():
        record = service.record
        process.stop(record.get("process"), service.folder, str(record.get("token", "")))
        try:
            shutil.rmtree(service.folder)
        except FileNotFoundError:
            return  # by another delete
        except OSError as error:
            raise os_error(error, f"remove {service.folder}") from error


def _owners(project: Project, name: str, *, running: bool = True) -> dict[int, str]:
    """The ports of the other services that run, or are about to: a server has its port only when it has started."""
    records = {one.name: one.record for one in service_folders(project) if one.name != name}
    return {
        int(record.get("port", 0)): other
        for other, record in records.items()
        if not running or runs.alive(record.get("process"))
    }


def _check_port(project: Project, port: int, name: str) -> None:
    if not 1 <= port <= 65535:
        raise AmlError(f"{port} is not between 1 and 65535", field="port")
    if port not in _owners(project, name) and not process.in_use(port):
        return
    owner = _owners(project, name, running=False).get(port)
    who = f" by the service {owner!r}" if owner else ""
    raise AmlError(
        f"{port} is in use{who}", field="port",
        hint="Choose another with --port; without a port a free one is found.",
    )  # fmt: skip
