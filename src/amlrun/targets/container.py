"""The container target: a run of this machine whose script runs in the image of its environment.

The engine's client is supervised as a script would be (`workers/container_run.py`). The container has the run's name,
so that whoever looks next finds it, whatever was killed meanwhile.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from amlrun.errors import AmlError
from amlrun.prepare import environment
from amlrun.prepare.interpreter import Interpreter, Report
from amlrun.prepare.site import Site
from amlrun.project import Project
from amlrun.runs import store as runs
from amlrun.runs.record import ExitPart, SubmitPart
from amlrun.runs.status import RunStatus
from amlrun.spec.job import CommandJob
from amlrun.targets import docker_run, images, processes
from amlrun.targets import engine as engines
from amlrun.targets.base import SubmitOptions
from amlrun.targets.container_room import ContainerWorkshop
from amlrun.targets.container_site import FOLDER, ContainerSite, waiting_words
from amlrun.targets.docker_run import Mount
from amlrun.targets.engine import Engine, Image
from amlrun.targets.images import Contents
from amlrun.targets.local import LocalTarget
from amlrun.targets.stage import Stage

# The script's output goes into the run's own log, whatever becomes of the engine and its client.
_LOGGED = 'exec "$@" >>user_logs/std_log.txt 2>&1'
_SHM_SIZE = "2g"


def container_name(run: runs.RunFolder) -> str:
    """What a run's container is called."""
    return f"aml-{run.id}"


class ContainerStage(Stage):
    """An engine, an image and what docker.arguments ask for: all was checked before anything is written."""

    inherits: Mapping[str, str] = {}
    forks = False

    def __init__(self, engine: Engine, image: Image, contents: Contents, job: CommandJob) -> None:
        self.engine, self.image, self.contents = engine, image, contents
        self.asked = docker_run.read(job.resources.docker_args if job.resources else [])
        self.user = engine.user()
        self.paths = job.local.mounts
        self.shm_size = self.asked.shm_size or (job.resources and job.resources.shm_size) or _SHM_SIZE
        if self.asked.gpus and not engine.has_gpu():
            hint = "Remove it, or submit to a cluster that has one."
            raise AmlError("docker.arguments: --gpus: this machine has no GPU", hint=hint)

    def notes(self) -> list[str]:
        return [*self.asked.notes, f"Container: {self.image.name} ({self.engine.name})"]

    def note(self, first: SubmitPart) -> None:
        first["_seen"] = FOLDER
        first["_engine"] = {"program": self.engine.program, "address": self.engine.address}

    def interpreter(self, job: CommandJob, report: Report) -> Interpreter:
        """The image's own Python, or the conda file's environment, built in the image. Raises AmlError."""
        built = environment.of_conda_file(job, report=report, workshop=self.workshop())
        if built is not None:
            return built
        named = job.local.interpreter or "python"
        found = self.contents.python if named in ("python", "python3", "python.exe") else named
        if found is None:
            hint = "Use an image that has it, or name a conda file and an image with conda."
            raise AmlError(f"{self.image.name} has no Python", hint=hint)
        return Interpreter(Path(found))

    def workshop(self) -> ContainerWorkshop:
        """Where environments of the image are built."""
        return ContainerWorkshop(self.engine, self.image, self.contents, self.user)

    def site(self, project: Project, run: runs.RunFolder, interpreter: Interpreter) -> Site:
        engine, image, contents = self.engine, self.image, self.contents
        return ContainerSite(project, run, interpreter, engine, image, contents, self.asked, self.user, self.paths)

    def wrap(self, plan: dict[str, Any], site: Site) -> dict[str, Any]:
        """The plan whose script is the container."""
        assert isinstance(site, ContainerSite)  # noqa: S101 - made by this stage
        wanted = {**plan["env"], **self._own_variables()}
        named, client = docker_run.variables(wanted, self.engine.environment())
        words = self.run_words(site.run, site.mounts, named, plan["command"])
        command = [*site.waiting_words(container_name(site.run)), *words]
        return {**plan, "folder": site.outside, "command": command, "cwd": site.outside, "env": client}

    def _own_variables(self) -> dict[str, str]:
        """docker.arguments' `-e`: without a value the caller's."""
        given = {name: os.environ.get(name) if value is None else value for name, value in self.asked.variables.items()}
        return {name: value for name, value in given.items() if value is not None}

    def run_words(self, run: runs.RunFolder, mounts: list[Mount], named: list[str], command: list[str]) -> list[str]:
        """The words of `docker run`, without the program."""
        labels = ["--label", f"amlrun.run={run.id}"]
        words = ["run", "--init", "--name", container_name(run), *labels, "--pull=never", "--shm-size", self.shm_size]
        words += self.user
        if self.engine.selinux():
            # A bind mount is unreadable under SELinux; `:z` would relabel the user's own data.
            words += ["--security-opt", "label=disable"]
        words += [word for one in mounts for word in ("--mount", one.word(self.engine.docker))]
        words += ["-w", FOLDER, *self.asked.words, *named]
        return [*words, "--entrypoint", "/bin/sh", self.image.name, "-c", _LOGGED, "sh", *command]


