"""Environments built inside an image by running it: with the image's own conda, or with uv, which is mounted.

They lie in the user's cache, mounted at /azureml-envs: uv links files from its cache there only within one mount.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from amlrun import project
from amlrun.errors import AmlError
from amlrun.prepare import room
from amlrun.prepare.interpreter import Report
from amlrun.prepare.room import READY, Room, Workshop
from amlrun.targets.docker_run import Mount, variables
from amlrun.targets.engine import Engine, Image
from amlrun.targets.images import Contents

PLACE = "/azureml-envs"
NAME = "containers"
UV = "/usr/local/bin/aml-uv"


def cache_folder() -> Path:
    """Where the environments of images are kept."""
    return project.cache_folder() / NAME


def paths_in(settings: Mapping[str, str]) -> list[str]:
    """The files and folders that uv's and pip's settings name."""
    words = (word for value in settings.values() for word in value.replace(",", " ").split())
    return [place for word in words if Path(place := word.removeprefix("file://")).is_absolute()]


def uv_variables() -> dict[str, str]:
    """Where uv keeps its own in the image."""
    return {"UV_CACHE_DIR": f"{PLACE}/.uv-cache", "UV_PYTHON_INSTALL_DIR": f"{PLACE}/.pythons", "HOME": "/tmp"}  # noqa: S108 - the container's


def conda_variables() -> dict[str, str]:
    """Where conda keeps its own in the image."""
    return {"HOME": "/tmp", "CONDA_PKGS_DIRS": f"{PLACE}/.conda-pkgs"}  # noqa: S108 - the container's


class ContainerWorkshop(Workshop):
    """Builds environments in one image. `user` are the words that make the files the caller's."""

    def __init__(self, engine: Engine, image: Image, contents: Contents, user: list[str]) -> None:
        self.engine, self.image, self.contents, self.user = engine, image, contents, user
        self._network: list[str] | None = None

    def tool(self) -> str:
        """The image's own conda, else uv for its Python. Raises AmlError for an image with neither."""
        found = super().tool()
        if found == "uv" and self.contents.python is None:
            raise AmlError(
                f"{self.image.name} has neither conda nor Python, which the conda file needs",
                hint="Use an image with Python 3.7 or newer, or set userManagedDependencies: true.",
            )
        return found

    @property
    def where(self) -> str:
        return f"in {self.image.name}"

    def has(self, program: str) -> bool:
        return program in self.contents.programs

    def identity(self) -> str:
        """The image's content and the processor."""
        return f"{self.image.id} {self.image.system}/{self.image.architecture}"

    def java(self) -> str:
        return ""

    def room(self, key: str) -> Room:
        """The environment's folder in the cache."""
        return ContainerRoom(cache_folder() / f"azureml_{key}", self)

    def command(
        self, words: list[str], given: Mapping[str, str], mounts: list[Mount]
    ) -> tuple[list[str], dict[str, str]]:
        """The words that run a command in the image, and the client's environment."""
        engine = self.engine
        if self._network is None:
            self._network = ["--network=host"] if engine.lacks_bridge() else []
        named, environment = variables(given, engine.environment())
        command = [engine.program, "run", "--rm", "--init", "--pull=never", *self._network, *self.user]
        command += [word for one in mounts for word in ("--mount", one.word(engine.docker))]
        return [*command, "-w", PLACE, *named, "--entrypoint", words[0], self.image.name, *words[1:]], environment


class ContainerRoom(Room):
    """An environment whose commands run in a container."""

    here = False

    def __init__(self, folder: Path, shop: ContainerWorkshop) -> None:
        super().__init__(folder)
        self._shop = shop
        self._mounts: dict[str, Mount] = {}

    @property
    def place(self) -> str:
        return f"{PLACE}/{self.folder.name}"

    @property
    def python(self) -> str:
        return f"{self.place}/bin/python"

    @property
    def uv(self) -> str:
        self._mount(str(static_uv(self._shop.image, "musl" in self._shop.contents.programs)), UV)
        return UV

    def program(self, name: str) -> str:
        return self._shop.contents.programs[name]

    def ready(self) -> str | None:
        try:
            text = (self.folder / READY).read_text(encoding="utf-8")
            os.utime(self.folder / READY)
        except (OSError, ValueError):
            return None
        # A link to the image's own Python leads nowhere on this machine.
        return text if os.path.lexists(self.folder / "bin" / "python") else None

    def write_beside(self, suffix: str, text: str) -> str:
        super().write_beside(suffix, text)
        return f"{PLACE}/{self.folder.with_suffix(suffix).name}"

    def given(self, file: Path) -> str | None:
        self._mount(str(file.parent), str(file.parent))
        return str(file)

    def settings(self) -> dict[str, str]:
        """uv's and pip's settings of this machine; what they name here is mounted at its own path."""
        kept = room.index_only(super().settings())
        for place in paths_in(kept):
            if Path(place).exists():
                self._mount(place, place)
        return kept | uv_variables()

    def plain(self) -> dict[str, str]:
        return conda_variables()

    def run(self, words: list[str], variables: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        command, environment = self._command(words, variables)
        return subprocess.run(
            command, capture_output=True, stdin=subprocess.DEVNULL, encoding="utf-8", errors="replace", check=False,
            env=environment,
        )  # fmt: skip

    def stream(self, words: list[str], report: Report, variables: Mapping[str, str]) -> str | None:
        command, environment = self._command(words, variables)
        return room.stream(command, report, environment)

    def _mount(self, source: str, inside: str) -> None:
        self._mounts[inside] = Mount(source, inside, readonly=True)

    def _command(self, words: list[str], given: Mapping[str, str]) -> tuple[list[str], dict[str, str]]:
        """The words that run a command in the image, and the client's environment."""
        cache_folder().mkdir(parents=True, exist_ok=True)
        return self._shop.command(words, given, [Mount(str(cache_folder()), PLACE), *self._mounts.values()])


def static_uv(image: Image, musl: bool) -> Path:
    """The program uv for an image: this machine's where it runs there too, else one that needs no C library.

    Raises AmlError when it can't be had.
    """
    machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(image.architecture, image.architecture)
    own = os.uname().machine if hasattr(os, "uname") and os.uname().sysname == "Linux" else ""
    return Path(room.find_uv()) if own == machine and not musl else room.uv_for(f"{machine}-unknown-linux-musl")
