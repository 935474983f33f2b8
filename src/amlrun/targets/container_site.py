"""A container as the place where a script runs: what of this machine is mounted where, and what the script inherits."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from amlrun.errors import AmlError
from amlrun.prepare import data
from amlrun.prepare.interpreter import Interpreter
from amlrun.prepare.site import WORKERS, Report
from amlrun.project import Project
from amlrun.runs import store as runs
from amlrun.spec.job import CommandJob, Input, Output
from amlrun.targets import container_room
from amlrun.targets.docker_run import Asked, Mount
from amlrun.targets.engine import Engine, Image
from amlrun.targets.images import Contents
from amlrun.targets.posix_site import PosixSite

FOLDER = "/azureml-run"
_WORKERS = "/azureml-workers"
_DATA = "/mnt/azureml"
_USUAL_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def waiting_words(folder: Path, name: str, engine: Engine) -> list[str]:
    """The command of this machine that stands for a run's container; without more words it waits for one."""
    return [sys.executable, "-I", "-S", str(WORKERS / "container_run.py"), str(folder), name, engine.program, "--"]


class ContainerSite(PosixSite):
    """One run's container. What the script is told of is mounted: the mounts gather as the plan is made."""

    def __init__(
        self,
        project: Project,
        run: runs.RunFolder,
        interpreter: Interpreter,
        engine: Engine,
        image: Image,
        contents: Contents,
        asked: Asked,
        user: list[str],
        paths: Mapping[str, str],
    ) -> None:
        super().__init__(project, run, interpreter)
        self._engine, self._image, self._asked, self._user = engine, image, asked, user
        self._paths = paths
        self.bash, self.label = contents.programs.get("bash"), image.name
        self._mounts: dict[str, Mount] = {}
        self._mount(self.outside, FOLDER, readonly=False)
        if interpreter.folder is not None:
            self._mount(self.environments, container_room.PLACE)

    @property
    def outside(self) -> str:
        """The run's folder, as the engine sees it."""
        return str(self.run.folder.absolute())

    @property
    def environments(self) -> str:
        """The folder of the environments of images, as the engine sees it."""
        return str(container_room.cache_folder())

    def waiting_words(self, name: str) -> list[str]:
        """The command that stands for the run's container; the words that start it follow."""
        return waiting_words(self.run.folder, name, self._engine)

    @property
    def mounts(self) -> list[Mount]:
        """What is mounted, by the time the plan is made."""
        return list(self._mounts.values())

    @property
    def begun_mounts(self) -> list[Mount]:
        """What can be mounted before the run has begun."""
        return self.mounts

    def _mount(self, source: Path | str, inside: str, *, readonly: bool = True) -> str:
        place = source if isinstance(source, str) else str(source.absolute())
        self._mounts[inside] = Mount(place, inside, readonly)
        return inside

    @property
    def folder(self) -> str:
        return FOLDER

    @property
    def workers(self) -> str:
        return self._mount(WORKERS, _WORKERS)

    @property
    def launcher(self) -> list[str]:
        return [self.python, "-I", "-S"]

    def variables(self) -> dict[str, str]:
        """What the image sets, its Python first on PATH; of the caller's environment nothing."""
        # A user that the image does not know has neither a home nor a name.
        user = {"HOME": "/tmp", "USER": "azureml", "LOGNAME": "azureml"}  # noqa: S108 - the container's
        own = self.variables_over(self._image.variables.get("PATH") or _USUAL_PATH)
        return (user if "--user" in self._user else {}) | own

    def input(self, name: str, wanted: Input) -> str:
        place = data.locate(self.project, name, wanted.path)
        self.inputs[name] = place
        inside = self.place_of(name)
        return self._mount(place, inside if place.is_dir() else f"{inside}/{place.name}")

    def place_of(self, name: str) -> str:
        """Where an input is mounted: its pathOnCompute, where it has one."""
        return self._paths.get(name) or f"{_DATA}/inputs/{name}"

    def output(self, name: str, wanted: Output) -> str:
        place = Path(super().output(name, wanted))
        if place.is_relative_to(self.run.folder):
            return f"{FOLDER}/{place.relative_to(self.run.folder).as_posix()}"
        inside = f"{_DATA}/outputs/{name}"
        if wanted.type != "uri_file":
            return self._mount(place, inside, readonly=False)
        return f"{self._mount(place.parent, inside, readonly=False)}/{place.name}"

    def dataset(self, path: Path) -> str:
        if not path.exists():
            return str(path)
        return self._mount(path, f"{_DATA}/datasets/{len(self._mounts)}/{path.name}")

    def volumes(self, job: CommandJob, report: Report) -> None:
        """v1's `-v` pairs as they are: a real /data."""
        for volume in self._asked.volumes:
            if volume.inside.rstrip("/") in ("", FOLDER):
                raise AmlError(f"docker.arguments: -v {volume.source}: {volume.inside} is used by the container itself")
            self._mount(self.volume_source(volume.source), volume.inside, readonly=volume.readonly)

    def volume_source(self, source: str) -> str:
        """The folder that `-v SOURCE:…` names, as the engine sees it. Raises AmlError when there is nothing."""
        return str(self.volume_host(source).absolute())

    def word(self, word: str, job: CommandJob) -> str:
        return word

    def ask_python(self, program: str, python_path: str | None) -> str:
        mounts = [word for one in self.begun_mounts for word in ("--mount", one.word(self._engine.docker))]
        path = ["-e", f"PYTHONPATH={python_path}"] if python_path else []
        words = ["run", "--rm", "--init", "--pull=never", "--network=none", *self._user, *mounts, *path, "-w", FOLDER]
        done = self._engine.call(*words, "--entrypoint", self.python, self._image.name, "-c", program)
        if done.returncode:
            raise subprocess.SubprocessError(done.stderr.strip()[-300:])
        return done.stdout