class ContainerTarget(LocalTarget):
    """Runs jobs in containers of this machine."""

    type = "container"
    location = "a container on this machine"

    def stage(self, job: CommandJob, options: SubmitOptions) -> Stage:
        """The engine and the image. Raises AmlError when there is none, or the engine refuses."""
        engine = engines.find()
        image = images.of_job(job, engine, options, self.report)
        return ContainerStage(engine, image, images.look_inside(image, engine), job)

    def status(self, run: runs.RunFolder) -> RunStatus:
        """The state; a container whose supervisor was killed gets another one, which writes down how it ends.

        Raises AmlError when the engine has to be asked for that and does not answer.
        """
        self.attend(run)
        state = super().status(run)
        if state.is_final and run.id not in self._supervisors:
            self._remove_left(run)
        return state

    def _remove_left(self, run: runs.RunFolder) -> None:
        """Once for each run: what removes a container when it has ended may have been killed before."""
        mark = run.private / "removed"
        if "_engine" in run.part("submit") and not mark.exists() and _engine_of(run).remove(container_name(run)):
            with contextlib.suppress(OSError):
                mark.touch()

    def attend(self, run: runs.RunFolder) -> None:
        """Supervise a container again that nobody waits for, and say in plain words what the engine refused."""
        self._resume(run)
        self._explain(run)

    def _resume(self, run: runs.RunFolder) -> None:
        if not self._lost(run):
            return
        from filelock import FileLock

        with FileLock(str(run.private / "resume.lock")):
            engine = _engine_of(run)
            if not self._lost(run):
                return
            state = engine.state(container_name(run))
            if state is None or str(state.get("Status")) in ("created", "configured"):
                engine.remove(container_name(run))
                run.write_part("exit", processes.interrupted(run))
                return
            command = waiting_words(run.folder, container_name(run), engine)
            plan = {"folder": str(run.folder), "command": command, "cwd": str(run.folder)}
            self._supervisors[run.id] = processes.start(run, {**plan, "env": engine.environment(), "timeout": None})

    def _lost(self, run: runs.RunFolder) -> bool:
        """Whether a run's container was started, and its processes here ended without saying how it ended."""
        process = run.part("process")
        if not process or "exit_code" in run.part("exit") or "_engine" not in run.part("submit"):
            return False
        return not (runs.alive(process.get("_supervisor")) or runs.alive(process.get("_script")))

    def _explain(self, run: runs.RunFolder) -> None:
        """Put the engine's refusal, which the record has as the engine said it, in plain words."""
        ended = run.part("exit")
        told = explained(ended, _engine_of(run)) if "_engine" in run.part("submit") else ended
        if told != ended:
            run.write_part("exit", told)

    def cancel(self, run: runs.RunFolder, reason: str, details: Mapping[str, Any] | None = None) -> RunStatus:
        """End the container; nothing of it is left."""
        self._resume(run)
        state = super().cancel(run, reason, details)
        if run.part("process") and "_engine" in run.part("submit"):
            _engine_of(run).remove(container_name(run))
        return state

    def release(self, run: runs.RunFolder) -> None:
        super().release(run)
        self._explain(run)


def explained(ended: ExitPart, engine: Engine) -> ExitPart:
    """The end of a run whose container the engine refused to start, in plain words; any other end as it is."""
    error = ended.get("error") or {}
    message = str(error.get("message"))
    scripts_own = ended.get("exit_code") not in (125, 126, 127) or message.startswith("the script ")
    if scripts_own or "hint" in error:
        return ended
    told = engines.explain(message, engine)
    return {**ended, "error": {"message": told.message, "hint": told.hint}}


def _engine_of(run: runs.RunFolder) -> Engine:
    """The engine that a run was started with. Raises AmlError when its record does not name one."""
    found = run.part("submit").get("_engine") or {}
    if not found.get("program"):
        return engines.find()
    return Engine(str(found["program"]), str(found.get("address", "")))
