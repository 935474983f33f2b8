"""A place on every target: `TARGETS` names them, and a new one adds the function that makes its place."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "cloud"))
import install
from standin.world import GROUP, SUBSCRIPTION, World
from support import engines, machines
from support.places import Place, kill_supervisor
from support.required import lacks
from support.workplace import Workplace

Request = pytest.FixtureRequest


@pytest.fixture(scope="session")
def world() -> Iterator[World]:
    why = install.missing()
    if why or os.name == "nt":
        lacks("azurite", why or "the stand-in runs commands with bash")
    with World() as made:
        yield made
        assert made.network.refused == []


def local(root: Path, request: Request) -> Place:
    serving = {"supervisor": kill_supervisor(root / "runs")}
    return Place("local", "local", root, Workplace(root).environment, serving=serving)


def azureml(root: Path, request: Request) -> Place:
    world: World = request.getfixturevalue("world")
    workspace = world.workspace()
    names = {"subscription_id": SUBSCRIPTION, "resource_group": GROUP, "workspace_name": workspace.name}
    (root / ".azureml").mkdir(parents=True)
    (root / ".azureml" / "config.json").write_text(json.dumps(names), encoding="utf-8")
    quick = {"AML_AZURE_POLL": "0.2", "AML_CACHE_DIR": str(world.folder / workspace.name)}
    here = ("-w", workspace.name)
    return Place("azureml", "cpu-cluster", root, lambda: world.environment(**quick), of_the_workspace=here)


@pytest.fixture(scope="session")
def docker() -> Iterator[dict[str, str]]:
    with engines.docker() as environment:
        yield environment


@pytest.fixture(scope="session")
def podman() -> Iterator[dict[str, str]]:
    with engines.podman() as environment:
        yield environment


def containers_left(engine: str, own: dict[str, str]) -> Callable[[str], list[str]]:
    def left(run_id: str) -> list[str]:
        words = [engine, "ps", "-a", "-q", "--filter", f"label=amlrun.run={run_id}"]
        done = subprocess.run(words, env={**os.environ, **own}, capture_output=True, text=True, check=True)
        return [f"container {one}" for one in done.stdout.split()]

    return left


def in_container(engine: str) -> Callable[[Path, Request], Place]:
    def container(root: Path, request: Request) -> Place:
        own: dict[str, str] = request.getfixturevalue(engine)

        def environment() -> dict[str, str]:
            return {**Workplace(root).environment(), **own}

        return Place(
            engine, "local", root, environment, words=("--container",), python="python3", image=engines.IMAGE,
            more_left=containers_left(engine, own),
            serving={"supervisor": kill_supervisor(root / "runs"), **daemon(own)},
        )  # fmt: skip

    return container


def daemon(own: dict[str, str]) -> dict[str, Callable[[str], None]]:
    """Docker's daemon where it is ours: it is killed, and comes back."""
    folder = Path(own.get("DOCKER_HOST", "").removeprefix("unix://")).parent

    def kill(run_id: str) -> None:
        engines.kill_daemon(folder)
        engines.restart_daemon(folder)

    return {"daemon": kill} if "DOCKER_HOST" in own else {}


def afar(there: machines.Machine) -> dict[str, Callable[[str], None]]:
    """The supervisor on a machine, and the connections to it."""
    return {
        "supervisor": kill_supervisor(there.home / ".amlrun" / "runs"), "connection": lambda run_id: there.drop()
    }  # fmt: skip


@pytest.fixture(scope="session")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[machines.Machine]:
    with machines.machine(tmp_path_factory.mktemp("machine")) as made:
        yield made


def ssh(root: Path, request: Request) -> Place:
    there: machines.Machine = request.getfixturevalue("machine")
    environment = lambda: {**Workplace(root).environment(), **there.environment}  # noqa: E731
    place = Place("ssh", "box", root, environment, serving=afar(there))
    root.mkdir(parents=True)
    place.aml(*there.words())
    return place


@pytest.fixture(scope="session")
def docker_machine(tmp_path_factory: pytest.TempPathFactory, docker: dict[str, str]) -> Iterator[machines.Machine]:
    with machines.machine(tmp_path_factory.mktemp("docker-machine"), **docker) as made:
        yield made


def ssh_docker(root: Path, request: Request) -> Place:
    there: machines.Machine = request.getfixturevalue("docker_machine")
    own: dict[str, str] = request.getfixturevalue("docker")
    place = Place(
        "ssh-docker", "box", root, lambda: {**Workplace(root).environment(), **there.environment},
        words=("--container",), python="python3", image=engines.IMAGE, more_left=containers_left("docker", own),
        serving={**afar(there), **daemon(own)},
    )  # fmt: skip
    root.mkdir(parents=True)
    place.aml(*there.words())
    return place


TARGETS: dict[str, Callable[[Path, Request], Place]] = {
    "local": local,
    "azureml": azureml,
    "docker": in_container("docker"),
    "podman": in_container("podman"),
    "ssh": ssh,
    "ssh-docker": ssh_docker,
}


def made(name: str, root: Path, request: Request) -> Place:
    place = TARGETS[name](root, request)
    place.write()
    return place.begin()


@pytest.fixture(scope="module")
def on_local(tmp_path_factory: pytest.TempPathFactory, request: Request) -> Place:
    return made("local", tmp_path_factory.mktemp("local") / "project", request)


@pytest.fixture(scope="module")
def on_azureml(tmp_path_factory: pytest.TempPathFactory, request: Request) -> Place:
    return made("azureml", tmp_path_factory.mktemp("azureml") / "project", request)


@pytest.fixture(scope="module", params=TARGETS)
def place(request: Request, tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A project on each target in turn, with one good run behind it."""
    if request.param in ("local", "azureml"):
        found: Place = request.getfixturevalue(f"on_{request.param}")
        return found
    return made(request.param, tmp_path_factory.mktemp(request.param) / "project", request)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 8 MB, where this machine lets us mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if sys.platform != "linux" or os.geteuid() != 0:
        lacks("tmpfs", "mounting a small tmpfs needs root on Linux")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)], check=True)
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture(params=TARGETS)
def on_small_disk(request: Request, small_disk: Path) -> Place:
    """A project on each target in turn, on a disk that is soon full."""
    return made(request.param, small_disk / "project", request)
