"""What a run of a machine over ssh stands on: that machine as it is, or a container there.

The engine there is asked over the connection, and environments are built in the image there. The process that stands
for the container is that machine's (`workers/container_run.py`, which is sent along).
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path, PurePath
from typing import Any

from amlrun.dataclass import dataclass, field
from amlrun.errors import AmlError
from amlrun.prepare import environment, spark
from amlrun.prepare.interpreter import Interpreter, Report
from amlrun.prepare.room import Room
from amlrun.prepare.site import Site
from amlrun.project import Project
from amlrun.runs import store as runs
from amlrun.runs.record import ExitPart
from amlrun.spec.job import CommandJob, Input, Output
from amlrun.targets import container_room, images, machine_facts
from amlrun.targets import engine as engines
from amlrun.targets.base import SubmitOptions
from amlrun.targets.container import ContainerStage, container_name, explained
from amlrun.targets.container_room import PLACE, UV, ContainerWorkshop
from amlrun.targets.container_site import FOLDER, ContainerSite
from amlrun.targets.docker_run import Mount
from amlrun.targets.engine import Engine, Image
from amlrun.targets.ssh_connection import Connection
from amlrun.targets.ssh_room import RemoteRoom, RemoteWorkshop
from amlrun.targets.ssh_site import RemoteSite
from amlrun.targets.stage import Stage


def of_job(
    job: CommandJob, connection: Connection, there: dict[str, Any], options: SubmitOptions, report: Report
) -> RemoteStage | BoxedStage:
    """Where a job's run is prepared and run; `there` is what the machine said of itself. Raises AmlError."""
    far = RemoteStage(job, connection, there, report)
    if not job.local.container:
        return far
    found = find(connection, there)
    return BoxedStage(found, images.of_job(job, found, options, report), job, far)


class RemoteStage(Stage):
    """The machine as it is."""

    def __init__(self, job: CommandJob, connection: Connection, there: dict[str, Any], report: Report) -> None:
        self.job, self.connection, self.there, self.report = job, connection, there, report

    def notes(self) -> list[str]:
        return self.spark_notes(machine_facts.spark_submit(self.there))

    def spark_notes(self, spark_submit: str = "") -> list[str]:
        """What a Spark job says before it starts."""
        machine = self.connection.machine.name
        return spark.notes(self.job, machine_facts.cores(self.there), machine, spark_submit)

    def interpreter(self, job: CommandJob, report: Report) -> Interpreter:
        """The Python there: the one that is named, else the conda file's environment, built there."""
        workshop = RemoteWorkshop(self.connection, self.there, report)
        built = environment.of_conda_file(job, report=report, workshop=workshop)
        if built is not None:
            return built
        named = job.local.interpreter or "python"
        return Interpreter(Path(self.there["executable"] if named in ("python", "python3") else named))

    def site(self, project: Project, run: runs.RunFolder, interpreter: Interpreter) -> RemoteSite:
        return RemoteSite(project, run, interpreter, self.connection, self.there, self.report)

    def wrap(self, plan: dict[str, Any], site: Site) -> dict[str, Any]:
        return {**plan, "folder": site.folder}


@dataclass(frozen=True)
class RemoteEngine(Engine):
    """The engine of a machine over ssh."""

    connection: Connection = field(kw_only=True)
    there: Mapping[str, Any] = field(kw_only=True)
    here = False

    def environment(self) -> dict[str, str]:
        """Nothing of this machine's: a login there has its own."""
        return {}

    def call(self, *words: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
        command = [self.program, *words]
        if text is not None:
            command = ["/bin/sh", "-c", 'text=$1; shift; printf %s "$text" | "$@"', "sh", text, *command]
        return self.run(command, {})

    def run(self, command: list[str], variables: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        """Run a command there to its end."""
        return self.connection.run(command, variables)

    def stream(self, words: list[str], report: Callable[[str], None], doing: str) -> None:
        output = self.connection.stream([self.program, *words], report, {})
        if output is not None:
            raise engines.explain(output, self, doing)

    def owner(self) -> tuple[int, int] | None:
        user, group = self.there.get("user", (0, 0))  # a machine may be known from before an update
        return None if user == 0 or self.there["system"] != "linux" else (user, group)

    def selinux(self) -> bool:
        return True  # not known; nothing is lost by allowing for it

    def has_gpu(self) -> bool:
        return True  # not known: the engine refuses


def find(connection: Connection, there: Mapping[str, Any]) -> RemoteEngine:
    """The engine of a machine: the one that `AML_CONTAINER_ENGINE` names, else docker, else podman. Raises AmlError."""
    asked = os.environ.get(engines.VARIABLE)
    wanted = [PurePath(asked).name] if asked else ["docker", "podman"]
    for name in wanted:
        if name in there["tools"]:
            return RemoteEngine(there["tools"][name], connection=connection, there=there)
    hint = "Install Docker or Podman there, or leave out --container."
    raise AmlError(f"--container: {connection.machine.name} has no {' and no '.join(wanted)}", hint=hint)


def ended_container(run: runs.RunFolder, connection: Connection, ended: ExitPart, *, removed: bool) -> ExitPart:
    """How a run of a container there ended, an engine's refusal in plain words; any other run's end as it is.

    `removed`: the process that stood for the container has done that. Raises AmlError.
    """
    known = run.part("submit").get("_engine")
    if known is None:
        return ended
    found = RemoteEngine(str(known["program"]), connection=connection, there={})
    if not removed:
        found.remove(container_name(run))
    return explained(ended, found)


class BoxedStage(ContainerStage):
    """A container on the machine."""

    def __init__(self, engine: RemoteEngine, image: Image, job: CommandJob, far: RemoteStage) -> None:
        super().__init__(engine, image, images.look_inside(image, engine), job)
        self.remote, self.far = engine, far

    def notes(self) -> list[str]:
        return [*super().notes(), *self.far.spark_notes()]

    def workshop(self) -> ContainerWorkshop:
        return BoxedWorkshop(self, self.far)

    def site(self, project: Project, run: runs.RunFolder, interpreter: Interpreter) -> BoxedSite:
        return BoxedSite(self, self.far.site(project, run, interpreter))


class BoxedWorkshop(ContainerWorkshop):
    """Builds environments in an image of the machine."""

    def __init__(self, stage: BoxedStage, far: RemoteStage) -> None:
        super().__init__(stage.engine, stage.image, stage.contents, stage.user)
        self.remote = stage.remote
        self.far = RemoteWorkshop(far.connection, far.there, far.report)

    def room(self, key: str) -> Room:
        return BoxedRoom(key, self)


class BoxedRoom(RemoteRoom):
    """An environment there whose commands run in a container there."""

    def __init__(self, key: str, shop: BoxedWorkshop) -> None:
        super().__init__(f"azureml_{key}", shop.far)
        self._boxed = shop
        self._outside = f"{shop.far.there['home']}/{container_room.NAME}/{self._key}"
        self._mounts: dict[str, Mount] = {}
        self._made = False

    @property
    def place(self) -> str:
        return f"{PLACE}/{self._key}"

    @property
    def uv(self) -> str:
        if UV not in self._mounts:
            self._mounts[UV] = Mount(super().uv, UV, readonly=True)
        return UV

    def program(self, name: str) -> str:
        return self._boxed.contents.programs[name]

    def settings(self) -> dict[str, str]:
        """What the settings name is mounted at its own path, where it is on the machine too."""
        kept = super().settings()
        places = container_room.paths_in(kept)
        missing = self._call("hello", paths=places)["missing"] if places else []
        self._mounts |= {place: Mount(place, place, readonly=True) for place in places if place not in missing}
        return kept | container_room.uv_variables()

    def plain(self) -> dict[str, str]:
        return container_room.conda_variables()

    def run(self, words: list[str], variables: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        return self._boxed.remote.run(*self._command(words, variables))

    def stream(self, words: list[str], report: Report, variables: Mapping[str, str]) -> str | None:
        command, given = self._command(words, variables)
        return super().stream(command, report, given)

    def _command(self, words: list[str], given: Mapping[str, str]) -> tuple[list[str], dict[str, str]]:
        folder = self._outside.rpartition("/")[0]
        if not self._made:
            self._boxed.remote.run(["mkdir", "-p", folder], {})
            self._made = True
        return self._boxed.command(words, given, [Mount(folder, PLACE), *self._mounts.values()])


class BoxedSite(ContainerSite):
    """One run's container on the machine. What of this machine the script is told of is sent into the run's folder."""

    def __init__(self, stage: BoxedStage, far: RemoteSite) -> None:
        self._far = far
        super().__init__(
            far.project, far.run, far.interpreter, stage.engine, stage.image, stage.contents, stage.asked, stage.user,
            stage.paths,
        )  # fmt: skip

    @property
    def home(self) -> str:
        return self._far.home

    @property
    def cores(self) -> int:
        return self._far.cores

    @property
    def sends(self) -> dict[str, Path]:
        return self._far.sends

    sends_workers = True

    @property
    def outside(self) -> str:
        return self._far.folder

    @property
    def environments(self) -> str:
        return f"{self.home}/{container_room.NAME}"

    @property
    def begun_mounts(self) -> list[Mount]:
        return [one for one in self.mounts if one.source != self.outside]

    def waiting_words(self, name: str) -> list[str]:
        worker = f"{self._far.workers}/container_run.py"
        return [*self._far.launcher, worker, self.outside, name, self._engine.program, "--"]

    @property
    def workers(self) -> str:
        return f"{FOLDER}/.run/workers"

    def input(self, name: str, wanted: Input) -> str:
        there = self._far.input(name, wanted)
        sent = there.startswith(f"{self.outside}/")
        if sent and name not in self._paths:
            return FOLDER + there[len(self.outside) :]
        inside = self.place_of(name)
        if sent and self.sends[there[len(self.outside) + 1 :]].is_file():
            inside += f"/{PurePath(there).name}"
        return self._mount(there, inside)

    def output(self, name: str, wanted: Output) -> str:
        return FOLDER + self._far.output(name, wanted)[len(self.outside) :]

    def dataset(self, path: Path) -> str:
        return str(path)

    def volume_source(self, source: str) -> str:
        return source
